extension MultiLabelScore {
  public func details(of report: MetricReport) -> EvaluationDetails {
    guard let frames else { return EvaluationDetails() }
    let common = report.confidenceThreshold ?? MultiLabelClassification.defaultConfidenceThreshold
    let thresholds =
      report.labelThresholds ?? [Float](repeating: common, count: labels.count)
    let counts = counts(thresholds: thresholds)
    var sections = [table(report, counts)]
    if let plot = curvePlot(counts) { sections.append(plot) }
    let choice = PictureChoice(errors: errorCounts(thresholds: thresholds).map(Double.init))
    return EvaluationDetails(
      sections: sections,
      samples: choice.samples.map { picture($0, frames[$0], thresholds) },
      worst: choice.worst.map { picture($0, frames[$0], thresholds) }
    )
  }

  private func table(_ report: MetricReport, _ counts: [Counts]) -> ReportSection {
    let scores = ["precision", "recall", "f1"]
    let own = report.labelThresholds
    let titles =
      ["precision", "recall", "F1", "AP"] + (own == nil ? [] : ["threshold"])
      + ["right", "missed", "false", "rightly absent"]
    let rows = zip(report.perClass, counts).enumerated().map { label, pair in
      let (row, count) = pair
      return [row.label] + (scores + ["average_precision"]).map { row.values[$0].scoreText }
        + (own.map { [Double($0[label]).short] } ?? [])
        + [count.hitCount, count.missCount, count.falseCount, count.rejectCount].map(\.grouped)
    }
    let whole = counts.reduce(Counts(), +)
    let footer =
      ["all"] + (scores + ["map"]).map { report.values[$0].scoreText } + (own == nil ? [] : [""])
      + [whole.hitCount, whole.missCount, whole.falseCount, whole.rejectCount].map(\.grouped)
    let threshold =
      own == nil
      ? "a probability of " + (report.confidenceThreshold.map { Double($0).short } ?? "0.5")
      : "the probability that is its threshold"
    return ReportSection(
      "By label",
      note: "A label counts as found above \(threshold). The last four columns "
        + "are each label's confusion matrix, in pictures.",
      .table(
        ReportTable(
          columns: [.init("label")] + titles.map { .init($0, isNumeric: true) },
          rows: rows,
          footers: [footer]
        )
      )
    )
  }

  private func curvePlot(_ counts: [Counts]) -> ReportSection? {
    let curves = curves()
    guard curves.contains(where: { $0 != nil }) else { return nil }
    let choice = CurveChoice(labels: labels.names, scores: curves.map { $0?.averagePrecision })
    let recalls = AveragePrecision.recalls
    let plot = choice.plot(
      ReportPlot("Precision over recall", x: "recall", y: "precision", series: []),
      x: recalls,
      curves: curves.map { $0?.interpolated(at: recalls) },
      markers: counts.map { $0.predictionCount > 0 ? .init($0.recall, $0.precision) : nil }
    )
    return ReportSection(
      "Precision and recall",
      note: "Each label over its probability. Dots: at the threshold." + choice.note,
      .plots([plot])
    )
  }

  private func picture(_ item: Int, _ frame: ImageFrame, _ thresholds: [Float]) -> ReportPicture {
    let first = item * labels.count
    var (shown, found): ([ReportPicture.Mark], [ReportPicture.Mark]) = ([], [])
    var (missed, extra) = (0, 0)
    for label in labels.names.indices where truth[first + label] >= 0 {
      let isShown = truth[first + label] == 1
      let probability = probabilities[first + label]
      let isFound = probability > thresholds[label]
      if isShown {
        shown.append(
          .init(
            box: nil,
            caption: labels.name(label),
            colorIndex: label,
            isError: !isFound
          )
        )
      }
      if isFound {
        found.append(
          .init(
            box: nil,
            caption: "\(labels.name(label)) \(probability.percentText)",
            colorIndex: label,
            isError: !isShown
          )
        )
      }
      if isShown && !isFound { missed += 1 }
      if isFound && !isShown { extra += 1 }
    }
    return ReportPicture(
      name: frame.itemID,
      caption: missed + extra == 0 ? "right" : "\(missed) missed, \(extra) false",
      size: frame.originalSize,
      truth: shown,
      prediction: found
    )
  }
}
