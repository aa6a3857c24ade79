/// What became of each detection and each object of one picture at a confidence threshold.
///
/// Within a label as ``DetectionGroup`` matches them, at an overlap of 0.5, so that hits are those of
/// the F-measure. What is left over is then matched across labels, surest first: an object found
/// under a wrong name.
struct PictureMatch {
  /// A detection at or above the threshold.
  struct Found {
    /// Its place among the picture's detections.
    var detection: Int
    /// The object that it lies on; `nil`: nothing is there.
    var object: Int?
    /// Whether it lies in a crowd, and counts neither way.
    var isIgnored = false
  }

  /// The surest first.
  private(set) var found: [Found] = []
  /// Objects that no detection lies on.
  private(set) var missed: [Int] = []

  init(
    _ detections: [Detection.ScoredBox],
    _ truth: [Detection.LabeledBox],
    confidenceThreshold: Float
  ) {
    let kept = detections.indices.filter { detections[$0].score >= confidenceThreshold }
      .sorted {
        let (left, right) = (detections[$0].score, detections[$1].score)
        return left == right ? $0 < $1 : left > right
      }
    found = kept.map { Found(detection: $0) }
    let places = Dictionary(grouping: found.indices) { detections[found[$0].detection].label }
    var isTaken = [Bool](repeating: false, count: truth.count)
    for (label, places) in places {
      let objects = truth.indices.filter { truth[$0].label == label }
      match(places, objects, detections, truth, &isTaken)
    }
    let rest = found.indices.filter { found[$0].object == nil && !found[$0].isIgnored }
    let free = truth.indices.filter { !isTaken[$0] && !truth[$0].isIgnored }
    match(rest, free, detections, truth, &isTaken)
    missed = truth.indices.filter { !isTaken[$0] && !truth[$0].isIgnored }
  }

  private mutating func match(
    _ places: [Int],
    _ objects: [Int],
    _ detections: [Detection.ScoredBox],
    _ truth: [Detection.LabeledBox],
    _ isTaken: inout [Bool]
  ) {
    guard !places.isEmpty, !objects.isEmpty else { return }
    let group = DetectionGroup(
      detections: places.map { detections[found[$0].detection] },
      truth: objects.map { truth[$0] }
    )
    let outcomes = group.match(
      thresholds: [FMeasure.overlapThreshold],
      areas: 0...Double.infinity,
      maximumCount: Int.max
    )
    for (row, place) in places.enumerated() {
      if outcomes.ignored[row] == 1 { found[place].isIgnored = true }
      guard outcomes.hits[row] == 1, let object = outcomes.objects[row] else { continue }
      found[place].object = objects[object]
      isTaken[objects[object]] = true
    }
  }
}
