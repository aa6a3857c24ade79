/// The scores of one evaluation.
public struct MetricReport: Codable, Sendable, Equatable {
  /// The key of `values` that model selection watches and that users see first.
  public var primary: String
  /// Every score by its name: `map`, `map_50`, `f-measure`, `accuracy`, …, in 0…1.
  public var values: [String: Double]
  /// One row a label, in label order.
  public var perClass: [ClassScore]
  /// The threshold the scores that need one were taken at, where the task has one.
  public var confidenceThreshold: Float?
  /// One for each label, where the scores were taken at thresholds of their own.
  public var labelThresholds: [Float]?
  /// Rows: truth; columns: prediction; `K` x `K`, where the task has one.
  public var confusion: [[Int]]?
  /// The number of items scored.
  public var itemCount: Int

  public init(
    primary: String,
    values: [String: Double],
    perClass: [ClassScore] = [],
    confidenceThreshold: Float? = nil,
    labelThresholds: [Float]? = nil,
    confusion: [[Int]]? = nil,
    itemCount: Int = 0
  ) {
    self.primary = primary
    self.values = values
    self.perClass = perClass
    self.confidenceThreshold = confidenceThreshold
    self.labelThresholds = labelThresholds
    self.confusion = confusion
    self.itemCount = itemCount
  }

  /// The value of the primary score; 0 when there was nothing to score.
  public var primaryValue: Double { values[primary] ?? 0 }
}

/// The scores of one label.
public struct ClassScore: Codable, Sendable, Equatable {
  public var label: String
  /// Annotated objects (or items) of the label.
  public var groundTruthCount: Int
  /// Predictions of the label.
  public var detectionCount: Int
  /// Scores by name: `recall`, `ap`, `precision`, `f-measure`.
  public var values: [String: Double]
  public init(label: String, groundTruthCount: Int, detectionCount: Int, values: [String: Double]) {
    self.label = label
    self.groundTruthCount = groundTruthCount
    self.detectionCount = detectionCount
    self.values = values
  }
}
