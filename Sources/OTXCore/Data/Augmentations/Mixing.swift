/// Four pictures around a random point of a canvas twice as large as the network's input; for tasks
/// with boxes.
///
/// As YOLOX does (Ge et al. 2021), with the placement of mmdetection's `Mosaic`. The three others are drawn from the subset by the sample's own generator. Each picture is scaled
/// to fit the network's input, its aspect ratio kept, and touches the point with a corner. A
/// `randomAffine` after it brings the canvas back to the input's size; without one it is scaled.
public struct Mosaic: AugmentationStep {
  public var probability: Float = 1
  /// Smallest and largest coordinate of the point, as shares of the input's side.
  public var centerRange: [Float] = [0.5, 1.5]
  public var fill = FillColor(114)
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  public var lastEpochsWithout = 0
  public init() {}

  public static let name = "mosaic"
  public static let needsBoxes = true
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .range(
      "centerRange",
      \.centerRange,
      0.01...1.99,
      "Where the four pictures meet, as shares of the input's side; the canvas has 2 of them."
    ),
    .fill(\.fill),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
    .lastEpochsWithout(\.lastEpochsWithout),
  ]
  public var augmentation: Augmentation { .mosaic(self) }
}

/// The mean of the picture and another one that has objects, with the boxes of both; for tasks with
/// boxes.
///
/// As YOLOX does (Ge et al. 2021), with the arithmetic of mmdetection's `MixUp`. The other picture is scaled to fit the network's input, then by a random factor, flipped now and
/// then, and cut or padded to the picture's size at a random place.
public struct MixUp: AugmentationStep {
  public var probability: Float = 1
  /// Smallest and largest factor the other picture is scaled by.
  public var scalingRatioRange: [Float] = [0.5, 1.5]
  public var flipProbability: Float = 0.5
  public var fill = FillColor(114)
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  public var lastEpochsWithout = 0
  public init() {}

  public static let name = "mixUp"
  public static let needsBoxes = true
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .range(
      "scalingRatioRange",
      \.scalingRatioRange,
      0.05...4,
      "Smallest and largest factor the other picture is scaled by."
    ),
    .number("flipProbability", \.flipProbability, 0...1, "How often the other picture is flipped."),
    .fill(\.fill),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
    .lastEpochsWithout(\.lastEpochsWithout),
  ]
  public var augmentation: Augmentation { .mixUp(self) }
}
