public import OTXCore
public import OTXNN
public import OTXTensor

/// MobileNetV3 (Howard et al., Searching for MobileNetV3, ICCV 2019), width 1.
///
/// Names, initialisation and numbers are torchvision's `mobilenet_v3_large` and
/// `mobilenet_v3_small`; checked against them. Without a classifier it ends with the last inverted
/// residual: the wide layer after it serves classification only.
public final class MobileNetV3: PooledClassifier {
  public let features: [any Layer]
  /// Two linear layers, hard swish and dropout between them; `nil` in a backbone.
  public let classifier: Sequential?

  public let levels: [FeatureLevel]
  /// The feature layers that the levels come out of.
  private let levelIndices: [Int]

  /// A row of the paper's tables 1 and 2.
  struct Block: Sendable {
    var kernelSize: Int
    var wideChannels: Int
    var channels: Int
    var hasSqueeze = false
    var hasHardswish = true
    var stride = 1
  }

  /// What tells one of the networks from the other.
  public struct Configuration: Sendable {
    var blocks: [Block]
    /// Between the classifier's two linear layers.
    var hiddenChannels: Int

    /// Table 1.
    public static let large = Configuration(
      blocks: [
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
        Block(
          kernelSize: 5,
          wideChannels: 120,
          channels: 40,
          hasSqueeze: true,
          hasHardswish: false
        ),
        Block(
          kernelSize: 5,
          wideChannels: 120,
          channels: 40,
          hasSqueeze: true,
          hasHardswish: false
        ),
        Block(kernelSize: 3, wideChannels: 240, channels: 80, stride: 2),
        Block(kernelSize: 3, wideChannels: 200, channels: 80),
        Block(kernelSize: 3, wideChannels: 184, channels: 80),
        Block(kernelSize: 3, wideChannels: 184, channels: 80),
        Block(kernelSize: 3, wideChannels: 480, channels: 112, hasSqueeze: true),
        Block(kernelSize: 3, wideChannels: 672, channels: 112, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 672, channels: 160, hasSqueeze: true, stride: 2),
        Block(kernelSize: 5, wideChannels: 960, channels: 160, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 960, channels: 160, hasSqueeze: true),
      ],
      hiddenChannels: 1280
    )

    /// Table 2.
    public static let small = Configuration(
      blocks: [
        Block(
          kernelSize: 3,
          wideChannels: 16,
          channels: 16,
          hasSqueeze: true,
          hasHardswish: false,
          stride: 2
        ),
        Block(kernelSize: 3, wideChannels: 72, channels: 24, hasHardswish: false, stride: 2),
        Block(kernelSize: 3, wideChannels: 88, channels: 24, hasHardswish: false),
        Block(kernelSize: 5, wideChannels: 96, channels: 40, hasSqueeze: true, stride: 2),
        Block(kernelSize: 5, wideChannels: 240, channels: 40, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 240, channels: 40, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 120, channels: 48, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 144, channels: 48, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 288, channels: 96, hasSqueeze: true, stride: 2),
        Block(kernelSize: 5, wideChannels: 576, channels: 96, hasSqueeze: true),
        Block(kernelSize: 5, wideChannels: 576, channels: 96, hasSqueeze: true),
      ],
      hiddenChannels: 1024
    )

    /// The stem's output and each block's.
    var chain: [(channels: Int, stride: Int)] {
      [(16, 2)] + blocks.map { ($0.channels, $0.stride) }
    }
  }

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(_ configuration: Configuration = .large, labelCount: Int?) throws {
    var layers: [any Layer] = [
      try MobileNetV3.step(3, 16, kernelSize: 3, stride: 2, activation: Hardswish())
    ]
    var channels = 16
    for block in configuration.blocks {
      layers.append(try InvertedResidual(channels, block))
      channels = block.channels
    }
    (levelIndices, levels) = chainLevels(configuration.chain)
    if let labelCount {
      layers.append(try MobileNetV3.step(channels, 6 * channels, activation: Hardswish()))
      let hidden = try Linear(6 * channels, configuration.hiddenChannels)
      let last = try Linear(configuration.hiddenChannels, labelCount)
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
      if levelIndices.contains(index) { found.append(x) }
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
    entry(.large, "mobilenet_v3_large", "MobileNetV3-Large", 4_205_875, 0.2153),
    entry(.small, "mobilenet_v3_small", "MobileNetV3-Small", 1_520_931, 0.0555),
  ]

  private static func entry(
    _ configuration: Configuration,
    _ name: String,
    _ title: String,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    .classifier(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: chainLevels(configuration.chain).levels,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try MobileNetV3(configuration, labelCount: $0) }
  }
}
