import CTIFF
import OTXCore

/// TIFF by libtiff: strips and tiles, every compression that the library was built with, 1 to 16
/// bits a sample and 32-bit floats, as RGB of 8 bits a channel.
///
/// 16-bit samples are rounded to 8 bits and CMYK becomes RGB without a colour profile, as OpenCV
/// does (both use libtiff's RGBA reader); alpha is dropped and colours stay as they are stored.
/// Floats are taken as 0 for black and 1 for white. Of several pages the first is read.
enum TIFFCodec {
  /// The first directory's tags that tell what the picture looks like (TIFF 6.0, section 8).
  private struct Directory {
    /// Tag to its values; only whole numbers, and of each tag the first and the last one.
    var values: [Int: (first: Int, last: Int)] = [:]
    var next = 0
    /// Where the values of the tags end in the file.
    var end = 0

    func first(_ tag: Int) -> Int? { values[tag]?.first }
    func last(_ tag: Int) -> Int? { values[tag]?.last }

    /// Whether the file is long enough for all tags and for the last strip or tile.
    func isWhole(in byteCount: Int) -> Bool {
      guard let offset = last(Tag.stripOffsets) ?? last(Tag.tileOffsets) else { return false }
      // Old programs left the counts out; libtiff guesses them.
      let count = last(Tag.stripByteCounts) ?? last(Tag.tileByteCounts) ?? 0
      return end <= byteCount && offset <= byteCount && count <= byteCount - offset
    }
  }

  /// Bytes of a value of each type.
  private static let typeSizes = [
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
    17: 8, 18: 8,
  ]

  private enum Tag {
    static let subfileType = 254
    static let width = 256
    static let height = 257
    static let stripOffsets = 273
    static let orientation = 274
    static let stripByteCounts = 279
    static let tileOffsets = 324
    static let tileByteCounts = 325
    static let known: Set<Int> = [254, 256, 257, 273, 274, 279, 324, 325]
  }

  static func header(_ source: HeaderBytes) throws -> ImageHeader {
    let start = try source.require(0, 8)
    let isLittle = start[0] == 0x49
    let isBig = start.number16(at: 2, littleEndian: isLittle) == 43
    let first =
      isBig
      ? try number64(source.require(8, 8), at: 0, isLittle, source)
      : start.number32(at: 4, littleEndian: isLittle)
    let directory = try directory(source, at: first, isLittle, isBig)
    guard let height = directory.first(Tag.height), let width = directory.first(Tag.width) else {
      throw source.failure("is a damaged TIFF: its first page states no size")
    }
    let orientation = directory.first(Tag.orientation) ?? 1
    var isWhole = directory.isWhole(in: source.count)
    var hasMore = false
    if directory.next > 0 {
      let next = try? self.directory(source, at: directory.next, isLittle, isBig)
      isWhole = isWhole && next?.isWhole(in: source.count) ?? false
      // Smaller copies and masks of the same page are no further pages.
      hasMore = (next?.first(Tag.subfileType) ?? 0) & 0b101 == 0
    }
    return ImageHeader(
      format: .tiff,
      storedSize: ImageSize(height: height, width: width),
      orientation: (1...8).contains(orientation) ? orientation : 1,
      hasEnd: isWhole,
      hasMorePictures: hasMore
    )
  }

  private static func directory(
    _ source: HeaderBytes,
    at offset: Int,
    _ isLittle: Bool,
    _ isBig: Bool
  ) throws -> Directory {
    guard offset > 0, offset < source.count else {
      throw source.failure("is a damaged TIFF: its directory lies outside the file")
    }
    let (countSize, entrySize, pointerSize) = isBig ? (8, 20, 8) : (2, 12, 4)
    let head = try source.require(offset, countSize)
    let count =
      isBig
      ? try number64(head, at: 0, isLittle, source) : head.number16(at: 0, littleEndian: isLittle)
    guard count <= 4096 else { throw source.failure("is a damaged TIFF: \(count) tags") }
    let bytes = try source.require(offset + countSize, count * entrySize + pointerSize)
    func pointer(_ position: Int) throws -> Int {
      isBig
        ? try number64(bytes, at: position, isLittle, source)
        : bytes.number32(at: position, littleEndian: isLittle)
    }
    var directory = Directory()
    for entry in 0..<count {
      let position = entry * entrySize
      let tag = bytes.number16(at: position, littleEndian: isLittle)
      let type = bytes.number16(at: position + 2, littleEndian: isLittle)
      guard let size = typeSizes[type] else { continue }
      let valueCount = try pointer(position + 4)
      let valuePosition = position + 4 + pointerSize
      guard valueCount > 0, valueCount <= source.count else {
        if valueCount > 0 { directory.end = .max }
        continue
      }
      if valueCount * size > pointerSize {
        directory.end = max(directory.end, try pointer(valuePosition) + valueCount * size)
      }
      guard Tag.known.contains(tag), [3, 4, 16].contains(type) else { continue }
      // Cut short, which `end` says.
      guard directory.end <= source.count else { continue }
      func value(_ index: Int) throws -> Int {
        let isInside = valueCount * size <= pointerSize
        let from = isInside ? valuePosition + index * size : 0
        let place = isInside ? 0 : try pointer(valuePosition) + index * size
        let data = isInside ? bytes : try source.require(place, size)
        switch size {
        case 2: return data.number16(at: from, littleEndian: isLittle)
        case 4: return data.number32(at: from, littleEndian: isLittle)
        default: return try number64(data, at: from, isLittle, source)
        }
      }
      directory.values[tag] = (try value(0), try value(valueCount - 1))
    }
    directory.next = try pointer(count * entrySize)
    return directory
  }

  /// A number of eight bytes, as files above 4 GiB have them.
  private static func number64(
    _ bytes: [UInt8],
    at index: Int,
    _ isLittle: Bool,
    _ source: HeaderBytes
  ) throws -> Int {
    let high = bytes.number32(at: isLittle ? index + 4 : index, littleEndian: isLittle)
    let low = bytes.number32(at: isLittle ? index : index + 4, littleEndian: isLittle)
    guard high <= Int(Int32.max) / 2 else {
      throw source.failure("is a damaged TIFF: a number beyond the file")
    }
    return high << 32 | low
  }

  static func decode(_ bytes: [UInt8], header: ImageHeader, name: String) throws -> Image {
    guard header.hasEnd else {
      throw DataError.unreadable(file: name, reason: "is a damaged TIFF: the file ends too early")
    }
    let size = header.storedSize
    let count = size.height * size.width * Image.channelCount
    var message = [CChar](repeating: 0, count: 256)
    var status: Int32 = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      status = otx_tiff_decode(
        bytes,
        bytes.count,
        buffer.baseAddress,
        UInt32(size.height),
        UInt32(size.width),
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
    return Image(size: size, pixels: pixels)
  }

  /// Grey values and palette indices as they are stored; nothing of a picture of colours.
  static func values(
    _ bytes: [UInt8],
    header: ImageHeader,
    name: String
  ) throws -> (values: [UInt32], isColor: Bool) {
    guard header.hasEnd else {
      throw DataError.unreadable(file: name, reason: "is a damaged TIFF: the file ends too early")
    }
    let size = header.storedSize
    let count = size.height * size.width
    var message = [CChar](repeating: 0, count: 256)
    var (status, isColor): (Int32, Int32) = (0, 0)
    let values = [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: 0)
      status = otx_tiff_decode_values(
        bytes,
        bytes.count,
        buffer.baseAddress,
        UInt32(size.height),
        UInt32(size.width),
        &isColor,
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
    return isColor == 0 ? (values, false) : ([], true)
  }
}
