import Foundation
import OTXCore
import OTXImage

/// A TFRecord file: length, checksum of the length, content, checksum of the content, and again.
///
/// tensorflow.org, "TFRecord and tf.train.Example". Lengths are checked against the file before
/// anything is read.
struct TFRecordFile {
  let url: URL
  let name: String
  private let file: ReadableFile
  private var position = 0

  init(_ url: URL, name: String) throws {
    (self.url, self.name) = (url, name)
    do {
      file = try ReadableFile(url)
    } catch DataError.unreadable(_, let reason) {
      throw DataError.unreadable(file: name, reason: reason)
    }
  }

  /// A record: its content and where that begins in the file.
  struct Record {
    var start: Int
    var bytes: [UInt8]
  }

  /// The next record; `nil` after the last.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a record that is damaged or cut short;
  ///   what comes behind it cannot be found.
  mutating func next() throws -> Record? {
    guard position < file.byteCount else { return nil }
    func failure(_ reason: String) -> DataError {
      .unreadable(file: "\(name): byte \(position)", reason: reason)
    }
    guard file.byteCount - position >= 16 else { throw failure("the record is cut short") }
    let head = try file.bytes(at: position, count: 12)
    let lengthBytes = head.prefix(8)
    guard head.count == 12, UInt32(littleEndian: head[8...]) == CRC32C.masked(lengthBytes) else {
      throw failure("is no TFRecord here: the checksum of a length is wrong")
    }
    let length = lengthBytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(file.byteCount - position - 16) else {
      throw failure("the record is cut short: \(length) bytes are stated")
    }
    let start = position + 12
    let bytes = try file.bytes(at: start, count: Int(length) + 4)
    guard bytes.count == Int(length) + 4 else { throw failure("the record is cut short") }
    let content = Array(bytes.dropLast(4))
    guard UInt32(littleEndian: bytes.suffix(4)) == CRC32C.masked(content) else {
      throw failure("the record is damaged: its checksum is wrong")
    }
    position = start + Int(length) + 4
    return Record(start: start, bytes: content)
  }

  /// A record as it stands in a file.
  static func framed(_ content: [UInt8]) -> [UInt8] {
    let length = UInt64(content.count).littleEndianBytes
    return length + CRC32C.masked(length).littleEndianBytes + content
      + CRC32C.masked(content).littleEndianBytes
  }
}

extension UInt32 {
  /// Of the first four bytes.
  fileprivate init(littleEndian bytes: some Sequence<UInt8>) {
    self = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension FixedWidthInteger {
  fileprivate var littleEndianBytes: [UInt8] {
    (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
  }
}

/// Walks a message of Protocol Buffers, field by field (protobuf.dev, "Encoding").
struct ProtobufScanner {
  let bytes: [UInt8]
  private(set) var position: Int
  private let end: Int

  enum Value {
    case number(UInt64)
    /// Where the content stands in ``bytes``.
    case content(Range<Int>)
    case fixed32(UInt32)
  }

  struct Damage: Error {}

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    (self.bytes, position, end) = (bytes, range.lowerBound, min(range.upperBound, bytes.count))
  }

  var isAtEnd: Bool { position >= end }

  mutating func variableInteger() throws(Damage) -> UInt64 {
    var (value, shift) = (UInt64(0), UInt64(0))
    while position < end, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    throw Damage()
  }

  /// The next field; `nil` after the last.
  mutating func next() throws(Damage) -> (field: Int, value: Value)? {
    guard !isAtEnd else { return nil }
    let key = try variableInteger()
    guard let field = Int(exactly: key >> 3), field > 0 else { throw Damage() }
    switch key & 7 {
    case 0: return (field, .number(try variableInteger()))
    case 1:
      guard end - position >= 8 else { throw Damage() }
      position += 8
      return (field, .content(position - 8..<position))
    case 2:
      let count = try variableInteger()
      guard count <= UInt64(end - position) else { throw Damage() }
      let start = position
      position += Int(count)
      return (field, .content(start..<position))
    case 5:
      guard end - position >= 4 else { throw Damage() }
      position += 4
      return (field, .fixed32(fixed32(at: position - 4)))
    default: throw Damage()
    }
  }

  func fixed32(at place: Int) -> UInt32 {
    bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// A `tf.train.Example`: lists of bytes, numbers and whole numbers by name.
struct TFExample {
  private var contents: [String: [Range<Int>]] = [:]
  private var numbers: [String: [Float]] = [:]
  private var integers: [String: [Int64]] = [:]
  private let bytes: [UInt8]

  /// - Throws: ``ProtobufScanner/Damage``.
  init(_ bytes: [UInt8]) throws(ProtobufScanner.Damage) {
    self.bytes = bytes
    var example = ProtobufScanner(bytes, 0..<bytes.count)
    while let (field, value) = try example.next() {
      guard field == 1, case .content(let range) = value else { continue }
      var features = ProtobufScanner(bytes, range)
      while let (field, value) = try features.next() {
        guard field == 1, case .content(let range) = value else { continue }
        try readFeature(range)
      }
    }
  }

  private mutating func readFeature(_ range: Range<Int>) throws(ProtobufScanner.Damage) {
    var entry = ProtobufScanner(bytes, range)
    var name = ""
    var feature: Range<Int>?
    while let (field, value) = try entry.next() {
      guard case .content(let range) = value else { continue }
      if field == 1 { name = String(decoding: bytes[range], as: UTF8.self) }
      if field == 2 { feature = range }
    }
    guard let feature else { return }
    var lists = ProtobufScanner(bytes, feature)
    while let (kind, value) = try lists.next() {
      guard case .content(let range) = value else { continue }
      var list = ProtobufScanner(bytes, range)
      while let (field, value) = try list.next() {
        guard field == 1 else { continue }
        try add(value, kind: kind, to: name)
      }
    }
  }

  private mutating func add(
    _ value: ProtobufScanner.Value,
    kind: Int,
    to name: String
  ) throws(ProtobufScanner.Damage) {
    switch (kind, value) {
    case (1, .content(let range)): contents[name, default: []].append(range)
    case (2, .fixed32(let bits)): numbers[name, default: []].append(Float(bitPattern: bits))
    case (2, .content(let range)):
      guard range.count % 4 == 0 else { throw ProtobufScanner.Damage() }
      let scanner = ProtobufScanner(bytes, range)
      for place in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
        numbers[name, default: []].append(Float(bitPattern: scanner.fixed32(at: place)))
      }
    case (3, .number(let number)):
      integers[name, default: []].append(Int64(bitPattern: number))
    case (3, .content(let range)):
      var scanner = ProtobufScanner(bytes, range)
      while !scanner.isAtEnd {
        integers[name, default: []].append(Int64(bitPattern: try scanner.variableInteger()))
      }
    default: break
    }
  }

  /// Where the byte strings of a name stand in the record.
  func ranges(_ name: String) -> [Range<Int>] { contents[name] ?? [] }
  func texts(_ name: String) -> [String] {
    ranges(name).map { String(decoding: bytes[$0], as: UTF8.self) }
  }
  func data(_ name: String) -> [[UInt8]] { ranges(name).map { Array(bytes[$0]) } }
  func floats(_ name: String) -> [Float] { numbers[name] ?? [] }
  func integers(_ name: String) -> [Int] { (integers[name] ?? []).map(Int.init) }
}

/// Builds a `tf.train.Example`.
struct TFExampleWriter {
  private var features: [(name: String, bytes: [UInt8])] = []

  mutating func add(_ name: String, texts: [String]) {
    add(name, data: texts.map { Array($0.utf8) })
  }

  mutating func add(_ name: String, data: [[UInt8]]) {
    features.append((name, TFExampleWriter.field(1, data.flatMap { TFExampleWriter.field(1, $0) })))
  }

  mutating func add(_ name: String, floats: [Float]) {
    let packed = floats.flatMap { $0.bitPattern.littleEndianBytes }
    features.append((name, TFExampleWriter.field(2, TFExampleWriter.field(1, packed))))
  }

  mutating func add(_ name: String, integers: [Int]) {
    let packed = integers.flatMap { TFExampleWriter.variable(UInt64(bitPattern: Int64($0))) }
    features.append((name, TFExampleWriter.field(3, TFExampleWriter.field(1, packed))))
  }

  var bytes: [UInt8] {
    let entries = features.flatMap { name, bytes in
      TFExampleWriter.field(
        1,
        TFExampleWriter.field(1, Array(name.utf8)) + TFExampleWriter.field(2, bytes)
      )
    }
    return TFExampleWriter.field(1, entries)
  }

  private static func variable(_ value: UInt64) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    repeat {
      let group = UInt8(rest & 0x7F)
      rest >>= 7
      bytes.append(rest == 0 ? group : group | 0x80)
    } while rest != 0
    return bytes
  }

  private static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    variable(UInt64(number << 3 | 2)) + variable(UInt64(content.count)) + content
  }
}
