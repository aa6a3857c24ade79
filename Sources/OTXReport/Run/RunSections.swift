import Foundation
import OTXCore

extension ReportSection {
  /// What was decided for the user: value, reason, and what else was considered.
  init(choices decisions: [Decision]) {
    let hasAlternatives = decisions.contains { !$0.alternatives.isEmpty }
    let names = ["setting", "value", "why"] + (hasAlternatives ? ["also considered"] : [])
    let rows = decisions.map { decision in
      [decision.setting, decision.value, decision.reason]
        + (hasAlternatives
          ? [decision.alternatives.map(\.description).joined(separator: "; ")] : [])
    }
    let table = ReportTable(columns: names.map { .init($0) }, rows: rows)
    self.init("Chosen for this data", .table(table))
  }
}

extension RunReport {
  /// What was decided and why, and every value that was used.
  var recipeSections: [ReportSection] {
    var sections: [ReportSection] = []
    if !decisions.isEmpty { sections.append(ReportSection(choices: decisions)) }
    if !recipe.isEmpty {
      let values = recipe.split(separator: "\n").filter { !$0.hasPrefix("#") }
      sections.append(
        ReportSection(
          "Filled recipe",
          note: "Every value that was used. recipe.yaml in the run's folder runs it again.",
          .code(values.joined(separator: "\n"))
        )
      )
    }
    if !warnings.isEmpty { sections.append(ReportSection("Warnings", .lines(warnings))) }
    return sections
  }

  /// The choices of a run of an earlier version, which stand as comments above a filled recipe: `setting: value (reason)`.
  static func decisions(in recipe: String) -> [Decision] {
    recipe.split(separator: "\n").prefix { $0.hasPrefix("#") }.compactMap { line in
      guard line.hasPrefix("#   "), line.hasSuffix(")"),
        let colon = line.range(of: ": "),
        let open = line.range(of: " (", range: colon.upperBound..<line.endIndex)
      else { return nil }
      return Decision(
        setting: String(line[line.index(line.startIndex, offsetBy: 4)..<colon.lowerBound]),
        value: String(line[colon.upperBound..<open.lowerBound]),
        reason: String(line[open.upperBound...].dropLast())
      )
    }
  }

  /// What the run's log warns of, each line once.
  var warnings: [String] {
    var seen: Set<Substring> = []
    return log.compactMap { line in
      guard let mark = line.range(of: "| WARNING: ") else { return nil }
      let text = line[mark.upperBound...]
      return seen.insert(text).inserted ? String(text) : nil
    }
  }

  var dataSections: [ReportSection] {
    guard let summary else { return [] }
    var facts = [ReportFact("data", summary.data)]
    guard let profile = summary.profile else {
      return [ReportSection("Dataset", .facts(facts))]
    }
    facts.append(ReportFact("format", profile.format))
    for subset in Subset.allCases {
      if let count = profile.itemCounts[subset], count > 0 {
        facts.append(ReportFact("\(subset.rawValue) images", NumberText.count(count)))
      }
    }
    facts.append(ReportFact("annotations", NumberText.count(profile.annotationCount)))
    facts.append(ReportFact("labels", NumberText.count(profile.labelCounts.count)))
    if let sizes = profile.imageSizes {
      facts.append(ReportFact("image height", RunReport.text(sizes.height)))
      facts.append(ReportFact("image width", RunReport.text(sizes.width)))
    }
    if let sides = profile.objectSides {
      facts.append(ReportFact("object side", RunReport.text(sides)))
    }
    let bars = profile.labelCounts.sorted { $0.count > $1.count }
      .map { ReportBar($0.label, $0.count) }
    return [
      ReportSection("Dataset", .facts(facts)),
      ReportSection(
        "Labels",
        note: "Annotations of each label in the training subset.",
        .bars(bars)
      ),
    ]
  }

  private static func text(_ sides: DatasetProfile.SideStatistics) -> String {
    let (low, high) = (Int(sides.robustMin.rounded()), Int(sides.robustMax.rounded()))
    guard low < high else { return "\(NumberText.count(high)) px" }
    return "\(NumberText.count(low)) to \(NumberText.count(high)) px, "
      + "mean \(NumberText.count(Int(sides.mean.rounded())))"
  }

  var timeSections: [ReportSection] {
    let timing = RunTiming(history)
    var sections: [ReportSection] = []
    if timing.stepSeconds > 0 {
      func share(_ seconds: Double) -> String {
        "\(NumberText.duration(seconds)) "
          + String(format: "(%.1f%%)", 100 * seconds / timing.totalSeconds)
      }
      let full = timing.epochs.map(\.stepSeconds).sorted()
      let facts = [
        ReportFact("steps", share(timing.stepSeconds - timing.dataSeconds)),
        ReportFact("waiting for data", share(timing.dataSeconds)),
        ReportFact("validation", share(timing.validationSeconds)),
        ReportFact("one epoch (median)", NumberText.duration(full[full.count / 2])),
        ReportFact("images/s in steps", NumberText.rate(timing.imagesPerSecond)),
        ReportFact("peak memory", peakMemory > 0 ? NumberText.bytes(peakMemory) : "-"),
      ]
      sections.append(ReportSection("Where the time went", .facts(facts)))
      sections.append(ReportSection("Over the run", .plots(timePlots(timing))))
    }
    if let summary {
      let seed = [ReportFact("seed", "\(summary.seed)")]
      sections.append(ReportSection("Machine", .facts(summary.machine + summary.versions + seed)))
    }
    return sections
  }

  private func timePlots(_ timing: RunTiming) -> [ReportPlot] {
    func series(
      _ name: String,
      _ color: Int,
      _ value: (RunTiming.Epoch) -> Double
    ) -> ReportPlot.Series {
      // Not every epoch has a validation.
      let points = timing.epochs.filter { value($0) > 0 }
        .map { ReportPlot.Point(Double($0.number), value($0)) }
      return .init(name, points, colorIndex: color)
    }
    let memory = history[RunHistory.memory]
    return [
      ReportPlot(
        "Time of an epoch",
        x: "epoch",
        y: "time (s)",
        series: [
          series("steps", 0, \.stepSeconds), series("waiting for data", 1, \.dataSeconds),
          series("validation", 3, \.validationSeconds),
        ]
      ),
      ReportPlot(
        "Memory",
        x: "step",
        y: "resident memory (MiB)",
        series: [.init("", memory.map { .init(Double($0.step), $0.value) }, colorIndex: 6)]
      ),
    ]
  }
}
