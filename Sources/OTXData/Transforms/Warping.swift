import Foundation
import OTXCore
import OTXImage

extension RandomAffine {
  /// Draws a transform into a picture of `size`.
  ///
  /// The formula of mmdetection's `RandomAffine._get_random_homography_matrix`.
  func transform(
    into size: ImageSize,
    using generator: inout CounterGenerator
  ) -> SpatialTransform {
    func either(_ bound: Float) -> Double { generator.uniform(-Double(bound), Double(bound)) }
    let rotation = either(maxRotateDegree)
    let scale = generator.uniform(Double(scalingRatioRange[0]), Double(scalingRatioRange[1]))
    let shear = (x: either(maxShearDegree), y: either(maxShearDegree))
    let shift = (x: either(maxTranslateRatio), y: either(maxTranslateRatio))
    return RandomAffine.transform(
      rotation: rotation,
      scale: scale,
      shear: shear,
      shift: shift,
      into: size
    )
  }

  /// `shift · shear · rotation · scaling`; angles in degrees, the shift in shares of `size`.
  static func transform(
    rotation: Double,
    scale: Double,
    shear: (x: Double, y: Double),
    shift: (x: Double, y: Double),
    into size: ImageSize
  ) -> SpatialTransform {
    let angle = rotation * .pi / 180
    let (cosine, sine) = (scale * cos(angle), scale * sin(angle))
    let (tangentX, tangentY) = (tan(shear.x * .pi / 180), tan(shear.y * .pi / 180))
    return SpatialTransform(
      scaleX: Float(cosine + tangentX * sine),
      scaleY: Float(cosine - tangentY * sine),
      offsetX: Float(shift.x * Double(size.width)),
      offsetY: Float(shift.y * Double(size.height)),
      shearX: Float(tangentX * cosine - sine),
      shearY: Float(tangentY * cosine + sine),
      size: size
    )
  }
}

extension TrainingSample {
  /// Moves the pixels by an affine transform.
  mutating func warp(
    by transform: SpatialTransform,
    fill: Color,
    keeping filter: BoxFilter
  ) throws {
    try remake(transform, keeping: filter) { image in
      // OpenCV's tables of coordinates hold 16-bit numbers.
      let limit = 32_000
      guard max(image.height, image.width) > limit else {
        return try image.warped(by: transform, fill: fill)
      }
      let size = ImageSize(height: min(image.height, limit), width: min(image.width, limit))
      let shrunk = try image.resized(to: size, interpolation: .area)
      let enlarging = SpatialTransform(
        scaleX: Float(image.width) / Float(size.width),
        scaleY: Float(image.height) / Float(size.height),
        size: image.size
      )
      return try shrunk.warped(by: enlarging.followed(by: transform), fill: fill)
    }
  }
}

extension Pad {
  /// The size of a picture of `size` with its bars.
  func padded(_ size: ImageSize) -> ImageSize {
    func multiple(_ side: Int) -> Int { (side + divisor - 1) / divisor * divisor }
    let longer = square ? max(size.height, size.width) : 0
    return ImageSize(
      height: multiple(max(size.height, height, longer)),
      width: multiple(max(size.width, width, longer))
    )
  }

  func apply<Entity>(to sample: inout TrainingSample<Entity>) throws {
    let size = padded(sample.size)
    guard size != sample.size else { return }
    let filter = BoxFilter(minimumSide: 0)
    try sample.remake(SpatialTransform(size: size), keeping: filter) { image in
      var result = Image(size: size, color: fill.color)
      result.paste(image, y: 0, x: 0)
      return result
    }
  }
}
