public import OTXCore
import OTXNN
public import OTXTensor

/// OSNet x1.0 (Zhou et al., Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019,
/// arXiv 1905.00953).
///
/// Names and initialisation are those of the published checkpoints (torchreid's `osnet_x1_0`).
/// Checked against a plain PyTorch twin (`Tools/goldens/backbones_reference.py`). Levels are taken
/// where the map is next made smaller.
public final class OSNet: PooledClassifier {
  let conv1: ConvNorm
  let conv2: [any Layer]
  let conv3: [any Layer]
  let conv4: [any Layer]
  let conv5: ConvNorm
  /// A hidden layer of the classifier; `nil` in a backbone.
  let fc: EmbeddingLayer?
  /// `nil` in a backbone.
  let classifier: Linear?
  private let pool = MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
  private let step = AvgPool2d(kernelSize: 2)

  public let levels = OSNet.stageLevels

  private static let stageLevels = [
    FeatureLevel(channels: 256, stride: 4), FeatureLevel(channels: 384, stride: 8),
    FeatureLevel(channels: 512, stride: 16),
  ]

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(labelCount: Int?) throws {
    func stage(_ inputChannels: Int, _ channels: Int, isReduced: Bool) throws -> [any Layer] {
      var layers: [any Layer] = [
        try OmniScaleBlock(inputChannels, channels), try OmniScaleBlock(channels, channels),
      ]
      // The pooling after it has no weights and is done where levels are taken.
      if isReduced { layers.append(Sequential(try ConvNorm(channels, channels, then: .relu))) }
      return layers
    }
    conv1 = try ConvNorm(3, 64, kernelSize: 7, stride: 2, then: .relu)
    conv2 = try stage(64, 256, isReduced: true)
    conv3 = try stage(256, 384, isReduced: true)
    conv4 = try stage(384, 512, isReduced: false)
    conv5 = try ConvNorm(512, 512, then: .relu)
    fc = try labelCount.map { _ in try EmbeddingLayer(512, 512) }
    classifier = try labelCount.map { try Linear(512, $0) }
    for (_, module) in modules() {
      let (rule, weight, bias): (Initialization, Parameter, Parameter?)
      switch module {
      case let layer as Conv2d:
        (rule, weight, bias) = (.kaimingNormal(fan: .out), layer.weight, layer.bias)
      case let layer as Linear:
        (rule, weight, bias) = (.normal(standardDeviation: 0.01), layer.weight, layer.bias)
      default: continue
      }
      try rule.apply(to: weight)
      if let bias { try Initialization.constant(0).apply(to: bias) }
    }
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = try pool(conv1(images))
    for layer in conv2 { x = try layer(x) }
    let level4 = x
    x = try step(x)
    for layer in conv3 { x = try layer(x) }
    let level8 = x
    x = try step(x)
    for layer in conv4 { x = try layer(x) }
    return [level4, level8, try conv5(x)]
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let fc, let classifier else { throw ModelError.noClassifier }
    return try classifier(fc(means.flatten(startDim: 1)))
  }

  /// A 1×1 convolution, a depthwise 3×3 convolution, batch normalisation and ReLU.
  private final class LightConvolution: Layer {
    static let weightNames = ["normalization": "bn"]
    let conv1: Conv2d
    let conv2: Conv2d
    let normalization: BatchNorm2d

    init(_ channels: Int) throws(TensorError) {
      conv1 = try Conv2d(channels, channels, kernelSize: 1, bias: false)
      conv2 = try Conv2d(
        channels,
        channels,
        kernelSize: 3,
        padding: 1,
        groups: channels,
        bias: false
      )
      normalization = try BatchNorm2d(channels)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try normalization(conv2(conv1(input)), then: .relu)
    }
  }

  /// Four streams that see 3, 5, 7 and 9 cells, summed through one shared gate.
  private final class OmniScaleBlock: Layer {
    let conv1: ConvNorm
    let conv2a: LightConvolution
    let conv2b: Sequential
    let conv2c: Sequential
    let conv2d: Sequential
    let gate: SqueezeExcitation
    let conv3: ConvNorm
    let downsample: ConvNorm?

    init(_ inputChannels: Int, _ channels: Int) throws(TensorError) {
      let middle = channels / 4
      func stream(_ length: Int) throws(TensorError) -> Sequential {
        var layers: [any Layer] = []
        for _ in 0..<length { layers.append(try LightConvolution(middle)) }
        return Sequential(layers)
      }
      conv1 = try ConvNorm(inputChannels, middle, then: .relu)
      conv2a = try LightConvolution(middle)
      conv2b = try stream(2)
      conv2c = try stream(3)
      conv2d = try stream(4)
      gate = try SqueezeExcitation(middle, squeezeChannels: middle / 16)
      conv3 = try ConvNorm(middle, channels, then: .relu)
      downsample =
        inputChannels == channels ? nil : try ConvNorm(inputChannels, channels, then: .relu)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      let x = try conv1(input)
      let streams = try gate(conv2a(x)) + gate(conv2b(x)) + gate(conv2c(x)) + gate(conv2d(x))
      var shortcut = input
      if let downsample {
        shortcut = try downsample.normalization(downsample.conv(input))
      }
      return try conv3.normalization(conv3.conv(streams), adding: shortcut, then: .relu)
    }
  }

  /// A linear layer, batch normalisation and ReLU, numbered 0 and 1.
  final class EmbeddingLayer: Layer {
    static let weightNames = ["linear": "0", "normalization": "1"]
    let linear: Linear
    let normalization: BatchNorm2d

    init(_ inputFeatures: Int, _ features: Int) throws(TensorError) {
      linear = try Linear(inputFeatures, features)
      normalization = try BatchNorm2d(features)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try normalization(linear(input).unflatten(dim: 1, [-1, 1, 1]), then: .relu)
        .flatten(startDim: 1)
    }
  }
}

extension OSNet {
  static let entries = [
    BackboneEntry.classifier(
      BackboneDescriptor(
        name: "osnet_x1_0",
        title: "OSNet x1.0",
        levels: stageLevels,
        parameterCount: 2_171_047,
        gigaMultiplyAdds: 1.4987
      )
    ) { try OSNet(labelCount: $0) }
  ]
}
