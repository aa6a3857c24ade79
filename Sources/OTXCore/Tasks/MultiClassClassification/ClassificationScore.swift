/// Accuracy, macro F1 and the confusion matrix of multi-class classification.
public struct ClassificationScore: Metric {
  private let labels: LabelInfo
  private var confusion: [[Int]]

  public init(labels: LabelInfo) {
    self.labels = labels
    confusion = Array(repeating: Array(repeating: 0, count: labels.count), count: labels.count)
  }

  public mutating func update(
    _ predictions: [MultiClassClassification.Prediction],
    _ targets: [MultiClassClassification.Entity]
  ) {
    for (prediction, target) in zip(predictions, targets) {
      if let label = prediction.label { confusion[target.label][label] += 1 }
    }
  }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    MetricReport(primary: "accuracy", values: [:], confusion: confusion)
  }
}
