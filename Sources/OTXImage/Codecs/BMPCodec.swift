import OTXCore

/// Windows bitmaps without compression: 8-bit palettes, 24 and 32 bits a pixel.
enum BMPCodec {
  /// Where a bitmap's parts are, all little-endian.
  private struct Layout {
    var pixelOffset: Int
    var paletteOffset: Int
    var paletteCount: Int
    var size: ImageSize
    var isBottomUp: Bool
    var bitsPerPixel: Int
    var rowStride: Int { (size.width * bitsPerPixel + 31) / 32 * 4 }
  }

  private static func layout(_ source: HeaderBytes) throws -> Layout {
    let bytes = try source.require(0, 54)
    func number(_ offset: Int) -> Int { bytes.number32(at: offset, littleEndian: true) }
    let headerSize = number(14)
    guard headerSize >= 40 else { throw source.failure("is a BMP of an unsupported kind (OS/2)") }
    let width = Int(Int32(truncatingIfNeeded: number(18)))
    let height = Int(Int32(truncatingIfNeeded: number(22)))
    let bits = bytes.number16(at: 28, littleEndian: true)
    let compression = number(30)
    // 3 names channel masks; those of 32 bits are blue, green, red, alpha wherever seen.
    guard [8, 24, 32].contains(bits), compression == 0 || (compression == 3 && bits == 32) else {
      throw source.failure(
        "is a BMP of an unsupported kind (\(bits) bits, compression \(compression))"
      )
    }
    guard width > 0, height != 0, width <= ImageHeader.maximumPixelCount / abs(height) else {
      throw source.failure("claims a size of \(height)x\(width)")
    }
    let colors = number(46)
    return Layout(
      pixelOffset: number(10),
      paletteOffset: 14 + headerSize,
      paletteCount: bits == 8 ? (colors == 0 ? 256 : min(colors, 256)) : 0,
      size: ImageSize(height: abs(height), width: width),
      isBottomUp: height > 0,
      bitsPerPixel: bits
    )
  }

  static func header(_ source: HeaderBytes) throws -> ImageHeader {
    let layout = try layout(source)
    return ImageHeader(
      format: .bmp,
      storedSize: layout.size,
      orientation: 1,
      hasEnd: layout.pixelOffset + layout.rowStride * layout.size.height <= source.count
    )
  }

  static func decode(_ bytes: [UInt8], header: ImageHeader, name: String) throws -> Image {
    let source = HeaderBytes(name: name, count: bytes.count) { position, count in
      Array(bytes[min(position, bytes.count)..<min(position + count, bytes.count)])
    }
    let layout = try layout(source)
    let size = layout.size
    guard header.hasEnd, layout.paletteOffset + 4 * layout.paletteCount <= bytes.count else {
      throw source.failure("is a damaged BMP: the file ends too early")
    }
    var image = Image(size: size)
    let step = layout.bitsPerPixel / 8
    for row in 0..<size.height {
      let stored = layout.isBottomUp ? size.height - 1 - row : row
      var from = layout.pixelOffset + stored * layout.rowStride
      var to = row * size.width * Image.channelCount
      for _ in 0..<size.width {
        var color = from
        if step == 1 {
          let index = Int(bytes[from])
          guard index < layout.paletteCount else {
            throw source.failure("is a damaged BMP: a pixel points outside the palette")
          }
          color = layout.paletteOffset + 4 * index
        }
        image.pixels[to] = bytes[color + 2]
        image.pixels[to + 1] = bytes[color + 1]
        image.pixels[to + 2] = bytes[color]
        from += step
        to += Image.channelCount
      }
    }
    return image
  }

  /// Indices of a palette as they are stored; nothing of a bitmap of colours.
  static func values(
    _ bytes: [UInt8],
    header: ImageHeader,
    name: String
  ) throws -> (values: [UInt32], isColor: Bool) {
    let source = HeaderBytes(name: name, count: bytes.count) { position, count in
      Array(bytes[min(position, bytes.count)..<min(position + count, bytes.count)])
    }
    let layout = try layout(source)
    guard layout.bitsPerPixel == 8 else { return ([], true) }
    let size = layout.size
    guard header.hasEnd else {
      throw source.failure("is a damaged BMP: the file ends too early")
    }
    var values: [UInt32] = []
    values.reserveCapacity(size.height * size.width)
    for row in 0..<size.height {
      let stored = layout.isBottomUp ? size.height - 1 - row : row
      let start = layout.pixelOffset + stored * layout.rowStride
      values += bytes[start..<start + size.width].map { UInt32($0) }
    }
    return (values, false)
  }
}
