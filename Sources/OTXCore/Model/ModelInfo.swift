/// What every artifact of a model carries with it: enough to run the model on a picture.
public struct ModelInfo: Codable, Sendable, Equatable {
  /// The newest version of this record that this program reads.
  public static let currentFormatVersion = 1

  /// Version of this record; a newer one than ``currentFormatVersion`` is refused.
  public var formatVersion: Int
  /// Version of the program that wrote the artifact.
  public var otxVersion: String
  /// Name in the model zoo.
  public var model: String
  public var backbone: String
  public var task: TaskType
  public var labels: LabelInfo
  public var preprocessing: Preprocessing
  /// Predictions below it are not shown; chosen on the validation split.
  ///
  /// `nil`: never chosen.
  public var confidenceThreshold: Float?
  /// As ``confidenceThreshold``, one for each label in label order; they come before it.
  ///
  /// `nil`: one threshold for all labels.
  public var labelThresholds: [Float]?
  /// Overlap above which the weaker of two boxes of one label is dropped.
  public var iouThreshold: Float
  /// How pictures are cut into tiles; `nil`: the model sees pictures whole.
  public var tiling: Tiling?
  /// The numbers that a regression model gives; `nil` for other tasks.
  public var regression: RegressionInfo?
  /// What was taken out of the network; `nil`: it is as its name says.
  public var pruning: PruningRecord?

  public init(
    model: String,
    backbone: String,
    task: TaskType,
    labels: LabelInfo,
    preprocessing: Preprocessing,
    confidenceThreshold: Float? = nil,
    iouThreshold: Float = 0.5,
    tiling: Tiling? = nil
  ) {
    formatVersion = ModelInfo.currentFormatVersion
    otxVersion = OTXVersion.current
    self.model = model
    self.backbone = backbone
    self.task = task
    self.labels = labels
    self.preprocessing = preprocessing
    self.confidenceThreshold = confidenceThreshold
    self.iouThreshold = iouThreshold
    self.tiling = tiling
  }

  /// The threshold in force: the chosen one, else the task's default.
  public var effectiveConfidenceThreshold: Float {
    confidenceThreshold ?? task.kind.defaultConfidenceThreshold
  }

  /// The threshold in force for a label.
  public func threshold(of label: LabelIndex) -> Float {
    guard let labelThresholds, labelThresholds.indices.contains(label) else {
      return effectiveConfidenceThreshold
    }
    return labelThresholds[label]
  }
}

/// The version of this package.
public enum OTXVersion {
  public static let current = "0.1.0"
}
