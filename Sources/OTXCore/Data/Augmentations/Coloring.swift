/// Brightness, contrast, saturation and hue, each half of the time.
///
/// As SSD does (Liu et al. 2016, section 2.2).
public struct PhotometricDistortion: AugmentationStep {
  /// Most that is added to each channel, either way, in units of 0…255.
  public var brightness: Float = 32
  public var contrast: [Float] = [0.5, 1.5]
  public var saturation: [Float] = [0.5, 1.5]
  /// Most that the hue turns either way, in degrees.
  public var hue: Float = 18
  public init() {}

  public static let name = "photometricDistortion"
  public static let parameters: [AugmentationParameter<Self>] = [
    .number("brightness", \.brightness, 0...255, "Most that is added to each channel."),
    .range("contrast", \.contrast, 0...100, "What channels are multiplied by."),
    .range("saturation", \.saturation, 0...100, "What the saturation is multiplied by."),
    .number("hue", \.hue, 0...180, "Most that the hue turns either way, in degrees."),
  ]
  public var augmentation: Augmentation { .photometricDistortion(self) }
}

/// Hue, saturation and value shifted by whole numbers, each half of the time.
///
/// As YOLOX does (Ge et al. 2021), in OpenCV's 8-bit HSV.
public struct HSVJitter: AugmentationStep {
  /// Most that the hue turns either way, in units of two degrees.
  public var hue = 5
  /// Most that is added to the saturation (0…255) either way.
  public var saturation = 30
  /// Most that is added to the value (0…255) either way.
  public var value = 30
  public init() {}

  public static let name = "hsvJitter"
  public static let parameters: [AugmentationParameter<Self>] = [
    .integer("hue", \.hue, 0...90, "Most that the hue turns either way, in units of 2 degrees."),
    .integer("saturation", \.saturation, 0...255, "Most that is added to the saturation (0…255)."),
    .integer("value", \.value, 0...255, "Most that is added to the value (0…255)."),
  ]
  public var augmentation: Augmentation { .hsvJitter(self) }
}

/// Brightness, contrast, saturation and hue by random factors, in a random order (torchvision's
/// `ColorJitter`).
public struct ColorJitter: AugmentationStep {
  public var probability: Float = 1
  /// The brightness is multiplied by a factor from 1 less this to 1 more; so is the contrast, and
  /// the saturation.
  public var brightness: Float = 0.4
  public var contrast: Float = 0.4
  public var saturation: Float = 0.4
  /// Most that the hue turns either way, as a share of the circle.
  public var hue: Float = 0.1
  public init() {}

  public static let name = "colorJitter"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .number("brightness", \.brightness, 0...10, "Factors go from 1 less this (or 0) to 1 more."),
    .number("contrast", \.contrast, 0...10, "Factors go from 1 less this (or 0) to 1 more."),
    .number("saturation", \.saturation, 0...10, "Factors go from 1 less this (or 0) to 1 more."),
    .number("hue", \.hue, 0...0.5, "Most that the hue turns either way, as a share of the circle."),
  ]
  public var augmentation: Augmentation { .colorJitter(self) }
}

/// Takes the colours away (torchvision's `RandomGrayscale`).
public struct RandomGrayscale: AugmentationStep {
  public var probability: Float = 0.1
  public init() {}

  public static let name = "randomGrayscale"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability)
  ]
  public var augmentation: Augmentation { .randomGrayscale(self) }
}

/// Stretches each channel's levels to 0…255 (torchvision's `RandomAutocontrast`).
public struct RandomAutoContrast: AugmentationStep {
  public var probability: Float = 0.5
  public init() {}

  public static let name = "randomAutoContrast"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability)
  ]
  public var augmentation: Augmentation { .randomAutoContrast(self) }
}

/// Makes all levels of a channel about as frequent (torchvision's `RandomEqualize`).
public struct RandomEqualize: AugmentationStep {
  public var probability: Float = 0.5
  public init() {}

  public static let name = "randomEqualize"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability)
  ]
  public var augmentation: Augmentation { .randomEqualize(self) }
}

/// Inverts every level (torchvision's `RandomInvert`).
public struct RandomInvert: AugmentationStep {
  public var probability: Float = 0.5
  public init() {}

  public static let name = "randomInvert"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability)
  ]
  public var augmentation: Augmentation { .randomInvert(self) }
}

/// Keeps the highest bits of each level (torchvision's `RandomPosterize`).
public struct RandomPosterize: AugmentationStep {
  public var probability: Float = 0.5
  public var bits = 4
  public init() {}

  public static let name = "randomPosterize"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .integer("bits", \.bits, 0...8, "How many bits of each level are kept."),
  ]
  public var augmentation: Augmentation { .randomPosterize(self) }
}

/// Inverts bright levels (torchvision's `RandomSolarize`).
public struct RandomSolarize: AugmentationStep {
  public var probability: Float = 0.5
  public var threshold: Float = 128
  public init() {}

  public static let name = "randomSolarize"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .number("threshold", \.threshold, 0...255, "Levels from it on are inverted."),
  ]
  public var augmentation: Augmentation { .randomSolarize(self) }
}

/// Sharpens or smooths (torchvision's `RandomAdjustSharpness`).
public struct RandomSharpness: AugmentationStep {
  public var probability: Float = 0.5
  /// 0: smooth, 1: as it is, 2: twice as sharp.
  public var factor: Float = 2
  public init() {}

  public static let name = "randomSharpness"
  public static let parameters: [AugmentationParameter<Self>] = [
    .probability(\.probability),
    .number("factor", \.factor, 0...100, "0: smooth, 1: as it is, 2: twice as sharp."),
  ]
  public var augmentation: Augmentation { .randomSharpness(self) }
}
