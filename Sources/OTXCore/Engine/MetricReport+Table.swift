import Foundation

extension MetricReport {
  /// The scores of each label as a table for people, the mean of the last column below.
  ///
  /// Detection: `class | gts | dets | recall | ap`, at an overlap of 0.5. Classification:
  /// `class | gts | preds | precision | recall | f1`. A score that does not exist, because a label
  /// has no objects, is `-`. On terminals narrower than the table, each label is a block of lines.
  public func table(width: Int? = nil) -> String {
    if isRegression { return regressionTable(width: width) }
    let scores = isDetection ? ["recall", "ap"] : ["precision", "recall", "f1"]
    let rows = perClass.map { row in
      [row.label, "\(row.groundTruthCount)", "\(row.detectionCount)"]
        + scores.map { MetricReport.text(row.values[$0]) }
    }
    let counts = ["", ""]
    let footer =
      isDetection
      ? ["mAP"] + counts + ["", MetricReport.text(values["map_50"])]
      : ["mean"] + counts + scores.map { MetricReport.text(values[$0]) }
    return TextTable(
      columns: ["class", "gts", isDetection ? "dets" : "preds"] + scores,
      rows: rows,
      footers: [footer]
    ).rendered(width: width)
  }

  /// `target | count | mae | rmse | r2`, errors in the target's unit.
  private func regressionTable(width: Int?) -> String {
    func cells(_ values: [String: Double]) -> [String] {
      ["mae", "rmse"].map { values[$0].map(\.measureText) ?? "-" }
        + [MetricReport.text(values["r2"])]
    }
    return TextTable(
      columns: ["target", "count", "mae", "rmse", "r2"],
      rows: perClass.map { [$0.label, "\($0.groundTruthCount)"] + cells($0.values) },
      footers: [["mean", ""] + cells(values)]
    ).rendered(width: width)
  }

  private var isRegression: Bool {
    primary == Regression.selectionMetric || values["mae"] != nil
  }

  /// ``table(width:)``; that of a detection below the line that says its overlap, as in the logs of
  /// earlier versions.
  public func titledTable(width: Int? = nil) -> String {
    (isDetection ? "---------------iou_thr: 0.5---------------\n\n" : "") + table(width: width)
  }

  /// All scores for people: ``titledTable(width:)`` where there are labels, and every score of the whole.
  public func summary(width: Int? = nil) -> String {
    let rows = values.sorted { $0.key < $1.key }
      .map { [$0.key, String(format: "%.4f", $0.value)] }
    let whole = TextTable(columns: ["metric", "value"], rows: rows).rendered(width: width)
    return perClass.isEmpty ? whole : titledTable(width: width) + "\n" + whole
  }

  /// Whether the scores are a detector's; without any object it has no `map_50` and no `ap`.
  private var isDetection: Bool {
    primary == Detection.selectionMetric || values["map_50"] != nil
      || perClass.contains { $0.values["ap"] != nil }
  }

  private static func text(_ value: Double?) -> String {
    value.map { String(format: "%.3f", $0) } ?? "-"
  }
}
