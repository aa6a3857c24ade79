extension [UInt8] {
  /// The little-endian number of `count` bytes at `offset`; 0 beyond the end, -1 for one too large.
  package func little(_ offset: Int, _ count: Int) -> Int {
    guard offset >= 0, offset + count <= self.count else { return 0 }
    var value: UInt64 = 0
    for index in (0..<count).reversed() { value = value << 8 | UInt64(self[offset + index]) }
    return Int(exactly: value) ?? -1
  }
}
