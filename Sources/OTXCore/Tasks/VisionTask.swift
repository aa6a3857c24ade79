/// One task: which data goes in, which predictions come out, how they are scored.
///
/// A task is an uninhabited type in a folder of its own; it ties an entity, a batch, a prediction
/// and a metric together so that the compiler checks models, data and metrics against each other.
public protocol VisionTask: Sendable {
  associatedtype Entity: DataEntity
  associatedtype Batch: BatchDataEntity where Batch.Entity == Entity
  associatedtype Prediction: PredictionEntity
  associatedtype Score: Metric where Score.Prediction == Prediction, Score.Target == Entity

  static var taskType: TaskType { get }

  /// Name for people: `object detection`.
  static var title: String { get }

  /// The word of the `task_type` entry in an exported model (`rt_info/model_info`).
  static var exportedTaskName: String { get }

  /// Entries of an exported model (`rt_info/model_info`) that are this task's own.
  ///
  /// `model_type`, the wrapper of OpenVINO's Model API that runs it, and what that needs.
  static var exportedEntries: [String: String] { get }

  /// The score that picks the best checkpoint unless the user names another: `map_50`.
  static var selectionMetric: String { get }

  /// The score that users see first and that `performance.json` holds: `f-measure`.
  static var performanceMetric: String { get }

  /// The confidence threshold of a model for which none was chosen.
  static var defaultConfidenceThreshold: Float { get }

  /// Writes into `info` what a model is to know of the data that it learns from, besides the labels
  /// that annotations use; unless given, nothing.
  ///
  /// - Throws: ``DataError`` for data that this task cannot make sense of.
  static func describe(_ dataset: Dataset, in info: inout ModelInfo) throws

  /// Groups of labels of which one applies, as exported models and `label_schema.json` list them.
  static func labelGroups(_ labels: LabelInfo) -> [LabelGroup]

  /// Whether a model's labels are those of the dataset's annotations.
  static var usesLabels: Bool { get }

  /// How well a dataset's annotations fit this task: the number of items that it could train on.
  ///
  /// - Returns: 0 when the task cannot use the item.
  static func usableAnnotationCount(of item: DatasetItem) -> Int

  /// Picks out of a format-neutral dataset item what this task needs.
  ///
  /// - Parameters:
  ///   - item: The item, as its format read it.
  ///   - image: The item's decoded picture.
  ///   - labels: The labels the model knows; an annotation's label becomes an index into them.
  /// - Returns: A sample to train or to be scored on.
  /// - Throws: ``DataError/unknownLabel(_:known:item:)``, ``DataError/invalidItem(_:reason:)``.
  static func entity(from item: DatasetItem, image: Image, labels: LabelInfo) throws -> Entity

  /// A picture of which nothing is known, to predict on.
  ///
  /// - Parameters:
  ///   - image: What the network sees.
  ///   - frame: Where that lies in the original.
  /// - Returns: A sample without truth.
  static func unlabeled(_ image: Image, frame: ImageFrame) -> Entity

  /// Reads the outputs of a network, from whichever backend they come, as predictions.
  ///
  /// This is the one post-processing in the package: validation during training, the evaluation
  /// of checkpoints and of exported models, and deployed programs all call it.
  ///
  /// - Parameters:
  ///   - outputs: The network's outputs by name, first axis `N`.
  ///   - frames: Where each picture of the batch lay in its original, `N` of them.
  ///   - info: Labels, thresholds and preprocessing.
  /// - Returns: `N` predictions in coordinates of the original pictures.
  /// - Throws: ``ModelError`` when an output is missing or has an unexpected shape.
  static func predictions(
    from outputs: [String: ModelOutput],
    frames: [ImageFrame],
    info: ModelInfo
  ) throws -> [Prediction]

  /// The prediction without what the confidence threshold of `info` rules out; what users see.
  static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction

  /// What `prediction` says, label by name; what commands print and write.
  static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding]

  /// `findings` in a line for people: `3 RBC, 1 WBC`.
  static func summary(of findings: [Finding]) -> String

  /// Marks to draw on the picture that `prediction` belongs to.
  static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark]

  /// Puts the predictions of a picture's tiles together, all in coordinates of the picture.
  ///
  /// `nil`, unless given, for a task that needs to see pictures whole: it has no tiling.
  static var tileMerge: (@Sendable (_ tiles: [Prediction], _ tiling: Tiling) -> Prediction)? { get }
}

extension VisionTask {
  public static var tileMerge: (@Sendable ([Prediction], Tiling) -> Prediction)? { nil }

  public static var defaultConfidenceThreshold: Float { 0.35 }

  public static var usesLabels: Bool { true }

  public static func describe(_ dataset: Dataset, in info: inout ModelInfo) throws {}

  public static func labelGroups(_ labels: LabelInfo) -> [LabelGroup] {
    [LabelGroup(name: "labels", labels: labels.names)]
  }

  /// The likeliest label of the whole picture, or the number of objects of each label.
  public static func summary(of findings: [Finding]) -> String {
    if let whole = findings.first, whole.box == nil {
      return "\(whole.label) \(whole.score.percentText)"
    }
    var counts: [(label: String, count: Int)] = []
    for finding in findings {
      if let index = counts.firstIndex(where: { $0.label == finding.label }) {
        counts[index].count += 1
      } else {
        counts.append((finding.label, 1))
      }
    }
    return counts.isEmpty
      ? "nothing" : counts.map { "\($0.count) \($0.label)" }.joined(separator: ", ")
  }

  /// - Throws: ``ConfigurationError/invalid(_:)`` for a task whose pictures cannot be cut into tiles.
  package static func checkTiling() throws {
    guard tileMerge == nil else { return }
    let able = TaskType.allCases.filter { $0.kind.hasTiling }.map(\.rawValue)
    throw ConfigurationError.invalid(
      "\(title) looks at pictures as a whole and cannot work in tiles: leave data.tiling.enabled at false; tasks with tiling: \(able.joined(separator: ", "))"
    )
  }

  /// Whether pictures can be cut into tiles.
  package static var hasTiling: Bool { tileMerge != nil }
}

extension VisionTask {
  /// The score that a user means by `name`; `auto` is ``selectionMetric``.
  ///
  /// Letters' case does not matter, nor does `-` for `_`.
  ///
  /// - Throws: ``ConfigurationError/unknownName(_:kind:known:)``.
  public static func metricName(_ name: String) throws -> String {
    func folded(_ text: String) -> String {
      text.lowercased().replacing("-", with: "_")
    }
    if folded(name) == "auto" { return selectionMetric }
    guard let found = Score.names.first(where: { folded($0) == folded(name) }) else {
      throw ConfigurationError.unknownName(name, kind: "metric", known: Score.names)
    }
    return found
  }
}

/// One sample of a task: a picture and what is known about it.
public protocol DataEntity: Sendable {
  var image: Image { get set }
  /// Where `image` lies in the picture that was read from the dataset.
  var frame: ImageFrame { get set }

  /// Boxes of the objects in the picture, for augmentations that look at them; empty where the
  /// task has none.
  var objectBoxes: [BoundingBox] { get }

  /// Whether the task knows of objects in pictures, so that several pictures can share one canvas.
  static var hasBoxes: Bool { get }

  /// Moves what is known about the picture along with its pixels, during training.
  ///
  /// What has left the picture, by the rule of `filter`, is dropped. `image` and `frame` are the
  /// caller's to move.
  mutating func move(by transform: SpatialTransform, keeping filter: BoxFilter)

  /// Takes over what is known about another picture that was put into this one.
  ///
  /// - Parameters:
  ///   - other: Its annotations lie in coordinates of this picture already.
  ///   - share: How much of this picture the other one makes up, 0…1.
  mutating func join(_ other: Self, share: Float)

  /// What is known about the picture as a dataset would say it, to be looked at or written.
  func annotations(labels: LabelInfo) -> [Annotation]
}

extension DataEntity {
  /// Nothing, for tasks whose truth a dataset has no words for.
  public func annotations(labels: LabelInfo) -> [Annotation] { [] }

  /// Moves what is known about the picture; objects are kept while their centre is inside.
  public mutating func move(by transform: SpatialTransform) {
    move(by: transform, keeping: .centerInside)
  }
}

/// Samples stacked for one step.
public protocol BatchDataEntity: Sendable {
  associatedtype Entity: DataEntity
  var images: ImageBatch { get }
  /// The samples, in batch order, with `image` emptied: their pixels are in `images`.
  var entities: [Entity] { get }
  /// - Throws: ``DataError/emptyBatch``, ``DataError/unevenImageSizes(_:)``.
  init(collating entities: [Entity]) throws
}

extension BatchDataEntity {
  public var count: Int { entities.count }
  public var frames: [ImageFrame] { entities.map(\.frame) }

  /// The first `length` samples as a batch of their own.
  ///
  /// - Throws: ``DataError/emptyBatch`` when `length` is 0.
  public func prefix(_ length: Int) throws -> Self {
    let stride = images.height * images.width * Image.channelCount
    return try Self(
      collating: entities.prefix(length).enumerated().map { index, entity in
        var entity = entity
        let pixels = Array(images.pixels[index * stride..<(index + 1) * stride])
        entity.image = Image(size: images.size, pixels: pixels)
        return entity
      }
    )
  }
}

/// What a model says about one picture, in coordinates of the original picture.
public protocol PredictionEntity: Codable, Sendable, Equatable {}

/// A score that is fed batch by batch.
public protocol Metric: Sendable {
  associatedtype Prediction
  associatedtype Target

  /// Every score that a report can hold, by the name it has in ``MetricReport/values``.
  static var names: [String] { get }

  init(labels: LabelInfo)
  /// - Parameters:
  ///   - predictions: One for each target, in coordinates of the original pictures.
  ///   - targets: Entities that were not augmented: annotations in original coordinates.
  mutating func update(_ predictions: [Prediction], _ targets: [Target])
  /// Keeps, from now on, what ``details(of:)`` needs beyond the scores.
  ///
  /// Called before the first ``update(_:_:)``, by those who will ask for details. Unless given, nothing.
  mutating func keepDetails()
  /// Curves, matrices and pictures of everything seen, for people.
  ///
  /// - Parameter report: What ``compute(confidenceThreshold:)`` gave for the same.
  /// - Returns: What the task has to show; unless given, nothing.
  func details(of report: MetricReport) -> EvaluationDetails
  /// The score of everything seen.
  ///
  /// - Parameter threshold: The confidence threshold to score at. `nil` lets the metric choose
  ///   the best one; allowed on the validation split only.
  /// - Returns: The scores; one that is not defined for what was seen is left out.
  func compute(confidenceThreshold threshold: Float?) -> MetricReport
  /// As ``compute(confidenceThreshold:)``, at a threshold for each label, in label order.
  ///
  /// Unless a metric knows better, the one threshold counts for all.
  func compute(confidenceThreshold threshold: Float?, labelThresholds: [Float]?) -> MetricReport
}

extension Metric {
  public func compute(
    confidenceThreshold threshold: Float?,
    labelThresholds: [Float]?
  ) -> MetricReport {
    compute(confidenceThreshold: threshold)
  }
  /// The score of everything seen at the thresholds of a model.
  package func compute(at info: ModelInfo) -> MetricReport {
    compute(
      confidenceThreshold: info.effectiveConfidenceThreshold,
      labelThresholds: info.labelThresholds
    )
  }
  public mutating func keepDetails() {}
  public func details(of report: MetricReport) -> EvaluationDetails { EvaluationDetails() }
}

/// One thing that a model found in a picture, for people and files.
public struct Finding: Codable, Sendable, Equatable {
  public var label: String
  /// How sure the model is, 0…1.
  public var score: Float
  /// Where it is, in pixels of the picture; `nil` for the picture as a whole.
  public var box: BoundingBox?
  /// How much of it there is, in the dataset's units, where that is what a model says; `nil` else.
  public var value: Double?
  public init(label: String, score: Float, box: BoundingBox? = nil, value: Double? = nil) {
    self.label = label
    self.score = score
    self.box = box
    self.value = value
  }
}

/// A named array of numbers that came out of a network, row-major.
public struct ModelOutput: Sendable, Equatable {
  public var shape: [Int]
  public var values: [Float]
  public init(shape: [Int], values: [Float]) { (self.shape, self.values) = (shape, values) }
}

/// Something to draw on a picture.
public enum OverlayMark: Sendable, Equatable {
  /// A box with a caption; `colorIndex` picks the label's colour.
  case box(BoundingBox, caption: String, colorIndex: Int)
  /// A line of text at the picture's top left corner.
  case caption(String, colorIndex: Int)
}
