extension DetectionScore {
  public func details(of report: MetricReport) -> EvaluationDetails {
    // Without a choice, what users see is cut at the default of `ModelInfo`.
    let threshold = report.confidenceThreshold ?? 0.35
    let matches = zip(predictions, targets).map {
      PictureMatch($0, $1, confidenceThreshold: threshold)
    }
    var sections = [table(report)]
    if let curves = curves(threshold: threshold) { sections.append(curves) }
    sections.append(confusion(matches, threshold: threshold))
    let errors = matches.indices.map { index in
      matches[index].found.reduce(Double(missedCount(matches[index], index))) {
        isWrong($1, index) ? $0 + Double(predictions[index][$1.detection].score) : $0
      }
    }
    let choice = PictureChoice(errors: errors)
    return EvaluationDetails(
      sections: sections,
      samples: choice.samples.map { picture($0, matches[$0]) },
      worst: choice.worst.map { picture($0, matches[$0]) }
    )
  }

  private func table(_ report: MetricReport) -> ReportSection {
    let scores = ["recall", "ap", "f-measure"]
    let rows = report.perClass.map { row in
      [row.label, row.groundTruthCount.grouped, row.detectionCount.grouped]
        + scores.map { row.values[$0].scoreText }
    }
    let whole = report.values
    let table = ReportTable(
      columns: [
        .init("class"), .init("gts", isNumeric: true), .init("dets", isNumeric: true),
        .init("recall", isNumeric: true), .init("ap", isNumeric: true),
        .init("F-measure", isNumeric: true),
      ],
      rows: rows,
      footers: [
        ["mAP", "", "", "", whole["map_50"].scoreText, whole["f-measure"].scoreText]
      ]
    )
    return ReportSection(
      "By class",
      note: "iou_thr: 0.5. gts: annotated objects; dets: detections of any confidence, of which "
        + "recall and ap are taken; the F-measure is that at the confidence threshold.",
      .table(table)
    )
  }

  /// Precision over recall, and the F-measure over the threshold, of each label.
  private func curves(threshold: Float) -> ReportSection? {
    var precisions = [AveragePrecision](repeating: AveragePrecision(), count: labels.count)
    var measures = [FMeasure](repeating: FMeasure(), count: labels.count)
    for (objects, truth) in zip(predictions, targets) {
      let detections = Dictionary(grouping: objects, by: \.label)
      let annotated = Dictionary(grouping: truth, by: \.label)
      for label in Set(detections.keys).union(annotated.keys) {
        let group = DetectionGroup(
          detections: detections[label] ?? [],
          truth: annotated[label] ?? []
        )
        precisions[label].add(group, areas: AveragePrecision.areas[0].range)
        measures[label].add(group)
      }
    }
    let curves = precisions.map { $0.precisionCurve() }
    guard curves.contains(where: { $0 != nil }) else { return nil }
    var choice = CurveChoice(labels: labels.names, scores: curves.map { $0.flatMap(mean) })
    let recallPlot = choice.plot(
      ReportPlot("Precision over recall", x: "recall", y: "precision", series: []),
      x: AveragePrecision.recalls,
      curves: curves,
      markers: measures.map {
        let counts = $0.counts(at: [threshold])[0]
        return counts.hitCount + counts.falseCount > 0
          ? .init(counts.recall, counts.precision) : nil
      }
    )
    let all = measures.map { $0.counts(at: FMeasure.thresholds) }
    choice.showsScores = false
    var plot = choice.plot(
      ReportPlot(
        "F-measure over the confidence threshold",
        x: "threshold",
        y: "F-measure",
        series: []
      ),
      x: FMeasure.thresholds.map(Double.init),
      curves: curves.indices.map { label in
        curves[label].map { _ in all[label].map { $0.fMeasure ?? 0 } }
      },
      whole: FMeasure.thresholds.indices.map { index in
        all.reduce(FMeasure.Counts()) { $0 + $1[index] }.fMeasure ?? 0
      }
    )
    let whole = measures.reduce(FMeasure.Counts()) { $0 + $1.counts(at: [threshold])[0] }
    plot.markers = [
      .init(
        .init(Double(threshold), whole.fMeasure ?? 0),
        "threshold \(Double(threshold).short)",
        colorIndex: CurveChoice.wholeColor
      )
    ]
    return ReportSection(
      "Precision and recall",
      note: "At an overlap (IoU) of 0.5. Dots: at the confidence threshold "
        + "\(Double(threshold).short)." + choice.note,
      .plots([recallPlot, plot])
    )
  }

  private func confusion(_ matches: [PictureMatch], threshold: Float) -> ReportSection {
    let background = labels.count
    var matrix = ConfusionMatrix(labelCount: labels.count + 1)
    for (index, match) in matches.enumerated() {
      for found in match.found where !found.isIgnored {
        let truth = found.object.map { targets[index][$0].label } ?? background
        matrix.add(truth: truth, prediction: predictions[index][found.detection].label)
      }
      for object in match.missed {
        matrix.add(truth: targets[index][object].label, prediction: background)
      }
    }
    let shown = ReportMatrix(
      rowTitle: "truth",
      columnTitle: "prediction",
      rowLabels: labels.names + ["nothing there"],
      columnLabels: labels.names + ["missed"],
      counts: matrix.counts
    )
    return shown.section(
      note: "Objects against detections at the confidence threshold \(Double(threshold).short), "
        + "matched at an overlap (IoU) of 0.5."
    )
  }

  private func isWrong(_ found: PictureMatch.Found, _ picture: Int) -> Bool {
    guard !found.isIgnored else { return false }
    guard let object = found.object else { return true }
    return targets[picture][object].label != predictions[picture][found.detection].label
  }

  /// Objects that were not found under their own name.
  private func missedCount(_ match: PictureMatch, _ picture: Int) -> Int {
    match.missed.count + match.found.count { $0.object != nil && isWrong($0, picture) }
  }

  private func picture(_ index: Int, _ match: PictureMatch) -> ReportPicture {
    let mistaken = match.found.count { $0.object != nil && isWrong($0, index) }
    let wrong = match.found.count { isWrong($0, index) } - mistaken
    let parts = [(match.missed.count, "missed"), (wrong, "false"), (mistaken, "mistaken")]
      .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    let missed = Set(
      match.missed + match.found.compactMap { isWrong($0, index) ? $0.object : nil }
    )
    return ReportPicture(
      name: frames[index].itemID,
      caption: parts.isEmpty ? "all right" : parts.joined(separator: ", "),
      size: frames[index].originalSize,
      truth: targets[index].enumerated().map { place, object in
        .init(
          box: object.box,
          caption: labels.name(object.label),
          colorIndex: object.label,
          isError: missed.contains(place)
        )
      },
      prediction: match.found.map { found in
        let object = predictions[index][found.detection]
        return .init(
          box: object.box,
          caption: "\(labels.name(object.label)) \(object.score.percentText)",
          colorIndex: object.label,
          isError: isWrong(found, index)
        )
      }
    )
  }
}
