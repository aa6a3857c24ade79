/// Mean absolute error, root of the mean squared error and R² of regression.
///
/// Each target by itself, and their plain means; in the dataset's units. Equal to scikit-learn's
/// `mean_absolute_error`, `root_mean_squared_error` and `r2_score`. R² needs two pictures; of a target
/// that is the same everywhere it is 1 for a perfect prediction, else 0.
public struct RegressionScore: Metric {
  public static let names = ["mae", "r2", "rmse"]

  let labels: LabelInfo
  /// Of each target: truth and prediction where the truth is known, with the number of the picture.
  private(set) var pairs: [[(item: Int, truth: Double, prediction: Double)]]
  private(set) var itemCount = 0
  /// Of each picture, for the report; `nil` where nobody asked for it.
  private(set) var frames: [ImageFrame]?

  public init(labels: LabelInfo) {
    self.labels = labels
    pairs = Array(repeating: [], count: labels.count)
  }

  /// Targets of which nothing is known do not count.
  ///
  /// - Precondition: One prediction for each target.
  public mutating func update(
    _ predictions: [Regression.Prediction],
    _ targets: [Regression.Entity]
  ) {
    precondition(predictions.count == targets.count, "one prediction for each target")
    for (prediction, target) in zip(predictions, targets)
    where target.targets.isKnown && target.targets.values.count == labels.count
      && prediction.values.count == labels.count
    {
      for index in labels.names.indices where target.targets.weights[index] > 0 {
        pairs[index].append(
          (itemCount, Double(target.targets.values[index]), Double(prediction.values[index]))
        )
      }
      frames?.append(target.frame)
      itemCount += 1
    }
  }

  public mutating func keepDetails() { frames = frames ?? [] }

  /// The scores of one target; none where nothing is known of it.
  func scores(_ target: Int) -> [String: Double] {
    let pairs = pairs[target]
    guard !pairs.isEmpty else { return [:] }
    let count = Double(pairs.count)
    let absolute = pairs.reduce(0) { $0 + abs($1.prediction - $1.truth) }
    let squared = pairs.reduce(0) {
      $0 + ($1.prediction - $1.truth) * ($1.prediction - $1.truth)
    }
    var scores = ["mae": absolute / count, "rmse": (squared / count).squareRoot()]
    let mean = pairs.reduce(0) { $0 + $1.truth } / count
    let spread = pairs.reduce(0) { $0 + ($1.truth - mean) * ($1.truth - mean) }
    if pairs.count > 1 {
      scores["r2"] = spread > 0 ? 1 - squared / spread : (squared == 0 ? 1 : 0)
    }
    return scores
  }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    let rows = labels.names.enumerated().map { index, name in
      ClassScore(
        label: name,
        groundTruthCount: pairs[index].count,
        detectionCount: pairs[index].count,
        values: scores(index)
      )
    }
    var values: [String: Double] = [:]
    for name in RegressionScore.names { values[name] = mean(rows.compactMap { $0.values[name] }) }
    return MetricReport(
      primary: Regression.selectionMetric,
      values: values,
      perClass: rows,
      itemCount: itemCount
    )
  }
}
