/// Reads the fields of a protocol-buffers message.
enum ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(ArraySlice<UInt8>)
  }

  /// The fields in their order; `nil` for bytes that end too early or hold an unknown type.
  static func fields(_ message: ArraySlice<UInt8>) -> [(number: Int, value: Value)]? {
    var rest = message
    var fields: [(number: Int, value: Value)] = []
    while !rest.isEmpty {
      guard let key = varint(&rest) else { return nil }
      let value: Value
      switch key & 7 {
      case 0:
        guard let number = varint(&rest) else { return nil }
        value = .varint(number)
      case 1:
        guard let bits = UInt64(littleEndianBytes: rest.prefix(8)) else { return nil }
        rest = rest.dropFirst(8)
        value = .fixed64(bits)
      case 2:
        guard let length = varint(&rest), length <= rest.count else { return nil }
        value = .bytes(rest.prefix(Int(length)))
        rest = rest.dropFirst(Int(length))
      case 5:
        guard let bits = UInt32(littleEndianBytes: rest.prefix(4)) else { return nil }
        rest = rest.dropFirst(4)
        value = .fixed32(bits)
      default: return nil
      }
      fields.append((Int(truncatingIfNeeded: key >> 3), value))
    }
    return fields
  }

  private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = bytes.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    return nil
  }
}

extension FixedWidthInteger {
  var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }

  /// - Returns: `nil` where there are not as many bytes as the type has.
  init?(littleEndianBytes bytes: some Collection<UInt8>) {
    guard bytes.count == Self.bitWidth / 8 else { return nil }
    self = bytes.reversed().reduce(0) { $0 << 8 | Self($1) }
  }
}
