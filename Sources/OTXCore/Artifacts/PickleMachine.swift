/// Runs a pickle, protocols 2 to 5, as far as `torch.save` uses them.
///
/// Python's pickle is a program for a stack machine that may call anything. This machine knows a
/// handful of names (``PickleGlobal``); what any other would make becomes a placeholder with that
/// name, which whoever wants its value refuses. So weights beside a program's own objects (its
/// arguments, its clock) can be read. Checked against what PyTorch 2.15 writes.
struct PickleMachine {
  private typealias NodeID = PickleDocument.NodeID
  private typealias Node = PickleDocument.Node

  private var reader: ByteReader
  private var nodes: [Node] = []
  private var stack: [NodeID] = []
  private var marks: [Int] = []
  private var memo: [Int: NodeID] = [:]

  /// More values than any checkpoint has: ten times an optimizer's state of the largest detector.
  private static let largestNodeCount = 1_000_000

  private init(_ reader: ByteReader) { self.reader = reader }

  /// - Throws: ``FormatError`` for a damaged pickle.
  static func run(_ bytes: [UInt8]) throws(FormatError) -> PickleDocument {
    var reader = ByteReader(bytes)
    return try run(&reader)
  }

  /// Runs the pickle that stands at the reader's place, and leaves it behind it.
  ///
  /// - Throws: ``FormatError`` for a damaged pickle.
  static func run(_ reader: inout ByteReader) throws(FormatError) -> PickleDocument {
    var machine = PickleMachine(reader)
    while true {
      let opcode = try machine.reader.byte()
      if opcode == UInt8(ascii: ".") { break }
      try machine.execute(opcode)
    }
    let root = try machine.pop()
    reader = machine.reader
    return PickleDocument(nodes: machine.nodes, root: root)
  }

  private mutating func execute(_ opcode: UInt8) throws(FormatError) {
    switch opcode {
    case 0x80:  // PROTO
      let version = try reader.byte()
      guard (2...5).contains(version) else {
        throw FormatError("it is a pickle of protocol \(version); protocols 2 to 5 are read")
      }
    case 0x95: try reader.skip(8)  // FRAME
    case UInt8(ascii: "("): marks.append(stack.count)  // MARK
    case UInt8(ascii: "0"): _ = try pop()  // POP
    case UInt8(ascii: "1"): _ = try popToMark()  // POP_MARK
    case UInt8(ascii: "2"): stack.append(try top())  // DUP
    case UInt8(ascii: "Q"): try loadPersistent()  // BINPERSID
    case UInt8(ascii: "c"):  // GLOBAL
      let module = try reader.line()
      try pushGlobal(module: module, name: try reader.line())
    case 0x93:  // STACK_GLOBAL
      let name = try popString()
      try pushGlobal(module: try popString(), name: name)
    case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
      let arguments = try popTuple()
      try call(try pop(), arguments)
    case 0x92:  // NEWOBJ_EX
      _ = try pop()
      let arguments = try popTuple()
      try call(try pop(), arguments)
    case UInt8(ascii: "b"): try build()  // BUILD
    default:
      if try executeMemo(opcode) { return }
      if try executeScalar(opcode) { return }
      if try executeContainer(opcode) { return }
      throw FormatError(
        "its pickle holds instruction 0x\(String(opcode, radix: 16)) (at byte "
          + "\(reader.position - 1)), which no saved state dictionary does"
      )
    }
  }

  // MARK: Stack

  private mutating func push(_ node: Node) throws(FormatError) {
    guard nodes.count < PickleMachine.largestNodeCount else {
      throw FormatError("its pickle has over \(PickleMachine.largestNodeCount) values")
    }
    stack.append(nodes.count)
    nodes.append(node)
  }

  private static let underflow = FormatError("its pickle is damaged: a value is missing")

  private mutating func pop() throws(FormatError) -> NodeID {
    guard stack.count > (marks.last ?? 0), let last = stack.popLast() else {
      throw PickleMachine.underflow
    }
    return last
  }

  private func top() throws(FormatError) -> NodeID {
    guard stack.count > (marks.last ?? 0), let last = stack.last else {
      throw PickleMachine.underflow
    }
    return last
  }

  private mutating func popToMark() throws(FormatError) -> [NodeID] {
    guard let mark = marks.popLast(), mark <= stack.count else { throw PickleMachine.underflow }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values
  }

  private mutating func pop(_ count: Int) throws(FormatError) -> [NodeID] {
    guard stack.count - (marks.last ?? 0) >= count else { throw PickleMachine.underflow }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popString() throws(FormatError) -> String {
    guard case .string(let text) = nodes[try pop()] else {
      throw FormatError("its pickle is damaged: a name is no text")
    }
    return text
  }

  private mutating func popTuple() throws(FormatError) -> [NodeID] {
    guard case .tuple(let values) = nodes[try pop()] else {
      throw FormatError("its pickle is damaged: arguments are no tuple")
    }
    return values
  }

  // MARK: Memo

  private mutating func executeMemo(_ opcode: UInt8) throws(FormatError) -> Bool {
    switch opcode {
    case UInt8(ascii: "q"): memo[Int(try reader.byte())] = try top()  // BINPUT
    case UInt8(ascii: "r"): memo[Int(try reader.number(UInt32.self))] = try top()  // LONG_BINPUT
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case UInt8(ascii: "h"): try recall(Int(try reader.byte()))  // BINGET
    case UInt8(ascii: "j"): try recall(Int(try reader.number(UInt32.self)))  // LONG_BINGET
    default: return false
    }
    return true
  }

  private mutating func recall(_ index: Int) throws(FormatError) {
    guard let id = memo[index] else {
      throw FormatError(
        "its pickle is damaged: it refers to value \(index), which it does not have"
      )
    }
    stack.append(id)
  }

  // MARK: Plain values

  private mutating func executeScalar(_ opcode: UInt8) throws(FormatError) -> Bool {
    switch opcode {
    case UInt8(ascii: "N"): try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case UInt8(ascii: "J"):  // BININT
      try push(.int(Int(Int32(bitPattern: try reader.number(UInt32.self)))))
    case UInt8(ascii: "K"): try push(.int(Int(try reader.byte())))  // BININT1
    case UInt8(ascii: "M"): try push(.int(Int(try reader.number(UInt16.self))))  // BININT2
    case 0x8A: try pushLong(byteCount: Int(try reader.byte()))  // LONG1
    case 0x8B: try pushLong(byteCount: Int(try reader.number(UInt32.self)))  // LONG4
    case UInt8(ascii: "G"):  // BINFLOAT: big-endian, alone among them
      try push(.double(Double(bitPattern: try reader.number(UInt64.self).byteSwapped)))
    case UInt8(ascii: "X"), UInt8(ascii: "T"):  // BINUNICODE, BINSTRING
      try pushText(byteCount: Int(try reader.number(UInt32.self)))
    case 0x8C, UInt8(ascii: "U"):  // SHORT_BINUNICODE, SHORT_BINSTRING
      try pushText(byteCount: Int(try reader.byte()))
    case 0x8D: try pushText(byteCount: try reader.length())  // BINUNICODE8
    case UInt8(ascii: "B"): try skipBytes(Int(try reader.number(UInt32.self)))  // BINBYTES
    case UInt8(ascii: "C"): try skipBytes(Int(try reader.byte()))  // SHORT_BINBYTES
    case 0x8E, 0x96: try skipBytes(try reader.length())  // BINBYTES8, BYTEARRAY8
    default: return false
    }
    return true
  }

  private mutating func pushText(byteCount: Int) throws(FormatError) {
    try push(.string(try ByteReader.text(try reader.take(byteCount))))
  }

  private mutating func skipBytes(_ count: Int) throws(FormatError) {
    try reader.skip(count)
    try push(.foreign("builtins.bytes"))
  }

  /// A whole number in two's complement, little-endian, of any length.
  private mutating func pushLong(byteCount: Int) throws(FormatError) {
    let bytes = try reader.take(byteCount)
    guard byteCount <= 8 else {
      throw FormatError("its pickle holds a whole number of more than 64 bits")
    }
    var value: Int = (bytes.last ?? 0) & 0x80 == 0 ? 0 : -1
    for byte in bytes.reversed() { value = value << 8 | Int(byte) }
    try push(.int(value))
  }

  // MARK: Containers

  private mutating func executeContainer(_ opcode: UInt8) throws(FormatError) -> Bool {
    switch opcode {
    case UInt8(ascii: ")"): try push(.tuple([]))
    case 0x85...0x87: try push(.tuple(try pop(Int(opcode) - 0x84)))  // TUPLE1, 2, 3
    case UInt8(ascii: "t"): try push(.tuple(try popToMark()))
    case UInt8(ascii: "]"): try push(.list([]))
    case UInt8(ascii: "l"): try push(.list(try popToMark()))
    case UInt8(ascii: "a"): try append([try pop()])  // APPEND
    case UInt8(ascii: "e"): try append(try popToMark())  // APPENDS
    case UInt8(ascii: "}"): try push(.dictionary([]))
    case UInt8(ascii: "d"):  // DICT
      try push(.dictionary([]))
      let empty = try pop()
      let values = try popToMark()
      stack.append(empty)
      try setItems(values)
    case UInt8(ascii: "s"): try setItems(try pop(2))  // SETITEM
    case UInt8(ascii: "u"): try setItems(try popToMark())  // SETITEMS
    case 0x8F: try push(.foreign("builtins.set"))  // EMPTY_SET
    case 0x90: try append(try popToMark())  // ADDITEMS
    case 0x91:  // FROZENSET
      _ = try popToMark()
      try push(.foreign("builtins.frozenset"))
    default: return false
    }
    return true
  }

  private mutating func append(_ values: [NodeID]) throws(FormatError) {
    let id = try top()
    if case .foreign = nodes[id] { return }
    guard case .list(var items) = nodes[id] else {
      throw FormatError("its pickle is damaged: it appends to what is no list")
    }
    nodes[id] = .none  // so that the array is not copied
    items += values
    nodes[id] = .list(items)
  }

  private mutating func setItems(_ values: [NodeID]) throws(FormatError) {
    let id = try top()
    if case .foreign = nodes[id] { return }
    guard case .dictionary(var items) = nodes[id], values.count.isMultiple(of: 2) else {
      throw FormatError("its pickle is damaged: it sets an item of what is no dictionary")
    }
    nodes[id] = .none
    items += values
    nodes[id] = .dictionary(items)
  }

  // MARK: Names and calls

  private mutating func pushGlobal(module: String, name: String) throws(FormatError) {
    guard let global = PickleGlobal(module: module, name: name) else {
      return try push(.foreign("\(module).\(name)"))
    }
    try push(.global(global))
  }

  /// `BUILD` gives an object attributes; an `OrderedDict` of weights has `_metadata`, which says
  /// which version of each layer wrote it and is not needed.
  private mutating func build() throws(FormatError) {
    _ = try pop()
    switch nodes[try top()] {
    case .dictionary, .foreign: return
    default:
      throw FormatError("its pickle is damaged: it sets attributes of what is no dictionary")
    }
  }

  private mutating func call(_ callee: NodeID, _ arguments: [NodeID]) throws(FormatError) {
    if case .foreign = nodes[callee] { return try push(nodes[callee]) }
    guard case .global(let global) = nodes[callee] else {
      throw FormatError("its pickle is damaged: it calls what cannot be called")
    }
    switch global {
    case .orderedDictionary:
      guard arguments.isEmpty else {
        throw FormatError("its pickle is damaged: a new dictionary is not empty")
      }
      try push(.dictionary([]))
    case .rebuildTensor: try push(.tensor(try tensor(arguments)))
    case .rebuildParameter:
      guard let first = arguments.first, case .tensor(let view) = nodes[first] else {
        throw FormatError("its pickle is damaged: a parameter is no tensor")
      }
      try push(.tensor(view))
    case .size:
      guard arguments.count == 1, case .tuple(let sizes) = nodes[arguments[0]] else {
        throw FormatError("its pickle is damaged: a shape is no tuple")
      }
      try push(.tuple(sizes))
    case .storageType:
      throw FormatError("its pickle is damaged: it calls what cannot be called")
    }
  }

  /// `('storage', torch.FloatStorage, key, device, elementCount)`; before PyTorch 1.6 with `None` or
  /// a part of the storage behind it, and `('module', class, file, source)` for a whole network.
  private mutating func loadPersistent() throws(FormatError) {
    let values = try popTuple()
    if values.count == 4, case .string("module") = nodes[values[0]] {
      return try push(nodes[values[1]])
    }
    if values.count == 6, case .none = nodes[values[5]] {
    } else if values.count == 6 {
      throw FormatError(
        "its tensors share parts of storages in the way of PyTorch before 0.4, which is not read; "
          + "convert it in Python: torch.save(torch.load(\"FILE\", weights_only=True), \"new.pth\")"
      )
    }
    guard values.count == 5 || values.count == 6, case .string("storage") = nodes[values[0]],
      case .global(.storageType(let type)) = nodes[values[1]],
      case .string(let key) = nodes[values[2]],
      case .int(let count) = nodes[values[4]], count >= 0,
      !count.multipliedReportingOverflow(by: type.byteCount).overflow
    else { throw FormatError("its pickle is damaged: it refers to storage in an unknown way") }
    try push(.storage(PickleDocument.Storage(elementType: type, key: key, elementCount: count)))
  }

  /// `(storage, offset, size, stride, requires_grad, backward_hooks[, metadata])`.
  private func tensor(_ arguments: [NodeID]) throws(FormatError) -> PickleDocument.TensorView {
    guard arguments.count >= 4, case .storage(let storage) = nodes[arguments[0]],
      case .int(let offset) = nodes[arguments[1]]
    else { throw FormatError("its pickle is damaged: a tensor has no storage") }
    let view = PickleDocument.TensorView(
      storage: storage,
      offset: offset,
      shape: try numbers(arguments[2]),
      strides: try numbers(arguments[3])
    )
    guard view.isInsideStorage else {
      throw FormatError(
        "its pickle is damaged: a tensor of shape \(view.shape) reaches beyond its storage "
          + "'\(storage.key)' of \(storage.elementCount) elements"
      )
    }
    return view
  }

  private func numbers(_ id: NodeID) throws(FormatError) -> [Int] {
    guard case .tuple(let ids) = nodes[id], ids.count <= 64 else {
      throw FormatError("its pickle is damaged: a shape is no tuple")
    }
    var numbers: [Int] = []
    for id in ids {
      guard case .int(let number) = nodes[id], number >= 0 else {
        throw FormatError("its pickle is damaged: a shape holds no whole number")
      }
      numbers.append(number)
    }
    return numbers
  }
}
