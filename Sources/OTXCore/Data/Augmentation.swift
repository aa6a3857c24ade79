/// One step of training's augmentation, as a recipe names it.
///
/// Boxes go with the picture.
///
/// Written in YAML as a name (`horizontalFlip`) or a name with parameters
/// (`horizontalFlip: {probability: 0.5}`).
public enum Augmentation: Sendable, Equatable {
  /// A random crop in which boxes overlap by at least a random threshold (SSD, Liu et al. 2016,
  /// section 2.2).
  case minIoURandomCrop(
    thresholds: [Float] = [0.1, 0.3, 0.5, 0.7, 0.9],
    minimumCropSize: Float = 0.3
  )
  /// A random part of the picture, `scale` of its area, aspect ratio in `ratio` (Inception crop).
  case randomResizedCrop(scale: [Float] = [0.08, 1], ratio: [Float] = [0.75, 1.333_333_4])
  case horizontalFlip(probability: Float = 0.5)
  /// Brightness, contrast, saturation and hue (SSD).
  case photometricDistortion(
    brightness: Float = 32,
    contrast: [Float] = [0.5, 1.5],
    saturation: [Float] = [0.5, 1.5],
    hue: Float = 18
  )
}
