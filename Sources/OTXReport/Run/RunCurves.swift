import Foundation
import OTXCore

/// The curves of a run.
struct RunCurves {
  private let history: RunHistory
  private let performanceMetric: String?
  private let selectionMetric: String?

  init(_ report: RunReport) {
    history = report.history
    performanceMetric = report.summary?.task.kind.performanceMetric
    selectionMetric = report.selectionMetric
  }

  var sections: [ReportSection] {
    var sections: [ReportSection] = []
    if let section = losses { sections.append(section) }
    if let section = validation { sections.append(section) }
    if let section = rates { sections.append(section) }
    return sections
  }

  private static let total = "train/loss"

  private var losses: ReportSection? {
    let terms = history.tags.filter { $0.hasPrefix("train/loss") && $0 != RunCurves.total }
    var tags = terms.count > 1 ? terms : []
    if !history[RunCurves.total].isEmpty { tags.insert(RunCurves.total, at: 0) }
    guard !tags.isEmpty else { return nil }
    let plots = tags.enumerated().map { index, tag in
      let points = points(of: tag)
      let name = String(tag.dropFirst("train/".count))
      return ReportPlot(
        tag == RunCurves.total ? "Total loss" : name,
        x: "step",
        y: "loss",
        series: [
          .init("each step", points, style: .faint, colorIndex: index),
          .init("smoothed", RunCurves.smoothed(points), colorIndex: index),
        ]
      )
    }
    return ReportSection(
      "Loss",
      note: "Pale: each step. Line: moving average.",
      .plots(plots)
    )
  }

  private var rates: ReportSection? {
    var plots: [ReportPlot] = []
    let rates = points(of: "lr")
    if !rates.isEmpty {
      let series = ReportPlot.Series("", rates)
      plots.append(ReportPlot("Learning rate", x: "step", y: "learning rate", series: [series]))
    }
    let norms = points(of: "train/grad_norm")
    if !norms.isEmpty {
      plots.append(
        ReportPlot(
          "Gradient norm",
          x: "step",
          y: "L2 norm",
          series: [
            .init("each step", norms, style: .faint, colorIndex: 9),
            .init("smoothed", RunCurves.smoothed(norms), colorIndex: 9),
          ]
        )
      )
    }
    return plots.isEmpty ? nil : ReportSection("Optimizer", .plots(plots))
  }

  private var validation: ReportSection? {
    let all = history.tags.filter { $0.hasPrefix("val/") }.map { String($0.dropFirst(4)) }
    let primary = selectionMetric ?? performanceMetric ?? all.first
    guard let primary, !all.isEmpty else { return nil }
    // The score that picks the checkpoint first, then those users know best.
    let preferred = [primary, performanceMetric, "map", "map_50", "precision", "recall", "f1"]
    var names: [String] = []
    for name in preferred.compactMap({ $0 }) where all.contains(name) && !names.contains(name) {
      names.append(name)
    }
    if names.isEmpty { names = Array(all.prefix(4)) }
    let series = names.enumerated().map { index, name in
      ReportPlot.Series(
        ScoreName.title(name),
        history["val/\(name)"].map { .init(history.epochs(at: $0.step), $0.value) },
        style: index == 0 ? .strong : .line,
        colorIndex: index
      )
    }
    var markers: [ReportPlot.Marker] = []
    // The first of equal ones, as training picks it.
    let points = series.first?.points ?? []
    if let best = points.indices.max(by: { (points[$0].y, $1) < (points[$1].y, $0) }) {
      let point = points[best]
      let text = "best: \(NumberText.score(point.y))"
      markers.append(.init(point, text))
    }
    return ReportSection(
      "Validation",
      note: "\(ScoreName.title(primary)) picks the checkpoint.",
      .plots([
        ReportPlot(
          "Scores on the validation subset",
          x: "epoch",
          y: "score",
          series: series,
          markers: markers,
          yRange: 0...1
        )
      ])
    )
  }

  private func points(of tag: String) -> [ReportPlot.Point] {
    history[tag].map { ReportPlot.Point(Double($0.step), $0.value) }
  }

  /// An exponential moving average over about a fortieth of the points, free of the bias of its
  /// start (Kingma, Ba: Adam, 2015, section 3), forwards and then backwards, so that it does not lag.
  static func smoothed(_ points: [ReportPlot.Point]) -> [ReportPlot.Point] {
    let weight = max(0, 1 - 40 / Double(max(points.count, 1)))
    let forwards = averages(points.map(\.y), weight: weight)
    let both = averages(forwards.reversed(), weight: weight).reversed()
    return zip(points, both).map { ReportPlot.Point($0.x, $1) }
  }

  private static func averages(_ values: [Double], weight: Double) -> [Double] {
    var (average, bias) = (0.0, 1.0)
    return values.map { value in
      average = weight * average + (1 - weight) * value
      bias *= weight
      return average / (1 - bias)
    }
  }
}
