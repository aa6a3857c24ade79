import Foundation
import OTXCore

/// Reads pickles of plain values and NumPy arrays, of protocols 2 to 5, as data sets have them.
///
/// Never executes anything: of all names a pickle may call only those of NumPy's arrays mean something,
/// and each stands for a rule of this machine. Values refer to each other by number, so that a pickle
/// that nests or repeats itself costs neither stack nor memory. Bytes stay where they are in the file.
struct NumPyPickle {
  typealias ID = Int

  enum Node {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case text(String)
    /// A part of the file.
    case bytes(Range<Int>)
    /// Bytes that the file holds in another form.
    case decoded([UInt8])
    case list([ID])
    case tuple([ID])
    case dictionary([ID: ID])
    case global(String)
    case type(String)
    case array(shape: [Int], type: String, isFortran: Bool, data: ID)
    /// What something else would make; it was not made.
    case other
  }

  private(set) var nodes: [Node] = []
  private var stack: [ID] = []
  private var marks: [Int] = []
  private var memo: [Int: ID] = [:]
  private let bytes: [UInt8]
  private let name: String
  private var position = 0
  private(set) var root: ID = 0
  private static let largestNodeCount = 4_000_000

  /// - Parameters:
  ///   - bytes: The file.
  ///   - name: What errors call it.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  init(_ bytes: [UInt8], name: String) throws {
    (self.bytes, self.name) = (bytes, name)
    while true {
      let opcode = try byte()
      if opcode == UInt8(ascii: ".") { break }
      try execute(opcode)
    }
    root = try pop()
  }

  private func failure(_ reason: String) -> DataError {
    .unreadable(file: name, reason: "is a pickle that cannot be read: \(reason) (byte \(position))")
  }

  private mutating func take(_ count: Int) throws -> Range<Int> {
    guard count >= 0, count <= bytes.count - position else {
      throw failure("it ends too early")
    }
    defer { position += count }
    return position..<position + count
  }

  private mutating func byte() throws -> UInt8 { bytes[try take(1).lowerBound] }

  private mutating func number(_ count: Int) throws -> Int {
    let value = bytes.little(try take(count).lowerBound, count)
    guard value >= 0 else { throw failure("a number is out of range") }
    return value
  }

  private mutating func line() throws -> String {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else {
      throw failure("it ends too early")
    }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  private mutating func push(_ node: Node) throws {
    guard nodes.count < NumPyPickle.largestNodeCount else {
      throw failure("it has too many values")
    }
    stack.append(nodes.count)
    nodes.append(node)
  }

  private mutating func pop() throws -> ID {
    guard stack.count > marks.last ?? 0, let last = stack.popLast() else {
      throw failure("a value is missing")
    }
    return last
  }

  private func top() throws -> ID {
    guard stack.count > marks.last ?? 0, let last = stack.last else {
      throw failure("a value is missing")
    }
    return last
  }

  private mutating func popToMark() throws -> [ID] {
    guard let mark = marks.popLast(), mark <= stack.count else {
      throw failure("a mark is missing")
    }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func execute(_ opcode: UInt8) throws {
    switch opcode {
    case 0x80: _ = try take(1)
    case 0x95: _ = try take(8)
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: "q"): memo[Int(try byte())] = try top()
    case UInt8(ascii: "r"): memo[try number(4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try recall(Int(try byte()))
    case UInt8(ascii: "j"): try recall(try number(4))
    case UInt8(ascii: "c"):
      let (module, global) = (try line(), try line())
      try push(.global("\(module).\(global)"))
    case 0x93:
      let (global, module) = (try popText(), try popText())
      try push(.global("\(module).\(global)"))
    case UInt8(ascii: "R"), 0x81:
      let (arguments, callee) = (try pop(), try pop())
      try call(callee, arguments)
    case UInt8(ascii: "b"): try build(try pop())
    default:
      guard try executeScalar(opcode) || executeContainer(opcode) else {
        throw failure("it holds the instruction 0x\(String(opcode, radix: 16))")
      }
    }
  }

  private mutating func recall(_ index: Int) throws {
    guard let id = memo[index] else { throw failure("a value is missing") }
    stack.append(id)
  }

  private mutating func popText() throws -> String {
    guard case .text(let text) = nodes[try pop()] else { throw failure("a name is no text") }
    return text
  }

  private mutating func executeScalar(_ opcode: UInt8) throws -> Bool {
    switch opcode {
    case UInt8(ascii: "N"): try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case UInt8(ascii: "J"):
      try push(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
    case UInt8(ascii: "K"): try push(.int(Int(try byte())))
    case UInt8(ascii: "M"): try push(.int(try number(2)))
    case 0x8A:
      let count = Int(try byte())
      let place = try take(count)
      guard count <= 8 else { throw failure("a whole number has more than 64 bits") }
      var value = bytes[place].last.map { $0 & 0x80 == 0 ? 0 : -1 } ?? 0
      for byte in bytes[place].reversed() { value = value << 8 | Int(byte) }
      try push(.int(value))
    case UInt8(ascii: "G"):
      let bits = bytes[try take(8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      try push(.double(Double(bitPattern: bits)))
    // Texts of Python 2 are bytes.
    case UInt8(ascii: "T"): try push(.bytes(try take(try number(4))))
    case UInt8(ascii: "U"): try push(.bytes(try take(Int(try byte()))))
    case UInt8(ascii: "B"): try push(.bytes(try take(try number(4))))
    case UInt8(ascii: "C"): try push(.bytes(try take(Int(try byte()))))
    case 0x8E, 0x96: try push(.bytes(try take(try number(8))))
    case UInt8(ascii: "X"): try pushText(try number(4))
    case 0x8C: try pushText(Int(try byte()))
    case 0x8D: try pushText(try number(8))
    default: return false
    }
    return true
  }

  private mutating func pushText(_ count: Int) throws {
    try push(.text(String(decoding: bytes[try take(count)], as: UTF8.self)))
  }

  private mutating func executeContainer(_ opcode: UInt8) throws -> Bool {
    switch opcode {
    case UInt8(ascii: ")"): try push(.tuple([]))
    case 0x85...0x87:
      var values: [ID] = []
      for _ in 0..<Int(opcode) - 0x84 { values.insert(try pop(), at: 0) }
      try push(.tuple(values))
    case UInt8(ascii: "t"): try push(.tuple(try popToMark()))
    case UInt8(ascii: "]"): try push(.list([]))
    case UInt8(ascii: "l"): try push(.list(try popToMark()))
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"): try append(try popToMark())
    case UInt8(ascii: "}"): try push(.dictionary([:]))
    case UInt8(ascii: "s"):
      let (value, key) = (try pop(), try pop())
      try set([key, value])
    case UInt8(ascii: "u"): try set(try popToMark())
    default: return false
    }
    return true
  }

  private mutating func append(_ values: [ID]) throws {
    let id = try top()
    guard case .list(var items) = nodes[id] else { throw failure("it appends to what is no list") }
    nodes[id] = .none  // so that the array is not copied
    items += values
    nodes[id] = .list(items)
  }

  private mutating func set(_ values: [ID]) throws {
    let id = try top()
    guard case .dictionary(var items) = nodes[id], values.count.isMultiple(of: 2) else {
      throw failure("it sets an item of what is no dictionary")
    }
    nodes[id] = .none
    for index in stride(from: 0, to: values.count, by: 2) {
      items[values[index]] = values[index + 1]
    }
    nodes[id] = .dictionary(items)
  }

  private mutating func call(_ callee: ID, _ arguments: ID) throws {
    guard case .global(let global) = nodes[callee], case .tuple(let values) = nodes[arguments]
    else {
      return try push(.other)
    }
    switch global {
    case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct":
      try push(.array(shape: [], type: "", isFortran: false, data: arguments))
    case "numpy.dtype":
      try push(values.first.flatMap { text($0) }.map { .type($0) } ?? .other)
    case "_codecs.encode":
      // How Python 3 writes bytes for Python 2: as Latin-1.
      let scalars = values.first.flatMap { text($0) }?.unicodeScalars
      let decoded = scalars?.compactMap { UInt8(exactly: $0.value) }
      try push(decoded.map { .decoded($0) } ?? .other)
    default: try push(.other)
    }
  }

  /// `(version, shape, type, is Fortran, data)` of an array; what else has a state does not matter.
  private mutating func build(_ state: ID) throws {
    let id = try top()
    guard case .array = nodes[id] else { return }
    guard case .tuple(let values) = nodes[state], values.count == 5,
      case .tuple(let sides) = nodes[values[1]], case .type(let type) = nodes[values[2]],
      case .bool(let isFortran) = nodes[values[3]]
    else { throw failure("an array is not as NumPy writes it") }
    let shape = sides.map { int($0) ?? -1 }
    guard shape.allSatisfy({ $0 >= 0 }) else { throw failure("an array has no shape") }
    nodes[id] = .array(shape: shape, type: type, isFortran: isFortran, data: values[4])
  }

  // MARK: Values

  /// A text, also one that is stored as bytes.
  func text(_ id: ID) -> String? {
    switch nodes[id] {
    case .text(let text): text
    case .bytes(let range): String(decoding: bytes[range], as: UTF8.self)
    default: nil
    }
  }

  func int(_ id: ID) -> Int? { if case .int(let value) = nodes[id] { value } else { nil } }

  /// The elements of a list or tuple.
  func list(_ id: ID) -> [ID]? {
    switch nodes[id] {
    case .list(let values), .tuple(let values): values
    default: nil
    }
  }

  /// The value of a key of the root.
  subscript(key: String) -> ID? {
    guard case .dictionary(let items) = nodes[root] else { return nil }
    return items.first { text($0.key) == key }?.value
  }

  /// The texts of a list at a key of the root.
  func texts(_ key: String) -> [String]? {
    self[key].flatMap(list)?.map { text($0) ?? "" }
  }
}
