import Foundation
import OTXCore

/// The scores of an evaluation for people.
enum ScoreTable {
  /// Scores of one label that are shown, by the heads of their columns: those of the first set
  /// that the report has.
  private static let columns = [
    ["recall", "ap"], ["recall", "precision", "f-measure", "accuracy"],
  ]

  /// One row a label where there are labels, and every score of the whole.
  static func text(_ report: MetricReport) -> String {
    var parts: [String] = []
    if !report.perClass.isEmpty { parts.append(perClass(report)) }
    let values = report.values.sorted { $0.key < $1.key }
    let rows = values.map { [$0.key, String(format: "%.4f", $0.value)] }
    parts.append(Table(header: ["metric", "value"], rows: rows).text())
    return parts.joined(separator: "\n")
  }

  /// `class | gts | dets | recall | ap` for detectors, with the mean below.
  static func perClass(_ report: MetricReport) -> String {
    func isThere(_ column: String) -> Bool {
      report.perClass.contains { $0.values[column] != nil }
    }
    let whole = columns.first { $0.allSatisfy(isThere) }
    let shown = whole ?? columns.flatMap(\.self).filter(isThere)
    let rows = report.perClass.map { score in
      [score.label, "\(score.groundTruthCount)", "\(score.detectionCount)"]
        + shown.map { score.values[$0].map { String(format: "%.3f", $0) } ?? "" }
    }
    var footer: [[String]] = []
    if shown.contains("ap"), let mean = report.values["map_50"] {
      footer = [
        ["mAP", "", ""] + shown.map { $0 == "ap" ? String(format: "%.3f", mean) : "" }
      ]
    }
    let table = Table(header: ["class", "gts", "dets"] + shown, rows: rows, footer: footer)
    return shown.contains("ap")
      ? "---------------iou_thr: 0.5---------------\n\n\(table.text())" : table.text()
  }
}
