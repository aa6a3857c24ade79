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
  public static let subject = AugmentationSubject.boxes
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

/// The picture mixed with another one, which is drawn from the subset by the sample's own generator.
///
/// *With boxes* (YOLOX, Ge et al. 2021; the arithmetic of mmdetection's `MixUp`): the mean of both,
/// with the boxes of both. The other picture has objects; it is scaled to fit the network's input,
/// then by a random factor, flipped now and then, and cut or padded to the picture's size at a random
/// place.
///
/// *With labels of whole pictures* (Zhang et al. 2017, mixup): both go through the steps before this
/// one and are resized; then one has a weight drawn from Beta(`alpha`, `alpha`), the other the rest,
/// and so have their labels.
public struct MixUp: AugmentationStep {
  public var probability: Float = 1
  /// Boxes: smallest and largest factor the other picture is scaled by.
  public var scalingRatioRange: [Float] = [0.5, 1.5]
  /// Boxes: how often the other picture is flipped.
  public var flipProbability: Float = 0.5
  public var fill = FillColor(114)
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  /// Whole pictures: both parameters of the Beta distribution that the weight is drawn from.
  public var alpha: Float = 0.2
  public var lastEpochsWithout = 0
  public init() {}

  public static let name = "mixUp"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .range(
      "scalingRatioRange",
      \.scalingRatioRange,
      0.05...4,
      "Boxes: smallest and largest factor the other picture is scaled by."
    ),
    .number(
      "flipProbability",
      \.flipProbability,
      0...1,
      "Boxes: how often the other picture is flipped."
    ),
    .fill(\.fill),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
    .number("alpha", \.alpha, 0.01...4, "Whole pictures: the weight is of Beta(alpha, alpha)."),
    .lastEpochsWithout(\.lastEpochsWithout),
  ]
  public var augmentation: Augmentation { .mixUp(self) }
}

/// A rectangle of another picture, with its label's share; for labels of whole pictures.
///
/// CutMix (Yun et al. 2019), section 3.1. Both pictures go through the steps before this one and are
/// resized; the rectangle's area is a share drawn from Beta(`alpha`, `alpha`), less what lies
/// outside, and the label has the share that is left.
public struct CutMix: AugmentationStep {
  public var probability: Float = 1
  public var alpha: Float = 1
  public var lastEpochsWithout = 0
  public init() {}

  public static let name = "cutMix"
  public static let subject = AugmentationSubject.wholePictures
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .number("alpha", \.alpha, 0.01...4, "The share is of Beta(alpha, alpha)."),
    .lastEpochsWithout(\.lastEpochsWithout),
  ]
  public var augmentation: Augmentation { .cutMix(self) }
}
