/// Accuracy, mean average precision and F1 of multi-label classification.
///
/// `accuracy` is the share of right answers among all that were asked, one for each label of each
/// picture (each label a group of its own, as in OTX 2.6); `subset_accuracy` that of pictures with
/// every label right. `map` is the mean average precision of labels that occur in the truth,
/// `precision`, `recall` and `f1` are means over labels that occur in the truth or were predicted
/// (macro), `f1_micro` counts all labels together. Equal to scikit-learn's `accuracy_score`,
/// `average_precision_score` and `precision_recall_fscore_support` where every label occurs, and to
/// torchmetrics' `MultilabelAveragePrecision`. A label that is not known of a picture does not count.
public struct MultiLabelScore: Metric {
  public static let names = [
    "accuracy", "f1", "f1_micro", "map", "precision", "recall", "subset_accuracy",
  ]

  let labels: LabelInfo
  /// Of each picture, row by row.
  private(set) var probabilities: [Float] = []
  /// 1: shown, 0: not, -1: not known.
  private(set) var truth: [Int8] = []
  private(set) var itemCount = 0
  /// Of each picture, for the report; `nil` where nobody asked for it.
  private(set) var frames: [ImageFrame]?

  public init(labels: LabelInfo) { self.labels = labels }

  /// Targets of which nothing is known do not count.
  ///
  /// - Precondition: One prediction for each target.
  public mutating func update(
    _ predictions: [MultiLabelClassification.Prediction],
    _ targets: [MultiLabelClassification.Entity]
  ) {
    precondition(predictions.count == targets.count, "one prediction for each target")
    for (prediction, target) in zip(predictions, targets)
    where target.targets.isKnown && target.targets.values.count == labels.count {
      var row = [Float](repeating: 0, count: labels.count)
      for found in prediction.labels where row.indices.contains(found.label) {
        row[found.label] = found.score
      }
      probabilities += row
      truth += zip(target.targets.values, target.targets.weights).map { value, weight in
        weight > 0 ? (value >= 0.5 ? 1 : 0) : -1
      }
      frames?.append(target.frame)
      itemCount += 1
    }
  }

  public mutating func keepDetails() { frames = frames ?? [] }

  /// Right and wrong answers about one label.
  struct Counts: Equatable {
    var hitCount = 0
    var missCount = 0
    var falseCount = 0
    var rejectCount = 0

    var truthCount: Int { hitCount + missCount }
    var predictionCount: Int { hitCount + falseCount }
    var rightCount: Int { hitCount + rejectCount }
    var answerCount: Int { truthCount + falseCount + rejectCount }
    var occurs: Bool { truthCount + falseCount > 0 }
    var precision: Double { ratio(hitCount, predictionCount) }
    var recall: Double { ratio(hitCount, truthCount) }
    var f1: Double { ratio(2 * hitCount, truthCount + predictionCount) }

    static func + (left: Counts, right: Counts) -> Counts {
      Counts(
        hitCount: left.hitCount + right.hitCount,
        missCount: left.missCount + right.missCount,
        falseCount: left.falseCount + right.falseCount,
        rejectCount: left.rejectCount + right.rejectCount
      )
    }

    mutating func add(isShown: Bool, isFound: Bool) {
      switch (isShown, isFound) {
      case (true, true): hitCount += 1
      case (true, false): missCount += 1
      case (false, true): falseCount += 1
      case (false, false): rejectCount += 1
      }
    }
  }

  /// The counts of each label where a probability above its threshold says that it is there.
  func counts(thresholds: [Float]) -> [Counts] {
    var counts = [Counts](repeating: Counts(), count: labels.count)
    for index in truth.indices where truth[index] >= 0 {
      let label = index % labels.count
      counts[label].add(
        isShown: truth[index] == 1,
        isFound: probabilities[index] > thresholds[label]
      )
    }
    return counts
  }

  /// So many pictures must show a label, and as many not, for a threshold of its own.
  static let fewestForOwnThreshold = 10

  /// The threshold with the best F1 of all labels together, and for each label that with its own best
  /// F1; of equal ones that nearest to a half.
  ///
  /// A label that too few pictures show, or lack, has the common threshold.
  private func bestThresholds() -> (common: Float, labels: [Float]) {
    let start = MultiLabelClassification.defaultConfidenceThreshold
    var common = (threshold: start, f1: -1.0)
    var own = [(threshold: Float, f1: Double)](repeating: (start, -1), count: labels.count)
    var isOwn = [Bool](repeating: false, count: labels.count)
    for threshold in FMeasure.thresholds.sorted(by: { abs($0 - 0.5) < abs($1 - 0.5) }) {
      let counts = counts(thresholds: [Float](repeating: threshold, count: labels.count))
      let f1 = counts.reduce(Counts(), +).f1
      if f1 > common.f1 { common = (threshold, f1) }
      for (label, count) in counts.enumerated() {
        isOwn[label] =
          min(count.truthCount, count.answerCount - count.truthCount)
          >= MultiLabelScore.fewestForOwnThreshold
        if count.f1 > own[label].f1 { own[label] = (threshold, count.f1) }
      }
    }
    let thresholds = zip(own, isOwn).map { $1 ? $0.threshold : common.threshold }
    return (common.threshold, thresholds)
  }

  /// The precision-recall curve of each label; `nil` for one that does not occur in the truth.
  func curves() -> [PrecisionRecallCurve?] {
    labels.names.indices.map { label in
      PrecisionRecallCurve(
        stride(from: label, to: truth.count, by: labels.count).compactMap { index in
          truth[index] >= 0 ? (probabilities[index], truth[index] == 1) : nil
        }
      )
    }
  }

  /// How many labels of each picture are wrong.
  func errorCounts(thresholds: [Float]) -> [Int] {
    (0..<itemCount).map { item in
      (item * labels.count..<(item + 1) * labels.count).count {
        truth[$0] >= 0
          && (truth[$0] == 1) != (probabilities[$0] > thresholds[$0 % labels.count])
      }
    }
  }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    guard let threshold else {
      let best = bestThresholds()
      return report(common: best.common, thresholds: best.labels)
    }
    return report(
      common: threshold,
      thresholds: [Float](repeating: threshold, count: labels.count)
    )
  }

  public func compute(
    confidenceThreshold threshold: Float?,
    labelThresholds: [Float]?
  ) -> MetricReport {
    guard let labelThresholds, labelThresholds.count == labels.count else {
      return compute(confidenceThreshold: threshold)
    }
    let start = MultiLabelClassification.defaultConfidenceThreshold
    return report(common: threshold ?? start, thresholds: labelThresholds)
  }

  private func report(common threshold: Float, thresholds: [Float]) -> MetricReport {
    let counts = counts(thresholds: thresholds)
    let precisions = curves().map { $0?.averagePrecision }
    let occurring = counts.filter(\.occurs)
    let whole = counts.reduce(Counts(), +)
    var values: [String: Double] = [:]
    if whole.answerCount > 0 {
      values["accuracy"] = ratio(whole.rightCount, whole.answerCount)
      values["subset_accuracy"] = ratio(
        errorCounts(thresholds: thresholds).count { $0 == 0 },
        itemCount
      )
      values["f1_micro"] = whole.occurs ? whole.f1 : nil
      values["precision"] = mean(occurring.map(\.precision))
      values["recall"] = mean(occurring.map(\.recall))
      values["f1"] = mean(occurring.map(\.f1))
      values["map"] = mean(precisions.compactMap { $0 })
    }
    let rows = labels.names.indices.map { label in
      let count = counts[label]
      var scores: [String: Double] = [:]
      if count.occurs {
        scores = ["precision": count.precision, "recall": count.recall, "f1": count.f1]
      }
      scores["average_precision"] = precisions[label]
      return ClassScore(
        label: labels.name(label),
        groundTruthCount: count.truthCount,
        detectionCount: count.predictionCount,
        values: scores
      )
    }
    return MetricReport(
      primary: MultiLabelClassification.selectionMetric,
      values: values,
      perClass: rows,
      confidenceThreshold: threshold,
      labelThresholds: thresholds.contains { $0 != threshold } ? thresholds : nil,
      itemCount: itemCount
    )
  }
}
