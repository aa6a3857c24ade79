/// Precision and recall of one label against all others over the score from which on it counts.
///
/// Equals scikit-learn's `precision_recall_curve` and `average_precision_score`.
struct PrecisionRecallCurve: Equatable {
  /// Each distinct score, rising.
  private(set) var thresholds: [Float] = []
  /// At each of ``thresholds``, then 1.
  private(set) var precisions: [Double] = []
  /// At each of ``thresholds``, then 0.
  private(set) var recalls: [Double] = []

  /// - Parameter items: Each item's score, and whether it has the label; where none has it, there is
  ///   no curve.
  init?(_ items: [(score: Float, isPositive: Bool)]) {
    let positiveCount = items.count { $0.isPositive }
    guard positiveCount > 0 else { return nil }
    let sorted = items.sorted { $0.score > $1.score }
    var hitCount = 0
    var index = 0
    while index < sorted.count {
      let score = sorted[index].score
      while index < sorted.count, sorted[index].score == score {
        if sorted[index].isPositive { hitCount += 1 }
        index += 1
      }
      thresholds.append(score)
      precisions.append(Double(hitCount) / Double(index))
      recalls.append(Double(hitCount) / Double(positiveCount))
    }
    thresholds.reverse()
    precisions.reverse()
    recalls.reverse()
    precisions.append(1)
    recalls.append(0)
  }

  /// The area under the curve as steps.
  var averagePrecision: Double {
    precisions.indices.dropLast().reduce(0) {
      $0 + (recalls[$1] - recalls[$1 + 1]) * precisions[$1]
    }
  }

  /// The best precision at each of `recalls`, which rise, or at any higher one.
  func interpolated(at wanted: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: wanted.count)
    // From the highest recall down.
    var (best, index) = (0.0, 0)
    for place in wanted.indices.reversed() {
      while index < recalls.count - 1, recalls[index] >= wanted[place] {
        best = max(best, precisions[index])
        index += 1
      }
      result[place] = best
    }
    return result
  }
}
