import Foundation

/// Numbers of whole pictures: an age, a weight, a share of clouds.
///
/// The targets of a picture are its numeric attributes (columns of a table, attributes of an item in a
/// Datumaro file, attributes of an annotation of the whole picture). A picture need not have all of
/// them. Predictions are in the dataset's units.
public enum Regression: VisionTask {
  public static let taskType = TaskType.regression
  public static let title = "regression"
  public static let exportedTaskName = "regression"
  public static let exportedEntries = ["model_type": "Regression"]
  public static let selectionMetric = "r2"
  public static let performanceMetric = "r2"
  public static let usesLabels = false

  public struct Entity: TargetedEntity {
    public var image: Image
    public var frame: ImageFrame
    /// A value for each target, in the dataset's units; its weight is 0 where it is not known.
    public var targets: LabelTargets
    public init(image: Image, frame: ImageFrame, targets: LabelTargets) {
      self.image = image
      self.frame = frame
      self.targets = targets
    }
  }

  public typealias Batch = EntityBatch<Entity>

  /// A value for each target, in the dataset's units.
  public struct Prediction: PredictionEntity {
    public var values: [Float]
    public init(values: [Float]) { self.values = values }
  }

  public typealias Score = RegressionScore

  public static func describe(_ dataset: Dataset, in info: inout ModelInfo) throws {
    let wanted = info.regression
    let found = try RegressionInfo(
      of: dataset,
      targets: wanted?.targets.map(\.name) ?? [],
      loss: wanted?.loss ?? .huber
    )
    info.regression = found
    info.labels = LabelInfo(names: found.targets.map(\.name))
  }

  public static func labelGroups(_ labels: LabelInfo) -> [LabelGroup] {
    labels.names.map { LabelGroup(name: $0, labels: [$0]) }
  }

  public static func usableAnnotationCount(of item: DatasetItem) -> Int { item.numbers(nil).count }

  public static func entity(
    from item: DatasetItem,
    image: Image,
    labels: LabelInfo
  ) throws -> Entity {
    let found = item.numbers(Set(labels.names))
    guard !found.isEmpty else {
      let names = labels.names.map { "'\($0)'" }.joined(separator: ", ")
      let others = item.numbers(nil).keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
      throw DataError.invalidItem(
        item.id,
        reason: "has no number \(names)" + (others.isEmpty ? "" : "; it has \(others)")
      )
    }
    let values = labels.names.map { found[$0].map { Float($0) } }
    let targets = LabelTargets(
      values: values.map { $0 ?? 0 },
      weights: values.map { $0 == nil ? 0 : 1 }
    )
    let frame = ImageFrame(itemID: item.id, originalSize: image.size)
    return Entity(image: image, frame: frame, targets: targets)
  }

  public static func unlabeled(_ image: Image, frame: ImageFrame) -> Entity {
    Entity(image: image, frame: frame, targets: .unknown)
  }

  /// Names of the outputs of every model: `values` `[N, T]`, in the dataset's units.
  public enum Output {
    public static let values = "values"
  }

  public static func predictions(
    from outputs: [String: ModelOutput],
    frames: [ImageFrame],
    info: ModelInfo
  ) throws -> [Prediction] {
    try outputs.rows(Output.values, frames: frames, count: info.labels.count)
      .map { Prediction(values: Array($0)) }
  }

  public static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction {
    prediction
  }

  /// Every target with its value, in the model's order.
  public static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding] {
    zip(labels.names, prediction.values).map { name, value in
      Finding(label: name, score: 1, value: Double(value))
    }
  }

  public static func summary(of findings: [Finding]) -> String {
    findings.map { "\($0.label) \(($0.value ?? 0).measureText)" }.joined(separator: ", ")
  }

  public static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark] {
    zip(labels.names, prediction.values).enumerated().map { index, pair in
      .caption("\(pair.0) \(Double(pair.1).measureText)", colorIndex: index)
    }
  }
}

extension Double {
  /// Four significant digits.
  var measureText: String { String(format: "%.4g", self) }
}
