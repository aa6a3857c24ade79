import CTurboJPEG
package import OTXCore

/// JPEG by libjpeg-turbo: the accurate inverse DCT and smooth chroma upsampling, as PIL and OpenCV
/// use them, so that pixels agree with theirs.
enum JPEGCodec {
  /// Decodes the stored pixels; grey, CMYK and YCCK become RGB.
  ///
  /// `reduction` is 1, 2, 4 or 8: what each side is divided by, rounded up. The inverse DCT gives the
  /// smaller picture at once, close to the mean of each square of pixels, for a part of the work.
  static func decode(
    _ bytes: [UInt8],
    header: ImageHeader,
    name: String,
    reduction: Int = 1
  ) throws -> Image {
    guard let handle = tjInitDecompress() else {
      throw DataError.unreadable(file: name, reason: "no memory for a JPEG decoder")
    }
    defer { tjDestroy(handle) }
    var (width, height, subsampling, space): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    let status = tjDecompressHeader3(
      handle,
      bytes,
      UInt(bytes.count),
      &width,
      &height,
      &subsampling,
      &space
    )
    if status != 0, let damage = damage(handle, header) {
      throw DataError.unreadable(file: name, reason: "is a damaged JPEG: \(damage)")
    }
    guard Int(width) == header.storedSize.width, Int(height) == header.storedSize.height else {
      throw DataError.unreadable(file: name, reason: "is a damaged JPEG: two frame headers")
    }
    let size = header.storedSize.divided(by: reduction)
    let isCMYK = space == Int32(TJCS_CMYK.rawValue) || space == Int32(TJCS_YCCK.rawValue)
    let format = isCMYK ? TJPF_CMYK : TJPF_RGB
    let channels = isCMYK ? 4 : Image.channelCount
    let count = size.height * size.width * channels
    var failed = false
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      failed =
        tjDecompress2(
          handle,
          bytes,
          UInt(bytes.count),
          buffer.baseAddress,
          Int32(size.width),
          0,
          Int32(size.height),
          Int32(format.rawValue),
          0
        ) != 0
      initialized = count
    }
    if failed, let damage = damage(handle, header) {
      throw DataError.unreadable(file: name, reason: "is a damaged JPEG: \(damage)")
    }
    return Image(size: size, pixels: isCMYK ? rgb(cmyk: pixels) : pixels)
  }

  /// What is wrong with the picture that was just read; `nil` for a warning that spares its pixels.
  ///
  /// libjpeg reports its first warning only, hence the look at the file's end.
  private static func damage(_ handle: tjhandle, _ header: ImageHeader) -> String? {
    let text = String(cString: tjGetErrorStr2(handle))
    guard tjGetErrorCode(handle) == Int32(TJERR_WARNING.rawValue) else { return text }
    let spares = [
      "extraneous bytes before marker", "Invalid SOS parameters", "Unknown Adobe color",
    ]
    let isHarmless = header.hasEnd && spares.contains { text.contains($0) }
    return isHarmless ? nil : text
  }

  /// CMYK as Adobe's programs store it: inverted, so that 255 is no ink.
  private static func rgb(cmyk: [UInt8]) -> [UInt8] {
    let count = cmyk.count / 4
    return [UInt8](unsafeUninitializedCapacity: count * 3) { buffer, initialized in
      for index in 0..<count {
        let black = Int(cmyk[4 * index + 3])
        for channel in 0..<3 {
          let product = Int(cmyk[4 * index + channel]) * black
          buffer[3 * index + channel] = UInt8((product + 127) / 255)
        }
      }
      initialized = count * 3
    }
  }

  /// Encodes with 4:4:4 chroma at quality 90 and above, 4:2:0 below.
  static func encode(_ image: Image, quality: Int) throws -> [UInt8] {
    guard let handle = tjInitCompress() else {
      throw DataError.unreadable(
        file: "a picture in memory",
        reason: "no memory for a JPEG encoder"
      )
    }
    defer { tjDestroy(handle) }
    let subsampling = Int32((quality >= 90 ? TJSAMP_444 : TJSAMP_420).rawValue)
    let (width, height) = (Int32(image.width), Int32(image.height))
    let capacity = tjBufSize(width, height, subsampling)
    var encoded: UnsafeMutablePointer<UInt8>? = tjAlloc(Int32(capacity))
    defer { tjFree(encoded) }
    var count = capacity
    let status = tjCompress2(
      handle,
      image.pixels,
      width,
      0,
      height,
      Int32(TJPF_RGB.rawValue),
      &encoded,
      &count,
      subsampling,
      Int32(min(max(quality, 1), 100)),
      Int32(TJFLAG_NOREALLOC)
    )
    guard status == 0, let encoded else {
      throw DataError.unreadable(
        file: "a picture in memory",
        reason: "cannot be encoded as JPEG: \(String(cString: tjGetErrorStr2(handle)))"
      )
    }
    return Array(UnsafeBufferPointer(start: encoded, count: Int(count)))
  }
}

extension ImageSize {
  /// Each side divided and rounded up, as libjpeg's reduced scales are.
  package func divided(by divisor: Int) -> ImageSize {
    ImageSize(
      height: (height + divisor - 1) / divisor,
      width: (width + divisor - 1) / divisor
    )
  }
}

extension ImageHeader {
  /// The most that a picture's sides can be divided by while it is decoded, so that neither is
  /// smaller than `smallest`; 1 for formats that have no such way.
  ///
  /// `isOriented`: whether `smallest` is of the picture as it is to be looked at, or as it is stored.
  package func reduction(keeping smallest: ImageSize, isOriented: Bool) -> Int {
    guard format == .jpeg else { return 1 }
    let full = isOriented ? size : storedSize
    return [8, 4, 2].first { divisor in
      let reduced = full.divided(by: divisor)
      return reduced.height >= smallest.height && reduced.width >= smallest.width
    } ?? 1
  }
}
