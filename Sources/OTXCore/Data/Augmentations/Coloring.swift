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
