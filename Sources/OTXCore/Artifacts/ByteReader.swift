/// Something in a file that is not as its format says.
///
/// Kept inside this folder: what leaves it is a ``ModelError`` that names the file.
struct FormatError: Error, Equatable {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

/// Walks over bytes; never past their end.
struct ByteReader {
  let bytes: [UInt8]
  private(set) var position: Int

  init(_ bytes: [UInt8], at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  var remaining: Int { bytes.count - position }

  /// The next `count` bytes.
  mutating func take(_ count: Int) throws(FormatError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else {
      throw FormatError("it ends too early (at byte \(bytes.count))")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  mutating func skip(_ count: Int) throws(FormatError) { _ = try take(count) }

  mutating func byte() throws(FormatError) -> UInt8 {
    guard remaining >= 1 else { throw FormatError("it ends too early (at byte \(bytes.count))") }
    defer { position += 1 }
    return bytes[position]
  }

  /// An unsigned little-endian number of `T`'s width.
  mutating func number<T: FixedWidthInteger & UnsignedInteger>(
    _ type: T.Type
  ) throws(FormatError) -> T {
    var value: T = 0
    for (index, byte) in try take(MemoryLayout<T>.size).enumerated() {
      value |= T(truncatingIfNeeded: byte) << T(truncatingIfNeeded: 8 * index)
    }
    return value
  }

  /// A 64-bit length or offset, which must fit a signed number.
  mutating func length() throws(FormatError) -> Int {
    guard let value = Int(exactly: try number(UInt64.self)) else {
      throw FormatError("a length is out of range (at byte \(position - 8))")
    }
    return value
  }

  /// Text up to a line feed, without it.
  mutating func line() throws(FormatError) -> String {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
      throw FormatError("it ends too early (at byte \(bytes.count))")
    }
    let text = try ByteReader.text(bytes[position..<end])
    position = end + 1
    return text
  }

  /// `bytes` as UTF-8, which they must be.
  static func text(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FormatError("it holds text that is not UTF-8")
    }
    return text
  }
}

extension [UInt8] {
  /// Appends `value`, little-endian.
  mutating func append<T: FixedWidthInteger>(number value: T) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
