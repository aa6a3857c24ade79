public import OTXCore
public import OTXNN
public import OTXTensor

/// Residual network (He et al., Deep Residual Learning, CVPR 2016) of basic blocks.
///
/// Names, initialisation and numbers are torchvision's `resnet18`; checked against it.
public final class ResNet: Backbone, ImageClassifierNetwork {
  public let conv1: Conv2d
  public let bn1: BatchNorm2d
  public let layer1: [BasicBlock]
  public let layer2: [BasicBlock]
  public let layer3: [BasicBlock]
  public let layer4: [BasicBlock]
  /// `nil` in a backbone.
  public let fc: Linear?
  private let pool = MaxPool2d(kernelSize: 3, stride: 2, padding: 1)

  public let levels = [64, 128, 256, 512].enumerated().map {
    FeatureLevel(channels: $1, stride: 4 << $0)
  }

  /// - Parameters:
  ///   - blockCounts: Blocks of each of the four stages; `[2, 2, 2, 2]` is ResNet-18.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: ``ModelError/mismatch(_:)`` for other than four stages, `TensorError`.
  public init(blockCounts: [Int] = [2, 2, 2, 2], labelCount: Int?) throws {
    guard blockCounts.count == 4, blockCounts.allSatisfy({ $0 > 0 }) else {
      throw ModelError.mismatch("a ResNet has four stages of at least one block: \(blockCounts)")
    }
    conv1 = try Conv2d(3, 64, kernelSize: 7, stride: 2, padding: 3, bias: false)
    try Initialization.kaimingNormal(fan: .out).apply(to: conv1.weight)
    bn1 = try BatchNorm2d(64)
    layer1 = try ResNet.stage(64, 64, blockCount: blockCounts[0], stride: 1)
    layer2 = try ResNet.stage(64, 128, blockCount: blockCounts[1], stride: 2)
    layer3 = try ResNet.stage(128, 256, blockCount: blockCounts[2], stride: 2)
    layer4 = try ResNet.stage(256, 512, blockCount: blockCounts[3], stride: 2)
    fc = try labelCount.map { try Linear(512, $0) }
  }

  private static func stage(
    _ inputChannels: Int,
    _ channels: Int,
    blockCount: Int,
    stride: Int
  ) throws -> [BasicBlock] {
    try (0..<blockCount).map { index in
      try BasicBlock(
        index == 0 ? inputChannels : channels,
        channels,
        stride: index == 0 ? stride : 1
      )
    }
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

  public func logits(_ images: Tensor) throws -> Tensor {
    guard let fc, let features = try self(images).last else { throw ModelError.noClassifier }
    return try fc(features.adaptiveAvgPool2d(1).flatten(startDim: 1))
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

  init(_ inputChannels: Int, _ channels: Int, stride: Int) throws {
    conv1 = try Conv2d(
      inputChannels,
      channels,
      kernelSize: 3,
      stride: stride,
      padding: 1,
      bias: false
    )
    bn1 = try BatchNorm2d(channels)
    conv2 = try Conv2d(channels, channels, kernelSize: 3, padding: 1, bias: false)
    bn2 = try BatchNorm2d(channels)
    var convolutions = [conv1, conv2]
    if stride == 1 && inputChannels == channels {
      downsample = nil
    } else {
      let shortcut = try Conv2d(
        inputChannels,
        channels,
        kernelSize: 1,
        stride: stride,
        bias: false
      )
      downsample = Sequential(shortcut, try BatchNorm2d(channels))
      convolutions.append(shortcut)
    }
    for convolution in convolutions {
      try Initialization.kaimingNormal(fan: .out).apply(to: convolution.weight)
    }
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let x = try conv2(bn1(conv1(input), then: .relu))
    let shortcut = try downsample?(input) ?? input
    return try bn2(x, adding: shortcut, then: .relu)
  }
}

extension ResNet {
  static let entries = [
    BackboneEntry.classifier(
      BackboneDescriptor(
        name: "resnet18",
        title: "ResNet-18",
        levels: [64, 128, 256, 512].enumerated().map { .init(channels: $1, stride: 4 << $0) },
        parameterCount: 11_178_051,
        gigaMultiplyAdds: 1.814
      )
    ) { try ResNet(labelCount: $0) }
  ]
}
