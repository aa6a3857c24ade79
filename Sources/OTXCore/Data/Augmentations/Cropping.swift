/// A random crop in which boxes overlap by at least a random threshold.
///
/// As SSD does (Liu et al. 2016, section 2.2).
public struct MinIoURandomCrop: AugmentationStep {
  public var thresholds: [Float] = [0.1, 0.3, 0.5, 0.7, 0.9]
  /// Least height and width of the part, as shares of the picture's.
  public var minimumCropSize: Float = 0.3
  public init() {}

  public static let name = "minIoURandomCrop"
  public static let parameters: [AugmentationParameter<Self>] = [
    .numbers("thresholds", \.thresholds, 0...1, "Overlaps of part and box; one is drawn."),
    .number(
      "minimumCropSize",
      \.minimumCropSize,
      0.01...1,
      "Least height and width of the part, as shares of the picture's."
    ),
  ]
  public var augmentation: Augmentation { .minIoURandomCrop(self) }
}

/// A random part of the picture (Inception crop), by the formulas of torchvision's
/// `RandomResizedCrop`.
public struct RandomResizedCrop: AugmentationStep {
  /// Smallest and largest share of the picture's area.
  public var scale: [Float] = [0.08, 1]
  /// Smallest and largest aspect ratio, width over height.
  public var ratio: [Float] = [0.75, 1.333_333_4]
  public init() {}

  public static let name = "randomResizedCrop"
  public static let parameters: [AugmentationParameter<Self>] = [
    .range("scale", \.scale, 0.0001...1, "Smallest and largest share of the picture's area."),
    .range("ratio", \.ratio, 0.01...100, "Smallest and largest width over height."),
  ]
  public var augmentation: Augmentation { .randomResizedCrop(self) }
}

/// Bars at the right and at the bottom, until the picture is a square, has a size, or has sides
/// that a number divides.
public struct Pad: AugmentationStep {
  /// Whether the shorter side becomes as long as the longer one.
  public var square = true
  /// Least height and width; 0: none.
  public var height = 0
  public var width = 0
  /// Both sides become multiples of it.
  public var divisor = 1
  public var fill = FillColor(114)
  public init() {}

  public static let name = "pad"
  public static let parameters: [AugmentationParameter<Self>] = [
    .flag("square", \.square, "Whether the shorter side becomes as long as the longer one."),
    .integer("height", \.height, 0...32_000, "Least height afterwards; 0: none."),
    .integer("width", \.width, 0...32_000, "Least width afterwards; 0: none."),
    .integer("divisor", \.divisor, 1...1024, "Both sides become multiples of it."),
    .fill(\.fill),
  ]
  public var augmentation: Augmentation { .pad(self) }
}

/// The middle of the picture.
///
/// A side that is shorter than asked for stays as it is; `pad` makes it longer.
public struct CenterCrop: AugmentationStep {
  public var height = 224
  public var width = 224
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  public init() {}

  public static let name = "centerCrop"
  public static let parameters: [AugmentationParameter<Self>] = [
    .integer("height", \.height, 1...32_000, "Height of the part."),
    .integer("width", \.width, 1...32_000, "Width of the part."),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
  ]
  public var augmentation: Augmentation { .centerCrop(self) }
}

/// A random part of the picture, of a fixed size, after padding.
///
/// A side that is shorter than asked for stays as it is.
public struct RandomCrop: AugmentationStep {
  public var height = 224
  public var width = 224
  /// Pixels added on every side before.
  public var padding = 0
  public var fill = FillColor(0)
  public var minimumBoxSide: Float = 1
  public var minimumVisibility: Float = 0
  public init() {}

  public static let name = "randomCrop"
  public static let parameters: [AugmentationParameter<Self>] = [
    .integer("height", \.height, 1...32_000, "Height of the part."),
    .integer("width", \.width, 1...32_000, "Width of the part."),
    .integer("padding", \.padding, 0...10_000, "Pixels added on every side before."),
    .fill(\.fill),
    .minimumBoxSide(\.minimumBoxSide),
    .minimumVisibility(\.minimumVisibility),
  ]
  public var augmentation: Augmentation { .randomCrop(self) }
}
