public import OTXCore
public import OTXNN
public import OTXTensor

/// SSD: a one-stage detector that scores a fixed set of boxes (Liu et al., SSD: Single Shot
/// MultiBox Detector, ECCV 2016).
///
/// Built as OTX 2.6 builds its SSD-MobileNetV2: two backbone levels (strides 16 and 32) with 4 and
/// 5 anchors a cell, whose sizes are a clustering of objects' sizes; for each level one depthwise
/// separable convolution for scores and one for boxes. Losses: cross-entropy over labels and
/// background with three hard negatives a positive, smooth L1 of the offsets. A picture without
/// objects contributes its three hardest negatives (there: nothing).
///
/// The anchors' sizes are a buffer, `bbox_head.anchor_sizes`, so that a checkpoint carries those
/// that it was trained with; ``adaptAnchors(to:)`` fits them to a data set.
///
/// Checked against a plain PyTorch twin (`Tools/goldens/detectors_reference.py`), which in turn gave
/// the same losses, assignments and detections as OTX 2.6's own classes.
public final class SSD: AdaptedModel, AnchorAdapting {
  public typealias Kind = Detection

  /// What makes one SSD differ from another.
  public struct Configuration: Sendable, Equatable {
    public var strides = [16, 32]
    /// Anchors of a cell on each level, `[height, width]` relative to the input's.
    public var anchorSizes = Configuration.clusteredSizes
    public var negativeRatio = 3
    public var iouThreshold = 0.45
    public init() {}

    /// OTX 2.6's defaults, which stand for an input of 864×864.
    static let clusteredSizes: [[[Double]]] = [
      [
        [48.924_387_707_913_2, 38.641_007_923_271_076],
        [147.730_884_764_619_03, 92.495_160_327_846_99],
        [158.235_697_887_074_74, 271.423_476_493_823_7],
        [324.145_103_791_073_67, 141.534_694_108_762_47],
      ],
      [
        [587.621_605_948_893_8, 206.041_360_865_665_15],
        [381.601_240_520_865_44, 386.654_272_790_784_1],
        [323.598_891_302_774_7, 716.989_275_221_508_9],
        [702.748_609_756_851_8, 453.756_095_617_614_05],
        [741.486_586_093_845_1, 788.462_915_555_827_7],
      ],
    ].map { level in level.map { size in size.map { $0 / 864 } } }
  }

  public let network: Network
  public let labelCount: Int
  private let configuration: Configuration
  private let assigner = OverlapAssigner()

  /// A network with random weights; the anchors are scaled to `inputSize`, the size that it is
  /// trained at.
  ///
  /// Throws ``ModelError/mismatch(_:)`` when the backbone lacks a level.
  public init(
    backbone: any Backbone,
    labelCount: Int,
    inputSize: ImageSize,
    configuration: Configuration = Configuration()
  ) throws {
    self.labelCount = labelCount
    self.configuration = configuration
    network = try Network(
      backbone,
      labelCount: labelCount,
      inputSize: inputSize,
      configuration: configuration
    )
  }

  public func loss(of output: Output, _ batch: Detection.Batch) throws -> LossTerms {
    let scores = try output.scores.to(.float32)
    let offsets = try output.offsets.to(.float32)
    let targets = try noGrad { () throws(TensorError) in try self.targets(output, batch) }
    let (grid, average) = (output.grid, try targets.averageFactor())

    let entropy = try crossEntropy(
      scores.flatten(startDim: 0, endDim: 1),
      targets.labels.flatten(),
      reduction: .none
    ).reshape(targets.labels.shape)
    let positive = try (entropy * targets.positives).sum()
    let classLoss = try (positive + hardNegatives(entropy, targets)) / average

    let centers = try grid.centers.indexSelect(dim: 0, targets.anchorIndices)
    let sizes = try grid.sizes.indexSelect(dim: 0, targets.anchorIndices)
    let goal = try BoxCoder.encode(targets.boxes, centers: centers, sizes: sizes)
    let boxLoss =
      try smoothL1Loss(targets.positiveRows(offsets), goal, reduction: .sum) / average
    return LossTerms([NamedTensor("loss_cls", classLoss), NamedTensor("loss_bbox", boxLoss)])
  }

  /// The sum of each picture's largest losses among its negatives, three to a positive
  /// (section 2.2, "hard negative mining").
  private func hardNegatives(
    _ entropy: Tensor,
    _ targets: DetectionTargets
  ) throws(TensorError) -> Tensor {
    let isNegative = try (1 - targets.positives) * targets.weights
    let allowed =
      try targets.positives.sum(dim: 1, keepDim: true).clamp(min: 1)
      * Double(configuration.negativeRatio)
    let (sorted, _) = try (entropy * isNegative).sort(dim: 1, descending: true)
    let rank = try Tensor.arange(entropy.size(1), device: entropy.device)
    return try (sorted * rank.lt(allowed).to(.float32)).sum()
  }

  func targets(
    _ output: Output,
    _ batch: Detection.Batch
  ) throws(TensorError) -> DetectionTargets {
    try DetectionTargets(batch, grid: output.grid, labelCount: labelCount) {
      (boxes, corners) throws(TensorError) in
      try assigner.assign(boxes, corners: corners)
    }
  }

  public func outputs(of output: Output) throws -> [NamedTensor] {
    try decoded(output).chosen(iouThreshold: configuration.iouThreshold)
  }

  public func rawOutputs(of output: Output) throws -> [NamedTensor] { try decoded(output).all }

  func decoded(_ output: Output) throws(TensorError) -> AnchorPredictions {
    let boxes = try BoxCoder.decode(
      output.offsets.to(.float32),
      centers: output.grid.centers,
      sizes: output.grid.sizes
    )
    let scores = try output.scores.to(.float32).softmax(dim: -1)
      .narrow(dim: -1, start: 0, length: labelCount)
    return try AnchorPredictions(boxes, scores, inputSize: output.grid.inputSize)
  }

  public func adaptAnchors(to sizes: [ImageExtent]) throws {
    let counts = configuration.anchorSizes.map(\.count)
    let clusters = clusteredExtents(sizes, count: counts.reduce(0, +))
    guard clusters.count == counts.reduce(0, +) else { return }
    try network.head.setAnchorSizes(clusters)
  }
}

extension SSD {
  /// What the network says of every anchor.
  public struct Output {
    /// `[N, A, K + 1]`, before softmax; background is last.
    public var scores: Tensor
    /// `[N, A, 4]`, encoded.
    public var offsets: Tensor
    let grid: AnchorGrid
    /// What the head saw, level by level.
    let features: [Tensor]
  }

  public final class Network: Module {
    public static let weightNames = ["head": "bbox_head"]
    public let backbone: any Backbone
    let head: Head
    private let levelIndices: [Int]
    private let configuration: Configuration

    init(
      _ backbone: any Backbone,
      labelCount: Int,
      inputSize: ImageSize,
      configuration: Configuration
    ) throws {
      self.backbone = backbone
      self.configuration = configuration
      levelIndices = try backbone.levelIndices(strides: configuration.strides)
      head = try Head(
        levelIndices.map { backbone.levels[$0].channels },
        labelCount: labelCount,
        anchorCounts: configuration.anchorSizes.map(\.count)
      )
      try head.setAnchorSizes(
        configuration.anchorSizes.joined().map {
          ImageExtent(
            height: $0[0] * Double(inputSize.height),
            width: $0[1] * Double(inputSize.width)
          )
        }
      )
    }

    public func callAsFunction(_ images: Tensor) throws(TensorError) -> Output {
      let found = try backbone(images)
      var levels: [Tensor] = []
      for index in levelIndices { levels.append(found[index]) }
      var grid: [AnchorLevel] = []
      for (index, level) in levels.enumerated() {
        grid.append(
          AnchorLevel(
            stride: configuration.strides[index],
            rows: level.size(2),
            columns: level.size(3),
            count: configuration.anchorSizes[index].count,
            centerOffset: 0.5
          )
        )
      }
      return try head(
        levels,
        grid,
        ImageSize(height: images.size(2), width: images.size(3))
      )
    }
  }

  final class Head: ParameterTree {
    static let weightNames = [
      "classes": "cls_convs", "offsets": "reg_convs", "anchorSizes": "anchor_sizes",
    ]
    let classes: [Sequential]
    let offsets: [Sequential]
    /// `[anchors of all levels, 2]`: height and width in input pixels.
    let anchorSizes: Buffer
    private let labelCount: Int

    init(_ inputChannels: [Int], labelCount: Int, anchorCounts: [Int]) throws {
      self.labelCount = labelCount
      let pairs = Array(zip(inputChannels, anchorCounts))
      classes = try pairs.map { try Head.branch($0, $1 * (labelCount + 1)) }
      offsets = try pairs.map { try Head.branch($0, $1 * 4) }
      anchorSizes = Buffer(try .zeros([anchorCounts.reduce(0, +), 2]))
    }

    private static func branch(_ channels: Int, _ outputChannels: Int) throws -> Sequential {
      let depthwise = try Conv2d(
        channels,
        channels,
        kernelSize: 3,
        padding: 1,
        groups: channels
      )
      let pointwise = try Conv2d(channels, outputChannels, kernelSize: 1)
      for layer in [depthwise, pointwise] {
        try Initialization.xavierUniform.apply(to: layer.weight)
        if let bias = layer.bias { try Initialization.constant(0).apply(to: bias) }
      }
      return Sequential(depthwise, try BatchNorm2d(channels), ReLU(inPlace: true), pointwise)
    }

    func setAnchorSizes(_ sizes: [ImageExtent]) throws(TensorError) {
      anchorSizes.value = try Tensor(
        sizes.flatMap { [Float($0.height), Float($0.width)] },
        shape: [sizes.count, 2]
      ).to(anchorSizes.value.device)
    }

    func callAsFunction(
      _ levels: [Tensor],
      _ grid: [AnchorLevel],
      _ inputSize: ImageSize
    ) throws(TensorError) -> Output {
      var scores: [Tensor] = []
      var offsets: [Tensor] = []
      var sizes: [Tensor] = []
      var start = 0
      for (index, level) in levels.enumerated() {
        scores.append(try classes[index](level).rows(of: labelCount + 1))
        offsets.append(try self.offsets[index](level).rows(of: 4))
        // Width first, as x comes first; one copy a cell.
        sizes.append(
          try anchorSizes.value.narrow(dim: 0, start: start, length: grid[index].count)
            .flip([1]).repeat([grid[index].rows * grid[index].columns, 1])
        )
        start += grid[index].count
      }
      let anchors = AnchorGrid(
        levels: grid,
        inputSize: inputSize,
        centers: try AnchorGrid.centers(of: grid, on: anchorSizes.value.device),
        sizes: try .cat(sizes, dim: 0)
      )
      return Output(
        scores: try .cat(scores, dim: 1),
        offsets: try .cat(offsets, dim: 1),
        grid: anchors,
        features: levels
      )
    }
  }
}

extension SSD {
  static let mobileNetV2 = ZooModel<Detection>(
    ModelDescriptor(
      name: "ssd_mobilenetv2",
      title: "SSD",
      task: .detection,
      backbones: ModelZoo.backbones(withStrides: Configuration().strides, own: "mobilenet_v2"),
      preprocessing: Preprocessing(
        inputSize: ImageSize(height: 864, width: 864),
        mean: [0, 0, 0],
        std: [255, 255, 255]
      ),
      hasDynamicSize: false,
      parameterCount: 1_837_640,
      gigaMultiplyAdds: 4.185
    )
  ) { info in
    try SSD(
      backbone: ModelZoo.makeBackbone(info.backbone),
      labelCount: info.labels.count,
      inputSize: info.preprocessing.inputSize
    )
  }
}

extension SSD: LabelScoring {
  /// The last convolution of each level's branch.
  public var labelLayers: LabelLayers {
    let names = network.head.classes.indices.map { "bbox_head.cls_convs.\($0).3" }
    return LabelLayers(names: names, hasBackground: true)
  }
}
