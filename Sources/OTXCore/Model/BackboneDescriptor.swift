/// One feature map of a backbone.
public struct FeatureLevel: Sendable, Hashable {
  public var channels: Int
  /// Input pixels to one pixel of this level, on each axis.
  public var stride: Int
  public init(channels: Int, stride: Int) { (self.channels, self.stride) = (channels, stride) }
}

/// A backbone that can be built, as `otx find --backbone` lists it: values only, no network.
public struct BackboneDescriptor: Sendable, Equatable {
  /// The name users type, torchvision's or timm's where they have the network: `mobilenet_v2`.
  public var name: String
  /// Name for people: `MobileNetV2`.
  public var title: String
  /// What it gives, finest first.
  public var levels: [FeatureLevel]
  /// Size, mean and standard deviation that its published weights were trained with.
  public var preprocessing: Preprocessing
  /// Input height and width must be multiples of it.
  public var sizeMultiple: Int
  /// Whether weights trained at one input size run at another.
  public var hasDynamicSize: Bool
  /// Whether it has a classifier of its own, so that it is a classification model by itself.
  public var hasClassifier: Bool
  /// Parameters, with a classifier of 3 labels where it has one.
  public var parameterCount: Int
  /// Multiply-adds of one picture at the default size, in 10⁹.
  public var gigaMultiplyAdds: Double

  public init(
    name: String,
    title: String,
    levels: [FeatureLevel],
    preprocessing: Preprocessing = Preprocessing(inputSize: ImageSize(height: 224, width: 224)),
    sizeMultiple: Int = 32,
    hasDynamicSize: Bool = true,
    hasClassifier: Bool = true,
    parameterCount: Int,
    gigaMultiplyAdds: Double
  ) {
    self.name = name
    self.title = title
    self.levels = levels
    self.preprocessing = preprocessing
    self.sizeMultiple = sizeMultiple
    self.hasDynamicSize = hasDynamicSize
    self.hasClassifier = hasClassifier
    self.parameterCount = parameterCount
    self.gigaMultiplyAdds = gigaMultiplyAdds
  }

  /// Whether every one of `strides` is among its levels and any input size will do, as detectors
  /// need it.
  public func hasLevels(strides: [Int]) -> Bool {
    hasDynamicSize && Set(levels.map(\.stride)).isSuperset(of: strides)
  }
}
