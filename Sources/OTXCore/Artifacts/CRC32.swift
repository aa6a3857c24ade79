/// The checksum of zip archives (CRC-32, polynomial 0xEDB88320), eight bytes at a step.
///
/// Slicing by 8 (Kounavis, Berry: A systematic approach to building high performance,
/// software-based, CRC generators, ISCC 2005).
enum CRC32 {
  /// `tables[256 * k + b]`: the remainder of byte `b` followed by `k` zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<8 * 256 {
      let previous = tables[index - 256]
      tables[index] = (previous >> 8) ^ tables[Int(previous & 0xFF)]
    }
    return tables
  }()

  /// The checksum of `bytes`.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var crc = ~UInt32(0)
      var position = 0
      while bytes.count &- position >= 8 {
        let word = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        )
        let low = UInt32(truncatingIfNeeded: word) ^ crc
        let high = UInt32(truncatingIfNeeded: word >> 32)
        crc =
          tables[1792 &+ Int(low & 0xFF)] ^ tables[1536 &+ Int((low >> 8) & 0xFF)]
          ^ tables[1280 &+ Int((low >> 16) & 0xFF)] ^ tables[1024 &+ Int(low >> 24)]
        crc ^=
          tables[768 &+ Int(high & 0xFF)] ^ tables[512 &+ Int((high >> 8) & 0xFF)]
          ^ tables[256 &+ Int((high >> 16) & 0xFF)] ^ tables[Int(high >> 24)]
        position &+= 8
      }
      while position < bytes.count {
        crc = (crc >> 8) ^ tables[Int((crc ^ UInt32(bytes[position])) & 0xFF)]
        position &+= 1
      }
      return ~crc
    }
  }

  /// The checksum of `bytes`.
  static func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { checksum($0) } }
}
