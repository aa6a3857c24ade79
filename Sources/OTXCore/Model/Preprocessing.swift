/// What happens to a picture before a network sees it, outside training's augmentation.
///
/// Stands once, in ``ModelInfo``, and travels inside every artifact.
public struct Preprocessing: Codable, Sendable, Hashable {
  /// Size of the network's input.
  public var inputSize: ImageSize
  public var resize: ResizeMode
  /// The grey level of letterbox bars, 0…255.
  public var padValue: UInt8
  /// Subtracted from each channel (R, G, B), in units of 0…255.
  public var mean: [Float]
  /// Each channel is divided by it after `mean` is subtracted, in units of 0…255.
  public var std: [Float]

  public init(
    inputSize: ImageSize,
    resize: ResizeMode = .standard,
    padValue: UInt8 = 0,
    mean: [Float] = Preprocessing.imageNetMean,
    std: [Float] = Preprocessing.imageNetStd
  ) {
    self.inputSize = inputSize
    self.resize = resize
    self.padValue = padValue
    self.mean = mean
    self.std = std
  }

  public static let imageNetMean: [Float] = [123.675, 116.28, 103.53]
  public static let imageNetStd: [Float] = [58.395, 57.12, 57.375]
}

/// How a picture is brought to the network's size.
///
/// Raw values are those of the exported model's `resize_type`.
public enum ResizeMode: String, Codable, CaseIterable, Sendable {
  /// Stretched to the size.
  case standard
  /// Aspect ratio kept, at the top left corner.
  case fitToWindow = "fit_to_window"
  /// Aspect ratio kept, in the middle.
  case letterbox = "fit_to_window_letterbox"
}
