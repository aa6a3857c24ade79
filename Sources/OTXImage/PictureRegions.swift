import CTIFF
package import Foundation
package import OTXCore

/// A picture file that is read in parts, so that it never stands in memory as a whole.
///
/// For files of which a part can be decoded without what is before it: TIFF, whose strips or tiles
/// are decoded one at a time. For one thread at a time.
package final class PictureRegions {
  /// Size of the picture, turned as EXIF asks where it is.
  package let size: ImageSize
  private let name: String
  private let storedSize: ImageSize
  private let orientation: Int
  private let file: OpaquePointer

  /// Whether files of a format can be read in parts.
  package static func canRead(_ format: ImageFormat) -> Bool { format == .tiff }

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - header: What its header says.
  ///   - isOriented: Whether EXIF's orientation turns the picture; regions are of the turned one then.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package init(_ url: URL, header: ImageHeader, isOriented: Bool) throws {
    name = url.path
    storedSize = header.storedSize
    orientation = isOriented ? header.orientation : 1
    size = isOriented ? header.size : header.storedSize
    guard PictureRegions.canRead(header.format) else {
      throw DataError.unreadable(
        file: name,
        reason: "is a \(header.format.rawValue) of \(size) pixels, and only TIFF files are read in "
          + "parts: convert it to a tiled TIFF"
      )
    }
    guard header.hasEnd else {
      throw DataError.unreadable(file: name, reason: "is a damaged TIFF: the file ends too early")
    }
    var message = [CChar](repeating: 0, count: 256)
    var (height, width): (UInt32, UInt32) = (0, 0)
    guard let file = otx_tiff_open(name, &height, &width, &message, message.count) else {
      throw DataError.unreadable(
        file: name,
        reason: "is a TIFF that cannot be read: \(text(message))"
      )
    }
    guard Int(height) == storedSize.height, Int(width) == storedSize.width else {
      otx_tiff_close(file)
      throw DataError.unreadable(file: name, reason: "changed while it was read")
    }
    self.file = file
  }

  deinit { otx_tiff_close(file) }

  /// Decodes a part of the picture.
  ///
  /// - Parameter region: Inside the picture, of the size ``size``.
  /// - Returns: Its pixels.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package func image(of region: PixelRegion) throws -> Image {
    try check(region)
    let stored = try storedImage(of: region.stored(in: storedSize, orientation: orientation))
    return orientation == 1 ? stored : try stored.oriented(orientation)
  }

  /// Puts a part of the picture together from bands that may be kept for the next part.
  ///
  /// Bands are whole rows of the picture as it is stored, always the same ones, and hold whole strips
  /// or rows of tiles.
  ///
  /// - Parameters:
  ///   - region: Inside the picture, of the size ``size``.
  ///   - band: Given the rows of a band and a way to decode it, gives the band.
  /// - Returns: The region's pixels.
  /// - Throws: ``DataError/unreadable(file:reason:)``, and what `band` throws.
  package func image(
    of region: PixelRegion,
    band: (_ rows: Range<Int>, _ decode: () throws -> Image) throws -> Image
  ) throws -> Image {
    try check(region)
    let stored = region.stored(in: storedSize, orientation: orientation)
    let height = bandHeight
    var image = Image(size: stored.size)
    for number in stored.y / height...(stored.y + stored.height - 1) / height {
      let rows = number * height..<min((number + 1) * height, storedSize.height)
      let source = try band(rows) {
        try storedImage(
          of: PixelRegion(y: rows.lowerBound, x: 0, height: rows.count, width: storedSize.width)
        )
      }
      let part = rows.clamped(to: stored.y..<stored.y + stored.height)
      image.copyRows(
        part.count,
        from: source,
        at: (part.lowerBound - rows.lowerBound, stored.x),
        to: part.lowerBound - stored.y
      )
    }
    return orientation == 1 ? image : try image.oriented(orientation)
  }

  /// Rows of a band: about 8 MiB, and whole strips or tiles.
  ///
  /// A strip of a large part of the picture is decoded from its start for each of its bands, so these
  /// are fewer then.
  private var bandHeight: Int {
    let rowBytes = storedSize.width * Image.channelCount
    let stored = max(Int(otx_tiff_block_height(file)), 1)
    let isLarge = stored * rowBytes > 1 << 25
    let wanted = max((isLarge ? 3 << 25 : 1 << 23) / rowBytes, 1)
    return isLarge ? min(wanted, stored) : max(wanted / stored, 1) * stored
  }

  /// The whole picture with its sides divided and rounded up: each pixel the mean of a square.
  ///
  /// Read band by band; besides the result a band of it is in memory.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package func image(reducedBy divisor: Int) throws -> Image {
    let reduced = storedSize.divided(by: divisor)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(reduced.height * reduced.width * Image.channelCount)
    // About 16 MiB a band, in whole squares.
    let rowCount =
      max((1 << 24) / (storedSize.width * Image.channelCount) / divisor, 1) * divisor
    for y in stride(from: 0, to: storedSize.height, by: rowCount) {
      let height = min(rowCount, storedSize.height - y)
      let band = PixelRegion(y: y, x: 0, height: height, width: storedSize.width)
      pixels += try storedImage(of: band).squareMeans(divisor).pixels
    }
    let image = Image(size: reduced, pixels: pixels)
    return orientation == 1 ? image : try image.oriented(orientation)
  }

  private func check(_ region: PixelRegion) throws {
    guard region.isInside(size), region.pixelCount <= ImageHeader.maximumPixelCount else {
      throw DataError.invalidItem("a picture of \(size)", reason: "has no part \(region)")
    }
  }

  /// A part of the picture as it is stored.
  private func storedImage(of region: PixelRegion) throws -> Image {
    var message = [CChar](repeating: 0, count: 256)
    var status: Int32 = 0
    let count = region.pixelCount * Image.channelCount
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      status = otx_tiff_read_region(
        file,
        UInt32(region.y),
        UInt32(region.x),
        UInt32(region.height),
        UInt32(region.width),
        buffer.baseAddress,
        &message,
        message.count
      )
      initialized = count
    }
    guard status == 0 else {
      throw DataError.unreadable(
        file: name,
        reason: "is a TIFF that cannot be read: \(text(message))"
      )
    }
    return Image(size: region.size, pixels: pixels)
  }
}

extension Image {
  /// Takes over rows of another picture, as many columns as this one has.
  fileprivate mutating func copyRows(
    _ count: Int,
    from other: Image,
    at corner: (y: Int, x: Int),
    to row: Int
  ) {
    let byteCount = width * Image.channelCount
    let otherWidth = other.width
    pixels.withUnsafeMutableBytes { target in
      other.pixels.withUnsafeBytes { source in
        for index in 0..<count {
          let from = ((corner.y + index) * otherWidth + corner.x) * Image.channelCount
          target[(row + index) * byteCount..<(row + index + 1) * byteCount]
            .copyBytes(from: source[from..<from + byteCount])
        }
      }
    }
  }

  /// Each pixel the mean of a square of `side` pixels; squares at the right and at the bottom may
  /// be cut.
  fileprivate func squareMeans(_ side: Int) throws -> Image {
    let reduced = size.divided(by: side)
    let whole = ImageSize(height: height / side, width: width / side)
    var result: Image
    if whole.height > 0, whole.width > 0 {
      result = try resized(
        to: whole,
        region: PixelRegion(y: 0, x: 0, height: whole.height * side, width: whole.width * side),
        interpolation: .area,
        canvas: reduced
      )
    } else {
      result = Image(size: reduced)
    }
    for row in 0..<reduced.height {
      for column in row < whole.height ? whole.width..<reduced.width : 0..<reduced.width {
        let square = PixelRegion(
          y: row * side,
          x: column * side,
          height: min(side, height - row * side),
          width: min(side, width - column * side)
        )
        let mean = mean(of: square)
        let start = (row * reduced.width + column) * Image.channelCount
        result.pixels.replaceSubrange(start..<start + Image.channelCount, with: mean)
      }
    }
    return result
  }

  private func mean(of region: PixelRegion) -> [UInt8] {
    (0..<Image.channelCount).map { channel in
      var sum = 0
      for y in region.y..<region.y + region.height {
        for x in region.x..<region.x + region.width {
          sum += Int(pixels[(y * width + x) * Image.channelCount + channel])
        }
      }
      return UInt8((sum + region.pixelCount / 2) / region.pixelCount)
    }
  }
}

extension PixelRegion {
  package var pixelCount: Int { height * width }

  /// Where the region of a turned picture lies in the stored one.
  ///
  /// - Parameters:
  ///   - size: Of the stored picture.
  ///   - orientation: EXIF's, 1…8: how it is turned.
  /// - Returns: A region of the stored picture.
  func stored(in size: ImageSize, orientation: Int) -> PixelRegion {
    // Of the far sides, for axes that run backwards.
    let isTurned = orientation >= 5
    let (rows, columns) = isTurned ? (width, height) : (height, width)
    let (first, second) = isTurned ? (x, y) : (y, x)
    let isRowReversed = [3, 4, 6, 7].contains(orientation)
    let isColumnReversed = [2, 3, 7, 8].contains(orientation)
    return PixelRegion(
      y: isRowReversed ? size.height - first - rows : first,
      x: isColumnReversed ? size.width - second - columns : second,
      height: rows,
      width: columns
    )
  }
}
