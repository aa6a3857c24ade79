/// Mean average precision as COCO defines it, and the F-measure.
///
/// `map`, `map_50`, `map_75`, `map_small`, `map_medium`, `map_large`, `mar_1`, `mar_10`, `mar_100`,
/// `mar_small`, `mar_medium`, `mar_large` equal pycocotools' twelve figures (objects' areas are
/// those of their boxes); a figure that pycocotools gives as -1, because there are no such objects,
/// is left out. `f-measure`, `precision` and `recall` are taken over all labels together at one
/// confidence threshold (``FMeasure``).
///
/// Per label, at an overlap of 0.5: `ap` is COCO's (101 recalls, the mean of which over labels is
/// `map_50`; the area under the whole curve, which mmdetection's table shows, differs by some
/// thousandths), `recall` the share of objects that any detection hits, whatever its score, and
/// `f-measure` that at the threshold.
public struct DetectionScore: Metric {
  public static let names = [
    "map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1", "mar_10", "mar_100",
    "mar_small", "mar_medium", "mar_large", "f-measure", "precision", "recall",
  ]

  let labels: LabelInfo
  private(set) var predictions: [[Detection.ScoredBox]] = []
  private(set) var targets: [[Detection.LabeledBox]] = []
  /// Which picture each is of.
  private(set) var frames: [ImageFrame] = []

  public init(labels: LabelInfo) { self.labels = labels }

  /// - Precondition: One prediction for each target, with labels of the score's own list.
  public mutating func update(_ predictions: [Detection.Prediction], _ targets: [Detection.Entity])
  {
    precondition(predictions.count == targets.count, "one prediction for each target")
    self.predictions += predictions.map(\.objects)
    self.targets += targets.map(\.objects)
    frames += targets.map(\.frame)
  }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    let classes = classResults()
    var values: [String: Double] = [:]
    func set(_ name: String, _ curves: [[Double]?]) {
      values[name] = mean(curves.compactMap { $0 }.flatMap { $0 })
    }
    let precisions = AveragePrecision.areas.indices.map { area in
      classes.map { $0.areas[area].averagePrecision() }
    }
    set("map", precisions[0])
    set("map_50", precisions[0].map { $0.map { [$0[0]] } })
    set("map_75", precisions[0].map { $0.map { [$0[5]] } })
    for count in [1, 10, 100] {
      set("mar_\(count)", classes.map { $0.areas[0].recall(maximumCount: count) })
    }
    for area in AveragePrecision.areas.indices.dropFirst() {
      let name = AveragePrecision.areas[area].name
      set("map_\(name)", precisions[area])
      set("mar_\(name)", classes.map { $0.areas[area].recall() })
    }

    let atThreshold = fMeasures(classes, threshold: threshold)
    let total = atThreshold.counts.reduce(FMeasure.Counts(), +)
    if let value = total.fMeasure {
      values["f-measure"] = value
      values["precision"] = total.precision
      values["recall"] = total.recall
    }
    let rows = classes.indices.map { index in
      let result = classes[index]
      var scores: [String: Double] = [:]
      scores["recall"] = result.areas[0].recall()?[0]
      scores["ap"] = precisions[0][index]?[0]
      scores["f-measure"] = atThreshold.counts[index].fMeasure
      return ClassScore(
        label: labels.names[index],
        groundTruthCount: result.areas[0].truthCount,
        detectionCount: result.detectionCount,
        values: scores
      )
    }
    return MetricReport(
      primary: Detection.selectionMetric,
      values: values,
      perClass: rows,
      confidenceThreshold: atThreshold.threshold,
      itemCount: targets.count
    )
  }

  /// The counts of each label at the threshold that was given, else at the best for all together.
  private func fMeasures(
    _ classes: [ClassResult],
    threshold: Float?
  ) -> (threshold: Float?, counts: [FMeasure.Counts]) {
    if let threshold {
      return (threshold, classes.map { $0.fMeasure.counts(at: [threshold])[0] })
    }
    let counts = classes.map { $0.fMeasure.counts(at: FMeasure.thresholds) }
    let totals = FMeasure.thresholds.indices.map { index in
      counts.reduce(FMeasure.Counts()) { $0 + $1[index] }
    }
    guard let best = FMeasure.bestIndex(totals) else {
      return (nil, counts.map { $0[0] })
    }
    return (FMeasure.thresholds[best], counts.map { $0[best] })
  }

  private struct ClassResult {
    var areas = [AveragePrecision](
      repeating: AveragePrecision(),
      count: AveragePrecision.areas.count
    )
    var fMeasure = FMeasure()
    var detectionCount = 0
  }

  private func classResults() -> [ClassResult] {
    var results = [ClassResult](repeating: ClassResult(), count: labels.count)
    for (objects, truth) in zip(predictions, targets) {
      let detections = Dictionary(grouping: objects, by: \.label)
      let annotated = Dictionary(grouping: truth, by: \.label)
      for label in Set(detections.keys).union(annotated.keys) {
        precondition(results.indices.contains(label), "label \(label) of \(labels.count)")
        let found = detections[label] ?? []
        let group = DetectionGroup(detections: found, truth: annotated[label] ?? [])
        for (area, (_, range)) in AveragePrecision.areas.enumerated() {
          results[label].areas[area].add(group, areas: range)
        }
        results[label].fMeasure.add(group)
        results[label].detectionCount += found.count
      }
    }
    return results
  }
}
