public import Foundation
import OTXCore

/// The report of a run, put together from the files in its folder.
///
/// Whatever is missing, because the run was killed or an older version made it, is left out and
/// named.
public struct RunReport {
  /// The report's name in a run's folder.
  public static let fileName = "report.html"

  let directory: URL
  let summary: RunSummary?
  let history: RunHistory
  let evaluation: EvaluationReport?
  /// The filled recipe as text; empty where there is none.
  let recipe: String
  /// What was decided for the user, and why.
  let decisions: [Decision]
  /// Lines of the run's log.
  let log: [Substring]

  /// Reads a run's folder.
  ///
  /// - Throws: ``OTXCore/ConfigurationError/invalid(_:)`` for a folder that holds no run.
  public init(directory: URL) throws {
    self.directory = directory
    summary = RunSummary(directory: directory)
    history = RunHistory(directory: directory)
    evaluation = EvaluationReport(directory: directory)
    recipe = RunReport.text(directory.appending(path: "recipe.yaml")) ?? ""
    decisions = DecisionFile.read(in: directory) ?? RunReport.decisions(in: recipe)
    log = (RunReport.text(directory.appending(path: "train.log")) ?? "").split(separator: "\n")
    guard summary != nil || !history.tags.isEmpty || !recipe.isEmpty else {
      throw ConfigurationError.invalid(
        "\(directory.path) is no run: it holds neither recipe.yaml nor \(RunSummary.fileName)"
      )
    }
  }

  private static func text(_ url: URL) -> String? {
    // A log that ends in half a letter is still worth reading.
    (try? Data(contentsOf: url)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The page.
  public func page() -> ReportPage {
    let run = directory.lastPathComponent
    guard let summary else {
      return ReportPage(title: run, notices: notices, tiles: tiles, groups: groups)
    }
    let data = URL(filePath: summary.data).lastPathComponent
    let title = summary.task.kind.title
    let parts = [
      title.prefix(1).uppercased() + title.dropFirst(), summary.model,
      DateText.minute(summary.started), "run \(run)", "OTX \(OTXVersion.current)",
    ]
    return ReportPage(
      title: "\(summary.modelTitle) on \(data)",
      subtitle: parts.joined(separator: " · "),
      notices: notices,
      tiles: tiles,
      groups: groups
    )
  }

  private var notices: [String] {
    var notices: [String] = []
    if summary?.result == nil {
      notices.append("This run has not ended, or was ended from outside: here is what it left.")
    } else if summary?.result?.isInterrupted == true {
      notices.append("This run was interrupted: here is what it left.")
    }
    if evaluation == nil {
      notices.append(
        "Not evaluated; otx eval --report FILE scores the weights and shows where they err."
      )
    }
    return notices + (evaluation?.notes ?? [])
  }

  private var tiles: [ReportFact] {
    var tiles = evaluation?.tiles ?? []
    if tiles.isEmpty, let best = summary?.result?.best {
      tiles.append(
        ReportFact("\(ScoreName.title(best.primary)), val", NumberText.score(best.primaryValue))
      )
    } else if tiles.isEmpty, let name = selectionMetric,
      let best = history["val/\(name)"].map(\.value).max()
    {
      tiles.append(ReportFact("\(ScoreName.title(name)), best on val", NumberText.score(best)))
    }
    if let result = summary?.result {
      tiles.append(ReportFact("best epoch of \(result.epochs)", "\(result.bestEpoch)"))
    }
    let timing = RunTiming(history)
    if timing.totalSeconds > 0 {
      tiles.append(ReportFact("training", NumberText.duration(timing.totalSeconds)))
      tiles.append(ReportFact("images/s", NumberText.rate(timing.imagesPerSecond)))
    }
    if peakMemory > 0 { tiles.append(ReportFact("peak memory", NumberText.bytes(peakMemory))) }
    return tiles
  }

  /// The score that picks the checkpoint.
  var selectionMetric: String? {
    if let result = summary?.result { return result.best.primary }
    let line = recipe.split(separator: "\n").first { $0.hasPrefix("metric: ") }
    let named = line.map { String($0.dropFirst("metric: ".count)) }
    return named.flatMap { $0 == "auto" ? nil : $0 } ?? summary?.task.kind.selectionMetric
  }

  /// Bytes.
  var peakMemory: Int {
    let seen = history[RunHistory.memory].map(\.value).max() ?? 0
    return max(summary?.result?.peakMemoryBytes ?? 0, Int(seen * 0x1p20))
  }

  private var groups: [ReportPage.Group] {
    let exported = paritySections
    return [ReportPage.Group("Training", RunCurves(self).sections)] + (evaluation?.groups ?? [])
      + (exported.isEmpty ? [] : [ReportPage.Group("Exported models", exported)])
      + [
        ReportPage.Group("Recipe", recipeSections), ReportPage.Group("Data", dataSections),
        ReportPage.Group("Time and memory", timeSections),
        ReportPage.Group("Going on", nextSections),
      ]
  }

  /// Commands that go on from here.
  private var nextSections: [ReportSection] {
    let weights = summary?.result?.checkpoint.path ?? directory.appending(path: "weights.pth").path
    let model = ShellText.quoted(weights)
    let hasEnded = summary?.result.map { !$0.isInterrupted } ?? false
    let goingOn = "otx train --resume \(ShellText.quoted(directory.path))"
    let commands =
      (hasEnded ? [] : [goingOn]) + [
        "otx eval \(model)            # score it on the test subset",
        "otx predict \(model) FOLDER  # look at what it says of other pictures",
        "otx export \(model)          # write it as an OpenVINO model",
        "tensorboard --logdir \(ShellText.quoted(directory.path))",
      ]
    return [ReportSection("Commands", .code(commands.joined(separator: "\n")))]
  }
}

/// Words of a shell's command line.
enum ShellText {
  /// `word`, in quotes where it needs them.
  static func quoted(_ word: String) -> String {
    let plain = word.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+,:=@".contains($0))
    }
    return plain && !word.isEmpty
      ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
