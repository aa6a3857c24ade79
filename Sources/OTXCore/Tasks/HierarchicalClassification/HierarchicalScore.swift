/// The mean of the accuracies of the heads, and scores of the labels that follow from them.
///
/// `accuracy` is that of OTX 2.6: the mean over exclusive groups (`exclusive_accuracy`) and the mean
/// over labels that stand alone (`multilabel_accuracy`), and of both the mean where there are both. A
/// group counts for the pictures that have one of its labels; a label below one that a picture does not
/// show does not count. `subset_accuracy` is the share of pictures of which every label is right after
/// resolving (``LabelResolver/greedy``); `precision`, `recall` and `f1` are of the labels after
/// resolving, means over those that occur in the truth or were predicted (macro). Accuracies equal
/// scikit-learn's `accuracy_score` group by group.
public struct HierarchicalScore: Metric {
  public static let names = [
    "accuracy", "exclusive_accuracy", "f1", "multilabel_accuracy", "precision", "recall",
    "subset_accuracy",
  ]

  let labels: LabelInfo
  let hierarchy: LabelHierarchy
  private let ranges: [Range<Int>]
  /// Of each picture, row by row.
  private(set) var probabilities: [Float] = []
  /// 1: shown, 0: not, -1: not asked.
  private(set) var truth: [Int8] = []
  private(set) var itemCount = 0
  /// Of each picture, for the report; `nil` where nobody asked for it.
  private(set) var frames: [ImageFrame]?

  public init(labels: LabelInfo) {
    self.labels = labels
    hierarchy = labels.effectiveHierarchy
    ranges = hierarchy.ranges
  }

  /// Targets of which nothing is known do not count.
  ///
  /// - Precondition: One prediction for each target.
  public mutating func update(
    _ predictions: [HierarchicalClassification.Prediction],
    _ targets: [HierarchicalClassification.Entity]
  ) {
    precondition(predictions.count == targets.count, "one prediction for each target")
    for (prediction, target) in zip(predictions, targets)
    where target.targets.isKnown && target.targets.values.count == labels.count
      && prediction.probabilities.count == labels.count
    {
      probabilities += prediction.probabilities
      truth += zip(target.targets.values, target.targets.weights).map { value, weight in
        weight > 0 ? (value >= 0.5 ? 1 : 0) : -1
      }
      frames?.append(target.frame)
      itemCount += 1
    }
  }

  public mutating func keepDetails() { frames = frames ?? [] }

  /// Truth against prediction of each exclusive group, before resolving.
  func confusions() -> [ConfusionMatrix] {
    ranges.filter { $0.count > 1 }.map { range in
      var matrix = ConfusionMatrix(labelCount: range.count)
      for item in 0..<itemCount {
        let first = item * labels.count
        guard let shown = range.first(where: { truth[first + $0] == 1 }),
          let found = range.max(by: { probabilities[first + $0] < probabilities[first + $1] })
        else { continue }
        matrix.add(truth: shown - range.lowerBound, prediction: found - range.lowerBound)
      }
      return matrix
    }
  }

  /// Right and wrong answers about each label that stands alone, before resolving.
  func singles(threshold: Float) -> [(label: LabelIndex, counts: MultiLabelScore.Counts)] {
    ranges.filter { $0.count == 1 }.map(\.lowerBound).map { label in
      var counts = MultiLabelScore.Counts()
      for index in stride(from: label, to: truth.count, by: labels.count) where truth[index] >= 0 {
        counts.add(isShown: truth[index] == 1, isFound: probabilities[index] > threshold)
      }
      return (label, counts)
    }
  }

  /// The labels that follow for one picture, and those that it shows.
  func labelSets(_ item: Int, threshold: Float) -> (found: [ScoredLabel], shown: Set<LabelIndex>) {
    let first = item * labels.count
    let row = Array(probabilities[first..<first + labels.count])
    let prediction = HierarchicalClassification.resolved(row, hierarchy, threshold: threshold)
    let shown = labels.names.indices.filter { truth[first + $0] == 1 }
    return (prediction.labels, Set(shown))
  }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    let threshold = threshold ?? HierarchicalClassification.defaultConfidenceThreshold
    var counts = [MultiLabelScore.Counts](
      repeating: MultiLabelScore.Counts(),
      count: labels.count
    )
    var rightCount = 0
    for item in 0..<itemCount {
      let (found, shown) = labelSets(item, threshold: threshold)
      let names = Set(found.map(\.label))
      if names == shown { rightCount += 1 }
      for label in labels.names.indices {
        counts[label].add(isShown: shown.contains(label), isFound: names.contains(label))
      }
    }
    let exclusive = mean(confusions().filter { $0.itemCount > 0 }.map(\.accuracy))
    let single = mean(
      singles(threshold: threshold).map(\.counts).filter { $0.answerCount > 0 }
        .map { ratio($0.rightCount, $0.answerCount) }
    )
    var values: [String: Double] = [:]
    if itemCount > 0 {
      let occurring = counts.filter(\.occurs)
      values["accuracy"] = mean([exclusive, single].compactMap { $0 })
      values["exclusive_accuracy"] = exclusive
      values["multilabel_accuracy"] = single
      values["subset_accuracy"] = ratio(rightCount, itemCount)
      values["precision"] = mean(occurring.map(\.precision))
      values["recall"] = mean(occurring.map(\.recall))
      values["f1"] = mean(occurring.map(\.f1))
    }
    let rows = zip(labels.names, counts).map { name, count in
      ClassScore(
        label: name,
        groundTruthCount: count.truthCount,
        detectionCount: count.predictionCount,
        values: count.occurs
          ? ["precision": count.precision, "recall": count.recall, "f1": count.f1] : [:]
      )
    }
    return MetricReport(
      primary: HierarchicalClassification.selectionMetric,
      values: values,
      perClass: rows,
      confidenceThreshold: threshold,
      itemCount: itemCount
    )
  }
}
