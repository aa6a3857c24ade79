public import OTXCore
public import OTXNN
public import OTXTensor

/// MobileNetV3-Large (Howard et al., Searching for MobileNetV3, ICCV 2019), width 1.
///
/// Names, initialisation and numbers are torchvision's `mobilenet_v3_large`; checked against it.
/// Without a classifier it ends with the last inverted residual: the 960 channels after it serve
/// classification only.
public final class MobileNetV3: Backbone, ImageClassifierNetwork {
  public let features: [any Layer]
  /// Two linear layers, hard swish and dropout between them; `nil` in a backbone.
  public let classifier: Sequential?

  public let levels = [
    FeatureLevel(channels: 24, stride: 4), FeatureLevel(channels: 40, stride: 8),
    FeatureLevel(channels: 112, stride: 16), FeatureLevel(channels: 160, stride: 32),
  ]
  /// The feature layers that the levels come out of.
  private static let levelIndices: Set = [3, 6, 12, 15]

  /// A row of the paper's table 1.
  struct Block: Sendable {
    var kernelSize: Int
    var wideChannels: Int
    var channels: Int
    var hasSqueeze = false
    var hasHardswish = true
    var stride = 1
  }

  private static let blocks = [
    Block(kernelSize: 3, wideChannels: 16, channels: 16, hasHardswish: false),
    Block(kernelSize: 3, wideChannels: 64, channels: 24, hasHardswish: false, stride: 2),
    Block(kernelSize: 3, wideChannels: 72, channels: 24, hasHardswish: false),
    Block(
      kernelSize: 5,
      wideChannels: 72,
      channels: 40,
      hasSqueeze: true,
      hasHardswish: false,
      stride: 2
    ),
    Block(kernelSize: 5, wideChannels: 120, channels: 40, hasSqueeze: true, hasHardswish: false),
    Block(kernelSize: 5, wideChannels: 120, channels: 40, hasSqueeze: true, hasHardswish: false),
    Block(kernelSize: 3, wideChannels: 240, channels: 80, stride: 2),
    Block(kernelSize: 3, wideChannels: 200, channels: 80),
    Block(kernelSize: 3, wideChannels: 184, channels: 80),
    Block(kernelSize: 3, wideChannels: 184, channels: 80),
    Block(kernelSize: 3, wideChannels: 480, channels: 112, hasSqueeze: true),
    Block(kernelSize: 3, wideChannels: 672, channels: 112, hasSqueeze: true),
    Block(kernelSize: 5, wideChannels: 672, channels: 160, hasSqueeze: true, stride: 2),
    Block(kernelSize: 5, wideChannels: 960, channels: 160, hasSqueeze: true),
    Block(kernelSize: 5, wideChannels: 960, channels: 160, hasSqueeze: true),
  ]

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(labelCount: Int?) throws {
    var layers: [any Layer] = [
      try MobileNetV3.step(3, 16, kernelSize: 3, stride: 2, activation: Hardswish())
    ]
    var channels = 16
    for block in MobileNetV3.blocks {
      layers.append(try InvertedResidual(channels, block))
      channels = block.channels
    }
    if let labelCount {
      layers.append(try MobileNetV3.step(channels, 960, activation: Hardswish()))
      let hidden = try Linear(960, 1280)
      let last = try Linear(1280, labelCount)
      for linear in [hidden, last] {
        try Initialization.normal(standardDeviation: 0.01).apply(to: linear.weight)
        if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
      }
      classifier = Sequential(hidden, Hardswish(), Dropout(0.2), last)
    } else {
      classifier = nil
    }
    features = layers
  }

  /// The network's normalisation has an epsilon and a momentum of its own.
  private static func step(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1,
    groups: Int = 1,
    activation: (any Layer)?
  ) throws(TensorError) -> Sequential {
    try convNormActivation(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      groups: groups,
      epsilon: 1e-3,
      momentum: 0.01,
      activation: activation
    )
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = images
    var found: [Tensor] = []
    for (index, layer) in features.enumerated() {
      x = try layer(x)
      if MobileNetV3.levelIndices.contains(index) { found.append(x) }
    }
    return found
  }

  public func logits(_ images: Tensor) throws -> Tensor {
    guard let classifier else { throw ModelError.noClassifier }
    var x = images
    for layer in features { x = try layer(x) }
    return try classifier(x.adaptiveAvgPool2d(1).flatten(startDim: 1))
  }

  private final class InvertedResidual: Layer {
    let block: Sequential
    let hasShortcut: Bool

    init(_ inputChannels: Int, _ row: Block) throws(TensorError) {
      let activation: any Layer = row.hasHardswish ? Hardswish() : ReLU(inPlace: true)
      let wide = row.wideChannels
      var layers: [any Layer] = []
      if wide != inputChannels {
        layers.append(try MobileNetV3.step(inputChannels, wide, activation: activation))
      }
      layers.append(
        try MobileNetV3.step(
          wide,
          wide,
          kernelSize: row.kernelSize,
          stride: row.stride,
          groups: wide,
          activation: activation
        )
      )
      if row.hasSqueeze {
        layers.append(try InvertedResidual.squeeze(wide))
      }
      layers.append(try MobileNetV3.step(wide, row.channels, activation: nil))
      block = Sequential(layers)
      hasShortcut = row.stride == 1 && inputChannels == row.channels
    }

    private static func squeeze(_ channels: Int) throws(TensorError) -> SqueezeExcitation {
      let squeeze = try SqueezeExcitation(
        channels,
        squeezeChannels: roundedChannels(Double(channels / 4)),
        gate: Hardsigmoid()
      )
      for convolution in [squeeze.fc1, squeeze.fc2] {
        try Initialization.kaimingNormal(fan: .out).apply(to: convolution.weight)
        if let bias = convolution.bias { try Initialization.constant(0).apply(to: bias) }
      }
      return squeeze
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try block(input, adding: hasShortcut ? input : nil)
    }
  }
}

extension MobileNetV3 {
  static let entries = [
    BackboneEntry.classifier(
      BackboneDescriptor(
        name: "mobilenet_v3_large",
        title: "MobileNetV3-Large",
        levels: [
          .init(channels: 24, stride: 4), .init(channels: 40, stride: 8),
          .init(channels: 112, stride: 16), .init(channels: 160, stride: 32),
        ],
        parameterCount: 4_205_875,
        gigaMultiplyAdds: 0.2153
      )
    ) { try MobileNetV3(labelCount: $0) }
  ]
}
