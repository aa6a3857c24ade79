public import OTXCore
public import OTXNN
public import OTXTensor

/// EfficientNet (Tan and Le, ICML 2019) and EfficientNetV2 (Tan and Le, ICML 2021).
///
/// Names, initialisation and numbers are torchvision's `efficientnet_b0` to `efficientnet_b4` and
/// `efficientnet_v2_s`, `_m` and `_l`; checked against them. Without a classifier it ends with the
/// last stage: the wide layer after it serves classification only.
///
/// The published input sizes of B1, B3 and B4 (240, 300 and 380) are no multiples of 32. Each
/// halving rounds up, so that a level of stride `s` has `ceil(H / s)` rows: 300 gives 75, 38, 19, 10.
public final class EfficientNet: PooledClassifier {
  public let features: [any Layer]
  /// Dropout and a linear layer; `nil` in a backbone.
  public let classifier: Sequential?

  public let levels: [FeatureLevel]
  /// The feature layers that the levels come out of.
  private let levelIndices: [Int]

  /// Blocks of one shape one after the other; only the first makes the picture smaller.
  struct Stage: Sendable {
    var expansion: Int
    var kernelSize: Int
    var stride: Int
    var channels: Int
    var blockCount: Int
    /// Whether expansion and convolution are one 3×3 convolution without a gate (EfficientNetV2).
    var isFused = false
  }

  /// What tells one of the networks from another.
  public struct Configuration: Sendable {
    var stemChannels: Int
    var stages: [Stage]
    /// Channels before the classifier.
    var lastChannels: Int
    var dropout: Double
    var epsilon = 1e-5

    /// The stem's output and each stage's.
    var chain: [(channels: Int, stride: Int)] {
      [(stemChannels, 2)] + stages.map { ($0.channels, $0.stride) }
    }
  }

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(_ configuration: Configuration, labelCount: Int?) throws {
    let epsilon = configuration.epsilon
    var channels = configuration.stemChannels
    var layers: [any Layer] = [
      try EfficientNet.step(3, channels, kernelSize: 3, stride: 2, epsilon: epsilon)
    ]
    let blockCount = configuration.stages.reduce(0) { $0 + $1.blockCount }
    var index = 0
    for stage in configuration.stages {
      var blocks: [any Layer] = []
      for number in 0..<stage.blockCount {
        blocks.append(
          try Block(
            channels,
            stage,
            stride: number == 0 ? stage.stride : 1,
            dropping: 0.2 * Double(index) / Double(blockCount),
            epsilon: epsilon
          )
        )
        channels = stage.channels
        index += 1
      }
      layers.append(Sequential(blocks))
    }
    (levelIndices, levels) = chainLevels(configuration.chain)
    if let labelCount {
      layers.append(try EfficientNet.step(channels, configuration.lastChannels, epsilon: epsilon))
      let linear = try Linear(configuration.lastChannels, labelCount)
      let bound = 1 / Double(labelCount).squareRoot()
      try Initialization.uniform(from: -bound, to: bound).apply(to: linear.weight)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
      classifier = Sequential(Dropout(configuration.dropout), linear)
    } else {
      classifier = nil
    }
    features = layers
  }

  fileprivate static func step(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1,
    groups: Int = 1,
    epsilon: Double,
    activation: (any Layer)? = SiLU()
  ) throws(TensorError) -> Sequential {
    try convNormActivation(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      groups: groups,
      epsilon: epsilon,
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

  /// An inverted residual with a gate, or a fused one.
  private final class Block: Layer {
    let block: Sequential
    private let depth: StochasticDepth
    private let hasShortcut: Bool

    init(
      _ inputChannels: Int,
      _ stage: Stage,
      stride: Int,
      dropping: Double,
      epsilon: Double
    ) throws(TensorError) {
      let wide = inputChannels * stage.expansion
      block = Sequential(
        stage.isFused
          ? try Block.fused(inputChannels, wide, stage, stride, epsilon)
          : try Block.separate(inputChannels, wide, stage, stride, epsilon)
      )
      depth = StochasticDepth(dropping)
      hasShortcut = stride == 1 && inputChannels == stage.channels
    }

    private static func separate(
      _ inputChannels: Int,
      _ wide: Int,
      _ stage: Stage,
      _ stride: Int,
      _ epsilon: Double
    ) throws(TensorError) -> [any Layer] {
      var layers: [any Layer] = []
      if wide != inputChannels {
        layers.append(try step(inputChannels, wide, epsilon: epsilon))
      }
      layers.append(
        try step(
          wide,
          wide,
          kernelSize: stage.kernelSize,
          stride: stride,
          groups: wide,
          epsilon: epsilon
        )
      )
      let gate = try SqueezeExcitation(
        wide,
        squeezeChannels: max(1, inputChannels / 4),
        activation: SiLU()
      )
      for convolution in [gate.fc1, gate.fc2] {
        try Initialization.kaimingNormal(fan: .out).apply(to: convolution.weight)
        if let bias = convolution.bias { try Initialization.constant(0).apply(to: bias) }
      }
      layers.append(gate)
      layers.append(try step(wide, stage.channels, epsilon: epsilon, activation: nil))
      return layers
    }

    private static func fused(
      _ inputChannels: Int,
      _ wide: Int,
      _ stage: Stage,
      _ stride: Int,
      _ epsilon: Double
    ) throws(TensorError) -> [any Layer] {
      let narrows = wide != inputChannels
      var layers: [any Layer] = [
        try step(
          inputChannels,
          narrows ? wide : stage.channels,
          kernelSize: stage.kernelSize,
          stride: stride,
          epsilon: epsilon
        )
      ]
      if narrows {
        layers.append(try step(wide, stage.channels, epsilon: epsilon, activation: nil))
      }
      return layers
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      guard hasShortcut && depth.isDropping else {
        return try block(input, adding: hasShortcut ? input : nil)
      }
      return try depth(block(input), adding: input)
    }
  }
}

extension EfficientNet.Configuration {
  /// EfficientNet-B0 with its channels and depths scaled up (table 1 of the paper, section 3.3).
  static func scaled(width: Double, depth: Double, dropout: Double) -> Self {
    let rows = [
      (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
      (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
    ]
    let stages = rows.map { expansion, kernelSize, stride, channels, blockCount in
      EfficientNet.Stage(
        expansion: expansion,
        kernelSize: kernelSize,
        stride: stride,
        channels: roundedChannels(Double(channels) * width),
        blockCount: Int((Double(blockCount) * depth).rounded(.up))
      )
    }
    return Self(
      stemChannels: roundedChannels(32 * width),
      stages: stages,
      lastChannels: 4 * roundedChannels(320 * width),
      dropout: dropout
    )
  }

  /// EfficientNetV2 (table 4 of the paper): expansion, stride, channels, blocks of each stage, the
  /// first three fused.
  private static func second(_ rows: [(Int, Int, Int, Int)], dropout: Double) -> Self {
    let stages = rows.enumerated().map { index, row in
      EfficientNet.Stage(
        expansion: row.0,
        kernelSize: 3,
        stride: row.1,
        channels: row.2,
        blockCount: row.3,
        isFused: index < 3
      )
    }
    return Self(
      stemChannels: rows[0].2,
      stages: stages,
      lastChannels: 1280,
      dropout: dropout,
      epsilon: 1e-3
    )
  }

  public static let b0 = scaled(width: 1, depth: 1, dropout: 0.2)
  public static let b1 = scaled(width: 1, depth: 1.1, dropout: 0.2)
  public static let b2 = scaled(width: 1.1, depth: 1.2, dropout: 0.3)
  public static let b3 = scaled(width: 1.2, depth: 1.4, dropout: 0.3)
  public static let b4 = scaled(width: 1.4, depth: 1.8, dropout: 0.4)
  public static let v2Small = second(
    [(1, 1, 24, 2), (4, 2, 48, 4), (4, 2, 64, 4), (4, 2, 128, 6), (6, 1, 160, 9), (6, 2, 256, 15)],
    dropout: 0.2
  )
  public static let v2Medium = second(
    [
      (1, 1, 24, 3), (4, 2, 48, 5), (4, 2, 80, 5), (4, 2, 160, 7), (6, 1, 176, 14),
      (6, 2, 304, 18), (6, 1, 512, 5),
    ],
    dropout: 0.3
  )
  public static let v2Large = second(
    [
      (1, 1, 32, 4), (4, 2, 64, 7), (4, 2, 96, 7), (4, 2, 192, 10), (6, 1, 224, 19),
      (6, 2, 384, 25), (6, 1, 640, 7),
    ],
    dropout: 0.4
  )
}

extension EfficientNet {
  static let entries = [
    entry(.b0, "efficientnet_b0", "EfficientNet-B0", 224, 4_011_391, 0.3845),
    entry(.b1, "efficientnet_b1", "EfficientNet-B1", 240, 6_517_027, 0.6855),
    entry(.b2, "efficientnet_b2", "EfficientNet-B2", 288, 7_705_221, 1.0861),
    entry(.b3, "efficientnet_b3", "EfficientNet-B3", 300, 10_700_843, 1.8256),
    entry(.b4, "efficientnet_b4", "EfficientNet-B4", 380, 17_553_995, 4.392),
    entry(.v2Small, "efficientnet_v2_s", "EfficientNetV2-S", 384, 20_181_331, 8.3643),
    entry(.v2Medium, "efficientnet_v2_m", "EfficientNetV2-M", 480, 52_862_199, 24.5812),
    entry(
      .v2Large,
      "efficientnet_v2_l",
      "EfficientNetV2-L",
      480,
      117_238_115,
      56.0784,
      isCentred: true
    ),
  ]

  /// `isCentred` says whether the weights were trained on pixels brought to -1…1 instead of by
  /// ImageNet's mean and deviation.
  private static func entry(
    _ configuration: Configuration,
    _ name: String,
    _ title: String,
    _ side: Int,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double,
    isCentred: Bool = false
  ) -> BackboneEntry {
    var preprocessing = Preprocessing(inputSize: ImageSize(height: side, width: side))
    if isCentred {
      preprocessing.mean = [127.5, 127.5, 127.5]
      preprocessing.std = [127.5, 127.5, 127.5]
    }
    return .classifier(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: chainLevels(configuration.chain).levels,
        preprocessing: preprocessing,
        // Any size would do; this one divides the published ones.
        sizeMultiple: side % 32 == 0 ? 32 : 4,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try EfficientNet(configuration, labelCount: $0) }
  }
}
