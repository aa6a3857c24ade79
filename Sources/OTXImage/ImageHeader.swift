public import Foundation
public import OTXCore

/// The file formats that are read, recognised by their first bytes and never by their names.
public enum ImageFormat: String, Sendable, CaseIterable {
  case jpeg, png, bmp, tiff, webp

  /// The format that a file beginning with `bytes` has.
  package init?(magic bytes: some Collection<UInt8>) {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: [0x42, 0x4D]) {
      self = .bmp
    } else if ImageFormat.tiffStarts.contains(Array(bytes.prefix(4))) {
      self = .tiff
    } else if bytes.starts(with: Array("RIFF".utf8)),
      bytes.dropFirst(8).starts(with: Array("WEBP".utf8))
    {
      self = .webp
    } else {
      return nil
    }
  }

  /// Little-endian and big-endian, classic and BigTIFF.
  private static let tiffStarts: [[UInt8]] = [
    [0x49, 0x49, 42, 0], [0x4D, 0x4D, 0, 42], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 43],
  ]

  /// File name endings that datasets use for pictures, lower case.
  public static let fileExtensions: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "tif", "tiff", "webp",
  ]

  /// Endings of pictures that are not read: a dataset that holds such files is told so.
  public static let unreadExtensions: Set<String> = [
    "gif", "heic", "heif", "avif", "jp2", "j2k", "jpx", "jxl",
  ]
}

/// What a picture's header says, without decoding it.
public struct ImageHeader: Sendable, Equatable {
  public var format: ImageFormat
  /// Size of the stored pixels, before ``orientation`` turns them.
  public var storedSize: ImageSize
  /// EXIF's orientation, 1…8; 1 where there is none.
  public var orientation: Int
  /// Whether the file's last bytes are those of a whole picture; not proof that it is one.
  public var hasEnd: Bool
  /// Whether the file holds more pictures, pages or frames; the first is the one that is read.
  public var hasMorePictures: Bool

  /// Size of the picture as it is to be looked at.
  public var size: ImageSize {
    orientation >= 5
      ? ImageSize(height: storedSize.width, width: storedSize.height) : storedSize
  }

  /// Pictures of more pixels are not decoded as a whole: a small file can claim to be larger than
  /// memory.
  public static let maximumPixelCount = 1 << 28

  /// The same for formats of which parts can be read (TIFF); those of more pixels are refused.
  public static let maximumPixelCountInParts = 1 << 36

  /// Whether the picture can be decoded as a whole, and not only in parts.
  package var fitsWhole: Bool {
    storedSize.height * storedSize.width <= ImageHeader.maximumPixelCount
  }

  /// - Throws: ``DataError/unreadable(file:reason:)`` for a picture that can only be read in parts.
  func checkFitsWhole(name: String) throws {
    guard fitsWhole else {
      throw DataError.unreadable(
        file: name,
        reason: "has \(storedSize) pixels, more than the \(ImageHeader.maximumPixelCount) that "
          + "are read at once; it can be read in tiles (data.tiling.enabled=true)"
      )
    }
  }

  /// Reads a header from a file; a few hundred bytes of it.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` that names the file and what is wrong.
  public init(of url: URL) throws {
    let file = try ReadableFile(url)
    try self.init(HeaderBytes(name: file.name, count: file.byteCount, read: file.bytes))
  }

  /// Reads a header from a file's bytes.
  package init(of bytes: [UInt8], name: String) throws {
    let source = HeaderBytes(name: name, count: bytes.count) { position, count in
      Array(bytes[min(position, bytes.count)..<min(position + count, bytes.count)])
    }
    try self.init(source)
  }

  init(
    format: ImageFormat,
    storedSize: ImageSize,
    orientation: Int,
    hasEnd: Bool,
    hasMorePictures: Bool = false
  ) {
    self.hasMorePictures = hasMorePictures
    self.format = format
    self.storedSize = storedSize
    self.orientation = orientation
    self.hasEnd = hasEnd
  }

  private init(_ source: HeaderBytes) throws {
    let magic = try source.read(0, 64)
    guard !magic.isEmpty else { throw source.failure("is empty (0 bytes)") }
    guard let format = ImageFormat(magic: magic) else {
      throw source.failure(
        "is not a picture in a known format (\(ImageHeader.kind(of: magic))); "
          + "JPEG, PNG, BMP, TIFF and WebP are read"
      )
    }
    switch format {
    case .jpeg: self = try JPEGHeader.read(source)
    case .png: self = try PNGCodec.header(source)
    case .bmp: self = try BMPCodec.header(source)
    case .tiff: self = try TIFFCodec.header(source)
    case .webp: self = try WebPCodec.header(source)
    }
    guard storedSize.height > 0, storedSize.width > 0 else {
      throw source.failure("claims a size of \(storedSize)")
    }
    let (pixels, overflow) = storedSize.height.multipliedReportingOverflow(by: storedSize.width)
    let limit =
      PictureRegions.canRead(format)
      ? ImageHeader.maximumPixelCountInParts : ImageHeader.maximumPixelCount
    // libtiff counts rows and columns in 32 bits.
    let longest = max(storedSize.height, storedSize.width)
    guard !overflow, pixels <= limit, longest < 1 << 31 else {
      throw source.failure("claims a size of \(storedSize), more than \(limit) pixels")
    }
  }

  /// Formats that are not read, by their first bytes, and what to do about it.
  private static func foreignFormat(_ magic: [UInt8]) -> String? {
    func has(_ bytes: [UInt8], at offset: Int = 0) -> Bool {
      magic.dropFirst(offset).starts(with: bytes)
    }
    func has(_ text: String, at offset: Int = 0) -> Bool { has(Array(text.utf8), at: offset) }
    if has("GIF8") { return "a GIF: convert it to PNG" }
    if has("jP  ", at: 4) || has([0xFF, 0x4F, 0xFF, 0x51]) {
      return "a JPEG 2000 picture: convert it to PNG or JPEG"
    }
    if has("JXL ", at: 4) || has([0xFF, 0x0A]) { return "a JPEG XL picture: convert it to JPEG" }
    if has("ftyp", at: 4) {
      let brand = String(decoding: magic.dropFirst(8).prefix(4), as: UTF8.self)
      if ["avif", "avis"].contains(brand) { return "an AVIF picture: convert it to PNG or JPEG" }
      let isHEIF = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"].contains(brand)
      return isHEIF ? "a HEIC picture: convert it to JPEG or PNG" : "a video, not a picture"
    }
    if has("8BPS") { return "a Photoshop file: export it as PNG" }
    if has("%PDF") { return "a PDF: export its pictures as PNG" }
    if has([0x76, 0x2F, 0x31, 0x01]) { return "an OpenEXR picture: convert it to PNG" }
    if has("PK\u{3}\u{4}") { return "a zip archive: unpack it" }
    return nil
  }

  /// A guess at what a file is that no codec knows, to help who put it there.
  private static func kind(of magic: [UInt8]) -> String {
    func has(_ text: String, at offset: Int = 0) -> Bool {
      magic.dropFirst(offset).starts(with: Array(text.utf8))
    }
    if let known = foreignFormat(magic) { return "it is \(known)" }
    if has("<svg") || has("<?xml") || has("<!DOCTYPE") || has("<html") {
      return "it holds markup text"
    }
    if magic.allSatisfy({ $0 == 0 }) { return "it holds zeros" }
    if has("version https://git-lfs") { return "it is a Git LFS pointer: fetch the file itself" }
    let isText = magic.allSatisfy { $0 == 9 || $0 == 10 || $0 == 13 || ($0 >= 32 && $0 != 127) }
    guard isText else { return "unknown first bytes" }
    // What copying without links makes of a symbolic link.
    let text = String(decoding: magic, as: UTF8.self)
    let ending = text.split(separator: ".").last.map { $0.lowercased() } ?? ""
    let isPath =
      magic.count < 64 && text.contains("/") && ImageFormat.fileExtensions.contains(ending)
    return isPath
      ? "it holds the text '\(text)': a symbolic link copied as a file?" : "it holds text"
  }
}

/// Bytes of a file that a header parser asks for.
struct HeaderBytes {
  let name: String
  let count: Int
  let read: (_ position: Int, _ count: Int) throws -> [UInt8]

  func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }

  /// Exactly `count` bytes.
  func require(_ position: Int, _ count: Int) throws -> [UInt8] {
    let bytes = try read(position, count)
    guard bytes.count == count else { throw failure("the picture is cut short in its header") }
    return bytes
  }
}

extension Array where Element == UInt8 {
  /// A big-endian or little-endian number of two bytes.
  func number16(at index: Int, littleEndian: Bool = false) -> Int {
    let (a, b) = (Int(self[index]), Int(self[index + 1]))
    return littleEndian ? a | b << 8 : a << 8 | b
  }

  /// A big-endian or little-endian number of four bytes, unsigned.
  func number32(at index: Int, littleEndian: Bool = false) -> Int {
    let high = number16(at: littleEndian ? index + 2 : index, littleEndian: littleEndian)
    let low = number16(at: littleEndian ? index : index + 2, littleEndian: littleEndian)
    return high << 16 | low
  }
}
