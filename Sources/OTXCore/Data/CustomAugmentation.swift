import Synchronization

/// A step of augmentation of one's own: one type, registered by ``Augmentation/register(_:)``.
///
/// A recipe then knows it by its ``AugmentationStep/name``, with its parameters and their limits, as
/// it knows the others; from Swift it can also be put into ``Augmentation/custom(_:)`` directly.
///
/// What it draws at random it draws from the generator it is given: the same seed then gives the same
/// pictures on any number of threads.
public protocol CustomAugmentation: AugmentationStep {
  /// Changes a sample.
  ///
  /// - Parameters:
  ///   - sample: A training picture with its annotations, which follow by themselves.
  ///   - generator: Where random numbers come from; of its own for each sample and epoch.
  /// - Throws: Whatever makes the sample unusable; training stops with it.
  func apply<Sample: AugmentableSample>(
    to sample: inout Sample,
    using generator: inout CounterGenerator
  ) throws
}

extension CustomAugmentation {
  public var augmentation: Augmentation { .custom(RegisteredAugmentation(self)) }

  /// Whether two steps have one type and the same parameters.
  fileprivate func isEqual(to other: any CustomAugmentation) -> Bool {
    guard let other = other as? Self else { return false }
    return self == other
  }
}

/// A training picture on its way through augmentation.
public protocol AugmentableSample {
  /// Size of the picture as it is now.
  var size: ImageSize { get }
  /// Boxes of its objects as they are now, in pixels; empty for tasks without.
  var objectBoxes: [BoundingBox] { get }

  /// Changes pixels; size and annotations stay.
  mutating func changePixels(_ change: (inout Image) throws -> Void) throws

  /// Mirrors the picture left to right, annotations with it.
  mutating func flipHorizontally()

  /// Takes a part of the picture; objects stay while their centre is inside.
  ///
  /// - Precondition: The part is not empty and lies in the picture.
  mutating func crop(y: Int, x: Int, height: Int, width: Int)

  /// Replaces the picture by what `make` makes of it; annotations go where `transform` says.
  mutating func remake(
    _ transform: SpatialTransform,
    _ make: (Image) throws -> Image
  ) throws
}

/// A step of one's own as a recipe holds it.
public struct RegisteredAugmentation: Sendable, Equatable {
  public let step: any CustomAugmentation
  public init(_ step: any CustomAugmentation) { self.step = step }

  public static func == (left: RegisteredAugmentation, right: RegisteredAugmentation) -> Bool {
    left.step.isEqual(to: right.step)
  }
}

extension Augmentation {
  private static let registered = Mutex<[Augmentation]>([])

  /// Makes a step of one's own known to recipes, for as long as the process lives.
  ///
  /// - Parameter type: The step's type; registering it twice changes nothing.
  /// - Throws: ``ConfigurationError/invalid(_:)`` for a name that another step has.
  public static func register<Step: CustomAugmentation>(_ type: Step.Type) throws {
    try registered.withLock { list in
      let standard = Step().augmentation
      if list.contains(standard) { return }
      guard !names.contains(Step.name), !list.contains(where: { $0.name == Step.name }) else {
        throw ConfigurationError.invalid(
          "there is an augmentation '\(Step.name)' already; give yours another name"
        )
      }
      list.append(standard)
    }
  }

  /// Every augmentation that recipes may name, those of the user last.
  public static var known: [Augmentation] { all + registered.withLock { $0 } }
}
