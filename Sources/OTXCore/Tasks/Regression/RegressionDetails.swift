extension RegressionScore {
  /// Pictures that a plot shows at most.
  private static let plottedCount = 500

  public func details(of report: MetricReport) -> EvaluationDetails {
    guard let frames else { return EvaluationDetails() }
    let plots = labels.names.indices.compactMap(plot)
    var sections = [table(report)]
    if !plots.isEmpty {
      sections.append(
        ReportSection(
          "Prediction over truth",
          note: "A dot a picture; on the line the two are the same.",
          .plots(plots)
        )
      )
    }
    let errors = errors()
    let choice = PictureChoice(errors: errors)
    return EvaluationDetails(
      sections: sections,
      samples: choice.samples.map { picture($0, frames[$0]) },
      worst: choice.worst.map { picture($0, frames[$0]) }
    )
  }

  private func table(_ report: MetricReport) -> ReportSection {
    let rows = report.perClass.enumerated().map { index, row in
      let truth = pairs[index].map(\.truth)
      let range = truth.min().flatMap { low in
        truth.max().map { "\(low.measureText) to \($0.measureText)" }
      }
      return [row.label] + ["mae", "rmse"].map { row.values[$0].measureText }
        + [row.values["r2"].scoreText, row.groundTruthCount.grouped, range ?? "-"]
    }
    return ReportSection(
      "By target",
      note: "MAE: the mean error. RMSE: the same, large errors weighing more. R2: the share of the "
        + "differences between pictures that is explained; 1 is perfect, 0 as good as saying the mean.",
      .table(
        ReportTable(
          columns: [.init("target")]
            + ["MAE", "RMSE", "R2", "pictures", "truth"].map { .init($0, isNumeric: true) },
          rows: rows,
          footers: [
            ["mean"] + ["mae", "rmse"].map { report.values[$0].measureText }
              + [report.values["r2"].scoreText, report.itemCount.grouped, ""]
          ]
        )
      )
    )
  }

  private func plot(_ target: Int) -> ReportPlot? {
    let all = pairs[target]
    let step = max(all.count / RegressionScore.plottedCount, 1)
    let shown = stride(from: 0, to: all.count, by: step).map { all[$0] }
    let ends = shown.flatMap { [$0.truth, $0.prediction] }
    guard let low = ends.min(), let high = ends.max(), low < high else { return nil }
    return ReportPlot(
      labels.name(target),
      x: "truth",
      y: "prediction",
      series: [
        .init("equal", [.init(low, low), .init(high, high)], style: .dashed, colorIndex: 9)
      ],
      markers: shown.map { .init(.init($0.truth, $0.prediction), "", colorIndex: target) }
    )
  }

  /// The sum of each picture's errors, each as a part of its target's largest.
  private func errors() -> [Double] {
    var errors = [Double](repeating: 0, count: itemCount)
    for target in pairs {
      let largest = target.map { abs($0.prediction - $0.truth) }.max() ?? 0
      guard largest > 0 else { continue }
      for pair in target { errors[pair.item] += abs(pair.prediction - pair.truth) / largest }
    }
    return errors
  }

  private func picture(_ item: Int, _ frame: ImageFrame) -> ReportPicture {
    var (truth, found): ([ReportPicture.Mark], [ReportPicture.Mark]) = ([], [])
    var differences: [String] = []
    for (target, name) in labels.names.enumerated() {
      // Pictures come in order: theirs is found by halving.
      let list = pairs[target]
      var (low, high) = (0, list.count)
      while low < high {
        let middle = (low + high) / 2
        if list[middle].item < item { low = middle + 1 } else { high = middle }
      }
      guard low < list.count, list[low].item == item else { continue }
      func mark(_ value: Double) -> ReportPicture.Mark {
        .init(box: nil, caption: "\(name) \(value.measureText)", colorIndex: target, isError: false)
      }
      truth.append(mark(list[low].truth))
      found.append(mark(list[low].prediction))
      let difference = list[low].prediction - list[low].truth
      differences.append("\(name) \(difference < 0 ? "" : "+")\(difference.measureText)")
    }
    return ReportPicture(
      name: frame.itemID,
      caption: differences.joined(separator: ", "),
      size: frame.originalSize,
      truth: truth,
      prediction: found
    )
  }
}

extension Double? {
  /// Four significant digits, or `-` for none.
  fileprivate var measureText: String { map(\.measureText) ?? "-" }
}
