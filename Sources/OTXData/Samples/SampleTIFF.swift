package import Foundation
package import OTXCore

/// TIFF files of any size, written in an instant: their strips or tiles share a few blocks of bytes.
///
/// For tests and benchmarks of large pictures. What stands at each pixel is known.
package struct SampleTIFF: Sendable {
  package enum Layout: Sendable, Equatable {
    case strips(rowCount: Int)
    /// Sides are multiples of 16.
    case tiles(ImageSize)
  }

  /// What a pixel is stored as.
  package enum Pixel: Sendable { case bit, grey, rgb }

  package var size: ImageSize
  package var layout: Layout
  package var pixel = Pixel.rgb
  /// Whether rows are packed (PackBits).
  package var isPacked = false
  /// EXIF's, 1…8.
  package var orientation = 1

  package init(
    size: ImageSize,
    layout: Layout,
    pixel: Pixel = .rgb,
    isPacked: Bool = false,
    orientation: Int = 1
  ) {
    self.size = size
    self.layout = layout
    self.pixel = pixel
    self.isPacked = isPacked
    self.orientation = orientation
  }

  /// Different blocks; block `n` of the file is the `n % blockCount`-th.
  private var blockCount: Int { min(5, rowCount * columnCount) }

  private var block: ImageSize {
    switch layout {
    case .strips(let rowCount): ImageSize(height: rowCount, width: size.width)
    case .tiles(let tile): tile
    }
  }

  private var columnCount: Int { (size.width + block.width - 1) / block.width }
  private var rowCount: Int { (size.height + block.height - 1) / block.height }

  /// The colour of a pixel as it is stored.
  package func color(y: Int, x: Int) -> [UInt8] {
    let index = y / block.height * columnCount + x / block.width
    return (0..<3).map { channel in
      let kind = index % blockCount
      return level(kind, y % block.height, x % block.width, pixel == .rgb ? channel : 0)
    }
  }

  private func level(_ kind: Int, _ y: Int, _ x: Int, _ channel: Int) -> UInt8 {
    let value = kind * 37 + y / 8 * 13 + x / 48 * 7 + channel * 60
    return pixel == .bit ? (value / 7 % 2 == 0 ? 0 : 255) : UInt8(value & 0xFF)
  }

  /// The stored bytes of a row of a block.
  private func row(_ kind: Int, _ y: Int) -> [UInt8] {
    let plain: [UInt8]
    switch pixel {
    case .rgb:
      plain = (0..<3 * block.width).map { level(kind, y, $0 / 3, $0 % 3) }
    case .grey: plain = (0..<block.width).map { level(kind, y, $0, 0) }
    case .bit:
      plain = (0..<(block.width + 7) / 8).map { byte in
        (0..<8).reduce(0) { $0 << 1 | level(kind, y, 8 * byte + $1, 0) & 1 }
      }
    }
    return isPacked ? SampleTIFF.packed(plain) : plain
  }

  /// PackBits (TIFF 6.0, section 9).
  private static func packed(_ row: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var start = 0
    while start < row.count {
      var end = start + 1
      while end < row.count, end - start < 128, row[end] == row[start] { end += 1 }
      // A run of n is 1 - n; a single byte is a literal of one.
      let length = end - start
      result += [UInt8(truncatingIfNeeded: 1 - length), row[start]]
      start = end
    }
    return result
  }

  /// Writes the file.
  package func write(to url: URL) throws {
    var bytes = Data([0x49, 0x49, 42, 0, 0, 0, 0, 0])
    func append(_ value: Int, size: Int) {
      for byte in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
    }
    var starts: [Int] = []
    // Bytes of the first rows of each block: the last strip may have fewer than the others.
    var ends: [[Int]] = []
    for kind in 0..<blockCount {
      starts.append(bytes.count)
      var count = 0
      ends.append([0])
      var row: [UInt8] = []
      for y in 0..<block.height {
        // Eight rows are the same.
        if y % 8 == 0 { row = self.row(kind, y) }
        bytes.append(contentsOf: row)
        count += row.count
        ends[kind].append(count)
      }
    }
    let indices = 0..<rowCount * columnCount
    let offsets = bytes.count
    for index in indices { append(starts[index % blockCount], size: 4) }
    let counts = bytes.count
    for index in indices {
      let isStrip = if case .strips = layout { true } else { false }
      let rows = isStrip ? min(block.height, size.height - index * block.height) : block.height
      append(ends[index % blockCount][rows], size: 4)
    }
    let bitsOffset = bytes.count
    for _ in 0..<3 { append(8, size: 2) }

    /// One entry of the directory: a number, or where several stand.
    func entry(_ tag: Int, _ type: Int, _ count: Int, _ value: Int) {
      append(tag, size: 2)
      append(type, size: 2)
      append(count, size: 4)
      append(value, size: 4)
    }
    let directory = bytes.count
    let isRGB = pixel == .rgb
    append(isTiled ? 12 : 11, size: 2)
    entry(256, 4, 1, size.width)
    entry(257, 4, 1, size.height)
    entry(258, 3, isRGB ? 3 : 1, isRGB ? bitsOffset : pixel == .bit ? 1 : 8)
    entry(259, 3, 1, isPacked ? 32773 : 1)
    entry(262, 3, 1, isRGB ? 2 : 1)
    if !isTiled { entry(273, 4, indices.count, indices.count == 1 ? starts[0] : offsets) }
    entry(274, 3, 1, orientation)
    entry(277, 3, 1, isRGB ? 3 : 1)
    let count = indices.count == 1 ? ends[0][min(block.height, size.height)] : counts
    if isTiled {
      entry(284, 3, 1, 1)
      entry(322, 4, 1, block.width)
      entry(323, 4, 1, block.height)
      entry(324, 4, indices.count, indices.count == 1 ? starts[0] : offsets)
      entry(325, 4, indices.count, count)
    } else {
      entry(278, 4, 1, block.height)
      entry(279, 4, indices.count, count)
      entry(284, 3, 1, 1)
    }
    append(0, size: 4)
    for byte in 0..<4 { bytes[4 + byte] = UInt8(truncatingIfNeeded: directory >> (8 * byte)) }
    try bytes.write(to: url)
  }

  private var isTiled: Bool { if case .tiles = layout { true } else { false } }
}
