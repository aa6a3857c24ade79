/// Classification of whole pictures: one label each.
public enum MultiClassClassification: VisionTask {
  public static let taskType = TaskType.multiClassClassification
  public static let title = "multi-class classification"
  public static let exportedTaskName = "classification"
  public static let exportedEntries = [
    "model_type": "Classification", "multilabel": "False", "hierarchical": "False",
    "output_raw_scores": "True",
  ]
  public static let selectionMetric = "accuracy"
  public static let performanceMetric = "accuracy"

  /// A label and how much of a picture it stands for, 0…1.
  public struct LabelShare: Sendable, Equatable {
    public var label: LabelIndex
    public var share: Float
    public init(label: LabelIndex, share: Float) { (self.label, self.share) = (label, share) }
  }

  public struct Entity: WholePictureEntity {
    public var image: Image
    public var frame: ImageFrame
    public var label: LabelIndex
    /// Labels of pictures that were mixed into this one, in training; ``label`` has the rest.
    public var mixedLabels: [LabelShare] = []
    public init(image: Image, frame: ImageFrame, label: LabelIndex) {
      self.image = image
      self.frame = frame
      self.label = label
    }

    /// Takes over the other picture's labels, as much of them as of the picture.
    public mutating func join(_ other: Entity, share: Float) {
      for index in mixedLabels.indices { mixedLabels[index].share *= 1 - share }
      mixedLabels += other.labelShares.map { LabelShare(label: $0.label, share: $0.share * share) }
    }

    public func annotations(labels: LabelInfo) -> [Annotation] {
      labelShares.map { .label(labels.name($0.label)) }
    }

    /// Every label with its share of the picture; the shares add up to 1.
    public var labelShares: [LabelShare] {
      let rest = mixedLabels.reduce(1) { $0 - $1.share }
      return [LabelShare(label: label, share: rest)] + mixedLabels
    }
  }

  public typealias Batch = EntityBatch<Entity>

  /// The probability of each label, in label order; they add up to 1.
  public struct Prediction: PredictionEntity {
    public var probabilities: [Float]
    public init(probabilities: [Float]) { self.probabilities = probabilities }

    /// The likeliest label; `nil` without labels.
    public var label: LabelIndex? {
      probabilities.indices.max { probabilities[$0] < probabilities[$1] }
    }
  }

  public typealias Score = ClassificationScore

  public static func usableAnnotationCount(of item: DatasetItem) -> Int {
    let labels = item.annotations.count { $0.kind == .label && $0.label != nil }
    return labels == 1 ? 1 : 0
  }

  public static func entity(
    from item: DatasetItem,
    image: Image,
    labels: LabelInfo
  ) throws -> Entity {
    let names = item.annotations.filter { $0.kind == .label }.compactMap(\.label)
    guard names.count == 1, let name = names.first else {
      throw DataError.invalidItem(
        item.id,
        reason: "has \(names.count) labels; multi-class classification needs one"
          + (names.count > 1 ? " (--task MULTI_LABEL_CLS takes several)" : "")
      )
    }
    guard let label = labels.index(of: name) else {
      throw DataError.unknownLabel(name, known: labels.names, item: item.id)
    }
    let frame = ImageFrame(itemID: item.id, originalSize: image.size)
    return Entity(image: image, frame: frame, label: label)
  }

  /// The label of a picture without one; the index that PyTorch's losses ignore by default.
  public static let noLabel = -100

  public static func unlabeled(_ image: Image, frame: ImageFrame) -> Entity {
    Entity(image: image, frame: frame, label: noLabel)
  }

  /// Names of the outputs of every classifier: `logits` `[N, K]`, before softmax.
  public enum Output {
    public static let logits = "logits"
  }

  public static func predictions(
    from outputs: [String: ModelOutput],
    frames: [ImageFrame],
    info: ModelInfo
  ) throws -> [Prediction] {
    try outputs.rows(Output.logits, frames: frames, count: info.labels.count)
      .map { Prediction(probabilities: softmax($0)) }
  }

  public static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction {
    prediction
  }

  /// Every label with its probability, the likeliest first.
  public static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding] {
    zip(labels.names, prediction.probabilities)
      .map { Finding(label: $0, score: $1) }
      .sorted { $0.score > $1.score }
  }

  public static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark] {
    guard let label = prediction.label else { return [] }
    let percent = prediction.probabilities[label].percentText
    return [.caption("\(labels.name(label)) \(percent)", colorIndex: label)]
  }
}
