public import Foundation
public import OTXCore

/// A picture as one number a pixel, as files of labels need it: nothing scaled, no palette applied.
public struct IndexImage: Sendable, Equatable {
  /// How a pixel becomes a number.
  public enum Reading: Sendable, Hashable {
    /// The stored grey value (1 to 16 bits; TIFF also 32) or palette index.
    case index
    /// `red << 16 | green << 8 | blue`; of palettes and grey pictures the colours they show.
    case color
  }

  public let size: ImageSize
  /// `height * width` numbers, row by row.
  public let values: [UInt32]

  /// - Precondition: `values` holds `height * width` numbers.
  public init(size: ImageSize, values: [UInt32]) {
    precondition(values.count == size.height * size.width)
    (self.size, self.values) = (size, values)
  }

  /// Decodes a picture file.
  ///
  /// EXIF's orientation is not applied: labels are drawn on stored pixels. A colour picture that is
  /// read as ``Reading/index`` must be grey in all its pixels.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  public static func read(_ url: URL, as reading: Reading) throws -> IndexImage {
    let file = try ReadableFile(url)
    return try decode(file.allBytes(), name: file.name, as: reading)
  }

  /// Decodes a picture file's bytes; errors call the picture `name`.
  public static func decode(
    _ bytes: [UInt8],
    name: String,
    as reading: Reading
  ) throws -> IndexImage {
    let header = try ImageHeader(of: bytes, name: name)
    try header.checkFitsWhole(name: name)
    let decoded: (values: [UInt32], isColor: Bool)
    switch header.format {
    case .png:
      decoded = try PNGCodec.values(
        bytes,
        header: header,
        name: name,
        asColors: reading == .color
      )
    case .bmp where reading == .index:
      decoded = try BMPCodec.values(bytes, header: header, name: name)
    case .tiff where reading == .index:
      decoded = try TIFFCodec.values(bytes, header: header, name: name)
    default: decoded = ([], true)
    }
    var values = decoded.values
    if values.isEmpty {
      values = colors(
        of: try ImageFile.decode(bytes, header: header, name: name, orientation: .ignored)
      )
    }
    if reading == .index, decoded.isColor { try makeGrey(&values, name: name) }
    return IndexImage(size: header.storedSize, values: values)
  }

  /// Whether a file's pixels are colours, and neither grey values nor indices of a palette; of PNG
  /// and BMP files from the header alone.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package static func storage(of url: URL) throws -> Storage {
    let file = try ReadableFile(url)
    let start = try file.bytes(at: 0, count: 33)
    switch ImageFormat(magic: start) {
    case .png where start.count == 33:
      switch start[25] {
      case 0, 4: return .grey
      case 3: return .palette
      default: return .color
      }
    case .bmp where start.count == 33:
      return start.number16(at: 28, littleEndian: true) <= 8 ? .palette : .color
    case .tiff:
      let bytes = try file.allBytes()
      let header = try ImageHeader(of: bytes, name: file.name)
      try header.checkFitsWhole(name: file.name)
      let isColor = try TIFFCodec.values(bytes, header: header, name: file.name).isColor
      return isColor ? .color : .grey
    default: return .color
    }
  }

  /// What the pixels of a file are.
  package enum Storage: Sendable { case grey, palette, color }

  private static func colors(of image: Image) -> [UInt32] {
    let pixels = image.pixels
    return (0..<image.height * image.width).map { index in
      UInt32(pixels[3 * index]) << 16 | UInt32(pixels[3 * index + 1]) << 8
        | UInt32(pixels[3 * index + 2])
    }
  }

  /// Takes colours whose three parts are the same as that number.
  private static func makeGrey(_ values: inout [UInt32], name: String) throws {
    for index in values.indices {
      let blue = values[index] & 0xFF
      guard values[index] == blue << 16 | blue << 8 | blue else {
        throw DataError.unreadable(
          file: name,
          reason: "is a colour picture where a number for each pixel is expected"
        )
      }
      values[index] = blue
    }
  }

  /// The bytes of a grey PNG: of 8 bits where all numbers are below 256, else of 16 bits.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for numbers of more than 16 bits.
  public func png() throws -> [UInt8] {
    let largest = values.max() ?? 0
    guard largest <= 0xFFFF else {
      throw DataError.unreadable(
        file: "a picture in memory",
        reason: "cannot be encoded as PNG: the number \(largest) has more than 16 bits"
      )
    }
    let samples =
      largest < 256
      ? values.map { UInt8($0) }
      : values.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    return try PNGCodec.encodeGrey(samples, size: size, bits: largest < 256 ? 8 : 16, level: 3)
  }
}
