import CPNG
import OTXCore

/// PNG by libpng: every bit depth and colour type, as RGB of 8 bits a channel.
///
/// 16-bit samples keep their high byte and alpha is dropped, as OpenCV does; gamma and colour
/// profiles are not applied.
enum PNGCodec {
  static func header(_ source: HeaderBytes) throws -> ImageHeader {
    let bytes = try source.require(0, 33)
    guard Array(bytes[12..<16]) == Array("IHDR".utf8) else {
      throw source.failure("is a damaged PNG: its first chunk is not IHDR")
    }
    let size = ImageSize(height: bytes.number32(at: 20), width: bytes.number32(at: 16))
    let tail = try source.read(max(source.count - 4096, 0), 4096)
    var header = ImageHeader(
      format: .png,
      storedSize: size,
      orientation: 1,
      hasEnd: tail.contains(sequence: Array("IEND".utf8))
    )
    try readChunks(source, into: &header)
    return header
  }

  /// Takes what chunks before the pixels say: `eXIf` the orientation, `acTL` that it is animated.
  private static func readChunks(_ source: HeaderBytes, into header: inout ImageHeader) throws {
    var position = 8
    while true {
      let chunk = try source.read(position, 8)
      guard chunk.count == 8 else { return }
      let length = chunk.number32(at: 0)
      switch String(decoding: chunk[4..<8], as: UTF8.self) {
      case "IDAT", "IEND": return
      case "eXIf":
        let content = try source.read(position + 8, min(length, 65_536))
        header.orientation = EXIF.orientation(tiff: content) ?? 1
      case "acTL": header.hasMorePictures = true
      default: break
      }
      position += 12 + length
    }
  }

  /// Refuses a header of more pixels than the file can hold, before there is memory for them.
  ///
  /// Deflate packs at most 1,032 bytes into one (RFC 1951: 258 bytes for two codes of a bit each).
  private static func checkSize(_ bytes: [UInt8], _ size: ImageSize, name: String) throws {
    let channelCounts: [UInt8: Int] = [2: 3, 4: 2, 6: 4]
    let bits = max(Int(bytes[24]), 1) * (channelCounts[bytes[25]] ?? 1)
    let (area, overflow) = size.height.multipliedReportingOverflow(by: size.width)
    guard !overflow, area / 8 / 1032 <= bytes.count / bits else {
      throw DataError.unreadable(
        file: name,
        reason: "is a damaged PNG: its \(bytes.count) bytes cannot hold \(size) pixels"
      )
    }
  }

  static func decode(_ bytes: [UInt8], header: ImageHeader, name: String) throws -> Image {
    let size = header.storedSize
    try checkSize(bytes, size, name: name)
    let count = size.height * size.width * Image.channelCount
    var message = [CChar](repeating: 0, count: 256)
    var status: Int32 = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      status = otx_png_decode(
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
      throw DataError.unreadable(file: name, reason: "is a damaged PNG: \(text(message))")
    }
    return Image(size: size, pixels: pixels)
  }

  /// One number a pixel; `isColor` where they are packed colours.
  static func values(
    _ bytes: [UInt8],
    header: ImageHeader,
    name: String,
    asColors: Bool
  ) throws -> (values: [UInt32], isColor: Bool) {
    let size = header.storedSize
    try checkSize(bytes, size, name: name)
    let count = size.height * size.width
    var message = [CChar](repeating: 0, count: 256)
    var (status, isColor): (Int32, Int32) = (0, 0)
    let values = [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: 0)
      status = otx_png_decode_values(
        bytes,
        bytes.count,
        buffer.baseAddress,
        UInt32(size.height),
        UInt32(size.width),
        asColors ? 1 : 0,
        &isColor,
        &message,
        message.count
      )
      initialized = count
    }
    guard status == 0 else {
      throw DataError.unreadable(file: name, reason: "is a damaged PNG: \(text(message))")
    }
    return (values, isColor != 0)
  }

  /// The bytes of a PNG file; `level` is zlib's, 0…9.
  static func encode(_ image: Image, level: Int) throws -> [UInt8] {
    try encoded { encoded, count, message, capacity in
      otx_png_encode(
        image.pixels,
        UInt32(image.height),
        UInt32(image.width),
        Int32(level),
        encoded,
        count,
        message,
        capacity
      )
    }
  }

  /// The bytes of a grey PNG of 8 or 16 bits, the latter big-endian.
  static func encodeGrey(
    _ samples: [UInt8],
    size: ImageSize,
    bits: Int,
    level: Int
  ) throws -> [UInt8] {
    try encoded { encoded, count, message, capacity in
      otx_png_encode_grey(
        samples,
        UInt32(size.height),
        UInt32(size.width),
        Int32(bits),
        Int32(level),
        encoded,
        count,
        message,
        capacity
      )
    }
  }

  private static func encoded(
    _ body: (
      UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
      UnsafeMutablePointer<CChar>, Int
    ) -> Int32
  ) throws -> [UInt8] {
    var message = [CChar](repeating: 0, count: 256)
    var encoded: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = body(&encoded, &count, &message, message.count)
    guard status == 0, let encoded else {
      throw DataError.unreadable(
        file: "a picture in memory",
        reason: "cannot be encoded as PNG: \(text(message))"
      )
    }
    defer { otx_png_free(encoded) }
    return Array(UnsafeBufferPointer(start: encoded, count: count))
  }
}

/// The text of a zero-terminated message buffer.
func text(_ message: [CChar]) -> String {
  String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension Array where Element == UInt8 {
  fileprivate func contains(sequence: [UInt8]) -> Bool {
    guard count >= sequence.count else { return false }
    return (0...count - sequence.count).contains {
      Array(self[$0..<$0 + sequence.count]) == sequence
    }
  }
}
