import Foundation
import OTXCore
import OTXImage

/// Walks JSON text (RFC 8259) byte by byte, value by value, without building a tree.
///
/// Annotation files reach half a gigabyte and most of them is skipped. As Python's `json` writes
/// them, `NaN`, `Infinity` and `-Infinity` are read as numbers, for the box check to refuse.
struct JSONScanner {
  let bytes: UnsafeBufferPointer<UInt8>
  /// What to call the file in errors.
  let name: String
  var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>, name: String) {
    self.bytes = bytes
    self.name = name
    // A byte order mark.
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
  }

  /// Reads a file and hands a scanner of it to `body`.
  static func scan<Result>(
    _ url: URL,
    name: String,
    _ body: (inout JSONScanner) throws -> Result
  ) throws -> Result {
    let bytes = try ReadFile.bytes(url, name: name)
    return try bytes.withUnsafeBufferPointer { buffer in
      var scanner = JSONScanner(buffer, name: name)
      let result = try body(&scanner)
      scanner.skipSpace()
      guard scanner.position == buffer.count else {
        throw scanner.failure("is damaged: there is more text after the end")
      }
      return result
    }
  }

  // MARK: Where

  /// Line of a byte, from 1.
  func line(at position: Int) -> Int {
    1 + bytes[..<min(position, bytes.count)].count { $0 == UInt8(ascii: "\n") }
  }

  func failure(_ reason: String, at position: Int? = nil) -> DataError {
    let position = position ?? self.position
    let line = line(at: position)
    let start = bytes[..<min(position, bytes.count)].lastIndex(of: UInt8(ascii: "\n")) ?? -1
    return .unreadable(file: "\(name):\(line):\(position - start)", reason: reason)
  }

  func unexpected(_ expected: String) -> DataError {
    guard position < bytes.count else {
      return failure("is cut short: the file ends where \(expected) should be")
    }
    let found = String(decoding: bytes[position..<position + 1], as: UTF8.self)
    return failure("is damaged: found '\(found)' where \(expected) should be")
  }

  // MARK: Values

  enum Kind { case object, array, string, number, literal, nothing }

  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// What the next value is, without reading it.
  mutating func nextKind() -> Kind {
    skipSpace()
    guard position < bytes.count else { return .nothing }
    switch bytes[position] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "N"),
      UInt8(ascii: "I"):
      return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): return .literal
    default: return .nothing
    }
  }

  /// Passes a byte and the space before it; `false` where another one stands.
  mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  /// Walks an object's members; `body` must read or skip each value.
  mutating func object(_ body: (inout JSONScanner, String) throws -> Void) throws {
    guard take(UInt8(ascii: "{")) else { throw unexpected("an object") }
    if take(UInt8(ascii: "}")) { return }
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
        throw unexpected("a key")
      }
      let key = try string()
      guard take(UInt8(ascii: ":")) else { throw unexpected("':'") }
      try body(&self, key)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw unexpected("',' or '}'") }
  }

  /// Walks an object's members as ``object(_:)`` does, without making a text of each key.
  mutating func members(_ body: (inout JSONScanner, JSONKey) throws -> Void) throws {
    guard take(UInt8(ascii: "{")) else { throw unexpected("an object") }
    if take(UInt8(ascii: "}")) { return }
    repeat {
      let key = try key()
      guard take(UInt8(ascii: ":")) else { throw unexpected("':'") }
      try body(&self, key)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw unexpected("',' or '}'") }
  }

  private mutating func key() throws -> JSONKey {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
      throw unexpected("a key")
    }
    let start = position + 1
    var end = start
    while end < bytes.count {
      switch bytes[end] {
      case UInt8(ascii: "\""):
        position = end + 1
        return JSONKey(bytes: UnsafeBufferPointer(rebasing: bytes[start..<end]), decoded: nil)
      case UInt8(ascii: "\\"):
        let decoded = try string()
        return JSONKey(bytes: UnsafeBufferPointer(rebasing: bytes[start..<start]), decoded: decoded)
      default: end += 1
      }
    }
    throw failure("is cut short: the file ends inside a text", at: bytes.count)
  }

  /// Walks an array's elements; `body` must read or skip each value.
  mutating func array(_ body: (inout JSONScanner) throws -> Void) throws {
    guard take(UInt8(ascii: "[")) else { throw unexpected("a list") }
    if take(UInt8(ascii: "]")) { return }
    repeat { try body(&self) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw unexpected("',' or ']'") }
  }

  mutating func string() throws -> String {
    guard take(UInt8(ascii: "\"")) else { throw unexpected("a text") }
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        defer { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      position += 1
    }
    throw failure("is cut short: the file ends inside a text")
  }

  /// The slow road for a string with escapes.
  private mutating func escapedString(from start: Int) throws -> String {
    var text = [UInt8](bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): try appendEscape(to: &text)
      default: text.append(byte)
      }
    }
    throw failure("is cut short: the file ends inside a text", at: bytes.count)
  }

  /// What an escape stands for; the backslash is passed.
  private mutating func appendEscape(to text: inout [UInt8]) throws {
    let start = position - 1
    guard position < bytes.count else {
      throw failure("is cut short: the file ends inside a text", at: bytes.count)
    }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      guard let first = codeUnit() else {
        throw failure("is damaged: '\\u' without four digits", at: start)
      }
      var scalar = UInt32(first)
      if (0xD800..<0xDC00).contains(first) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw loneSurrogate(first, at: start) }
        position += 2
        guard let second = codeUnit(), (0xDC00..<0xE000).contains(second) else {
          throw loneSurrogate(first, at: start)
        }
        scalar = 0x10000 + (scalar - 0xD800) << 10 + (UInt32(second) - 0xDC00)
      }
      guard let value = Unicode.Scalar(scalar) else { throw loneSurrogate(first, at: start) }
      text += UTF8.encode(value).map(Array.init) ?? []
    default: throw failure("is damaged: a text with an unknown escape", at: start)
    }
  }

  private func loneSurrogate(_ unit: UInt16, at position: Int) -> DataError {
    failure(
      "is damaged: '\\u\(String(unit, radix: 16))' is one half of a character without the other",
      at: position
    )
  }

  /// Four hexadecimal digits.
  private mutating func codeUnit() -> UInt16? {
    guard position + 4 <= bytes.count else { return nil }
    var value: UInt16 = 0
    for byte in bytes[position..<position + 4] {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: return nil
      }
      value = value << 4 | UInt16(digit)
    }
    position += 4
    return value
  }

  mutating func number() throws -> Double {
    skipSpace()
    let start = position
    var isNegative = false
    var mantissa: UInt64 = 0
    var digitCount = 0
    var exponent = 0
    if position < bytes.count, bytes[position] == UInt8(ascii: "-") {
      isNegative = true
      position += 1
    }
    var isFraction = false
    scan: while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digitCount += 1
        if digitCount <= 18 { mantissa = mantissa * 10 + UInt64(bytes[position] & 15) }
        if isFraction { exponent -= 1 }
      case UInt8(ascii: ".") where !isFraction: isFraction = true
      default: break scan
      }
      position += 1
    }
    let hasExponent = position < bytes.count && (bytes[position] | 0x20) == UInt8(ascii: "e")
    // Both are exact as doubles, so one division rounds correctly (Clinger 1990).
    if digitCount > 0, digitCount <= 15, exponent >= -22, !hasExponent {
      let value = Double(mantissa) / JSONScanner.powersOfTen[-exponent]
      return isNegative ? -value : value
    }
    return try slowNumber(from: start)
  }

  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
    1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  private mutating func slowNumber(from start: Int) throws -> Double {
    position = start
    while position < bytes.count {
      switch bytes[position] {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        position += 1
        continue
      default: break
      }
      break
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    switch text {
    case "NaN": return .nan
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    default:
      guard let value = Double(text) else {
        position = start
        throw unexpected("a number")
      }
      return value
    }
  }

  /// `true`, `false` or `null`; `nil` for null.
  mutating func literal() throws -> Bool? {
    skipSpace()
    for (word, value) in [("true", true as Bool?), ("false", false), ("null", nil)] {
      let end = position + word.utf8.count
      if end <= bytes.count, bytes[position..<end].elementsEqual(word.utf8) {
        position = end
        return value
      }
    }
    throw unexpected("a value")
  }

  /// Passes over a value of any kind.
  ///
  /// Inside lists and objects only brackets and texts are looked at: what is skipped is not checked
  /// for more than its end.
  mutating func skipValue() throws {
    switch nextKind() {
    case .string: _ = try skipString()
    case .number: _ = try number()
    case .literal: _ = try literal()
    case .nothing: throw unexpected("a value")
    case .object, .array:
      let start = position
      var depth = 0
      while position < bytes.count {
        switch bytes[position] {
        case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
          depth -= 1
          if depth == 0 {
            position += 1
            return
          }
        case UInt8(ascii: "\""):
          try skipString()
          continue
        default: break
        }
        position += 1
      }
      throw failure("is cut short: the value that begins on line \(line(at: start)) has no end")
    }
  }

  private mutating func skipString() throws {
    position += 1
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return
      case UInt8(ascii: "\\"): position += 2
      default: position += 1
      }
    }
    throw failure("is cut short: the file ends inside a text", at: bytes.count)
  }

  // MARK: Values that may be of the wrong kind

  /// A number, or a text that holds one; `nil` for anything else, which is skipped.
  mutating func numberIfPresent() throws -> Double? {
    switch nextKind() {
    case .number: return try number()
    case .string: return Double(try string())
    default:
      try skipValue()
      return nil
    }
  }

  /// A whole number; `nil` for anything else, which is skipped.
  ///
  /// Ids of 18 digits keep them all, which doubles would not.
  mutating func integerIfPresent() throws -> Int? {
    guard nextKind() == .number else { return try numberIfPresent().flatMap { Int(exactly: $0) } }
    let start = position
    let isNegative = bytes[position] == UInt8(ascii: "-")
    if isNegative { position += 1 }
    let digits = position
    var value = 0
    while position < bytes.count, position - digits < 18, bytes[position] & 0xF0 == 0x30,
      bytes[position] & 0x0F < 10
    {
      value = value * 10 + Int(bytes[position] & 0x0F)
      position += 1
    }
    let isWhole =
      position > digits && position < bytes.count
      && (bytes[position] == UInt8(ascii: ",") || bytes[position] == UInt8(ascii: "}")
        || bytes[position] == UInt8(ascii: "]") || bytes[position] <= 0x20)
    if isWhole { return isNegative ? -value : value }
    position = start
    return Int(exactly: try number())
  }

  /// Adds the numbers of a list, `nan` for what is none.
  mutating func appendNumbers(to numbers: inout [Float]) throws {
    guard take(UInt8(ascii: "[")) else { throw unexpected("a list") }
    if take(UInt8(ascii: "]")) { return }
    repeat {
      if nextKind() == .number {
        numbers.append(Float(try number()))
      } else {
        numbers.append(Float(try numberIfPresent() ?? .nan))
      }
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw unexpected("',' or ']'") }
  }

  /// A text; `nil` for anything else, which is skipped.
  mutating func stringIfPresent() throws -> String? {
    guard nextKind() == .string else {
      try skipValue()
      return nil
    }
    return try string()
  }
}
