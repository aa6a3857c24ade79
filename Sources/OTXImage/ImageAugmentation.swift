import COpenCV
public import OTXCore

extension Image {
  /// The picture moved by `transform`; `fill` where no pixel goes.
  ///
  /// OpenCV's `warpAffine`: bilinear, and coordinates are those of pixels' centres.
  ///
  /// - Throws: ``DataError/invalidItem(_:reason:)`` for sides of 32,767 pixels and more.
  public func warped(by transform: SpatialTransform, fill: Color) throws -> Image {
    let matrix = [
      transform.scaleX, transform.shearX, transform.offsetX, transform.shearY, transform.scaleY,
      transform.offsetY,
    ].map(Double.init)
    var result = Image(size: transform.size)
    try withReadView { from in
      try result.withView { to in
        try checked { otx_cv_warp_affine(from, to, matrix, fill.code, $0, $1) }
      }
    }
    return result
  }

  /// Adds to hue (0…179, wrapping), saturation and value (0…255, clipped) of OpenCV's 8-bit HSV.
  public mutating func shiftHSV(hue: Int, saturation: Int, value: Int) throws {
    let shift = [hue, saturation, value].map { Int32(clamping: $0) }
    try withView { view in
      try checked { otx_cv_shift_hsv(view, shift[0], shift[1], shift[2], $0, $1) }
    }
  }

  /// Becomes the mean of itself and a picture of the same size, rounded down.
  public mutating func average(with other: Image) throws {
    try withView { view in
      try other.withReadView { from in
        try checked { otx_cv_average(view, from, $0, $1) }
      }
    }
  }

  /// Becomes a mixture with a picture of the same size, of which `share` (0…1) is taken; rounded.
  public mutating func blend(with other: Image, share: Double) throws {
    try withView { view in
      try other.withReadView { from in
        try checked { otx_cv_blend(view, from, share, $0, $1) }
      }
    }
  }

  /// Copies the part of `other` that lies on this picture, with its top left corner at (`x`, `y`).
  public mutating func paste(_ other: Image, y: Int, x: Int) {
    let (left, right) = (max(x, 0), min(x + other.width, width))
    let (top, bottom) = (max(y, 0), min(y + other.height, height))
    guard left < right, top < bottom else { return }
    let width = width
    pixels.withUnsafeMutableBufferPointer { buffer in
      other.pixels.withUnsafeBufferPointer { source in
        guard let to = buffer.baseAddress, let from = source.baseAddress else { return }
        for row in top..<bottom {
          (to + (row * width + left) * Image.channelCount).update(
            from: from + ((row - y) * other.width + left - x) * Image.channelCount,
            count: (right - left) * Image.channelCount
          )
        }
      }
    }
  }

  /// Runs `body` on the pixels, which it must not write.
  func withReadView<Result>(_ body: (otx_cv_view) throws -> Result) rethrows -> Result {
    try pixels.withUnsafeBufferPointer { source in
      try body(view(of: source, size: size, region: PixelRegion(size)))
    }
  }
}
