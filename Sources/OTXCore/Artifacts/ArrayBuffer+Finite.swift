extension ArrayBuffer {
  /// How many elements are NaN or infinite; 0 for whole numbers.
  ///
  /// Looks at exponents only: all of its bits are set in such a number, whatever the width.
  package var nonFiniteCount: Int {
    switch elementType {
    case .float32: count(exponent: UInt32(0x7F80_0000))
    case .float64: count(exponent: UInt64(0x7FF0_0000_0000_0000))
    case .float16: count(exponent: UInt16(0x7C00))
    case .bfloat16: count(exponent: UInt16(0x7F80))
    case .int64, .int32, .int16, .int8, .uint8, .bool: 0
    }
  }

  private func count<Word: FixedWidthInteger>(exponent: Word) -> Int {
    bytes.withUnsafeBytes { bytes in
      var count = 0
      var offset = 0
      let size = MemoryLayout<Word>.size
      while offset + size <= bytes.count {
        let word = Word(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Word.self))
        if word & exponent == exponent { count += 1 }
        offset += size
      }
      return count
    }
  }
}
