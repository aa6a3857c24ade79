import Foundation

extension MetricReport {
  /// The scores of each label as a table for people, the mean of the last column below.
  ///
  /// Detection: `class | gts | dets | recall | ap`, at an overlap of 0.5. Classification:
  /// `class | gts | preds | precision | recall | f1`. A score that does not exist, because a label
  /// has no objects, is `-`.
  public func table() -> String {
    let isDetection = values["map_50"] != nil || perClass.contains { $0.values["ap"] != nil }
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
    ).rendered()
  }

  private static func text(_ value: Double?) -> String {
    value.map { String(format: "%.3f", $0) } ?? "-"
  }
}
