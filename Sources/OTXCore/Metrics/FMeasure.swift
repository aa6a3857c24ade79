/// The harmonic mean of precision and recall of detections at each confidence threshold.
///
/// A detection is a hit where it gets an object at an overlap of 0.5 or more
/// (``DetectionGroup/match(thresholds:areas:maximumCount:)``: surest first, one to one, within its
/// label); one that lies in a crowd does not count at all. Since a higher threshold only leaves out
/// the less sure detections, one matching serves all thresholds.
struct FMeasure {
  /// 0.025, 0.05, …, 0.975.
  static let thresholds = (1..<40).map { Float(0.025 * Double($0)) }
  static let overlapThreshold = 0.5

  /// What was found, what was not, and what was found that is not there.
  struct Counts: Equatable {
    var hitCount = 0
    var missCount = 0
    var falseCount = 0

    /// `2PR / (P + R)`; `nil` with neither objects nor detections.
    var fMeasure: Double? { ratio(2 * hitCount, 2 * hitCount + missCount + falseCount) }
    /// 0 without detections.
    var precision: Double { ratio(hitCount, hitCount + falseCount) ?? 0 }
    /// 0 without objects.
    var recall: Double { ratio(hitCount, hitCount + missCount) ?? 0 }

    private func ratio(_ part: Int, _ whole: Int) -> Double? {
      whole > 0 ? Double(part) / Double(whole) : nil
    }

    static func + (left: Counts, right: Counts) -> Counts {
      Counts(
        hitCount: left.hitCount + right.hitCount,
        missCount: left.missCount + right.missCount,
        falseCount: left.falseCount + right.falseCount
      )
    }
  }

  private var hitScores: [Float] = []
  private var falseScores: [Float] = []
  private var truthCount = 0

  /// Takes in the detections and objects of one label in one picture.
  mutating func add(_ group: DetectionGroup) {
    let outcomes = group.match(
      thresholds: [FMeasure.overlapThreshold],
      areas: 0...Double.infinity,
      maximumCount: Int.max
    )
    truthCount += outcomes.truthCount
    for (index, score) in group.scores.enumerated() {
      if outcomes.hits[index] == 1 {
        hitScores.append(score)
      } else if outcomes.ignored[index] == 0 {
        falseScores.append(score)
      }
    }
  }

  /// The counts at each of `thresholds`, which rise; a detection counts from its score down.
  func counts(at thresholds: [Float]) -> [Counts] {
    let hits = FMeasure.countsAbove(thresholds, hitScores)
    let wrong = FMeasure.countsAbove(thresholds, falseScores)
    return thresholds.indices.map {
      Counts(hitCount: hits[$0], missCount: truthCount - hits[$0], falseCount: wrong[$0])
    }
  }

  /// How many of `scores` are no less than each threshold.
  private static func countsAbove(_ thresholds: [Float], _ scores: [Float]) -> [Int] {
    var counts = [Int](repeating: 0, count: thresholds.count)
    for score in scores {
      // The number of thresholds that this score reaches, by halving.
      var (low, high) = (0, thresholds.count)
      while low < high {
        let middle = (low + high) / 2
        if thresholds[middle] <= score { low = middle + 1 } else { high = middle }
      }
      if low > 0 { counts[low - 1] += 1 }
    }
    for index in counts.indices.dropLast().reversed() { counts[index] += counts[index + 1] }
    return counts
  }

  /// The place of the threshold with the best F-measure; `nil` where nothing was hit at any.
  ///
  /// Of a run of equally good thresholds the middle one, of several runs the longest: the choice
  /// that scores of other pictures upset least.
  static func bestIndex(_ counts: [Counts]) -> Int? {
    let values = counts.map { $0.fMeasure ?? 0 }
    guard let best = values.max(), best > 0 else { return nil }
    var longest = 0..<0
    var start = 0
    while start < values.count {
      var end = start
      while end < values.count, values[end] == best { end += 1 }
      if end - start > longest.count { longest = start..<end }
      start = max(end, start + 1)
    }
    return longest.lowerBound + (longest.count - 1) / 2
  }
}
