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
    case .cutMix: break  // Where there are boxes, it is refused; see ``LabelMixing``.
    case .mixUp(let step):
      guard generator.chance(step.probability) else { return }
      try step.apply(to: &sample, in: surroundings, using: &generator)
    case .centerCrop(let step): step.apply(to: &sample)
    case .randomCrop(let step): try step.apply(to: &sample, using: &generator)
    case .verticalFlip(let step):
      if generator.chance(step.probability) { try sample.turn(.upsideDown) }
    case .randomRotate90(let step):
      let turn = [QuarterTurn.right, .half, .left][generator.index(below: 3)]
      if generator.chance(step.probability) { try sample.turn(turn) }
    case .autoAugment(let step): try step.apply(to: &sample, using: &generator)
    case .randAugment(let step): try step.apply(to: &sample, using: &generator)
    case .custom(let registered): try registered.step.apply(to: &sample, using: &generator)
    case .colorJitter, .randomGrayscale, .randomAutoContrast, .randomEqualize, .randomInvert,
      .randomPosterize, .randomSolarize, .randomSharpness, .gaussianBlur, .gaussianNoise,
      .randomErasing:
      try applyColors(to: &sample, using: &generator)
    }
  }

  /// Applies a step that changes colours with a certain probability, and moves nothing.
  private func applyColors<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    func now(_ probability: Float, _ change: (inout Image) throws -> Void) throws {
      if generator.chance(probability) { try sample.changePixels(change) }
    }
    switch self {
    case .colorJitter(let step):
      if generator.chance(step.probability) { try step.apply(to: &sample, using: &generator) }
    case .randomGrayscale(let step): try now(step.probability) { try $0.convertToGrayscale() }
    case .randomAutoContrast(let step): try now(step.probability) { try $0.autoContrast() }
    case .randomEqualize(let step): try now(step.probability) { try $0.equalize() }
    case .randomInvert(let step): try now(step.probability) { try $0.invert() }
    case .randomPosterize(let step):
      try now(step.probability) { try $0.posterize(bits: step.bits) }
    case .randomSolarize(let step):
      try now(step.probability) { try $0.solarize(threshold: step.threshold) }
    case .randomSharpness(let step):
      try now(step.probability) { try $0.adjustSharpness(Double(step.factor)) }
    case .gaussianBlur(let step):
      let sigma = generator.uniform(Double(step.sigma[0]), Double(step.sigma[1]))
      try now(step.probability) { try $0.blur(size: step.kernelSize | 1, sigma: sigma) }
    case .gaussianNoise(let step):
      let seed = generator.next()
      try now(step.probability) {
        try $0.addNoise(
          mean: 255 * Double(step.mean),
          sigma: 255 * Double(step.sigma),
          seed: seed
        )
      }
    case .randomErasing(let step):
      guard generator.chance(step.probability) else { return }
      guard let region = step.region(in: sample.size, unit: { generator.unit() }) else { return }
      try sample.changePixels { $0.paint(region, step.fill.color) }
    default: break
    }
  }
}
