/// A Gaussian blur of a random width (torchvision's `GaussianBlur`).
public struct GaussianBlur: AugmentationStep {
  public var probability: Float = 0.5
  /// Height and width of the kernel; the next odd number is taken.
  public var kernelSize = 5
  /// Smallest and largest standard deviation, in pixels.
  public var sigma: [Float] = [0.1, 2]
  public init() {}

  public static let name = "gaussianBlur"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .integer(
      "kernelSize",
      \.kernelSize,
      1...255,
      "Height and width of the kernel; the next odd number is taken."
    ),
    .range("sigma", \.sigma, 0.01...100, "Smallest and largest standard deviation, in pixels."),
  ]
  public var augmentation: Augmentation { .gaussianBlur(self) }
}

/// Normal noise on every level.
///
/// Drawn in 4096 equally likely steps, so that none is further than 3.7 standard deviations.
public struct GaussianNoise: AugmentationStep {
  public var probability: Float = 0.5
  /// Mean and standard deviation in units of 0…1, as torchvision's `GaussianNoise` has them.
  public var mean: Float = 0
  public var sigma: Float = 0.1
  public init() {}

  public static let name = "gaussianNoise"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .number("mean", \.mean, -1...1, "What is added on average, in units of 0…1."),
    .number("sigma", \.sigma, 0...1, "Standard deviation, in units of 0…1."),
  ]
  public var augmentation: Augmentation { .gaussianNoise(self) }
}

/// A random rectangle painted over.
///
/// torchvision's `RandomErasing` (Zhong et al. 2017). Boxes stay, also where their object is hidden. The default colour is ImageNet's mean: what 0 is
/// after normalisation.
public struct RandomErasing: AugmentationStep {
  public var probability: Float = 0.5
  /// Smallest and largest share of the picture's area.
  public var scale: [Float] = [0.02, 0.33]
  /// Smallest and largest aspect ratio, height over width.
  public var ratio: [Float] = [0.3, 3.3]
  public var fill = FillColor(Color(red: 124, green: 116, blue: 104))
  public init() {}

  public static let name = "randomErasing"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .range("scale", \.scale, 0.0001...1, "Smallest and largest share of the picture's area."),
    .range("ratio", \.ratio, 0.01...100, "Smallest and largest height over width."),
    .fill(\.fill),
  ]
  public var augmentation: Augmentation { .randomErasing(self) }
}
