public import OTXCore
public import OTXNN
public import OTXTensor

/// DenseNet (Huang et al., Densely Connected Convolutional Networks, CVPR 2017).
///
/// Names, initialisation and numbers are torchvision's `densenet121`; checked against it. The levels
/// are the outputs of the dense blocks, the last one normalised and activated.
public final class DenseNet: PooledClassifier {
  /// `conv0`, `denseblock1`, `transition1` and so on.
  public let features: NamedSequential
  /// `nil` in a backbone.
  public let classifier: Linear?

  public let levels: [FeatureLevel]
  /// The feature layers that the levels come out of.
  private let levelIndices: [Int]

  /// Channels that each layer adds.
  private static let growth = 32
  private static let stemChannels = 64

  /// - Parameters:
  ///   - blockCounts: Layers of each dense block; `[6, 12, 24, 16]` is DenseNet-121.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: ``ModelError/mismatch(_:)`` without blocks, `TensorError`.
  public init(blockCounts: [Int] = [6, 12, 24, 16], labelCount: Int?) throws {
    guard !blockCounts.isEmpty, blockCounts.allSatisfy({ $0 > 0 }) else {
      throw ModelError.mismatch("a DenseNet has blocks of at least one layer: \(blockCounts)")
    }
    var channels = DenseNet.stemChannels
    var layers: [(name: String, layer: any Layer)] = [
      ("conv0", try DenseNet.convolution(3, channels, kernelSize: 7, stride: 2)),
      ("norm0", try BatchNorm2d(channels)), ("relu0", ReLU()),
      ("pool0", MaxPool2d(kernelSize: 3, stride: 2, padding: 1)),
    ]
    var indices: [Int] = []
    for (index, count) in blockCounts.enumerated() {
      indices.append(layers.count)
      layers.append(("denseblock\(index + 1)", try DenseBlock(channels, layerCount: count)))
      channels += count * DenseNet.growth
      if index + 1 < blockCounts.count {
        layers.append(("transition\(index + 1)", try DenseNet.transition(channels)))
        channels /= 2
      }
    }
    layers.append(("norm5", try BatchNorm2d(channels)))
    layers.append(("relu5", ReLU()))
    indices[indices.count - 1] = layers.count - 2
    levelIndices = indices
    levels = DenseNet.levels(blockCounts)
    features = NamedSequential(layers)
    classifier = try labelCount.map { count in
      let linear = try Linear(channels, count)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
      return linear
    }
  }

  private static func levels(_ blockCounts: [Int]) -> [FeatureLevel] {
    var channels = stemChannels
    return blockCounts.enumerated().map { index, count in
      let output = channels + count * growth
      channels = output / 2
      return FeatureLevel(channels: output, stride: 4 << index)
    }
  }

  fileprivate static func convolution(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int,
    stride: Int = 1
  ) throws(TensorError) -> Conv2d {
    let convolution = try Conv2d(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      padding: kernelSize / 2,
      bias: false
    )
    try Initialization.kaimingNormal().apply(to: convolution.weight)
    return convolution
  }

  /// Halves the channels and the picture.
  private static func transition(_ channels: Int) throws(TensorError) -> NamedSequential {
    NamedSequential([
      ("norm", try BatchNorm2d(channels)), ("relu", ReLU()),
      ("conv", try convolution(channels, channels / 2, kernelSize: 1)),
      ("pool", AvgPool2d(kernelSize: 2)),
    ])
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = images
    var found: [Tensor] = []
    var start = 0
    for end in levelIndices {
      // A normalisation takes the activation after it along.
      let last = features.layers[end] is BatchNorm2d ? end + 1 : end
      x = try features(x, layers: start...last)
      start = last + 1
      found.append(x)
    }
    return found
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let classifier else { throw ModelError.noClassifier }
    return try classifier(means.flatten(startDim: 1))
  }

  /// Layers that each see the input and what all before them made.
  private final class DenseBlock: Layer, NamedChildren {
    private let layers: [DenseLayer]

    init(_ inputChannels: Int, layerCount: Int) throws(TensorError) {
      var layers: [DenseLayer] = []
      for index in 0..<layerCount {
        layers.append(try DenseLayer(inputChannels + index * DenseNet.growth))
      }
      self.layers = layers
    }

    var namedChildren: [(name: String, child: any ParameterTree)] {
      layers.enumerated().map { ("denselayer\($0 + 1)", $1) }
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      var x = input
      for layer in layers { x = try Tensor.cat([x, layer(x)], dim: 1) }
      return x
    }
  }

  private final class DenseLayer: Layer {
    let norm1: BatchNorm2d
    let conv1: Conv2d
    let norm2: BatchNorm2d
    let conv2: Conv2d

    init(_ inputChannels: Int) throws(TensorError) {
      norm1 = try BatchNorm2d(inputChannels)
      conv1 = try convolution(inputChannels, 4 * growth, kernelSize: 1)
      norm2 = try BatchNorm2d(4 * growth)
      conv2 = try convolution(4 * growth, growth, kernelSize: 3)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try conv2(norm2(conv1(norm1(input, then: .relu)), then: .relu))
    }
  }
}

extension DenseNet {
  static let entries = [
    BackboneEntry.classifier(
      BackboneDescriptor(
        name: "densenet121",
        title: "DenseNet-121",
        levels: levels([6, 12, 24, 16]),
        parameterCount: 6_956_931,
        gigaMultiplyAdds: 2.8331
      )
    ) { try DenseNet(labelCount: $0) }
  ]
}
