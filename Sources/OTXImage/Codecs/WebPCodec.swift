import CWebP
import OTXCore

/// WebP by libwebp, lossy and lossless, as RGB.
///
/// Alpha is dropped and colours stay as they are stored. Of an animation the first frame is read,
/// on its canvas.
enum WebPCodec {
  /// Walks the chunks of the RIFF container (RFC 9649, section 2).
  static func header(_ source: HeaderBytes) throws -> ImageHeader {
    let riff = try source.require(0, 12)
    let end = 8 + riff.number32(at: 4, littleEndian: true)
    var size: ImageSize?
    var orientation = 1
    var isAnimated = false
    var position = 12
    while position + 8 <= min(end, source.count) {
      let head = try source.require(position, 8)
      let length = head.number32(at: 4, littleEndian: true)
      let content = position + 8
      switch String(decoding: head[0..<4], as: UTF8.self) {
      case "VP8X":
        let chunk = try source.require(content, 10)
        isAnimated = chunk[0] & 0x02 != 0
        size = ImageSize(height: number24(chunk, 7) + 1, width: number24(chunk, 4) + 1)
        // Without EXIF the size was all there is to know.
        if chunk[0] & 0x08 == 0 { position = end }
      case "VP8 ":
        if size == nil { size = try lossySize(source, content) }
      case "VP8L":
        if size == nil { size = try losslessSize(source, content) }
      case "EXIF":
        let data = try source.read(content, min(length, 65_536))
        // Some programs write a JPEG segment's beginning too.
        orientation = EXIF.orientation(data) ?? EXIF.orientation(tiff: data) ?? 1
      default: break
      }
      position += 8 + length + length % 2
    }
    guard let size else { throw source.failure("is a damaged WebP: it holds no picture") }
    return ImageHeader(
      format: .webp,
      storedSize: size,
      orientation: orientation,
      hasEnd: end <= source.count,
      hasMorePictures: isAnimated
    )
  }

  private static func number24(_ bytes: [UInt8], _ index: Int) -> Int {
    Int(bytes[index]) | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2]) << 16
  }

  /// The frame header of a VP8 key frame (RFC 6386, section 9.1).
  private static func lossySize(_ source: HeaderBytes, _ position: Int) throws -> ImageSize {
    let bytes = try source.require(position, 10)
    guard bytes[3] == 0x9D, bytes[4] == 0x01, bytes[5] == 0x2A else {
      throw source.failure("is a damaged WebP: no key frame")
    }
    return ImageSize(
      height: bytes.number16(at: 8, littleEndian: true) & 0x3FFF,
      width: bytes.number16(at: 6, littleEndian: true) & 0x3FFF
    )
  }

  private static func losslessSize(_ source: HeaderBytes, _ position: Int) throws -> ImageSize {
    let bytes = try source.require(position, 5)
    guard bytes[0] == 0x2F else { throw source.failure("is a damaged WebP: no signature") }
    let bits = bytes.number32(at: 1, littleEndian: true)
    return ImageSize(height: (bits >> 14 & 0x3FFF) + 1, width: (bits & 0x3FFF) + 1)
  }

  static func decode(_ bytes: [UInt8], header: ImageHeader, name: String) throws -> Image {
    guard header.hasEnd else {
      throw DataError.unreadable(file: name, reason: "is a damaged WebP: the file ends too early")
    }
    if header.hasMorePictures { return try firstFrame(bytes, header: header, name: name) }
    let size = header.storedSize
    var (height, width) = (Int32(0), Int32(0))
    guard WebPGetInfo(bytes, bytes.count, &width, &height) != 0,
      Int(width) == size.width, Int(height) == size.height
    else { throw damaged(name) }
    let count = size.height * size.width * Image.channelCount
    var isRead = false
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let stride = Int32(size.width * Image.channelCount)
      isRead =
        WebPDecodeRGBInto(bytes, bytes.count, buffer.baseAddress, buffer.count, stride) != nil
      initialized = count
    }
    guard isRead else { throw damaged(name) }
    return Image(size: size, pixels: pixels)
  }

  private static func firstFrame(
    _ bytes: [UInt8],
    header: ImageHeader,
    name: String
  ) throws -> Image {
    let size = header.storedSize
    return try bytes.withUnsafeBufferPointer { buffer in
      var data = WebPData(bytes: buffer.baseAddress, size: buffer.count)
      var options = WebPAnimDecoderOptions()
      guard WebPAnimDecoderOptionsInit(&options) != 0 else { throw damaged(name) }
      options.color_mode = MODE_RGBA
      guard let decoder = WebPAnimDecoderNew(&data, &options) else { throw damaged(name) }
      defer { WebPAnimDecoderDelete(decoder) }
      var information = WebPAnimInfo()
      var frame: UnsafeMutablePointer<UInt8>?
      var time: Int32 = 0
      guard WebPAnimDecoderGetInfo(decoder, &information) != 0,
        Int(information.canvas_width) == size.width,
        Int(information.canvas_height) == size.height,
        WebPAnimDecoderGetNext(decoder, &frame, &time) != 0, let frame
      else { throw damaged(name) }
      var image = Image(size: size)
      for index in 0..<size.height * size.width {
        for channel in 0..<3 { image.pixels[3 * index + channel] = frame[4 * index + channel] }
      }
      return image
    }
  }

  private static func damaged(_ name: String) -> DataError {
    DataError.unreadable(file: name, reason: "is a damaged WebP")
  }
}
