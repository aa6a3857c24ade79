import Foundation
public import OTXCore
public import OTXNN
public import OTXTensor

/// ATSS: a one-stage detector with one anchor a cell and adaptive sample selection (Zhang et al.,
/// Bridging the Gap Between Anchor-based and Anchor-free Detection, CVPR 2020).
///
/// Built as OTX 2.6 builds its ATSS-MobileNetV2, whose figures users know: backbone levels of
/// strides 8, 16 and 32; a feature pyramid of 64 channels and two more levels (64, 128); two
/// towers of four 3×3 convolutions with group normalisation; square anchors of 8 strides. Losses:
/// focal (γ 2, α 0.25), 2 × GIoU weighted by centredness, centredness. Scores are label
/// probability times centredness. Weights below `neck.` and `bbox_head.` have that model's names.
///
/// Checked against a plain PyTorch twin (`Tools/goldens/detectors_reference.py`), which in turn gave
/// the same losses, assignments and detections as OTX 2.6's own classes.
public final class ATSS: AdaptedModel {
  public typealias Kind = Detection

  /// What makes one ATSS differ from another.
  public struct Configuration: Sendable, Equatable {
    /// Levels of the backbone that are used, each twice the one before.
    public var backboneStrides = [8, 16, 32]
    public var channels = 64
    /// Coarser levels that the pyramid adds.
    public var extraLevelCount = 2
    /// Convolutions of each tower.
    public var towerDepth = 4
    public var groupCount = 32
    /// Side of an anchor, in strides of its level.
    public var anchorScale = 8.0
    public var boxLossWeight = 2.0
    public var iouThreshold = 0.6
    public init() {}

    var strides: [Int] {
      let last = backboneStrides.last ?? 1
      return backboneStrides + (0..<extraLevelCount).map { last << ($0 + 1) }
    }
  }

  public let network: Network
  public let labelCount: Int
  private let configuration: Configuration
  private let assigner = AdaptiveAssigner()

  /// A network with random weights.
  ///
  /// Throws ``ModelError/mismatch(_:)`` when the backbone lacks a level.
  public init(
    backbone: any Backbone,
    labelCount: Int,
    configuration: Configuration = Configuration()
  ) throws {
    self.labelCount = labelCount
    self.configuration = configuration
    network = try Network(backbone, labelCount: labelCount, configuration: configuration)
  }

  public func loss(of output: Output, _ batch: Detection.Batch) throws -> LossTerms {
    let scores = try output.scores.to(.float32)
    let offsets = try output.offsets.to(.float32)
    let centerness = try output.centerness.to(.float32)
    let targets = try noGrad { () throws(TensorError) in try self.targets(output, batch) }
    let (grid, average) = (output.grid, try targets.averageFactor())

    let classes = try Tensor.arange(labelCount, device: scores.device)
    let goal = try targets.labels.unsqueeze(-1).eq(classes).to(.float32)
    let focal = try sigmoidFocalLoss(scores, goal, reduction: .none)
    let classLoss = try (focal * targets.weights.unsqueeze(-1)).sum() / average

    let centers = try grid.centers.indexSelect(dim: 0, targets.anchorIndices)
    let sizes = try grid.sizes.indexSelect(dim: 0, targets.anchorIndices)
    let quality = try ATSS.centerness(centers, targets.boxes)
    let boxes = try BoxCoder.decode(
      targets.positiveRows(offsets),
      centers: centers,
      sizes: sizes
    )
    let overlap = try generalizedBoxIoULoss(boxes, targets.boxes, reduction: .none)
    let boxLoss = try (overlap * quality).sum() / quality.sum().clamp(min: 1)
    let predicted = try targets.positiveRows(centerness.unsqueeze(-1)).squeeze(1)
    let centerLoss =
      try binaryCrossEntropyWithLogits(predicted, quality, reduction: .sum) / average
    return LossTerms([
      NamedTensor("loss_cls", classLoss),
      NamedTensor("loss_bbox", try boxLoss * configuration.boxLossWeight),
      NamedTensor("loss_centerness", centerLoss),
    ])
  }

  /// How near a point is to the middle of its box, 0…1: `[P]` (Tian et al., FCOS, equation 3).
  private static func centerness(
    _ centers: Tensor,
    _ boxes: Tensor
  ) throws(TensorError) -> Tensor {
    let low = try centers - boxes.narrow(dim: 1, start: 0, length: 2)
    let high = try boxes.narrow(dim: 1, start: 2, length: 2) - centers
    return try (low.minimum(high) / low.maximum(high)).prod(dim: 1).sqrt()
  }

  func targets(
    _ output: Output,
    _ batch: Detection.Batch
  ) throws(TensorError) -> DetectionTargets {
    try DetectionTargets(batch, grid: output.grid, labelCount: labelCount) {
      (boxes, corners) throws(TensorError) in
      try assigner.assign(boxes, grid: output.grid, corners: corners)
    }
  }

  public func outputs(of output: Output) throws -> [NamedTensor] {
    try decoded(output).chosen(iouThreshold: configuration.iouThreshold)
  }

  public func rawOutputs(of output: Output) throws -> [NamedTensor] { try decoded(output).all }

  func decoded(_ output: Output) throws(TensorError) -> AnchorPredictions {
    let offsets = try output.offsets.to(.float32)
    let boxes = try BoxCoder.decode(
      offsets,
      centers: output.grid.centers,
      sizes: output.grid.sizes
    )
    let centerness = try output.centerness.to(.float32).sigmoid().unsqueeze(-1)
    let scores = try output.scores.to(.float32).sigmoid() * centerness
    return try AnchorPredictions(boxes, scores, inputSize: output.grid.inputSize)
  }
}

extension ATSS {
  /// What the network says of every anchor.
  public struct Output {
    /// `[N, A, K]`, before the sigmoid.
    public var scores: Tensor
    /// `[N, A, 4]`, encoded.
    public var offsets: Tensor
    /// `[N, A]`, before the sigmoid.
    public var centerness: Tensor
    let grid: AnchorGrid
    /// What the head saw, level by level.
    let features: [Tensor]
  }

  public final class Network: Module {
    public static let weightNames = ["head": "bbox_head"]
    public let backbone: any Backbone
    let neck: FeaturePyramid
    let head: Head
    private let levelIndices: [Int]
    private let configuration: Configuration

    init(_ backbone: any Backbone, labelCount: Int, configuration: Configuration) throws {
      self.configuration = configuration
      self.backbone = backbone
      levelIndices = try backbone.levelIndices(strides: configuration.backboneStrides)
      neck = try FeaturePyramid(
        levelIndices.map { backbone.levels[$0].channels },
        channels: configuration.channels,
        extraLevelCount: configuration.extraLevelCount
      )
      head = try Head(labelCount: labelCount, configuration)
    }

    public func callAsFunction(_ images: Tensor) throws(TensorError) -> Output {
      let found = try backbone(images)
      var features: [Tensor] = []
      for index in levelIndices { features.append(found[index]) }
      let levels = try neck(features)
      var grid: [AnchorLevel] = []
      for (level, stride) in zip(levels, configuration.strides) {
        grid.append(
          AnchorLevel(
            stride: stride,
            rows: level.size(2),
            columns: level.size(3),
            count: 1,
            centerOffset: 0
          )
        )
      }
      return try head(
        levels,
        try anchorGrid(
          grid,
          ImageSize(height: images.size(2), width: images.size(3)),
          images.device
        )
      )
    }

    private func anchorGrid(
      _ levels: [AnchorLevel],
      _ inputSize: ImageSize,
      _ device: Device
    ) throws(TensorError) -> AnchorGrid {
      var sides: [Float] = []
      for level in levels {
        let side = Float(configuration.anchorScale) * Float(level.stride)
        sides += [Float](repeating: side, count: 2 * level.anchorCount)
      }
      return AnchorGrid(
        levels: levels,
        inputSize: inputSize,
        centers: try AnchorGrid.centers(of: levels, on: device),
        sizes: try Tensor(sides, shape: [sides.count / 2, 2]).to(device)
      )
    }
  }

  /// The two towers, shared by all levels.
  final class Head: ParameterTree {
    static let weightNames = [
      "classTower": "cls_convs", "boxTower": "reg_convs", "classes": "atss_cls",
      "offsets": "atss_reg", "centerness": "atss_centerness",
    ]
    let classTower: [TowerLayer]
    let boxTower: [TowerLayer]
    let classes: Conv2d
    let offsets: Conv2d
    let centerness: Conv2d
    /// One factor a level for the offsets, learned.
    let scales: [LevelScale]

    init(labelCount: Int, _ configuration: Configuration) throws {
      let channels = configuration.channels
      func layer() throws -> TowerLayer {
        try TowerLayer(channels, groupCount: configuration.groupCount)
      }
      classTower = try (0..<configuration.towerDepth).map { _ in try layer() }
      boxTower = try (0..<configuration.towerDepth).map { _ in try layer() }
      classes = try Conv2d(channels, labelCount, kernelSize: 3, padding: 1)
      offsets = try Conv2d(channels, 4, kernelSize: 3, padding: 1)
      centerness = try Conv2d(channels, 1, kernelSize: 3, padding: 1)
      scales = try configuration.strides.map { _ in try LevelScale() }
      for layer in (classTower + boxTower).map(\.conv) + [classes, offsets, centerness] {
        try Initialization.normal(standardDeviation: 0.01).apply(to: layer.weight)
        if let bias = layer.bias { try Initialization.constant(0).apply(to: bias) }
      }
      // So that a fresh network finds an object in one anchor of a hundred (focal loss, 4.1).
      if let bias = classes.bias {
        try Initialization.constant(-Foundation.log(99)).apply(to: bias)
      }
    }

    func callAsFunction(_ levels: [Tensor], _ grid: AnchorGrid) throws(TensorError) -> Output {
      var scores: [Tensor] = []
      var offsets: [Tensor] = []
      var centerness: [Tensor] = []
      for (level, scale) in zip(levels, scales) {
        var (x, y) = (level, level)
        for layer in classTower { x = try layer(x) }
        for layer in boxTower { y = try layer(y) }
        scores.append(try classes(x).rows(of: classes.outputChannels))
        offsets.append(try (self.offsets(y) * scale.scale.value).rows(of: 4))
        centerness.append(try self.centerness(y).rows(of: 1))
      }
      return Output(
        scores: try .cat(scores, dim: 1),
        offsets: try .cat(offsets, dim: 1),
        centerness: try .cat(centerness, dim: 1).squeeze(-1),
        grid: grid,
        features: levels
      )
    }
  }

  final class TowerLayer: Layer {
    static let weightNames = ["normalization": "gn"]
    let conv: Conv2d
    let normalization: GroupNorm

    init(_ channels: Int, groupCount: Int) throws(TensorError) {
      conv = try Conv2d(channels, channels, kernelSize: 3, padding: 1, bias: false)
      normalization = try GroupNorm(groupCount, channels)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try normalization(conv(input), then: .relu)
    }
  }

  final class LevelScale: ParameterTree {
    let scale: Parameter
    init() throws(TensorError) { scale = try Parameter(.ones([])) }
  }
}

extension ATSS {
  static let mobileNetV2 = ZooModel<Detection>(
    ModelDescriptor(
      name: "atss_mobilenetv2",
      title: "ATSS",
      task: .detection,
      backbones: ModelZoo.backbones(
        withStrides: Configuration().backboneStrides,
        own: "mobilenet_v2"
      ),
      preprocessing: Preprocessing(
        inputSize: ImageSize(height: 800, width: 992),
        mean: [0, 0, 0],
        std: [255, 255, 255]
      ),
      hasDynamicSize: false,
      parameterCount: 2_325_773,
      gigaMultiplyAdds: 10.043
    )
  ) { info in
    try ATSS(backbone: ModelZoo.makeBackbone(info.backbone), labelCount: info.labels.count)
  }
}

extension ATSS: LabelScoring {
  public var labelLayers: LabelLayers { LabelLayers(names: ["bbox_head.atss_cls"]) }
}
