import Foundation

/// Which of many labels' curves a plot shows in colour.
struct CurveChoice {
  private let labels: [String]
  private let scores: [Double?]
  /// Labels in colour; all others stay pale.
  private let shown: [Int]
  /// Whether the legend says each curve's score.
  var showsScores = true

  /// More curves than this in colour cannot be told apart.
  static let maximumCount = 9
  /// Of the curve of all labels together.
  static let wholeColor = 9

  /// Shows the labels with the lowest scores where there are too many; one without a score has no
  /// curve.
  init(labels: [String], scores: [Double?]) {
    self.labels = labels
    self.scores = scores
    let drawn = labels.indices.filter { scores[$0] != nil }
    shown =
      drawn.count <= CurveChoice.maximumCount
      ? drawn
      : drawn.sorted { (scores[$0] ?? 0, $0) < (scores[$1] ?? 0, $1) }
        .prefix(CurveChoice.maximumCount - 3).sorted()
    hidesSome = shown.count < drawn.count
  }

  private let hidesSome: Bool

  /// A sentence on what is in colour; empty where everything is.
  var note: String {
    hidesSome ? " In colour: the \(shown.count) classes with the lowest scores." : ""
  }

  /// `frame` with the curves of the labels over `x`, and their mean or `whole` where there are several.
  func plot(
    _ frame: ReportPlot,
    x: [Double],
    curves: [[Double]?],
    whole: [Double]? = nil,
    markers: [ReportPlot.Point?] = []
  ) -> ReportPlot {
    var plot = frame
    (plot.xRange, plot.yRange) = (0...1, 0...1)
    func points(_ values: [Double]) -> [ReportPlot.Point] { zip(x, values).map { .init($0, $1) } }
    let drawn = curves.compactMap { $0 }
    for (label, curve) in curves.enumerated() where !shown.contains(label) {
      guard let curve else { continue }
      plot.series.append(
        .init(labels[label], points(curve), style: .faint, colorIndex: CurveChoice.wholeColor)
      )
    }
    for (color, label) in shown.enumerated() {
      guard let curve = curves[label] else { continue }
      let score = showsScores ? " \(scores[label].scoreText)" : ""
      plot.series.append(.init(labels[label] + score, points(curve), colorIndex: color))
      if markers.indices.contains(label), let point = markers[label] {
        plot.markers.append(.init(point, "", colorIndex: color))
      }
    }
    if drawn.count > 1 || whole != nil {
      let values =
        whole
        ?? x.indices.map { index in drawn.reduce(0) { $0 + $1[index] } / Double(drawn.count) }
      let score = showsScores ? " \(mean(scores.compactMap { $0 }).scoreText)" : ""
      let name = whole == nil ? "mean\(score)" : "all together"
      let series = ReportPlot.Series(
        name,
        points(values),
        style: .strong,
        colorIndex: CurveChoice.wholeColor
      )
      plot.series.append(series)
    }
    return plot
  }
}

extension ReportMatrix {
  /// Rows and columns beyond this many cannot be read.
  static let maximumCount = 25

  /// The matrix under a heading, cut to the labels that are confused most where it is too big.
  func section(note: String) -> ReportSection {
    let limit = ReportMatrix.maximumCount
    guard rowLabels.count > limit else {
      return ReportSection("Confusion", note: note, .matrix(self))
    }
    let confusions = counts.indices.map { label in
      counts[label].reduce(0, +) + counts.reduce(0) { $0 + $1[label] } - 2 * counts[label][label]
    }
    let kept = counts.indices.sorted { (confusions[$1], $0) < (confusions[$0], $1) }
      .prefix(limit).sorted()
    let matrix = ReportMatrix(
      rowTitle: rowTitle,
      columnTitle: columnTitle,
      rowLabels: kept.map { rowLabels[$0] },
      columnLabels: kept.map { columnLabels[$0] },
      counts: kept.map { row in kept.map { counts[row][$0] } }
    )
    return ReportSection(
      "Confusion",
      note: note + " The \(limit) of \(counts.count) that are confused most often.",
      .matrix(matrix)
    )
  }
}

extension Double? {
  /// Three decimals, or `-` for none.
  var scoreText: String { map { String(format: "%.3f", $0) } ?? "-" }
}

extension Double {
  /// Up to three decimals, without zeros at the end.
  var short: String {
    var text = String(format: "%.3f", self)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }
}

extension Int {
  /// With commas between thousands: `12,345`.
  package var grouped: String {
    let digits = Array(String(magnitude))
    var result = self < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return result
  }
}
