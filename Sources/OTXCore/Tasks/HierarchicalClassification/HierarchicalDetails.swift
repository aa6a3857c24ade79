extension HierarchicalScore {
  public func details(of report: MetricReport) -> EvaluationDetails {
    guard let frames else { return EvaluationDetails() }
    let threshold =
      report.confidenceThreshold ?? HierarchicalClassification.defaultConfidenceThreshold
    let sections = [labelTable(report)] + groupSections(threshold)
    let pictures = frames.indices.map { picture($0, frames[$0], threshold) }
    let choice = PictureChoice(
      errors: pictures.map { Double(($0.truth + $0.prediction).count { $0.isError }) }
    )
    return EvaluationDetails(
      sections: sections,
      samples: choice.samples.map { pictures[$0] },
      worst: choice.worst.map { pictures[$0] }
    )
  }

  /// Every label, those below another indented.
  private func labelTable(_ report: MetricReport) -> ReportSection {
    let scores = ["precision", "recall", "f1"]
    let rows = report.perClass.map { row in
      let depth = hierarchy.ancestors(of: row.label).count
      return [String(repeating: "  ", count: depth) + row.label]
        + scores.map { row.values[$0].scoreText }
        + [row.groundTruthCount.grouped, row.detectionCount.grouped]
    }
    return ReportSection(
      "By label",
      note: "After resolving: a label stays where every label above it was found, too.",
      .table(
        ReportTable(
          columns: [.init("label")]
            + ["precision", "recall", "F1", "support", "predicted"].map {
              .init($0, isNumeric: true)
            },
          rows: rows,
          footers: [
            ["mean"] + scores.map { report.values[$0].scoreText } + [report.itemCount.grouped, ""]
          ]
        )
      )
    )
  }

  /// What each head says by itself: a confusion matrix a group, a table of labels that stand alone.
  private func groupSections(_ threshold: Float) -> [ReportSection] {
    var sections = zip(hierarchy.groups, confusions()).map { group, matrix in
      var section = ReportMatrix(
        rowTitle: "truth",
        columnTitle: "prediction",
        rowLabels: group.labels,
        columnLabels: group.labels,
        counts: matrix.counts
      ).section(note: "Pictures that have a label of the group.")
      let score = (matrix.itemCount > 0 ? matrix.accuracy : nil).scoreText
      section.title = "Group \(group.name): accuracy \(score)"
      return section
    }
    let singles = singles(threshold: threshold)
    guard !singles.isEmpty else { return sections }
    let rows = singles.map { label, counts in
      let accuracy =
        counts.answerCount > 0 ? ratio(counts.rightCount, counts.answerCount) as Double? : nil
      return [labels.name(label), accuracy.scoreText]
        + [counts.hitCount, counts.missCount, counts.falseCount, counts.rejectCount].map(\.grouped)
    }
    sections.append(
      ReportSection(
        "Labels that stand alone",
        note: "Of pictures that have the label above, where there is one; found above a "
          + "probability of \(Double(threshold).short).",
        .table(
          ReportTable(
            columns: [.init("label")]
              + ["accuracy", "right", "missed", "false", "rightly absent"].map {
                .init($0, isNumeric: true)
              },
            rows: rows
          )
        )
      )
    )
    return sections
  }

  private func picture(_ item: Int, _ frame: ImageFrame, _ threshold: Float) -> ReportPicture {
    let (found, shown) = labelSets(item, threshold: threshold)
    let names = Set(found.map(\.label))
    let isRight = names == shown
    return ReportPicture(
      name: frame.itemID,
      caption: isRight
        ? "right"
        : "\(shown.subtracting(names).count) missed, \(names.subtracting(shown).count) false",
      size: frame.originalSize,
      truth: shown.sorted().map {
        .init(box: nil, caption: labels.name($0), colorIndex: $0, isError: !names.contains($0))
      },
      prediction: found.map {
        .init(
          box: nil,
          caption: "\(labels.name($0.label)) \($0.score.percentText)",
          colorIndex: $0.label,
          isError: !shown.contains($0.label)
        )
      }
    )
  }
}
