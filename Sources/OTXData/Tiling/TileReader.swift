import Foundation
import OTXCore
import OTXImage

/// Reads the pixels of tiles.
///
/// Of a TIFF that would take much memory only the bands of rows that a tile needs are decoded; other
/// pictures are decoded as a whole. Either serves all the tiles that are cut from it.
struct TileReader: Sendable {
  let pictures: DecodedPictures
  /// Where whole pictures are kept between epochs.
  var cache: PictureCache?

  /// Pictures of more bytes, decoded, are read in bands where their format allows it.
  static let wholeByteCount = 64 << 20

  /// Whether a picture of a size is read in bands; looks at the file's first bytes where it is large.
  static func isReadInParts(_ item: DatasetItem, size: ImageSize) -> Bool {
    guard size.pixelCount * Image.channelCount > wholeByteCount, case .path(let path) = item.image,
      let start = try? ReadableFile(path.url).bytes(at: 0, count: 16),
      let format = ImageFormat(magic: start)
    else { return false }
    return PictureRegions.canRead(format)
  }

  /// A tile's pixels.
  ///
  /// - Parameters:
  ///   - tile: Of the item's picture.
  ///   - item: The picture.
  ///   - smallest: Of a tile that is the whole picture, the size that is enough.
  /// - Returns: The pixels; of a whole picture perhaps a reduced one.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  func pixels(
    of tile: PictureTile,
    in item: DatasetItem,
    enough smallest: ImageSize
  ) throws -> DecodedPicture {
    guard case .path(let path) = item.image else {
      let image = try whole(item)
      return DecodedPicture(image: try part(tile, of: image), originalSize: tile.pictureSize)
    }
    let header = try ImageHeader(of: path.url)
    let isOriented = try header.isOriented(stated: item.size, file: path.path)
    guard (isOriented ? header.size : header.storedSize) == tile.pictureSize else {
      throw DataError.unreadable(file: path.path, reason: "has another size now")
    }
    let isLarge = tile.pictureSize.pixelCount * Image.channelCount > TileReader.wholeByteCount
    guard isLarge, PictureRegions.canRead(header.format) else {
      return DecodedPicture(image: try part(tile, of: whole(item)), originalSize: tile.pictureSize)
    }
    if tile.isWhole {
      return try PictureFile.decodeLarge(
        path.url,
        header: header,
        isOriented: isOriented,
        enough: smallest
      )
    }
    let regions = try PictureRegions(path.url, header: header, isOriented: isOriented)
    let image = try regions.image(of: tile.region) { rows, decode in
      try pictures.image(DecodedPictures.Key(path: path.path, rows: rows), decode)
    }
    return DecodedPicture(image: image, originalSize: tile.pictureSize)
  }

  private func part(_ tile: PictureTile, of image: Image) throws -> Image {
    guard image.size == tile.pictureSize else {
      throw DataError.invalidItem(
        "a picture of \(image.size)",
        reason: "had \(tile.pictureSize) pixels when it was cut into tiles"
      )
    }
    return tile.isWhole ? image : try image.cropped(to: tile.region)
  }

  /// An item's whole picture.
  private func whole(_ item: DatasetItem) throws -> Image {
    if case .memory(let image) = item.image { return image }
    let kept = PictureCache.Key(of: item, isPrepared: false)
    if let cache, let kept, let entry = cache.entry(kept) { return entry.picture.image }
    let key = DecodedPictures.Key(
      path: kept?.path ?? item.id,
      statedSize: kept?.statedSize,
      rows: 0..<0
    )
    return try pictures.image(key) {
      let picture = try PictureFile.decode(item)
      if let cache, let kept { cache.keep(PictureCache.Entry(picture: picture), as: kept) }
      return picture.image
    }
  }
}

extension ImageHeader {
  /// Whether a picture is to be turned as EXIF asks, where its dataset states a size.
  ///
  /// Where that is the size of the pixels as they are stored, boxes were drawn on those.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` when it is neither size.
  func isOriented(stated: ImageSize?, file: String) throws -> Bool {
    guard let stated, stated != size else { return true }
    guard stated == storedSize else {
      throw DataError.unreadable(
        file: file,
        reason: "has \(size) pixels now; it had \(stated) when it was read"
      )
    }
    return false
  }
}
