/// A left-right flip.
public struct HorizontalFlip: AugmentationStep {
  public var probability: Float = 0.5
  public init() {}

  public static let name = "horizontalFlip"
  public static let parameters: [AugmentationParameter<Self>] = [.probability(\.probability)]
  public var augmentation: Augmentation { .horizontalFlip(self) }
}

/// A top-bottom flip.
public struct VerticalFlip: AugmentationStep {
  public var probability: Float = 0.5
  public init() {}

  public static let name = "verticalFlip"
  public static let parameters: [AugmentationParameter<Self>] = [.probability(\.probability)]
  public var augmentation: Augmentation { .verticalFlip(self) }
}

/// A turn by 90, 180 or 270 degrees.
public struct RandomRotate90: AugmentationStep {
  public var probability: Float = 0.5
  public init() {}

  public static let name = "randomRotate90"
  public static let parameters: [AugmentationParameter<Self>] = [.probability(\.probability)]
  public var augmentation: Augmentation { .randomRotate90(self) }
}

/// A random rotation, scaling, shear and shift, with the names and defaults of mmdetection's
/// `RandomAffine`.
///
/// As YOLOX does (Ge et al. 2021). A point goes through `shift · shear · rotation · scaling`, about the top left corner. The result
/// has the picture's size; the canvas of a mosaic, twice as large as the network's input, comes
/// back at the input's size.
public struct RandomAffine: AugmentationStep {
  public var probability: Float = 1
  /// Largest rotation either way, degrees.
  public var maxRotateDegree: Float = 10
  /// Largest shift either way, as a share of the result's side.
  public var maxTranslateRatio: Float = 0.1
  public var scalingRatioRange: [Float] = [0.5, 1.5]
  /// Largest shear either way along each axis, degrees.
  public var maxShearDegree: Float = 2
  public var fill = FillColor(114)
  /// Boxes with a smaller height or width afterwards, in pixels, are dropped.
  public var minimumBoxSide: Float = 1
  /// Boxes of which a smaller share stays inside are dropped.
  public var minimumVisibility: Float = 0
  public var lastEpochsWithout = 0
  public init() {}

  public static let name = "randomAffine"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .number("maxRotateDegree", \.maxRotateDegree, 0...180, "Largest rotation either way."),
    .number(
      "maxTranslateRatio",
      \.maxTranslateRatio,
      0...1,
      "Largest shift either way, as a share of the result's side."
    ),
    .range("scalingRatioRange", \.scalingRatioRange, 0.01...100, "Smallest and largest scale."),
    .number("maxShearDegree", \.maxShearDegree, 0...60, "Largest shear either way, each axis."),
    .fill(\.fill),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
    .lastEpochsWithout(\.lastEpochsWithout),
  ]
  public var augmentation: Augmentation { .randomAffine(self) }
}

extension AugmentationParameter {
  /// The least side of a box that is kept.
  static func minimumBoxSide(_ path: any WritableKeyPath<Step, Float> & Sendable) -> Self {
    number(
      "minimumBoxSide",
      path,
      0...10_000,
      "Boxes with a smaller height or width afterwards, in pixels, are dropped."
    )
  }

  /// The least share of a box that has to stay inside.
  static func minimumVisibility(_ path: any WritableKeyPath<Step, Float> & Sendable) -> Self {
    number("minimumVisibility", path, 0...1, "Boxes of which less stays inside are dropped.")
  }
}
