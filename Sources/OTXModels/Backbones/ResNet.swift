public import OTXCore
public import OTXNN
public import OTXTensor

/// Residual networks (He et al., Deep Residual Learning, CVPR 2016), also in groups (Xie et al.,
/// Aggregated Residual Transformations, CVPR 2017) and wide (Zagoruyko and Komodakis, BMVC 2016).
///
/// Names, initialisation and numbers are torchvision's `resnet18` to `resnet152`, `resnext…` and
/// `wide_resnet…`; checked against them. As there, a bottleneck halves the picture in its 3×3
/// convolution, not in the first.
public final class ResNet: PooledClassifier {
  public let conv1: Conv2d
  public let bn1: BatchNorm2d
  public let layer1: [any Layer]
  public let layer2: [any Layer]
  public let layer3: [any Layer]
  public let layer4: [any Layer]
  /// `nil` in a backbone.
  public let fc: Linear?
  private let pool = MaxPool2d(kernelSize: 3, stride: 2, padding: 1)

  public let levels: [FeatureLevel]

  /// What tells one residual network from another.
  public struct Configuration: Sendable {
    /// Blocks of each of the four stages.
    public var blockCounts: [Int]
    /// Whether a block is a ``Bottleneck``, else a ``BasicBlock``.
    public var hasBottlenecks: Bool
    /// Groups of a bottleneck's 3×3 convolution.
    public var groupCount: Int
    /// Channels of a group of the first stage; twice as many in each stage after it.
    public var groupWidth: Int

    public init(
      blockCounts: [Int],
      hasBottlenecks: Bool = true,
      groupCount: Int = 1,
      groupWidth: Int = 64
    ) {
      self.blockCounts = blockCounts
      self.hasBottlenecks = hasBottlenecks
      self.groupCount = groupCount
      self.groupWidth = groupWidth
    }

    /// ResNet-18.
    public static let resNet18 = Configuration(blockCounts: [2, 2, 2, 2], hasBottlenecks: false)

    /// Channels and strides of the four stages.
    var levels: [FeatureLevel] {
      [64, 128, 256, 512].enumerated().map { index, channels in
        FeatureLevel(channels: hasBottlenecks ? 4 * channels : channels, stride: 4 << index)
      }
    }
  }

  /// - Parameters:
  ///   - configuration: Which network; ResNet-18 unless given.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: ``ModelError/mismatch(_:)`` for other than four stages, `TensorError`.
  public init(_ configuration: Configuration = .resNet18, labelCount: Int?) throws {
    let counts = configuration.blockCounts
    guard counts.count == 4, counts.allSatisfy({ $0 > 0 }) else {
      throw ModelError.mismatch("a ResNet has four stages of at least one block: \(counts)")
    }
    conv1 = try Conv2d(3, 64, kernelSize: 7, stride: 2, padding: 3, bias: false)
    try Initialization.kaimingNormal(fan: .out).apply(to: conv1.weight)
    bn1 = try BatchNorm2d(64)
    levels = configuration.levels
    layer1 = try ResNet.stage(0, configuration)
    layer2 = try ResNet.stage(1, configuration)
    layer3 = try ResNet.stage(2, configuration)
    layer4 = try ResNet.stage(3, configuration)
    fc = try labelCount.map { try Linear(configuration.levels[3].channels, $0) }
  }

  private static func stage(
    _ stage: Int,
    _ configuration: Configuration
  ) throws(TensorError) -> [any Layer] {
    let channels = configuration.levels[stage].channels
    var inputChannels = stage == 0 ? 64 : configuration.levels[stage - 1].channels
    var blocks: [any Layer] = []
    for index in 0..<configuration.blockCounts[stage] {
      let stride = index == 0 && stage > 0 ? 2 : 1
      if configuration.hasBottlenecks {
        blocks.append(
          try Bottleneck(
            inputChannels,
            channels,
            width: (configuration.groupWidth << stage) * configuration.groupCount,
            groupCount: configuration.groupCount,
            stride: stride
          )
        )
      } else {
        blocks.append(try BasicBlock(inputChannels, channels, stride: stride))
      }
      inputChannels = channels
    }
    return blocks
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = try pool(bn1(conv1(images), then: .relu))
    var features: [Tensor] = []
    for stage in [layer1, layer2, layer3, layer4] {
      for block in stage { x = try block(x) }
      features.append(x)
    }
    return features
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let fc else { throw ModelError.noClassifier }
    return try fc(means.flatten(startDim: 1))
  }

  /// A convolution without bias that keeps the size where `stride` is 1.
  fileprivate static func convolution(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int,
    stride: Int = 1,
    groups: Int = 1
  ) throws(TensorError) -> Conv2d {
    let convolution = try Conv2d(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      padding: kernelSize / 2,
      groups: groups,
      bias: false
    )
    try Initialization.kaimingNormal(fan: .out).apply(to: convolution.weight)
    return convolution
  }

  /// Brings a block's input to its output's shape; `nil` where the two are the same.
  fileprivate static func shortcut(
    _ inputChannels: Int,
    _ channels: Int,
    stride: Int
  ) throws(TensorError) -> Sequential? {
    guard stride != 1 || inputChannels != channels else { return nil }
    return Sequential(
      try convolution(inputChannels, channels, kernelSize: 1, stride: stride),
      try BatchNorm2d(channels)
    )
  }
}

/// Two 3×3 convolutions and a shortcut around them.
public final class BasicBlock: Layer {
  public let conv1: Conv2d
  public let bn1: BatchNorm2d
  public let conv2: Conv2d
  public let bn2: BatchNorm2d
  /// Brings the input to the output's shape where the two differ.
  public let downsample: Sequential?

  init(_ inputChannels: Int, _ channels: Int, stride: Int) throws(TensorError) {
    conv1 = try ResNet.convolution(inputChannels, channels, kernelSize: 3, stride: stride)
    bn1 = try BatchNorm2d(channels)
    conv2 = try ResNet.convolution(channels, channels, kernelSize: 3)
    bn2 = try BatchNorm2d(channels)
    downsample = try ResNet.shortcut(inputChannels, channels, stride: stride)
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let x = try conv2(bn1(conv1(input), then: .relu))
    let shortcut = try downsample?(input) ?? input
    return try bn2(x, adding: shortcut, then: .relu)
  }
}

/// A 3×3 convolution of `width` channels between two 1×1 ones, and a shortcut around the three.
public final class Bottleneck: Layer {
  public let conv1: Conv2d
  public let bn1: BatchNorm2d
  public let conv2: Conv2d
  public let bn2: BatchNorm2d
  public let conv3: Conv2d
  public let bn3: BatchNorm2d
  /// Brings the input to the output's shape where the two differ.
  public let downsample: Sequential?

  init(
    _ inputChannels: Int,
    _ channels: Int,
    width: Int,
    groupCount: Int,
    stride: Int
  ) throws(TensorError) {
    conv1 = try ResNet.convolution(inputChannels, width, kernelSize: 1)
    bn1 = try BatchNorm2d(width)
    conv2 = try ResNet.convolution(width, width, kernelSize: 3, stride: stride, groups: groupCount)
    bn2 = try BatchNorm2d(width)
    conv3 = try ResNet.convolution(width, channels, kernelSize: 1)
    bn3 = try BatchNorm2d(channels)
    downsample = try ResNet.shortcut(inputChannels, channels, stride: stride)
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let narrow = try bn1(conv1(input), then: .relu)
    let x = try conv3(bn2(conv2(narrow), then: .relu))
    let shortcut = try downsample?(input) ?? input
    return try bn3(x, adding: shortcut, then: .relu)
  }
}

extension ResNet {
  static let entries = [
    entry("resnet18", "ResNet-18", .resNet18, 11_178_051, 1.8136),
    entry(
      "resnet34",
      "ResNet-34",
      Configuration(blockCounts: [3, 4, 6, 3], hasBottlenecks: false),
      21_286_211,
      3.6633
    ),
    entry("resnet50", "ResNet-50", of(50), 23_514_179, 4.0871),
    entry("resnet101", "ResNet-101", of(101), 42_506_307, 7.7994),
    entry("resnet152", "ResNet-152", of(152), 58_149_955, 11.5116),
    entry("resnext50_32x4d", "ResNeXt-50 32×4d", of(50, 32, 4), 22_986_051, 4.2284),
    entry("resnext101_32x8d", "ResNeXt-101 32×8d", of(101, 32, 8), 86_748_483, 16.412),
    entry("resnext101_64x4d", "ResNeXt-101 64×4d", of(101, 64, 4), 81_412_419, 15.4582),
    entry("wide_resnet50_2", "Wide-ResNet-50-2", of(50, 1, 128), 66_840_387, 11.396),
  ]

  /// Bottlenecks with as many layers in all.
  private static func of(
    _ depth: Int,
    _ groupCount: Int = 1,
    _ groupWidth: Int = 64
  ) -> Configuration {
    let third = [50: 6, 101: 23, 152: 36][depth] ?? 6
    return Configuration(
      blockCounts: [3, depth == 152 ? 8 : 4, third, 3],
      groupCount: groupCount,
      groupWidth: groupWidth
    )
  }

  private static func entry(
    _ name: String,
    _ title: String,
    _ configuration: Configuration,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    .classifier(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: configuration.levels,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try ResNet(configuration, labelCount: $0) }
  }
}
