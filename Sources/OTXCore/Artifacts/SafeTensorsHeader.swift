/// What stands before the contents of a `.safetensors` file: its length (8 bytes) and JSON.
struct SafeTensorsHeader {
  struct Entry {
    var name: String
    var type: ElementType
    var shape: [Int]
    /// Where its contents stand, from the header's end.
    var range: Range<Int>
  }

  static let metadataKey = "__metadata__"
  /// The package's own limit.
  static let largestByteCount = 100_000_000

  var entries: [Entry] = []
  var metadata: [String: String] = [:]
  /// With the 8 bytes of its length.
  let byteCount: Int

  /// Reads and checks the header; the contents must follow one another up to the file's end.
  init(_ file: RandomAccessFile) throws(FormatError) {
    guard file.byteCount >= 8 else {
      throw FormatError("it is cut short: \(file.byteCount) bytes are no safetensors file")
    }
    var start = ByteReader(try file.read(at: 0, count: 8))
    let length = try start.number(UInt64.self)
    guard length <= UInt64(Self.largestByteCount) else {
      throw FormatError("its header would have \(length) bytes; is it a safetensors file?")
    }
    guard Int(length) <= file.byteCount - 8 else {
      throw FormatError(
        "it is cut short: its header has \(length) bytes, the file \(file.byteCount)"
      )
    }
    byteCount = 8 + Int(length)
    let bytes = try file.read(at: 8, count: Int(length))
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw FormatError("its header is not UTF-8")
    }
    var scanner = HeaderScanner(bytes)
    var names: Set<String> = []
    try scanner.object { key, scanner throws(FormatError) in
      guard names.insert(key).inserted else {
        throw FormatError("its header has two entries of the name '\(key)'")
      }
      if key == Self.metadataKey {
        metadata = try Self.metadata(&scanner)
      } else {
        entries.append(try Self.entry(key, &scanner))
      }
    }
    try scanner.end()
    try checkLayout(contentByteCount: file.byteCount - byteCount)
  }

  private static func metadata(
    _ scanner: inout HeaderScanner
  ) throws(FormatError) -> [String: String] {
    var metadata: [String: String] = [:]
    try scanner.object { key, scanner throws(FormatError) in
      guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
        throw FormatError("its metadata has two entries of the name '\(key)'")
      }
    }
    return metadata
  }

  private static func entry(
    _ name: String,
    _ scanner: inout HeaderScanner
  ) throws(FormatError) -> Entry {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.object { key, scanner throws(FormatError) in
      let isFresh: Bool
      switch key {
      case "dtype":
        isFresh = type == nil
        type = try ElementType(safeTensors: scanner.string(), of: name)
      case "shape":
        isFresh = shape == nil
        shape = try scanner.numbers()
      case "data_offsets":
        isFresh = offsets == nil
        offsets = try scanner.numbers()
      default: throw FormatError("its entry '\(name)' has the unknown key '\(key)'")
      }
      guard isFresh else { throw FormatError("its entry '\(name)' has the key '\(key)' twice") }
    }
    guard let type, let shape, let offsets else {
      throw FormatError("its entry '\(name)' lacks dtype, shape or data_offsets")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw FormatError("its entry '\(name)' has the data_offsets \(offsets), which are no range")
    }
    var expected = type.byteCount
    for extent in shape {
      let (product, overflow) = expected.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw FormatError("its entry '\(name)' is too large: \(shape)") }
      expected = product
    }
    guard offsets[1] - offsets[0] == expected else {
      throw FormatError(
        "its entry '\(name)' has \(offsets[1] - offsets[0]) bytes; \(type.safeTensorsName) \(shape) needs \(expected)"
      )
    }
    return Entry(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  private func checkLayout(contentByteCount: Int) throws(FormatError) {
    let ordered = entries.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var position = 0
    for entry in ordered {
      guard entry.range.upperBound <= contentByteCount else {
        throw FormatError(
          "it is cut short: '\(entry.name)' ends at byte \(entry.range.upperBound) of the contents, which have \(contentByteCount)"
        )
      }
      guard entry.range.lowerBound == position else {
        let what = entry.range.lowerBound < position ? "overlaps" : "leaves a gap after"
        throw FormatError("it is damaged: '\(entry.name)' \(what) what stands before it")
      }
      position = entry.range.upperBound
    }
    guard position == contentByteCount else {
      throw FormatError(
        "it is damaged: \(contentByteCount - position) bytes at its end belong to nothing"
      )
    }
  }

  // MARK: Writing

  /// Length and JSON, filled up with spaces to a multiple of 8.
  static func bytes(of entries: [StateDictionary.Entry], metadata: [String: String]) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map {
        "\(quoted($0.key)):\(quoted($0.value))"
      }
      members.append("\"\(metadataKey)\":{\(pairs.joined(separator: ","))}")
    }
    var position = 0
    for entry in entries {
      let end = position + entry.value.bytes.count
      let shape = entry.value.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(entry.name)):{\"dtype\":\"\(entry.value.elementType.safeTensorsName)\",\"shape\":[\(shape)],\"data_offsets\":[\(position),\(end)]}"
      )
      position = end
    }
    var text = Array("{\(members.joined(separator: ","))}".utf8)
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    var bytes: [UInt8] = []
    bytes.append(number: UInt64(text.count))
    return bytes + text
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Reads the little of JSON that a header may hold; Foundation's reader would hide names that stand
/// there twice.
struct HeaderScanner {
  private let bytes: [UInt8]
  private var position = 0

  /// - `bytes`: UTF-8.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private var damaged: FormatError {
    FormatError("its header is no JSON of the expected form (at byte \(position))")
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  /// Takes `character`, if it is the next.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(FormatError) {
    guard take(character) else { throw damaged }
  }

  /// Nothing but spaces may follow.
  mutating func end() throws(FormatError) {
    skipSpace()
    guard position == bytes.count else { throw damaged }
  }

  /// An object; `read` takes the value of each key.
  mutating func object(
    _ read: (String, inout HeaderScanner) throws(FormatError) -> Void
  ) throws(FormatError) {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try read(key, &self)
    } while take(",")
    try expect("}")
  }

  /// An array of whole numbers from 0 on.
  mutating func numbers() throws(FormatError) -> [Int] {
    try expect("[")
    if take("]") { return [] }
    var numbers: [Int] = []
    repeat { numbers.append(try number()) } while take(",")
    try expect("]")
    return numbers
  }

  private mutating func number() throws(FormatError) -> Int {
    skipSpace()
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    let digits = bytes[start..<position]
    guard let value = Int(String(decoding: digits, as: UTF8.self)),
      digits.count == 1 || digits.first != 0x30
    else {
      position = start
      throw damaged
    }
    return value
  }

  mutating func string() throws(FormatError) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while true {
      guard position < bytes.count, bytes[position] >= 0x20 else { throw damaged }
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text += Array(String(try escape()).utf8)
      default: text.append(byte)
      }
    }
  }

  private mutating func escape() throws(FormatError) -> Unicode.Scalar {
    guard position < bytes.count else { throw damaged }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw damaged
    }
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    // The halves of a character beyond 16 bits.
    guard (0xD800..<0xDC00).contains(first), position + 1 < bytes.count,
      bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
    else { throw damaged }
    position += 2
    let second = try hexadecimal()
    let value = 0x10000 + (first - 0xD800) << 10 + (second &- 0xDC00)
    guard (0xDC00..<0xE000).contains(second), let scalar = Unicode.Scalar(value) else {
      throw damaged
    }
    return scalar
  }

  private mutating func hexadecimal() throws(FormatError) -> UInt32 {
    guard bytes.count - position >= 4 else { throw damaged }
    let digits = bytes[position..<position + 4]
    guard !digits.contains(UInt8(ascii: "+")), !digits.contains(UInt8(ascii: "-")),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw damaged }
    position += 4
    return value
  }
}
