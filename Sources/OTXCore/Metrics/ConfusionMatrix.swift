/// Counts of truth (rows) against prediction (columns), and what follows from them.
///
/// Ratios without anything below the line are 0, as scikit-learn has them by default.
struct ConfusionMatrix: Equatable, Sendable {
  private(set) var counts: [[Int]]

  init(labelCount: Int) {
    counts = Array(repeating: Array(repeating: 0, count: labelCount), count: labelCount)
  }

  mutating func add(truth: LabelIndex, prediction: LabelIndex) { counts[truth][prediction] += 1 }

  /// Precision, recall and F1 of one label.
  struct LabelScore {
    var truthCount = 0
    var predictionCount = 0
    var hitCount = 0
    var precision: Double { ratio(hitCount, predictionCount) }
    var recall: Double { ratio(hitCount, truthCount) }
    var f1: Double { ratio(2 * hitCount, truthCount + predictionCount) }
    /// Whether the label is in the truth or was predicted.
    var occurs: Bool { truthCount + predictionCount > 0 }
  }

  var itemCount: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }

  /// The share of items with the right label.
  var accuracy: Double {
    ratio(counts.indices.reduce(0) { $0 + counts[$1][$1] }, itemCount)
  }

  /// The scores of each label.
  func labelScores() -> [LabelScore] {
    counts.indices.map { label in
      LabelScore(
        truthCount: counts[label].reduce(0, +),
        predictionCount: counts.reduce(0) { $0 + $1[label] },
        hitCount: counts[label][label]
      )
    }
  }
}

/// `part / whole`; 0 of nothing.
func ratio(_ part: Int, _ whole: Int) -> Double {
  whole > 0 ? Double(part) / Double(whole) : 0
}
