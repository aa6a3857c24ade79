/// One of 25 pairs of operations that were found by a search on ImageNet.
///
/// AutoAugment (Cubuk et al. 2019), with the table and magnitudes of torchvision. Boxes go with the operations that move pixels.
public struct AutoAugment: AugmentationStep {
  public var fill = FillColor(0)
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  public init() {}

  public static let name = "autoAugment"
  public static let parameters: [AugmentationParameter<Self>] = [
    .fill(\.fill), .minimumBoxSide(\.minimumBoxSide), .minimumVisibility(\.minimumVisibility),
  ]
  public var augmentation: Augmentation { .autoAugment(self) }
}

/// Operations drawn from a list, all of one strength.
///
/// RandAugment (Cubuk et al. 2020), with the list and magnitudes of torchvision. Boxes go with the operations that move pixels.
public struct RandAugment: AugmentationStep {
  public var operationCount = 2
  /// The strength: 0 ..< `magnitudeBinCount`.
  public var magnitude = 9
  public var magnitudeBinCount = 31
  public var fill = FillColor(0)
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  public init() {}

  public static let name = "randAugment"
  public static let parameters: [AugmentationParameter<Self>] = [
    .integer("operationCount", \.operationCount, 0...14, "How many operations are drawn."),
    .integer("magnitude", \.magnitude, 0...30, "Their strength; at most `magnitudeBinCount` - 1."),
    .integer("magnitudeBinCount", \.magnitudeBinCount, 2...31, "How many strengths there are."),
    .fill(\.fill),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
  ]
  public var augmentation: Augmentation { .randAugment(self) }
}
