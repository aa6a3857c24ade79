/// Accuracy, macro F1 and the confusion matrix of multi-class classification.
///
/// `accuracy` is the share of pictures with the right label, `balanced_accuracy` the mean recall of
/// the labels that occur in the truth; `precision`, `recall` and `f1` are means over labels that
/// occur in the truth or were predicted, each label weighing the same (macro). They equal
/// scikit-learn's `accuracy_score`, `balanced_accuracy_score` and
/// `precision_recall_fscore_support(average="macro", zero_division=0)`.
public struct ClassificationScore: Metric {
  public static let names = ["accuracy", "balanced_accuracy", "f1", "precision", "recall"]

  let labels: LabelInfo
  private var confusion: ConfusionMatrix
  /// What the report shows of each picture; `nil` where nobody asked for it.
  private(set) var judged: [JudgedPicture]?
  /// Of the first pictures, row by row.
  private(set) var probabilities: [Float] = []
  /// A quarter of a gigabyte.
  static let maximumProbabilityCount = 1 << 26

  public init(labels: LabelInfo) {
    self.labels = labels
    confusion = ConfusionMatrix(labelCount: labels.count)
  }

  /// Targets without a label (``MultiClassClassification/noLabel``) do not count.
  ///
  /// - Precondition: One prediction for each target, with labels of the score's own list.
  public mutating func update(
    _ predictions: [MultiClassClassification.Prediction],
    _ targets: [MultiClassClassification.Entity]
  ) {
    precondition(predictions.count == targets.count, "one prediction for each target")
    for (prediction, target) in zip(predictions, targets)
    where target.label != MultiClassClassification.noLabel {
      guard let label = prediction.label else { continue }
      confusion.add(truth: target.label, prediction: label)
      // What takes memory for each label of each picture has an end.
      if judged != nil, probabilities.count < ClassificationScore.maximumProbabilityCount {
        probabilities += prediction.probabilities
      }
      judged?.append(
        JudgedPicture(
          frame: target.frame,
          truth: target.label,
          prediction: label,
          truthProbability: prediction.probabilities[target.label],
          predictionProbability: prediction.probabilities[label]
        )
      )
    }
  }

  public mutating func keepDetails() { judged = judged ?? [] }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    let scores = confusion.labelScores()
    let occurring = scores.filter(\.occurs)
    var values: [String: Double] = [:]
    if confusion.itemCount > 0 {
      values["accuracy"] = confusion.accuracy
      values["balanced_accuracy"] = mean(scores.filter { $0.truthCount > 0 }.map(\.recall))
      values["precision"] = mean(occurring.map(\.precision))
      values["recall"] = mean(occurring.map(\.recall))
      values["f1"] = mean(occurring.map(\.f1))
    }
    let rows = zip(labels.names, scores).map { name, score in
      ClassScore(
        label: name,
        groundTruthCount: score.truthCount,
        detectionCount: score.predictionCount,
        values: score.occurs
          ? ["precision": score.precision, "recall": score.recall, "f1": score.f1] : [:]
      )
    }
    return MetricReport(
      primary: MultiClassClassification.selectionMetric,
      values: values,
      perClass: rows,
      confusion: confusion.counts,
      itemCount: confusion.itemCount
    )
  }
}
