/// The detections and annotated objects of one label in one picture, and how they overlap.
///
/// Numbers are doubles and boxes `x, y, width, height`, as pycocotools has them, so that overlaps
/// which lie on a threshold fall on the same side.
struct DetectionGroup {
  /// A box as COCO writes it.
  struct Box {
    var x: Double
    var y: Double
    var width: Double
    var height: Double
    var area: Double { width * height }

    init(_ box: BoundingBox) {
      (x, y) = (Double(box.x1), Double(box.y1))
      (width, height) = (Double(box.x2) - x, Double(box.y2) - y)
    }
  }

  /// Surest first; of equal scores the earlier.
  let scores: [Float]
  let detectionAreas: [Double]
  let truthAreas: [Double]
  /// Crowds and difficult objects.
  let truthIsIgnored: [Bool]
  /// Row `d`, column `g`: intersection over union of detection `d` and object `g`; over a crowd,
  /// the part of the detection that lies in it.
  private let overlaps: [Double]

  init(detections: [Detection.ScoredBox], truth: [Detection.LabeledBox]) {
    // A score that is no number is worth less than any.
    let keys = detections.map { $0.score.isNaN ? -Float.infinity : $0.score }
    let order = detections.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] > keys[$1] }
    scores = order.map { keys[$0] }
    let boxes = order.map { Box(detections[$0].box) }
    let truthBoxes = truth.map { Box($0.box) }
    detectionAreas = boxes.map(\.area)
    truthAreas = truthBoxes.map(\.area)
    truthIsIgnored = truth.map(\.isIgnored)
    var overlaps: [Double] = []
    overlaps.reserveCapacity(boxes.count * truthBoxes.count)
    for box in boxes {
      for (index, other) in truthBoxes.enumerated() {
        overlaps.append(DetectionGroup.overlap(box, other, isCrowd: truth[index].isCrowd))
      }
    }
    self.overlaps = overlaps
  }

  private static func overlap(_ box: Box, _ truth: Box, isCrowd: Bool) -> Double {
    let width = min(box.x + box.width, truth.x + truth.width) - max(box.x, truth.x)
    let height = min(box.y + box.height, truth.y + truth.height) - max(box.y, truth.y)
    guard width > 0, height > 0 else { return 0 }
    let intersection = width * height
    return intersection / (isCrowd ? box.area : box.area + truth.area - intersection)
  }

  /// What became of each detection at each of up to 16 thresholds: bit `t` of the masks.
  struct Outcomes {
    var hits: [UInt16]
    var ignored: [UInt16]
    /// Objects that should be found.
    var truthCount: Int
    /// The object that each detection got at the first threshold.
    var objects: [Int?]
  }

  /// Gives each detection, surest first, the free object that it overlaps most.
  ///
  /// The rule of pycocotools' `evaluateImg`: an overlap counts from the threshold on; each object is
  /// given away once, a crowd or a difficult object (VOC's protocol) any number of times; these and
  /// objects outside `areas` are taken only where no other fits, and the detection is ignored then.
  /// So are detections without an object whose own area lies outside `areas`. Greedy by score: what
  /// holds for all detections holds for the first `n` of them.
  func match(
    thresholds: [Double],
    areas: ClosedRange<Double>,
    maximumCount: Int
  ) -> Outcomes {
    // An area that is no number lies outside nothing: such a detection is a miss.
    func isOutside(_ area: Double) -> Bool { area < areas.lowerBound || area > areas.upperBound }
    let isIgnored = truthAreas.indices.map { truthIsIgnored[$0] || isOutside(truthAreas[$0]) }
    let order =
      isIgnored.indices.filter { !isIgnored[$0] } + isIgnored.indices.filter { isIgnored[$0] }
    let count = min(maximumCount, scores.count)
    var outcomes = Outcomes(
      hits: Array(repeating: 0, count: count),
      ignored: Array(repeating: 0, count: count),
      truthCount: isIgnored.count { !$0 },
      objects: Array(repeating: nil, count: count)
    )
    for (bit, threshold) in thresholds.enumerated() {
      var isTaken = [Bool](repeating: false, count: truthAreas.count)
      for detection in 0..<count {
        let found = bestObject(
          for: detection,
          order: order,
          isIgnored: isIgnored,
          isTaken: isTaken,
          threshold: threshold
        )
        let mask = UInt16(1) << UInt16(bit)
        if let found {
          isTaken[found] = true
          if bit == 0 { outcomes.objects[detection] = found }
          if isIgnored[found] {
            outcomes.ignored[detection] |= mask
          } else {
            outcomes.hits[detection] |= mask
          }
        } else if isOutside(detectionAreas[detection]) {
          outcomes.ignored[detection] |= mask
        }
      }
    }
    return outcomes
  }

  private func bestObject(
    for detection: Int,
    order: [Int],
    isIgnored: [Bool],
    isTaken: [Bool],
    threshold: Double
  ) -> Int? {
    let row = detection * truthAreas.count
    var best = min(threshold, 1 - 1e-10)
    var found: Int?
    for object in order {
      if isTaken[object], !truthIsIgnored[object] { continue }
      if let found, !isIgnored[found], isIgnored[object] { break }
      // Of equal overlaps the later object wins, as there.
      if overlaps[row + object] >= best {
        best = overlaps[row + object]
        found = object
      }
    }
    return found
  }
}
