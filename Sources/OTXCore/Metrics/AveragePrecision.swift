/// Average precision and recall of one label in one range of areas, as COCO defines them.
///
/// Lin et al., Microsoft COCO, 2014; checked against pycocotools 2.0.
struct AveragePrecision {
  /// 0.5, 0.55, …, 0.95.
  static let thresholds = linearSpace(0.5, 0.95, count: 10)
  /// 0, 0.01, …, 1.
  static let recalls = linearSpace(0, 1, count: 101)
  /// Detections of one label in one picture beyond the hundred surest do not count.
  static let maximumCount = 100
  /// Areas in square pixels; their ends belong to both neighbours.
  static let areas: [(name: String, range: ClosedRange<Double>)] = [
    ("all", 0...1e10), ("small", 0...1024), ("medium", 1024...9216), ("large", 9216...1e10),
  ]

  private struct Candidate {
    var score: Float
    /// Place among the detections of its picture.
    var rank: Int
    var hits: UInt16
    var ignored: UInt16
  }

  private var candidates: [Candidate] = []
  /// Objects that should be found.
  private(set) var truthCount = 0

  /// Takes in the detections and objects of one picture.
  mutating func add(_ group: DetectionGroup, areas: ClosedRange<Double>) {
    let outcomes = group.match(
      thresholds: AveragePrecision.thresholds,
      areas: areas,
      maximumCount: AveragePrecision.maximumCount
    )
    truthCount += outcomes.truthCount
    for rank in outcomes.hits.indices {
      candidates.append(
        Candidate(
          score: group.scores[rank],
          rank: rank,
          hits: outcomes.hits[rank],
          ignored: outcomes.ignored[rank]
        )
      )
    }
  }

  /// The share of objects found at each threshold with the `count` surest detections of each
  /// picture; `nil` without objects.
  func recall(maximumCount count: Int = AveragePrecision.maximumCount) -> [Double]? {
    guard truthCount > 0 else { return nil }
    return AveragePrecision.thresholds.indices.map { threshold in
      let hits = candidates.count { $0.rank < count && $0.hits >> threshold & 1 == 1 }
      return Double(hits) / Double(truthCount)
    }
  }

  /// The mean of interpolated precision over 101 recalls, at each threshold; `nil` without objects.
  func averagePrecision() -> [Double]? {
    guard truthCount > 0 else { return nil }
    let order = surestFirst
    return AveragePrecision.thresholds.indices.map {
      let precisions = interpolatedPrecisions(order, threshold: $0)
      return precisions.reduce(0, +) / Double(precisions.count)
    }
  }

  /// The precision at each of ``recalls`` at an overlap of 0.5, the best at that recall or any higher
  /// and 0 where it is not reached; `nil` without objects.
  func precisionCurve() -> [Double]? {
    truthCount > 0 ? interpolatedPrecisions(surestFirst, threshold: 0) : nil
  }

  private var surestFirst: [Int] {
    candidates.indices.sorted {
      candidates[$0].score == candidates[$1].score
        ? $0 < $1 : candidates[$0].score > candidates[$1].score
    }
  }

  private func interpolatedPrecisions(_ order: [Int], threshold: Int) -> [Double] {
    var recalls: [Double] = []
    var precisions: [Double] = []
    recalls.reserveCapacity(order.count)
    precisions.reserveCapacity(order.count)
    var (hitCount, missCount) = (0, 0)
    for index in order {
      let candidate = candidates[index]
      let isHit = candidate.hits >> threshold & 1 == 1
      let isIgnored = candidate.ignored >> threshold & 1 == 1
      if isHit { hitCount += 1 } else if !isIgnored { missCount += 1 }
      recalls.append(Double(hitCount) / Double(truthCount))
      precisions.append(Double(hitCount) / (Double(hitCount + missCount) + Double.ulpOfOne))
    }
    // The best precision at this recall or any higher.
    for index in precisions.indices.dropLast().reversed() {
      precisions[index] = max(precisions[index], precisions[index + 1])
    }
    var position = 0
    return AveragePrecision.recalls.map { recall in
      while position < recalls.count, recalls[position] < recall { position += 1 }
      return position < recalls.count ? precisions[position] : 0
    }
  }

  /// `count` numbers from `start` to `end`, rounded as NumPy's `linspace` rounds them.
  private static func linearSpace(_ start: Double, _ end: Double, count: Int) -> [Double] {
    let step = (end - start) / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? end : Double($0) * step + start }
  }
}

/// The mean of `values`; `nil` where there are none.
func mean(_ values: [Double]) -> Double? {
  values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
}
