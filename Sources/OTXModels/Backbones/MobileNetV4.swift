public import OTXCore
public import OTXNN
public import OTXTensor

/// MobileNetV4-Conv-Small (Qin et al., MobileNetV4, ECCV 2024).
///
/// Names, initialisation and numbers are timm's `mobilenetv4_conv_small`; checked against it. Without
/// a classifier it ends with the last inverted bottleneck: the wide layers after it serve
/// classification only. Its last normalisation sees one value a picture and channel, so that training
/// the classifier needs batches of two and more.
public final class MobileNetV4: PooledClassifier {
  public static let weightNames = [
    "stem": "conv_stem", "norm": "bn1", "head": "conv_head", "headNorm": "norm_head",
  ]
  public let stem: Conv2d
  public let norm: BatchNorm2d
  public let blocks: [Sequential]
  /// After the mean over the picture, as the next two; `nil` in a backbone.
  public let head: Conv2d?
  public let headNorm: BatchNorm2d?
  public let classifier: Linear?

  public let levels = MobileNetV4.stageLevels
  private static let stageLevels = [32, 64, 96, 128].enumerated().map {
    FeatureLevel(channels: $1, stride: 4 << $0)
  }

  /// A universal inverted bottleneck: kernel sizes of the depthwise convolutions before and after the
  /// expansion, 0 for none.
  private struct Row {
    var first: Int
    var second: Int
    var wideChannels: Int
    var stride = 1
  }
  private static let rows: [(channels: Int, rows: [Row])] = [
    (
      96,
      [
        Row(first: 5, second: 5, wideChannels: 192, stride: 2),
        Row(first: 0, second: 3, wideChannels: 192), Row(first: 0, second: 3, wideChannels: 192),
        Row(first: 0, second: 3, wideChannels: 192), Row(first: 0, second: 3, wideChannels: 192),
        Row(first: 3, second: 0, wideChannels: 384),
      ]
    ),
    (
      128,
      [
        Row(first: 3, second: 3, wideChannels: 576, stride: 2),
        Row(first: 5, second: 5, wideChannels: 512), Row(first: 0, second: 5, wideChannels: 512),
        Row(first: 0, second: 5, wideChannels: 384), Row(first: 0, second: 3, wideChannels: 512),
        Row(first: 0, second: 3, wideChannels: 512),
      ]
    ),
  ]

  /// A network with random weights for `labelCount` classes; `nil` builds a backbone.
  public init(labelCount: Int?) throws {
    stem = try MobileNetV4.convolution(3, 32, kernelSize: 3, stride: 2)
    norm = try BatchNorm2d(32)
    var stages = [
      Sequential(
        try MobileNetV4.step(32, 32, kernelSize: 3, stride: 2),
        try MobileNetV4.step(32, 32)
      ),
      Sequential(
        try MobileNetV4.step(32, 96, kernelSize: 3, stride: 2),
        try MobileNetV4.step(96, 64)
      ),
    ]
    var channels = 64
    for stage in MobileNetV4.rows {
      var layers: [any Layer] = []
      for row in stage.rows {
        layers.append(try InvertedBottleneck(channels, stage.channels, row))
        channels = stage.channels
      }
      stages.append(Sequential(layers))
    }
    if let labelCount {
      stages.append(Sequential(try MobileNetV4.step(channels, 960)))
      head = try MobileNetV4.convolution(960, 1280, kernelSize: 1)
      headNorm = try BatchNorm2d(1280)
      let linear = try Linear(1280, labelCount)
      let bound = 1 / Double(labelCount).squareRoot()
      try Initialization.uniform(from: -bound, to: bound).apply(to: linear.weight)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
      classifier = linear
    } else {
      (head, headNorm, classifier) = (nil, nil, nil)
    }
    blocks = stages
  }

  private static func convolution(
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
    // timm counts the connections out of one group.
    let fan = Double(kernelSize * kernelSize * channels / groups)
    try Initialization.normal(standardDeviation: (2 / fan).squareRoot())
      .apply(to: convolution.weight)
    return convolution
  }

  /// A convolution, normalisation and an activation, under the names of timm's `ConvBnAct`.
  private static func step(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1
  ) throws(TensorError) -> NamedSequential {
    NamedSequential([
      ("conv", try convolution(inputChannels, channels, kernelSize: kernelSize, stride: stride)),
      ("bn1", try BatchNorm2d(channels)), ("act", ReLU()),
    ])
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    Array(try stages(images).prefix(levels.count))
  }

  /// The output of each of the blocks.
  private func stages(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = try norm(stem(images), then: .relu)
    var found: [Tensor] = []
    for block in blocks {
      x = try block(x)
      found.append(x)
    }
    return found
  }

  public func lastFeatures(_ images: Tensor) throws -> Tensor {
    guard let last = try stages(images).last else { throw ModelError.noClassifier }
    return last
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let head, let headNorm, let classifier else { throw ModelError.noClassifier }
    let x = try headNorm(head(means), then: .relu)
    return try classifier(x.flatten(startDim: 1))
  }

  private final class InvertedBottleneck: Layer {
    static let weightNames = [
      "first": "dw_start", "expansion": "pw_exp", "second": "dw_mid", "projection": "pw_proj",
    ]
    let first: NamedSequential?
    let expansion: NamedSequential
    let second: NamedSequential?
    let projection: NamedSequential
    private let hasShortcut: Bool

    init(_ inputChannels: Int, _ channels: Int, _ row: Row) throws(TensorError) {
      let wide = row.wideChannels
      first = try InvertedBottleneck.depthwise(
        inputChannels,
        row.first,
        stride: row.second == 0 ? row.stride : 1,
        activation: nil
      )
      expansion = InvertedBottleneck.named(
        try convolution(inputChannels, wide, kernelSize: 1),
        try BatchNorm2d(wide),
        ReLU()
      )
      second = try InvertedBottleneck.depthwise(
        wide,
        row.second,
        stride: row.stride,
        activation: ReLU()
      )
      projection = InvertedBottleneck.named(
        try convolution(wide, channels, kernelSize: 1),
        try BatchNorm2d(channels),
        nil
      )
      hasShortcut = row.stride == 1 && inputChannels == channels
    }

    private static func depthwise(
      _ channels: Int,
      _ kernelSize: Int,
      stride: Int,
      activation: ReLU?
    ) throws(TensorError) -> NamedSequential? {
      guard kernelSize > 0 else { return nil }
      let convolution = try convolution(
        channels,
        channels,
        kernelSize: kernelSize,
        stride: stride,
        groups: channels
      )
      return named(convolution, try BatchNorm2d(channels), activation)
    }

    private static func named(
      _ convolution: Conv2d,
      _ norm: BatchNorm2d,
      _ activation: ReLU?
    ) -> NamedSequential {
      let layers: [(name: String, layer: any Layer)] = [("conv", convolution), ("bn", norm)]
      return NamedSequential(activation.map { layers + [("act", $0)] } ?? layers)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      var x = try expansion(first?(input) ?? input)
      if let second { x = try second(x) }
      return try projection(x, adding: hasShortcut ? input : nil)
    }
  }
}

extension MobileNetV4 {
  static let entries = [
    BackboneEntry.classifier(
      BackboneDescriptor(
        name: "mobilenetv4_conv_small",
        title: "MobileNetV4-Conv-Small",
        levels: stageLevels,
        parameterCount: 2_496_867,
        gigaMultiplyAdds: 0.1847
      )
    ) { try MobileNetV4(labelCount: $0) }
  ]
}
