public import OTXCore
public import OTXNN
public import OTXTensor

/// ConvNeXt (Liu et al., A ConvNet for the 2020s, CVPR 2022).
///
/// Names, initialisation and numbers are torchvision's `convnext_tiny` and its kin; checked against
/// them.
public final class ConvNeXt: PooledClassifier {
  /// The stem, then stages with a step down between each two.
  public let features: [any Layer]
  /// Layer normalisation and a linear layer; `nil` in a backbone.
  public let classifier: Sequential?
  public let levels: [FeatureLevel]

  /// - Parameters:
  ///   - channels: Of each stage.
  ///   - blockCounts: Of each stage.
  ///   - stochasticDepth: The probability with which the last block is dropped while training;
  ///     those before it less, in even steps from 0.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: ``ModelError/mismatch(_:)`` unless each stage has channels and blocks, `TensorError`.
  public init(
    channels: [Int],
    blockCounts: [Int],
    stochasticDepth: Double,
    labelCount: Int?
  ) throws {
    guard let first = channels.first, let last = channels.last,
      channels.count == blockCounts.count, (channels + blockCounts).allSatisfy({ $0 > 0 })
    else {
      throw ModelError.mismatch(
        "a ConvNeXt's stages have channels and blocks each: \(channels), \(blockCounts)"
      )
    }
    var layers: [any Layer] = [
      Sequential(try Conv2d(3, first, kernelSize: 4, stride: 4), try LayerNorm2d(first))
    ]
    let total = blockCounts.reduce(0, +)
    var block = 0
    for (stage, (width, count)) in zip(channels, blockCounts).enumerated() {
      if stage > 0 {
        let before = channels[stage - 1]
        layers.append(
          Sequential(try LayerNorm2d(before), try Conv2d(before, width, kernelSize: 2, stride: 2))
        )
      }
      var blocks: [any Layer] = []
      for _ in 0..<count {
        let probability = stochasticDepth * Double(block) / Double(max(total - 1, 1))
        blocks.append(try Block(width, stochasticDepth: probability))
        block += 1
      }
      layers.append(Sequential(blocks))
    }
    features = layers
    classifier = try labelCount.map {
      Sequential(try LayerNorm2d(last), Flatten(), try Linear(last, $0))
    }
    levels = ConvNeXt.levels(channels)
    for (_, module) in modules() {
      // torchvision truncates at 100 deviations, which no draw reaches.
      let (weight, bias): (Parameter, Parameter?)
      switch module {
      case let layer as Conv2d: (weight, bias) = (layer.weight, layer.bias)
      case let layer as Linear: (weight, bias) = (layer.weight, layer.bias)
      default: continue
      }
      try Initialization.normal(standardDeviation: 0.02).apply(to: weight)
      if let bias { try Initialization.constant(0).apply(to: bias) }
    }
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = images
    var found: [Tensor] = []
    for (index, layer) in features.enumerated() {
      x = try layer(x)
      if !index.isMultiple(of: 2) { found.append(x) }
    }
    return found
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let classifier else { throw ModelError.noClassifier }
    return try classifier(means)
  }

  /// A wide depthwise convolution and two linear layers over the channels, on a scaled branch.
  private final class Block: Layer {
    static let weightNames = ["scale": "layer_scale"]
    let scale: Parameter
    let block: Sequential
    let depth: StochasticDepth

    init(_ channels: Int, stochasticDepth: Double) throws(TensorError) {
      scale = try Parameter(.full([channels, 1, 1], 1e-6))
      block = Sequential(
        try Conv2d(channels, channels, kernelSize: 7, padding: 3, groups: channels),
        Permute([0, 2, 3, 1]),
        try LayerNorm(channels, epsilon: 1e-6),
        try Linear(channels, 4 * channels),
        GELU(),
        try Linear(4 * channels, channels),
        Permute([0, 3, 1, 2])
      )
      depth = StochasticDepth(stochasticDepth)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try depth(block(input) * scale.value) + input
    }
  }
}

extension ConvNeXt {
  static let entries = [
    entry("tiny", "Tiny", 96, [3, 3, 9, 3], 0.1, 27_822_435, 4.4548),
    entry("small", "Small", 96, [3, 3, 27, 3], 0.4, 49_456_995, 8.6829),
    entry("base", "Base", 128, [3, 3, 27, 3], 0.5, 87_569_539, 15.354),
  ]

  private static func entry(
    _ name: String,
    _ title: String,
    _ width: Int,
    _ blockCounts: [Int],
    _ stochasticDepth: Double,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    let channels = (0..<4).map { width << $0 }
    return .classifier(
      BackboneDescriptor(
        name: "convnext_\(name)",
        title: "ConvNeXt-\(title)",
        levels: levels(channels),
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) {
      try ConvNeXt(
        channels: channels,
        blockCounts: blockCounts,
        stochasticDepth: stochasticDepth,
        labelCount: $0
      )
    }
  }

  private static func levels(_ channels: [Int]) -> [FeatureLevel] {
    channels.enumerated().map { FeatureLevel(channels: $1, stride: 4 << $0) }
  }
}
