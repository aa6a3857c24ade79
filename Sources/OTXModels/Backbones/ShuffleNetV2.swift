public import OTXCore
public import OTXNN
public import OTXTensor

/// ShuffleNetV2 (Ma et al., Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018).
///
/// Names, initialisation and numbers are torchvision's `shufflenet_v2_x0_5` to
/// `shufflenet_v2_x2_0`; checked against them. Without a classifier it ends with the last stage: the
/// wide layer after it serves classification only. The level of stride 4 is the stem's.
public final class ShuffleNetV2: PooledClassifier {
  public let conv1: Sequential
  public let stage2: Sequential
  public let stage3: Sequential
  public let stage4: Sequential
  /// `nil` in a backbone.
  public let conv5: Sequential?
  /// `nil` in a backbone.
  public let fc: Linear?
  private let pool = MaxPool2d(kernelSize: 3, stride: 2, padding: 1)

  public let levels: [FeatureLevel]
  private static let stemChannels = 24

  /// - Parameters:
  ///   - width: Channels of the first of the three stages; each next one has twice as many.
  ///   - lastChannels: Channels before the classifier.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: `TensorError`.
  public init(width: Int, lastChannels: Int, labelCount: Int?) throws {
    conv1 = try ShuffleNetV2.step(3, ShuffleNetV2.stemChannels, kernelSize: 3, stride: 2)
    stage2 = try ShuffleNetV2.stage(ShuffleNetV2.stemChannels, width, blockCount: 4)
    stage3 = try ShuffleNetV2.stage(width, 2 * width, blockCount: 8)
    stage4 = try ShuffleNetV2.stage(2 * width, 4 * width, blockCount: 4)
    levels = ShuffleNetV2.levels(width: width)
    conv5 = try labelCount.map { _ in try ShuffleNetV2.step(4 * width, lastChannels) }
    fc = try labelCount.map { try Linear(lastChannels, $0) }
  }

  private static func levels(width: Int) -> [FeatureLevel] {
    [stemChannels, width, 2 * width, 4 * width].enumerated().map {
      FeatureLevel(channels: $1, stride: 4 << $0)
    }
  }

  private static func stage(
    _ inputChannels: Int,
    _ channels: Int,
    blockCount: Int
  ) throws(TensorError) -> Sequential {
    var blocks: [any Layer] = [try Block(inputChannels, channels, stride: 2)]
    for _ in 1..<blockCount { blocks.append(try Block(channels, channels, stride: 1)) }
    return Sequential(blocks)
  }

  /// Unlike the other networks this one keeps a convolution's default initialisation.
  private static func layers(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1,
    groups: Int = 1,
    hasActivation: Bool = true
  ) throws(TensorError) -> [any Layer] {
    let convolution = try Conv2d(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      padding: kernelSize / 2,
      groups: groups,
      bias: false
    )
    let layers: [any Layer] = [convolution, try BatchNorm2d(channels)]
    return hasActivation ? layers + [ReLU()] : layers
  }

  private static func step(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1
  ) throws(TensorError) -> Sequential {
    Sequential(try layers(inputChannels, channels, kernelSize: kernelSize, stride: stride))
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = try pool(conv1(images))
    var found = [x]
    for stage in [stage2, stage3, stage4] {
      x = try stage(x)
      found.append(x)
    }
    return found
  }

  public func lastFeatures(_ images: Tensor) throws -> Tensor {
    guard let conv5, let features = try self(images).last else { throw ModelError.noClassifier }
    return try conv5(features)
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let fc else { throw ModelError.noClassifier }
    return try fc(means.flatten(startDim: 1))
  }

  /// Two branches, of which the first is the input's first half itself unless the picture gets
  /// smaller; their channels alternate in the output.
  private final class Block: Layer {
    let branch1: Sequential?
    let branch2: Sequential

    init(_ inputChannels: Int, _ channels: Int, stride: Int) throws(TensorError) {
      let half = channels / 2
      var first: [any Layer] = []
      if stride > 1 {
        first += try layers(
          inputChannels,
          inputChannels,
          kernelSize: 3,
          stride: stride,
          groups: inputChannels,
          hasActivation: false
        )
        first += try layers(inputChannels, half)
      }
      branch1 = first.isEmpty ? nil : Sequential(first)
      var second = try layers(stride > 1 ? inputChannels : half, half)
      second += try layers(
        half,
        half,
        kernelSize: 3,
        stride: stride,
        groups: half,
        hasActivation: false
      )
      second += try layers(half, half)
      branch2 = Sequential(second)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      if let branch1 { return try Block.alternating(branch1(input), branch2(input)) }
      let halves = try input.chunk(2, dim: 1)
      return try Block.alternating(halves[0], branch2(halves[1]))
    }

    /// The channels of both in turn: joined and then shuffled in two groups, in one pass.
    private static func alternating(
      _ first: Tensor,
      _ second: Tensor
    ) throws(TensorError) -> Tensor {
      guard second.memoryFormat == .channelsLast else {
        return try Tensor.stack([first, second], dim: 2).flatten(startDim: 1, endDim: 2)
      }
      // Channels stay innermost.
      let axes = [0, 2, 3, 1]
      return try Tensor.stack([first.permute(axes), second.permute(axes)], dim: 4)
        .flatten(startDim: 3).permute([0, 3, 1, 2])
    }
  }
}

extension ShuffleNetV2 {
  static let entries = [
    entry(48, 1024, "shufflenet_v2_x0_5", "ShuffleNetV2 ×0.5", 344_867, 0.03946),
    entry(116, 1024, "shufflenet_v2_x1_0", "ShuffleNetV2 ×1.0", 1_256_679, 0.1439),
    entry(176, 1024, "shufflenet_v2_x1_5", "ShuffleNetV2 ×1.5", 2_481_699, 0.2947),
    entry(244, 2048, "shufflenet_v2_x2_0", "ShuffleNetV2 ×2.0", 5_351_143, 0.5812),
  ]

  private static func entry(
    _ width: Int,
    _ lastChannels: Int,
    _ name: String,
    _ title: String,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    .classifier(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: levels(width: width),
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try ShuffleNetV2(width: width, lastChannels: lastChannels, labelCount: $0) }
  }
}
