import OTXCore
import OTXImage

/// What a step may look at besides its sample.
struct SampleSurroundings<Entity> {
  /// Size of the network's input.
  var inputSize: ImageSize
  /// How many pictures a partner can be drawn from.
  var partnerCount: Int
  /// Whether the picture at an index has objects.
  var hasObjects: (Int) -> Bool
  /// The picture at an index, decoded; another one where it is damaged.
  var partner: (Int) throws -> Entity
}

extension Augmentation {
  /// Applies this step with numbers drawn from `generator`.
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    in surroundings: SampleSurroundings<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    switch self {
    case .minIoURandomCrop(let step):
      let boxes = sample.entity.objectBoxes
      let part = step.region(in: sample.size, keeping: boxes, using: &generator)
      if let part { sample.crop(to: part) }
    case .randomResizedCrop(let step):
      sample.crop(to: step.region(in: sample.size) { generator.unit() })
    case .pad(let step): try step.apply(to: &sample)
    case .randomAffine(let step):
      guard generator.chance(step.probability) else { return }
      let size = sample.isCanvas ? surroundings.inputSize : sample.size
      try sample.warp(
        by: step.transform(into: size, using: &generator),
        fill: step.fill.color,
        keeping: BoxFilter(
          minimumSide: step.minimumBoxSide,
          minimumVisibility: step.minimumVisibility
        )
      )
    case .horizontalFlip(let step):
      if generator.chance(step.probability) { sample.flipHorizontally() }
    case .photometricDistortion(let step):
      let distortion = ColorDistortion(step, drawnWith: &generator)
      if distortion != ColorDistortion() {
        try sample.changePixels { $0 = try $0.distorted(distortion) }
      }
    case .hsvJitter(let step): try step.apply(to: &sample, using: &generator)
    case .mosaic(let step):
      guard generator.chance(step.probability) else { return }
      try step.apply(to: &sample, in: surroundings, using: &generator)
    case .mixUp(let step):
      guard generator.chance(step.probability) else { return }
      try step.apply(to: &sample, in: surroundings, using: &generator)
    }
  }
}
