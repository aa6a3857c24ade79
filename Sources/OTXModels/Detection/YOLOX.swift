import Foundation
public import OTXCore
public import OTXNN
public import OTXTensor

/// YOLOX: a one-stage detector without anchors (Ge et al., YOLOX: Exceeding YOLO Series in 2021,
/// arXiv 2107.08430).
///
/// CSPDarknet, a path aggregation network, and for each of the strides 8, 16 and 32 a head whose
/// two branches say what a cell holds, and where and whether it holds it. Cells are assigned to
/// objects by what they predict (``SimOTAAssigner``). Losses: 5 × (1 - IoU²), binary cross-entropy
/// of objectness, and of the label against the overlap; in the last epochs also L1 of the offsets.
///
/// The published checkpoints (`yolox_tiny.pth`, `yolox_s.pth`) load as they are: names are theirs,
/// and they expect channels in the order blue, green, red and values 0…255. The channels are
/// turned around here, in the network, so that everything around it sees RGB like everywhere.
///
/// Checked against a plain PyTorch twin (`Tools/goldens/yolox_reference.py`).
public final class YOLOX: AdaptedModel, FinalPhaseAware {
  public typealias Kind = Detection

  /// What makes one YOLOX differ from another.
  public struct Configuration: Sendable, Equatable {
    /// Multiplies the blocks of each stage.
    public var depth = 0.33
    /// Multiplies the channels.
    public var width = 0.375
    public var boxLossWeight = 5.0
    public var iouThreshold = 0.65
    public init() {}

    static let tiny = Configuration()
    static let small = {
      var small = Configuration()
      small.width = 0.5
      return small
    }()
  }

  public let network: Network
  public let labelCount: Int
  /// Whether the loss has an L1 term too.
  public var isFinalPhase = false
  private let configuration: Configuration
  private let assigner = SimOTAAssigner()

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

  public func networkInput(_ images: Tensor) throws -> Tensor { try images.flip([1]) }

  public func loss(of output: Output, _ batch: Detection.Batch) throws -> LossTerms {
    let output = try output.inFullPrecision()
    let boxes = try output.boxes()
    let (targets, assignment) = try noGrad { () throws(TensorError) in
      try self.targets(output, boxes, batch)
    }
    let count = try targets.positives.sum().clamp(min: 1)

    let overlap = try pairedBoxIoU(targets.positiveRows(boxes), targets.boxes, epsilon: 1e-16)
    let boxLoss = try (1 - overlap.square()).sum() / count * configuration.boxLossWeight
    let objectLoss =
      try binaryCrossEntropyWithLogits(
        output.objectness,
        targets.positives,
        weight: targets.weights,
        reduction: .sum
      ) / count

    let classes = try Tensor.arange(labelCount, device: boxes.device)
    let labels = try targets.labels.flatten().indexSelect(dim: 0, targets.positiveIndices)
    let quality = try assignment.overlaps.flatten().indexSelect(dim: 0, targets.positiveIndices)
    let goal = try labels.unsqueeze(-1).eq(classes).to(.float32) * quality.unsqueeze(-1)
    let classLoss =
      try binaryCrossEntropyWithLogits(
        targets.positiveRows(output.scores),
        goal,
        reduction: .sum
      ) / count

    var terms = [
      NamedTensor("loss_cls", classLoss), NamedTensor("loss_bbox", boxLoss),
      NamedTensor("loss_obj", objectLoss),
    ]
    if isFinalPhase {
      let difference =
        try targets.positiveRows(output.offsets) - output.offsets(of: targets)
      terms.append(NamedTensor("loss_l1", try difference.abs().sum() / count))
    }
    return LossTerms(terms)
  }

  func targets(
    _ output: Output,
    _ boxes: Tensor,
    _ batch: Detection.Batch
  ) throws(TensorError) -> (DetectionTargets, SimOTAAssigner.Assignment) {
    let grid = output.grid
    var objects: [PictureObjects] = []
    for entity in batch.entities {
      objects.append(try PictureObjects(entity.objects, on: boxes.device))
    }
    let assignment = try assigner.assign(
      objects,
      SimOTAAssigner.Predictions(
        boxes: boxes,
        scores: output.scores,
        objectness: output.objectness
      ),
      centers: grid.centers + grid.sizes * 0.5,
      strides: grid.sizes.select(dim: 1, 0)
    )
    let targets = try DetectionTargets(
      owners: assignment.owners.unbind(dim: 0),
      objects: objects,
      corners: .cat([grid.centers, grid.centers + grid.sizes], dim: 1),
      labelCount: labelCount
    )
    return (targets, assignment)
  }

  public func outputs(of output: Output) throws -> [NamedTensor] {
    try decoded(output).chosen(iouThreshold: configuration.iouThreshold)
  }

  public func rawOutputs(of output: Output) throws -> [NamedTensor] { try decoded(output).all }

  func decoded(_ output: Output) throws(TensorError) -> AnchorPredictions {
    let output = try output.inFullPrecision()
    return try AnchorPredictions(
      output.boxes(),
      output.scores.sigmoid() * output.objectness.sigmoid().unsqueeze(-1),
      inputSize: output.grid.inputSize
    )
  }
}

extension YOLOX {
  /// What the network says of every cell.
  public struct Output {
    /// `[N, A, K]`, before the sigmoid.
    public var scores: Tensor
    /// `[N, A, 4]`: middle from the cell's top left corner, in strides; logarithms of width and
    /// height, in strides.
    public var offsets: Tensor
    /// `[N, A]`, before the sigmoid.
    public var objectness: Tensor
    /// The cells: their top left corners and sides.
    let grid: AnchorGrid
    /// What the head saw, level by level.
    let features: [Tensor]

    /// Beyond this a side's exponential helps nobody and overflows: 22,000 strides.
    private static let logarithmLimit = 10.0

    func inFullPrecision() throws(TensorError) -> Output {
      Output(
        scores: try scores.to(.float32),
        offsets: try offsets.to(.float32),
        objectness: try objectness.to(.float32),
        grid: grid,
        features: features
      )
    }

    /// `[N, A, 4]`: x1, y1, x2, y2 in pixels of the input, not clipped.
    func boxes() throws(TensorError) -> Tensor {
      let middle =
        try offsets.narrow(dim: -1, start: 0, length: 2) * grid.sizes + grid.centers
      let half =
        try offsets.narrow(dim: -1, start: 2, length: 2).clamp(max: Output.logarithmLimit).exp()
        * (grid.sizes * 0.5)
      return try .cat([middle - half, middle + half], dim: -1)
    }

    /// The offsets that give the objects' boxes, `[P, 4]`.
    func offsets(of targets: DetectionTargets) throws(TensorError) -> Tensor {
      let corners = try grid.centers.indexSelect(dim: 0, targets.anchorIndices)
      let sides = try grid.sizes.indexSelect(dim: 0, targets.anchorIndices)
      let low = try targets.boxes.narrow(dim: 1, start: 0, length: 2)
      let high = try targets.boxes.narrow(dim: 1, start: 2, length: 2)
      let middle = try ((low + high) * 0.5 - corners) / sides
      return try .cat([middle, ((high - low) / sides + 1e-8).log()], dim: 1)
    }
  }

  public final class Network: Module {
    public static let weightNames = ["neck": "backbone"]
    let neck: PathAggregation
    let head: Head

    init(_ backbone: any Backbone, labelCount: Int, configuration: Configuration) throws {
      neck = try PathAggregation(
        backbone,
        depth: configuration.depth,
        width: configuration.width
      )
      head = try Head(
        neck.channels,
        channels: Int(256 * configuration.width),
        labelCount: labelCount
      )
    }

    /// `images`: blue, green, red, 0…255.
    public func callAsFunction(_ images: Tensor) throws(TensorError) -> Output {
      let levels = try neck(images)
      var cells: [AnchorLevel] = []
      var sides: [Float] = []
      for (level, stride) in zip(levels, PathAggregation.strides) {
        let cell = AnchorLevel(
          stride: stride,
          rows: level.size(2),
          columns: level.size(3),
          count: 1,
          centerOffset: 0
        )
        cells.append(cell)
        sides += [Float](repeating: Float(stride), count: 2 * cell.anchorCount)
      }
      let grid = AnchorGrid(
        levels: cells,
        inputSize: ImageSize(height: images.size(2), width: images.size(3)),
        centers: try AnchorGrid.centers(of: cells, on: images.device),
        sizes: try Tensor(sides, shape: [sides.count / 2, 2]).to(images.device)
      )
      return try head(levels, grid)
    }
  }

  /// Two branches of convolutions for each level (section 2.1, "decoupled head").
  final class Head: ParameterTree {
    static let weightNames = [
      "classBranches": "cls_convs", "boxBranches": "reg_convs", "classes": "cls_preds",
      "offsets": "reg_preds", "objectness": "obj_preds",
    ]
    let classBranches: [Sequential]
    let boxBranches: [Sequential]
    let classes: [Conv2d]
    let offsets: [Conv2d]
    let objectness: [Conv2d]
    let stems: [ConvNorm]

    init(_ inputChannels: [Int], channels: Int, labelCount: Int) throws {
      func branches() throws -> [Sequential] {
        try inputChannels.map { _ in
          Sequential(
            try ConvNorm(yolox: channels, channels, kernelSize: 3),
            try ConvNorm(yolox: channels, channels, kernelSize: 3)
          )
        }
      }
      func predictions(_ count: Int) throws -> [Conv2d] {
        try inputChannels.map { _ in try Conv2d(channels, count, kernelSize: 1) }
      }
      classBranches = try branches()
      boxBranches = try branches()
      classes = try predictions(labelCount)
      offsets = try predictions(4)
      objectness = try predictions(1)
      stems = try inputChannels.map { try ConvNorm(yolox: $0, channels) }
      // So that a fresh network finds an object in one cell of a hundred.
      for bias in (classes + objectness).compactMap(\.bias) {
        try Initialization.constant(-Foundation.log(99)).apply(to: bias)
      }
    }

    func callAsFunction(_ levels: [Tensor], _ grid: AnchorGrid) throws(TensorError) -> Output {
      var scores: [Tensor] = []
      var offsets: [Tensor] = []
      var objectness: [Tensor] = []
      for (index, level) in levels.enumerated() {
        let shared = try stems[index](level)
        let box = try boxBranches[index](shared)
        scores.append(
          try classes[index](classBranches[index](shared)).rows(of: classes[index].outputChannels)
        )
        offsets.append(try self.offsets[index](box).rows(of: 4))
        objectness.append(try self.objectness[index](box).rows(of: 1))
      }
      return Output(
        scores: try .cat(scores, dim: 1),
        offsets: try .cat(offsets, dim: 1),
        objectness: try .cat(objectness, dim: 1).squeeze(-1),
        grid: grid,
        features: levels
      )
    }
  }
}

extension YOLOX {
  static let tiny = entry(
    "yolox_tiny",
    title: "YOLOX-tiny",
    backbone: "cspdarknet_tiny",
    configuration: .tiny,
    side: 416,
    parameterCount: 5_033_448,
    gigaMultiplyAdds: 3.180
  )

  static let small = entry(
    "yolox_s",
    title: "YOLOX-s",
    backbone: "cspdarknet_s",
    configuration: .small,
    side: 640,
    parameterCount: 8_938_456,
    gigaMultiplyAdds: 13.26
  )

  private static func entry(
    _ name: String,
    title: String,
    backbone: String,
    configuration: Configuration,
    side: Int,
    parameterCount: Int,
    gigaMultiplyAdds: Double
  ) -> ZooModel<Detection> {
    ZooModel(
      ModelDescriptor(
        name: name,
        title: title,
        task: .detection,
        backbones: ModelZoo.backbones(withStrides: PathAggregation.strides, own: backbone),
        preprocessing: Preprocessing(
          inputSize: ImageSize(height: side, width: side),
          resize: .letterbox,
          padValue: 114,
          mean: [0, 0, 0],
          std: [1, 1, 1]
        ),
        hasDynamicSize: false,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { info in
      try YOLOX(
        backbone: ModelZoo.makeBackbone(info.backbone),
        labelCount: info.labels.count,
        configuration: configuration
      )
    }
  }
}

extension YOLOX: LabelScoring {
  public var labelLayers: LabelLayers {
    LabelLayers(names: network.head.classes.indices.map { "head.cls_preds.\($0)" })
  }
}
