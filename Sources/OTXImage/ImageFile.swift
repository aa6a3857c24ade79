public import Foundation
public import OTXCore

/// Reads and writes picture files.
public enum ImageFile {
  /// Whether EXIF's orientation turns the pixels.
  public enum OrientationUse: Sendable {
    /// As a person sees the picture.
    case applied
    /// As the pixels are stored: what some annotation tools drew their boxes on.
    case ignored
  }

  /// Decodes a JPEG, PNG, BMP, TIFF or WebP file, whatever its name ends in.
  ///
  /// A damaged picture is an error and never a half-grey picture.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` that names the file and what is wrong.
  public static func read(_ url: URL, orientation: OrientationUse = .applied) throws -> Image {
    let file = try ReadableFile(url)
    return try decode(file.allBytes(), name: file.name, orientation: orientation)
  }

  /// Decodes a picture file's bytes; errors call the picture `name`.
  public static func decode(
    _ bytes: [UInt8],
    name: String,
    orientation: OrientationUse = .applied
  ) throws -> Image {
    try decode(
      bytes,
      header: ImageHeader(of: bytes, name: name),
      name: name,
      orientation: orientation
    )
  }

  /// Decodes a picture whose header was read before.
  ///
  /// - Parameters:
  ///   - bytes: The file.
  ///   - header: What its header says.
  ///   - name: What errors call the picture.
  ///   - orientation: Whether EXIF's orientation turns the pixels.
  ///   - reduction: 1, or what each side of a JPEG is divided by while decoding: 2, 4 or 8; sides are
  ///     rounded up.
  /// - Returns: The picture.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package static func decode(
    _ bytes: [UInt8],
    header: ImageHeader,
    name: String,
    orientation: OrientationUse,
    reduction: Int = 1
  ) throws -> Image {
    try header.checkFitsWhole(name: name)
    let image: Image =
      switch header.format {
      case .jpeg:
        try JPEGCodec.decode(bytes, header: header, name: name, reduction: reduction)
      case .png: try PNGCodec.decode(bytes, header: header, name: name)
      case .bmp: try BMPCodec.decode(bytes, header: header, name: name)
      case .tiff: try TIFFCodec.decode(bytes, header: header, name: name)
      case .webp: try WebPCodec.decode(bytes, header: header, name: name)
      }
    guard orientation == .applied, header.orientation != 1 else { return image }
    return try image.oriented(header.orientation)
  }

  /// Height and width of a picture as ``read(_:orientation:)`` gives it, from the header alone.
  public static func size(of url: URL) throws -> ImageSize { try ImageHeader(of: url).size }

  /// The bytes of a JPEG file; from `quality` 90 (of 100) on, colours have full resolution.
  public static func jpeg(_ image: Image, quality: Int = 95) throws -> [UInt8] {
    try JPEGCodec.encode(image, quality: quality)
  }

  /// The bytes of a PNG file.
  public static func png(_ image: Image) throws -> [UInt8] { try PNGCodec.encode(image, level: 3) }

  /// Writes a picture in the format that the name ends in: `.png`, else JPEG.
  ///
  /// Written beside the name first and renamed, so that a good file is never half replaced.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` when the folder cannot be written to.
  public static func write(_ image: Image, to url: URL, quality: Int = 95) throws {
    let isPNG = url.pathExtension.lowercased() == "png"
    let bytes = isPNG ? try png(image) : try jpeg(image, quality: quality)
    do {
      try Data(bytes).write(to: url, options: .atomic)
    } catch {
      throw DataError.unreadable(
        file: url.path,
        reason: "cannot be written: \(error.reason)"
      )
    }
  }
}
