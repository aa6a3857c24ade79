public import Foundation
public import OTXCore

/// An evaluation as a report shows it.
public struct EvaluationReport: Codable, Sendable, Equatable {
  /// Its name in a run's folder.
  public static let fileName = "evaluation.json"

  public var subset: Subset
  public var scores: MetricReport
  /// The score that users see first: `f-measure`.
  public var performanceMetric: String
  public var itemCount: Int
  public var secondsPerImage: Double
  /// What a reader should know of these scores.
  public var notes: [String]
  public var details: EvaluationDetails

  public init(
    subset: Subset,
    scores: MetricReport,
    performanceMetric: String,
    itemCount: Int,
    secondsPerImage: Double,
    notes: [String],
    details: EvaluationDetails
  ) {
    self.subset = subset
    self.scores = scores
    self.performanceMetric = performanceMetric
    self.itemCount = itemCount
    self.secondsPerImage = secondsPerImage
    self.notes = notes
    self.details = details
  }

  /// Writes the evaluation into a run's folder.
  ///
  /// - Throws: ``OTXCore/FileError/cannotWrite(_:reason:)``.
  public func write(to directory: URL) throws {
    try AtomicFile.write(
      try ReportFiles.encoder.encode(self),
      to: directory.appending(path: EvaluationReport.fileName)
    )
  }

  /// The evaluation in a run's folder; `nil` where there is none that can be read.
  public init?(directory: URL) {
    guard
      let saved = ReportFiles.read(
        EvaluationReport.self,
        directory.appending(path: EvaluationReport.fileName)
      )
    else { return nil }
    self = saved
  }

  /// A page about this evaluation alone.
  ///
  /// - Parameters:
  ///   - model: The model's title.
  ///   - data: What the data is called.
  ///   - date: When it was scored.
  ///   - decisions: What was decided for the user before the model was trained.
  /// - Returns: The page.
  public func page(
    model: String,
    data: String,
    date: Date,
    decisions: [Decision] = []
  ) -> ReportPage {
    ReportPage(
      title: "\(model) on \(data)",
      subtitle: "Evaluation of the \(subset.rawValue) subset · \(DateText.minute(date)) · "
        + "OTX \(OTXVersion.current)",
      notices: notes,
      tiles: tiles + [ReportFact("images", NumberText.count(itemCount))]
        + (secondsPerImage > 0
          ? [ReportFact("images/s", NumberText.rate(1 / secondsPerImage))] : []),
      groups: groups
        + (decisions.isEmpty
          ? [] : [ReportPage.Group("Recipe", [ReportSection(choices: decisions)])])
    )
  }

  /// The scores that stand at the top of a page.
  var tiles: [ReportFact] {
    var names = [performanceMetric]
    if scores.primary != performanceMetric { names.append(scores.primary) }
    return names.compactMap { name in
      scores.values[name].map {
        ReportFact("\(ScoreName.title(name)), \(subset.rawValue)", NumberText.score($0))
      }
    }
  }

  var groups: [ReportPage.Group] {
    var pictures: [ReportSection] = []
    if !details.worst.isEmpty {
      pictures.append(
        ReportSection(
          "Where it is most wrong",
          note: "The pictures with the greatest errors, the worst first. "
            + "Red and dashed: missed, or found where nothing is.",
          .gallery(details.worst)
        )
      )
    }
    if !details.samples.isEmpty {
      pictures.append(
        ReportSection(
          "Samples",
          note: "Pictures picked evenly from the subset, whatever was found in them.",
          .gallery(details.samples)
        )
      )
    }
    return [
      ReportPage.Group("Evaluation", [scoreSection] + details.sections),
      ReportPage.Group("Pictures", pictures),
    ]
  }

  private var scoreSection: ReportSection {
    let facts = scores.values
      .sorted { (ScoreName.rank($0.key), $0.key) < (ScoreName.rank($1.key), $1.key) }
      .map { ReportFact(ScoreName.title($0.key), NumberText.score($0.value)) }
    var note =
      "Best checkpoint on the \(subset.rawValue) subset, "
      + "\(NumberText.count(itemCount)) image\(itemCount == 1 ? "" : "s")"
    if subset == .val { note += "; the same subset picked the checkpoint" }
    if let threshold = scores.confidenceThreshold {
      note += "; confidence threshold \(NumberText.figure(Double(threshold)))"
    }
    return ReportSection("Scores", note: note + ".", .facts(facts))
  }
}

/// Scores' names for people.
enum ScoreName {
  /// The order to read them in; others follow.
  private static let order = [
    "accuracy", "balanced_accuracy", "f-measure", "f1", "precision", "recall", "map_50", "map_75",
    "map", "map_small", "map_medium", "map_large", "mar_1", "mar_10", "mar_100",
  ]

  static func rank(_ name: String) -> Int { order.firstIndex(of: name) ?? order.count }

  private static let known = [
    "map": "mAP", "map_50": "mAP50", "map_75": "mAP75", "map_small": "mAP, small objects",
    "map_medium": "mAP, medium objects", "map_large": "mAP, large objects", "f1": "F1",
    "mar_1": "mAR, 1 detection", "mar_10": "mAR, 10 detections", "mar_100": "mAR, 100 detections",
    "mar_small": "mAR, small objects", "mar_medium": "mAR, medium objects",
    "mar_large": "mAR, large objects",
  ]

  static func title(_ name: String) -> String {
    if let title = known[name] { return title }
    let words = name.replacingOccurrences(of: "_", with: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}

/// Dates for people, the same in every locale.
enum DateText {
  /// `2026-11-21 11:10`, in the local time zone.
  static func minute(_ date: Date) -> String {
    var seconds = time_t(date.timeIntervalSince1970)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return String(
      format: "%04d-%02d-%02d %02d:%02d",
      Int(parts.tm_year) + 1900,
      Int(parts.tm_mon) + 1,
      Int(parts.tm_mday),
      Int(parts.tm_hour),
      Int(parts.tm_min)
    )
  }
}
