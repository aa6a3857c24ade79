public import OTXCore
public import OTXNN
public import OTXTensor

/// MobileNetV2 (Sandler et al., Inverted Residuals and Linear Bottlenecks, CVPR 2018), width 1.
///
/// Names, initialisation and numbers are torchvision's `mobilenet_v2`; checked against it. Without
/// a classifier it ends with the last inverted residual: the 1,280 channels after it serve
/// classification only.
public final class MobileNetV2: PooledClassifier {
  public let features: [any Layer]
  /// Dropout and a linear layer; `nil` in a backbone.
  public let classifier: Sequential?

  public let levels = [
    FeatureLevel(channels: 24, stride: 4), FeatureLevel(channels: 32, stride: 8),
    FeatureLevel(channels: 96, stride: 16), FeatureLevel(channels: 320, stride: 32),
  ]
  /// The feature layers that the levels come out of.
  private static let levelIndices: Set = [3, 6, 13, 17]

  /// Table 2 of the paper: expansion, output channels, repetitions, stride of the first.
  private static let stages = [
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
  ]

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(labelCount: Int?) throws {
    var layers: [any Layer] = [
      try convNormActivation(3, 32, kernelSize: 3, stride: 2, activation: ReLU6(inPlace: true))
    ]
    var channels = 32
    for (expansion, output, count, stride) in MobileNetV2.stages {
      for index in 0..<count {
        layers.append(
          try InvertedResidual(
            channels,
            output,
            expansion: expansion,
            stride: index == 0 ? stride : 1
          )
        )
        channels = output
      }
    }
    if let labelCount {
      layers.append(try convNormActivation(channels, 1280, activation: ReLU6(inPlace: true)))
      let linear = try Linear(1280, labelCount)
      try Initialization.normal(standardDeviation: 0.01).apply(to: linear.weight)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
      classifier = Sequential(Dropout(0.2), linear)
    } else {
      classifier = nil
    }
    features = layers
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = images
    var found: [Tensor] = []
    for (index, layer) in features.enumerated() {
      x = try layer(x)
      if MobileNetV2.levelIndices.contains(index) { found.append(x) }
    }
    return found
  }

  public func lastFeatures(_ images: Tensor) throws -> Tensor {
    var x = images
    for layer in features { x = try layer(x) }
    return x
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let classifier else { throw ModelError.noClassifier }
    return try classifier(means.flatten(startDim: 1))
  }

  /// A wide depthwise convolution between two narrow ends, the second without an activation.
  private final class InvertedResidual: Layer {
    let conv: Sequential
    let hasShortcut: Bool

    init(_ inputChannels: Int, _ channels: Int, expansion: Int, stride: Int) throws(TensorError) {
      let wide = inputChannels * expansion
      var layers: [any Layer] = []
      if expansion != 1 {
        layers.append(try convNormActivation(inputChannels, wide, activation: ReLU6(inPlace: true)))
      }
      layers.append(
        try convNormActivation(
          wide,
          wide,
          kernelSize: 3,
          stride: stride,
          groups: wide,
          activation: ReLU6(inPlace: true)
        )
      )
      let narrowing = try Conv2d(wide, channels, kernelSize: 1, bias: false)
      try Initialization.kaimingNormal(fan: .out).apply(to: narrowing.weight)
      conv = Sequential(layers + [narrowing, try BatchNorm2d(channels)])
      hasShortcut = stride == 1 && inputChannels == channels
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try conv(input, adding: hasShortcut ? input : nil)
    }
  }
}

extension MobileNetV2 {
  static let entries = [
    BackboneEntry.classifier(
      BackboneDescriptor(
        name: "mobilenet_v2",
        title: "MobileNetV2",
        levels: [
          .init(channels: 24, stride: 4), .init(channels: 32, stride: 8),
          .init(channels: 96, stride: 16), .init(channels: 320, stride: 32),
        ],
        parameterCount: 2_227_715,
        gigaMultiplyAdds: 0.2995
      )
    ) { try MobileNetV2(labelCount: $0) }
  ]
}
