import Foundation

/// Classification of whole pictures: any number of labels each, also none.
///
/// Labels come from annotations of the whole picture and from those of objects: a detection dataset
/// says which labels its pictures show. A picture that its dataset lists without annotations shows
/// none. An annotation with the attribute `unknown: true` leaves its label open, and it counts
/// neither way then.
public enum MultiLabelClassification: VisionTask {
  public static let taskType = TaskType.multiLabelClassification
  public static let title = "multi-label classification"
  public static let exportedTaskName = "classification"
  public static let exportedEntries = [
    "model_type": "Classification", "multilabel": "True", "hierarchical": "False",
    "output_raw_scores": "True",
  ]
  public static let selectionMetric = "accuracy"
  public static let performanceMetric = "accuracy"
  public static let defaultConfidenceThreshold: Float = 0.5

  public struct Entity: TargetedEntity {
    public var image: Image
    public var frame: ImageFrame
    public var targets: LabelTargets
    public init(image: Image, frame: ImageFrame, targets: LabelTargets) {
      self.image = image
      self.frame = frame
      self.targets = targets
    }

    public func annotations(labels: LabelInfo) -> [Annotation] {
      targets.shown.map { .label(labels.name($0)) }
    }
  }

  public typealias Batch = EntityBatch<Entity>

  /// Labels with their probabilities: every one, in label order, until
  /// ``MultiLabelClassification/confident(_:info:)`` leaves the unlikely ones out.
  public struct Prediction: PredictionEntity {
    public var labels: [ScoredLabel]
    public init(labels: [ScoredLabel]) { self.labels = labels }
  }

  public typealias Score = MultiLabelScore

  public static func usableAnnotationCount(of item: DatasetItem) -> Int {
    item.shownLabels()?.shown.count ?? 0
  }

  public static func entity(
    from item: DatasetItem,
    image: Image,
    labels: LabelInfo
  ) throws -> Entity {
    guard let found = item.shownLabels() else {
      throw DataError.invalidItem(item.id, reason: "has annotations, but none with a label")
    }
    func index(_ name: String) throws -> LabelIndex {
      guard let label = labels.index(of: name) else {
        throw DataError.unknownLabel(name, known: labels.names, item: item.id)
      }
      return label
    }
    let ignored = Set(
      item.annotations.filter { $0.isCrowd }.compactMap(\.label).filter {
        labels.index(of: $0) == nil
      }
    )
    // The region of a label that is to be ignored says nothing of the others.
    let shown = try found.shown.filter { !ignored.contains($0) }.map(index)
    var targets = LabelTargets(showing: shown, of: labels.count)
    for name in found.unknown {
      let label = try index(name)
      if targets.values[label] == 0 { targets.weights[label] = 0 }
    }
    let frame = ImageFrame(itemID: item.id, originalSize: image.size)
    return Entity(image: image, frame: frame, targets: targets)
  }

  public static func unlabeled(_ image: Image, frame: ImageFrame) -> Entity {
    Entity(image: image, frame: frame, targets: .unknown)
  }

  public static func labelGroups(_ labels: LabelInfo) -> [LabelGroup] {
    labels.names.map { LabelGroup(name: $0, labels: [$0]) }
  }

  /// Names of the outputs of every model: `logits` `[N, K]`, before the sigmoid.
  public enum Output {
    public static let logits = "logits"
  }

  public static func predictions(
    from outputs: [String: ModelOutput],
    frames: [ImageFrame],
    info: ModelInfo
  ) throws -> [Prediction] {
    try outputs.rows(Output.logits, frames: frames, count: info.labels.count).map { row in
      Prediction(
        labels: row.enumerated().map { ScoredLabel(label: $0, score: sigmoid($1)) }
      )
    }
  }

  /// The labels above their confidence thresholds.
  public static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction {
    Prediction(labels: prediction.labels.filter { $0.score > info.threshold(of: $0.label) })
  }

  /// The labels of the prediction, the surest first.
  public static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding] {
    prediction.labels.map { Finding(label: labels.name($0.label), score: $0.score) }
      .sorted { $0.score > $1.score }
  }

  public static func summary(of findings: [Finding]) -> String { findings.labelList }

  public static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark] {
    prediction.labels.sorted { $0.score > $1.score }.map { found in
      .caption("\(labels.name(found.label)) \(found.score.percentText)", colorIndex: found.label)
    }
  }
}

extension [Finding] {
  /// Every label with its percentage, in a line.
  var labelList: String {
    isEmpty ? "no label" : map { "\($0.label) \($0.score.percentText)" }.joined(separator: ", ")
  }
}

/// The logistic function.
func sigmoid(_ value: Float) -> Float { 1 / (1 + exp(-value)) }
