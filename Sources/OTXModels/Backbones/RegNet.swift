public import OTXCore
public import OTXNN
public import OTXTensor

/// RegNetY (Radosavovic et al., Designing Network Design Spaces, CVPR 2020).
///
/// Names, initialisation and numbers are torchvision's `regnet_y_400mf` and `regnet_y_1_6gf`;
/// checked against them.
public final class RegNet: PooledClassifier {
  public static let weightNames = ["trunk": "trunk_output"]
  public let stem: Sequential
  /// `block1` to `block4`, each of them blocks `block1-0`, `block1-1` and so on.
  public let trunk: NamedSequential
  /// `nil` in a backbone.
  public let fc: Linear?

  public let levels: [FeatureLevel]

  /// What tells one of the networks from another.
  public struct Configuration: Sendable {
    /// Channels and blocks of each stage.
    var stages: [(channels: Int, blockCount: Int)]
    /// Channels of a group of the 3×3 convolutions.
    var groupWidth: Int

    /// 400 million multiply-adds.
    public static let y400MF = Configuration(
      stages: [(48, 1), (104, 3), (208, 6), (440, 6)],
      groupWidth: 8
    )
    /// 1.6 thousand million multiply-adds.
    public static let y1600MF = Configuration(
      stages: [(48, 2), (120, 6), (336, 17), (888, 2)],
      groupWidth: 24
    )

    var levels: [FeatureLevel] {
      stages.enumerated().map { FeatureLevel(channels: $1.channels, stride: 4 << $0) }
    }
  }

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(_ configuration: Configuration, labelCount: Int?) throws {
    stem = try convNormActivation(3, 32, kernelSize: 3, stride: 2, activation: ReLU())
    var channels = 32
    var stages: [(name: String, layer: any Layer)] = []
    for (index, stage) in configuration.stages.enumerated() {
      var blocks: [(name: String, layer: any Layer)] = []
      for number in 0..<stage.blockCount {
        let block = try Block(
          channels,
          stage.channels,
          groupWidth: configuration.groupWidth,
          stride: number == 0 ? 2 : 1
        )
        blocks.append(("block\(index + 1)-\(number)", block))
        channels = stage.channels
      }
      stages.append(("block\(index + 1)", NamedSequential(blocks)))
    }
    trunk = NamedSequential(stages)
    levels = configuration.levels
    fc = try labelCount.map { count in
      let linear = try Linear(channels, count)
      try Initialization.normal(standardDeviation: 0.01).apply(to: linear.weight)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
      return linear
    }
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = try stem(images)
    var found: [Tensor] = []
    for stage in trunk.layers {
      x = try stage(x)
      found.append(x)
    }
    return found
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let fc else { throw ModelError.noClassifier }
    return try fc(means.flatten(startDim: 1))
  }

  /// Two 1×1 convolutions, between them one in groups and a gate; a shortcut around them all.
  private final class Block: Layer {
    /// Brings the input to the output's shape where the two differ.
    let proj: Sequential?
    let f: NamedSequential

    init(
      _ inputChannels: Int,
      _ channels: Int,
      groupWidth: Int,
      stride: Int
    ) throws(TensorError) {
      proj =
        stride != 1 || inputChannels != channels
        ? try convNormActivation(inputChannels, channels, stride: stride, activation: nil) : nil
      let gate = try SqueezeExcitation(
        channels,
        squeezeChannels: Int((0.25 * Double(inputChannels)).rounded(.toNearestOrEven))
      )
      for convolution in [gate.fc1, gate.fc2] {
        try Initialization.kaimingNormal(fan: .out).apply(to: convolution.weight)
      }
      f = NamedSequential([
        ("a", try convNormActivation(inputChannels, channels, activation: ReLU())),
        (
          "b",
          try convNormActivation(
            channels,
            channels,
            kernelSize: 3,
            stride: stride,
            groups: channels / groupWidth,
            activation: ReLU()
          )
        ),
        ("se", gate),
        ("c", try convNormActivation(channels, channels, activation: nil)),
      ])
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try f(input, adding: proj?(input) ?? input, then: .relu)
    }
  }
}

extension RegNet {
  static let entries = [
    entry(.y400MF, "regnet_y_400mf", "RegNetY-400MF", 3_904_467, 0.4014),
    entry(.y1600MF, "regnet_y_1_6gf", "RegNetY-1.6GF", 10_316_097, 1.6112),
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
        levels: configuration.levels,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try RegNet(configuration, labelCount: $0) }
  }
}
