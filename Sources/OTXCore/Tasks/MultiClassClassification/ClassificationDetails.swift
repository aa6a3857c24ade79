import Foundation

/// What a report shows of one classified picture.
struct JudgedPicture: Sendable {
  var frame: ImageFrame
  var truth: LabelIndex
  var prediction: LabelIndex
  var truthProbability: Float
  var predictionProbability: Float

  var isRight: Bool { truth == prediction }
  /// The cross-entropy of the truth.
  var loss: Double { -log(max(Double(truthProbability), 1e-12)) }
}

extension ClassificationScore {
  public func details(of report: MetricReport) -> EvaluationDetails {
    guard let judged else { return EvaluationDetails() }
    var sections = [table(report)]
    if let curves = curves(judged) { sections.append(curves) }
    if let confusion = report.confusion {
      let matrix = ReportMatrix(
        rowTitle: "truth",
        columnTitle: "prediction",
        rowLabels: labels.names,
        columnLabels: labels.names,
        counts: confusion
      )
      sections.append(
        matrix.section(note: "Pictures by what they are and what they were taken for.")
      )
    }
    let choice = PictureChoice(errors: judged.map { $0.isRight ? 0 : $0.loss })
    return EvaluationDetails(
      sections: sections,
      samples: choice.samples.map { picture(judged[$0]) },
      worst: choice.worst.map { picture(judged[$0]) }
    )
  }

  private func table(_ report: MetricReport) -> ReportSection {
    let scores = ["precision", "recall", "f1"]
    let table = ReportTable(
      columns: [.init("class")]
        + ["precision", "recall", "F1", "support", "predicted"].map { .init($0, isNumeric: true) },
      rows: report.perClass.map { row in
        [row.label] + scores.map { row.values[$0].scoreText }
          + [row.groundTruthCount.grouped, row.detectionCount.grouped]
      },
      footers: [
        ["mean"] + scores.map { report.values[$0].scoreText } + [report.itemCount.grouped, ""]
      ]
    )
    return ReportSection(
      "By class",
      note: "support: pictures of the class; predicted: pictures taken for it.",
      .table(table)
    )
  }

  private func curves(_ judged: [JudgedPicture]) -> ReportSection? {
    guard labels.count > 0 else { return nil }
    let known = judged.prefix(probabilities.count / labels.count)
    let curves = labels.names.indices.map { label in
      PrecisionRecallCurve(
        known.enumerated().map { row, picture in
          (probabilities[row * labels.count + label], picture.truth == label)
        }
      )
    }
    let part =
      known.count < judged.count ? " Of the first \(known.count.grouped) pictures." : ""
    guard curves.contains(where: { $0 != nil }) else { return nil }
    let choice = CurveChoice(labels: labels.names, scores: curves.map { $0?.averagePrecision })
    let recalls = AveragePrecision.recalls
    let scores = labelScores(judged)
    let plot = choice.plot(
      ReportPlot("Precision over recall", x: "recall", y: "precision", series: []),
      x: recalls,
      curves: curves.map { $0?.interpolated(at: recalls) },
      markers: scores.map { $0.predictionCount > 0 ? .init($0.recall, $0.precision) : nil }
    )
    return ReportSection(
      "Precision and recall",
      note: "Each class against all others, over its probability. "
        + "Dots: where the likeliest class is taken." + choice.note + part,
      .plots([plot])
    )
  }

  private func labelScores(_ judged: [JudgedPicture]) -> [ConfusionMatrix.LabelScore] {
    var matrix = ConfusionMatrix(labelCount: labels.count)
    for picture in judged { matrix.add(truth: picture.truth, prediction: picture.prediction) }
    return matrix.labelScores()
  }

  private func picture(_ judged: JudgedPicture) -> ReportPicture {
    let (truth, found) = (labels.name(judged.truth), labels.name(judged.prediction))
    return ReportPicture(
      name: judged.frame.itemID,
      caption: judged.isRight
        ? "right" : "taken for \(found); loss \(String(format: "%.2f", judged.loss))",
      size: judged.frame.originalSize,
      truth: [.init(box: nil, caption: truth, colorIndex: judged.truth, isError: false)],
      prediction: [
        .init(
          box: nil,
          caption: "\(found) \(judged.predictionProbability.percentText)",
          colorIndex: judged.prediction,
          isError: !judged.isRight
        )
      ]
    )
  }
}
