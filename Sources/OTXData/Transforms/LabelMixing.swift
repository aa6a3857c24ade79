import Foundation
import OTXCore
import OTXImage

/// Mixing of two pictures whose labels are of the whole picture: mixup and CutMix.
enum LabelMixing {
  case mixUp(MixUp)
  case cutMix(CutMix)

  /// `nil` for a step that mixes nothing.
  init?(_ step: Augmentation) {
    switch step {
    case .mixUp(let step): self = .mixUp(step)
    case .cutMix(let step): self = .cutMix(step)
    default: return nil
    }
  }

  /// Mixes another picture into the sample.
  ///
  /// Both have the network's size then; the other one goes through the steps before this one, too.
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    _ before: ArraySlice<Augmentation>,
    _ preprocessing: Preprocessing,
    in surroundings: SampleSurroundings<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    let (probability, alpha) =
      switch self {
      case .mixUp(let step): (step.probability, step.alpha)
      case .cutMix(let step): (step.probability, step.alpha)
      }
    guard generator.chance(probability) else { return }
    let share = generator.beta(Double(alpha))
    let index = generator.index(below: surroundings.partnerCount)
    var partner = TrainingSample(try surroundings.partner(index))
    for step in before where LabelMixing(step) == nil {
      try step.apply(to: &partner, in: surroundings, using: &generator)
    }
    let other = try partner.resized(preprocessing)
    sample = TrainingSample(try sample.resized(preprocessing))
    switch self {
    case .mixUp:
      try sample.changePixels { try $0.blend(with: other.image, share: share) }
      sample.join(other, share: Float(share))
    case .cutMix:
      let region = CutMix.region(
        in: sample.size,
        share: share,
        center: (
          generator.index(below: sample.size.height), generator.index(below: sample.size.width)
        )
      )
      guard region.height > 0, region.width > 0 else { return }
      let part = try other.image.cropped(to: region)
      try sample.changePixels { $0.paste(part, y: region.y, x: region.x) }
      let area = Float(region.height * region.width)
      sample.join(other, share: area / Float(sample.size.height * sample.size.width))
    }
  }
}

extension CutMix {
  /// The rectangle around `center` that has a share of the area, cut at the picture's border.
  static func region(
    in size: ImageSize,
    share: Double,
    center: (y: Int, x: Int)
  ) -> PixelRegion {
    // Halves of the sides, cut to whole pixels, as torchvision's `CutMix` has them.
    let ratio = 0.5 * share.squareRoot()
    let (halfHeight, halfWidth) = (
      Int(ratio * Double(size.height)), Int(ratio * Double(size.width))
    )
    let (top, left) = (max(center.y - halfHeight, 0), max(center.x - halfWidth, 0))
    let bottom = min(center.y + halfHeight, size.height)
    let right = min(center.x + halfWidth, size.width)
    return PixelRegion(y: top, x: left, height: bottom - top, width: right - left)
  }
}

extension CounterGenerator {
  /// A number of the distribution Beta(`alpha`, `alpha`), for `alpha` up to 4 (Jöhnk 1964).
  mutating func beta(_ alpha: Double) -> Double {
    for _ in 0..<10_000 {
      let (x, y) = (pow(unit(), 1 / alpha), pow(unit(), 1 / alpha))
      if x + y > 0, x + y <= 1 { return x / (x + y) }
    }
    return 0.5
  }
}
