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

  /// A left-right flip with its probability.
  public static func horizontalFlip(probability: Float) -> Augmentation {
    var step = HorizontalFlip()
    step.probability = probability
    return .horizontalFlip(step)
  }

  /// Every augmentation there is, each with its default parameters.
  public static let all: [Augmentation] = [
    .minIoURandomCrop(), .randomResizedCrop(), .pad(), .randomAffine(), .horizontalFlip(),
    .photometricDistortion(), .hsvJitter(), .mosaic(), .mixUp(),
  ]

  /// The names that recipes may use.
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
  /// - Throws: ``ConfigurationError/invalid(_:)`` for one that needs boxes, and a task without.
  public func check<Kind: VisionTask>(for kind: Kind.Type) throws {
    guard type(of: step).needsBoxes, !Kind.Entity.hasBoxes else { return }
    throw ConfigurationError.invalid(
      "augmentation \(name) is for tasks with boxes, not for \(Kind.title); leave it out"
    )
  }

  /// Whether the step is taken in an epoch (counted from 0) of a training of `epochCount` epochs.
  public func isTaken(epoch: Int, of epochCount: Int) -> Bool {
    epoch < epochCount - step.lastEpochsWithout
  }
}
