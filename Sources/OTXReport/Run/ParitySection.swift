import Foundation
import OTXCore

/// What `parity.json` beside an exported or optimised model says, as far as a report shows it.
private struct SavedParity: Decodable {
  /// `fp32` or `fp16` of an exported model.
  var precision: String?
  /// How an optimised model was made.
  var type: String?
  var outputs: [String: OutputDifference]?
  var predictions: PredictionParity?
  var metric: String?
  /// Of an exported model.
  var checkpointScore: Double?
  var metricDifference: Double?
  /// Of an optimised model.
  var before: Double?
  var after: Double?
  var layers: [LayerDifference]?
}

extension RunReport {
  /// How far the models that were made of the run's checkpoint are from it.
  var paritySections: [ReportSection] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    let found = names.sorted().compactMap { name in
      ReportFiles.read(
        SavedParity.self,
        directory.appending(path: name).appending(path: "parity.json")
      ).map { (name: name, parity: $0) }
    }
    guard !found.isEmpty else { return [] }
    let columns = [
      ReportTable.Column("model"), .init("numbers"),
      .init("largest difference", isNumeric: true), .init("mean difference", isNumeric: true),
      .init("pictures with other predictions", isNumeric: true), .init("score before"),
      .init("score after"), .init("roughest layer"),
    ]
    return [
      ReportSection(
        "Exported models",
        note:
          "Raw outputs, as a part of the largest number of each; in 32 bits. The rest of what was compared is in parity.json beside each model.",
        .table(ReportTable(columns: columns, rows: found.map { row($0.name, $0.parity) }))
      )
    ]
  }

  private func row(_ name: String, _ parity: SavedParity) -> [String] {
    let outputs = (parity.outputs ?? [:]).values
    let mean = outputs.map {
      $0.maxAbsolute > 0 ? $0.meanAbsolute * $0.maxRelative / $0.maxAbsolute : 0
    }
    func small(_ value: Double?) -> String { value.map { String(format: "%.1e", $0) } ?? "" }
    let before = parity.checkpointScore ?? parity.before
    // Of an exported model only how far its score is away is known.
    let away = parity.metricDifference.map { $0 == 0 ? "the same" : "± " + small($0) }
    func score(_ value: Double?) -> String { value.map(NumberText.score) ?? "" }
    return [
      name, parity.precision ?? (parity.type == "ptq" ? "int8" : parity.type ?? ""),
      small(outputs.map(\.maxRelative).max()), small(mean.max()),
      parity.predictions.map { "\($0.differingCount) of \($0.pictureCount)" } ?? "",
      score(before), parity.after.map(NumberText.score) ?? away ?? "",
      parity.layers?.first.map {
        "\($0.layer) (\(String(format: "%.1f", 100 * $0.difference.relativeError)) %)"
      } ?? "",
    ]
  }
}
