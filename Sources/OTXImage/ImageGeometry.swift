import COpenCV
public import OTXCore

/// How pixels between pixels are found.
public enum Interpolation: Sendable {
  /// OpenCV's `INTER_LINEAR`: two by two neighbours, no smoothing when a picture shrinks.
  case bilinear
  /// OpenCV's `INTER_AREA`: the mean of what a new pixel covers; for shrinking.
  case area
  case nearest
  case bicubic

  fileprivate var code: Int32 {
    switch self {
    case .bilinear: Int32(OTX_CV_LINEAR)
    case .area: Int32(OTX_CV_AREA)
    case .nearest: Int32(OTX_CV_NEAREST)
    case .bicubic: Int32(OTX_CV_CUBIC)
    }
  }
}

/// A rectangle of whole pixels.
public struct PixelRegion: Sendable, Hashable {
  public var y: Int
  public var x: Int
  public var height: Int
  public var width: Int
  public init(y: Int, x: Int, height: Int, width: Int) {
    (self.y, self.x, self.height, self.width) = (y, x, height, width)
  }

  public init(_ size: ImageSize) { self.init(y: 0, x: 0, height: size.height, width: size.width) }

  public var size: ImageSize { ImageSize(height: height, width: width) }
  /// Whether all of it is inside a picture of that size, and it is not empty.
  public func isInside(_ size: ImageSize) -> Bool {
    x >= 0 && y >= 0 && height > 0 && width > 0 && y + height <= size.height
      && x + width <= size.width
  }
}

extension Image {
  /// The picture, or a part of it, resized to `size`; pixels equal OpenCV's `cv::resize`.
  ///
  /// `region` is the part to take. With a `canvas`, the result lies at `offset` of a picture of that
  /// size whose bars have the grey level `padValue`.
  public func resized(
    to size: ImageSize,
    region: PixelRegion? = nil,
    interpolation: Interpolation = .bilinear,
    canvas: ImageSize? = nil,
    offset: (y: Int, x: Int) = (0, 0),
    padValue: UInt8 = 0
  ) throws -> Image {
    let region = region ?? PixelRegion(self.size)
    let canvasSize = canvas ?? size
    let target = PixelRegion(y: offset.y, x: offset.x, height: size.height, width: size.width)
    guard region.isInside(self.size), target.isInside(canvasSize) else {
      throw DataError.invalidItem(
        "a picture of \(self.size)",
        reason: "cannot be resized from \(region) to \(size) inside \(canvasSize)"
      )
    }
    let count = canvasSize.height * canvasSize.width * Image.channelCount
    var failure: (any Error)?
    let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      if target.size != canvasSize { buffer.initialize(repeating: padValue) }
      do {
        try pixels.withUnsafeBufferPointer { source in
          let from = view(of: source, size: self.size, region: region)
          let to = view(of: UnsafeBufferPointer(buffer), size: canvasSize, region: target)
          try checked { otx_cv_resize(from, to, interpolation.code, $0, $1) }
        }
      } catch { failure = error }
      initialized = count
    }
    if let failure { throw failure }
    return Image(size: canvasSize, pixels: result)
  }

  /// A copy of a part of the picture.
  public func cropped(to region: PixelRegion) throws -> Image {
    guard region.isInside(size) else {
      throw DataError.invalidItem("a picture of \(size)", reason: "has no part \(region)")
    }
    let rowCount = region.width * Image.channelCount
    let result = [UInt8](unsafeUninitializedCapacity: region.height * rowCount) { buffer, count in
      pixels.withUnsafeBufferPointer { source in
        for row in 0..<region.height {
          let start = ((region.y + row) * width + region.x) * Image.channelCount
          guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
          (to + row * rowCount).initialize(from: from + start, count: rowCount)
        }
      }
      count = region.height * rowCount
    }
    return Image(size: region.size, pixels: result)
  }

  /// Mirrors left and right, in place.
  public mutating func flipHorizontally() throws {
    try withView { view in
      try checked { otx_cv_flip_horizontally(view, view, $0, $1) }
    }
  }

  /// The picture mirrored left and right.
  public func flippedHorizontally() throws -> Image {
    var result = self
    try result.flipHorizontally()
    return result
  }

  /// The picture turned and mirrored as EXIF's `orientation` (1…8) asks.
  package func oriented(_ orientation: Int) throws -> Image {
    let turned =
      orientation >= 5 ? ImageSize(height: size.width, width: size.height) : size
    var result = Image(size: turned)
    try pixels.withUnsafeBufferPointer { source in
      let from = view(of: source, size: size, region: PixelRegion(size))
      try result.withView { to in
        try checked { otx_cv_orient(from, to, Int32(orientation), $0, $1) }
      }
    }
    return result
  }

  /// Runs `body` on the pixels, which it may write.
  mutating func withView<Result>(_ body: (otx_cv_view) throws -> Result) rethrows -> Result {
    let size = size
    return try pixels.withUnsafeMutableBufferPointer { buffer in
      try body(view(of: UnsafeBufferPointer(buffer), size: size, region: PixelRegion(size)))
    }
  }
}

/// One photometric distortion with its numbers drawn; SSD (Liu et al., 2016) uses them.
public struct ColorDistortion: Sendable, Equatable {
  /// Added to each channel, in units of 0…255.
  public var brightness: Float
  /// Each channel is multiplied by it.
  public var contrast: Float
  /// The saturation is multiplied by it.
  public var saturation: Float
  /// Degrees added to the hue.
  public var hue: Float
  /// Whether the contrast changes before saturation and hue, or after them.
  public var isContrastFirst: Bool

  public init(
    brightness: Float = 0,
    contrast: Float = 1,
    saturation: Float = 1,
    hue: Float = 0,
    isContrastFirst: Bool = true
  ) {
    self.brightness = brightness
    self.contrast = contrast
    self.saturation = saturation
    self.hue = hue
    self.isContrastFirst = isContrastFirst
  }
}

extension Image {
  /// The picture with other colours; computed in 32-bit floats, rounded and clipped at the end.
  public func distorted(_ distortion: ColorDistortion) throws -> Image {
    var result = self
    let numbers = otx_cv_distortion(
      brightness: distortion.brightness,
      contrast: distortion.contrast,
      saturation: distortion.saturation,
      hue: distortion.hue,
      contrast_first: distortion.isContrastFirst ? 1 : 0
    )
    try result.withView { view in
      try checked { otx_cv_distort(view, numbers, $0, $1) }
    }
    return result
  }
}

/// A part of a picture in memory, as the C interface takes it; `region` must lie inside.
func view(
  of buffer: UnsafeBufferPointer<UInt8>,
  size: ImageSize,
  region: PixelRegion
) -> otx_cv_view {
  let stride = size.width * Image.channelCount
  let start = region.y * stride + region.x * Image.channelCount
  let base = buffer.baseAddress.map { UnsafeMutablePointer(mutating: $0) + start }
  return otx_cv_view(
    pixels: base,
    height: Int32(region.height),
    width: Int32(region.width),
    stride: Int64(stride)
  )
}

/// Calls a function of `COpenCV` and throws what it reports.
func checked(_ body: (UnsafeMutablePointer<CChar>, Int) -> Int32) throws {
  var message = [CChar](repeating: 0, count: 512)
  let status = message.withUnsafeMutableBufferPointer { buffer in
    buffer.baseAddress.map { body($0, buffer.count) } ?? 1
  }
  guard status == 0 else {
    throw DataError.invalidItem("a picture", reason: "OpenCV: \(text(message))")
  }
}
