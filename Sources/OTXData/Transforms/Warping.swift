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
    becomeCanvas(false)
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

/// A turn or mirroring of whole pixels; raw values are EXIF's orientations.
enum QuarterTurn: Int {
  case half = 3
  case upsideDown = 4
  case right = 6
  case left = 8

  /// Where points of a picture of `size` go.
  func transform(of size: ImageSize) -> SpatialTransform {
    let (height, width) = (Float(size.height), Float(size.width))
    let turned = ImageSize(height: size.width, width: size.height)
    func turning(_ x: Float, _ y: Float, _ shear: Float) -> SpatialTransform {
      SpatialTransform(
        scaleX: 0,
        scaleY: 0,
        offsetX: x,
        offsetY: y,
        shearX: shear,
        shearY: -shear,
        size: turned
      )
    }
    return switch self {
    case .half:
      SpatialTransform(scaleX: -1, scaleY: -1, offsetX: width, offsetY: height, size: size)
    case .upsideDown: .verticalFlip(size)
    case .right: turning(height, 0, -1)
    case .left: turning(0, width, 1)
    }
  }
}

extension TrainingSample {
  /// Turns or mirrors the picture by whole pixels; every object stays.
  mutating func turn(_ turn: QuarterTurn) throws {
    try remake(turn.transform(of: size), keeping: BoxFilter(minimumSide: 0)) {
      try $0.oriented(turn.rawValue)
    }
  }
}

extension CenterCrop {
  func apply<Entity>(to sample: inout TrainingSample<Entity>) {
    let size = sample.size
    let part = ImageSize(height: min(height, size.height), width: min(width, size.width))
    guard part != size else { return }
    // Halves are rounded to the even number, as torchvision does.
    func offset(_ space: Int) -> Int { Int((Double(space) / 2).rounded(.toNearestOrEven)) }
    sample.crop(
      to: PixelRegion(
        y: offset(size.height - part.height),
        x: offset(size.width - part.width),
        height: part.height,
        width: part.width
      ),
      keeping: BoxFilter(minimumSide: minimumBoxSide, minimumVisibility: minimumVisibility)
    )
  }
}

extension RandomCrop {
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    if padding > 0 {
      let size = ImageSize(
        height: sample.size.height + 2 * padding,
        width: sample.size.width + 2 * padding
      )
      let shift = SpatialTransform(offsetX: Float(padding), offsetY: Float(padding), size: size)
      try sample.remake(shift, keeping: BoxFilter(minimumSide: 0)) { image in
        var result = Image(size: size, color: fill.color)
        result.paste(image, y: padding, x: padding)
        return result
      }
    }
    let size = sample.size
    let part = ImageSize(height: min(height, size.height), width: min(width, size.width))
    let y = generator.index(below: size.height - part.height + 1)
    let x = generator.index(below: size.width - part.width + 1)
    guard part != size else { return }
    sample.crop(
      to: PixelRegion(y: y, x: x, height: part.height, width: part.width),
      keeping: BoxFilter(minimumSide: minimumBoxSide, minimumVisibility: minimumVisibility)
    )
  }
}
