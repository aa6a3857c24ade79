/// One step of training's augmentation, as a recipe names it.
///
/// Boxes go with the picture. A step is a value of its own type, which documents its parameters;
/// all of them stand in ``Augmentation/all``, with their defaults.
///
/// Written in YAML as a name (`horizontalFlip`) or a name with parameters
/// (`horizontalFlip: {probability: 0.5}`).
public enum Augmentation: Sendable, Equatable {
  case minIoURandomCrop(MinIoURandomCrop = MinIoURandomCrop())
  case randomResizedCrop(RandomResizedCrop = RandomResizedCrop())
  case pad(Pad = Pad())
  case randomAffine(RandomAffine = RandomAffine())
  case horizontalFlip(HorizontalFlip = HorizontalFlip())
  case photometricDistortion(PhotometricDistortion = PhotometricDistortion())
  case hsvJitter(HSVJitter = HSVJitter())
  case mosaic(Mosaic = Mosaic())
  case mixUp(MixUp = MixUp())
  case cutMix(CutMix = CutMix())
  case centerCrop(CenterCrop = CenterCrop())
  case randomCrop(RandomCrop = RandomCrop())
  case verticalFlip(VerticalFlip = VerticalFlip())
  case randomRotate90(RandomRotate90 = RandomRotate90())
  case colorJitter(ColorJitter = ColorJitter())
  case randomGrayscale(RandomGrayscale = RandomGrayscale())
  case randomAutoContrast(RandomAutoContrast = RandomAutoContrast())
  case randomEqualize(RandomEqualize = RandomEqualize())
  case randomInvert(RandomInvert = RandomInvert())
  case randomPosterize(RandomPosterize = RandomPosterize())
  case randomSolarize(RandomSolarize = RandomSolarize())
  case randomSharpness(RandomSharpness = RandomSharpness())
  case gaussianBlur(GaussianBlur = GaussianBlur())
  case gaussianNoise(GaussianNoise = GaussianNoise())
  case randomErasing(RandomErasing = RandomErasing())
  case autoAugment(AutoAugment = AutoAugment())
  case randAugment(RandAugment = RandAugment())
  /// A step of the user's.
  case custom(RegisteredAugmentation)

  /// A left-right flip with its probability.
  public static func horizontalFlip(probability: Float) -> Augmentation {
    var step = HorizontalFlip()
    step.probability = probability
    return .horizontalFlip(step)
  }

  /// Every augmentation that comes with the library, each with its default parameters.
  public static let all: [Augmentation] = [
    .minIoURandomCrop(), .randomResizedCrop(), .pad(), .randomAffine(), .horizontalFlip(),
    .photometricDistortion(), .hsvJitter(), .mosaic(), .mixUp(), .cutMix(), .centerCrop(),
    .randomCrop(),
    .verticalFlip(), .randomRotate90(), .colorJitter(), .randomGrayscale(), .randomAutoContrast(),
    .randomEqualize(), .randomInvert(), .randomPosterize(), .randomSolarize(), .randomSharpness(),
    .gaussianBlur(), .gaussianNoise(), .randomErasing(), .autoAugment(), .randAugment(),
  ]

  /// The names of those that come with the library.
  public static let names = all.map(\.name)

  /// The name that recipes use.
  public var name: String { type(of: step).name }

  /// The step's own value.
  public var step: any AugmentationStep {
    switch self {
    case .minIoURandomCrop(let step): step
    case .randomResizedCrop(let step): step
    case .pad(let step): step
    case .randomAffine(let step): step
    case .horizontalFlip(let step): step
    case .photometricDistortion(let step): step
    case .hsvJitter(let step): step
    case .mosaic(let step): step
    case .mixUp(let step): step
    case .cutMix(let step): step
    case .centerCrop(let step): step
    case .randomCrop(let step): step
    case .verticalFlip(let step): step
    case .randomRotate90(let step): step
    case .colorJitter(let step): step
    case .randomGrayscale(let step): step
    case .randomAutoContrast(let step): step
    case .randomEqualize(let step): step
    case .randomInvert(let step): step
    case .randomPosterize(let step): step
    case .randomSolarize(let step): step
    case .randomSharpness(let step): step
    case .gaussianBlur(let step): step
    case .gaussianNoise(let step): step
    case .randomErasing(let step): step
    case .autoAugment(let step): step
    case .randAugment(let step): step
    case .custom(let registered): registered.step
    }
  }

  /// Throws where a number makes no sense; a recipe's are checked with their place when it is read.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` that names the parameter and what it may be.
  public func validate() throws {
    if let mistake = step.mistake {
      throw ConfigurationError.invalid("augmentation \(name): \(mistake)")
    }
  }

  /// Throws where the step means nothing for a task.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for one that needs boxes, and a task without, or
  ///   the other way round.
  public func check<Kind: VisionTask>(for kind: Kind.Type) throws {
    let hasBoxes = Kind.Entity.hasBoxes
    let tasks: String
    switch type(of: step).subject {
    case .boxes where !hasBoxes: tasks = "tasks with boxes"
    case .wholePictures where hasBoxes: tasks = "labels of whole pictures"
    default: return
    }
    throw ConfigurationError.invalid(
      "augmentation \(name) is for \(tasks), not for \(Kind.title); leave it out"
    )
  }

  /// Whether the step is taken in an epoch (counted from 0) of a training of `epochCount` epochs.
  public func isTaken(epoch: Int, of epochCount: Int) -> Bool {
    epoch < epochCount - step.lastEpochsWithout
  }
}
