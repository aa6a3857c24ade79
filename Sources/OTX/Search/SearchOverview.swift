package import Foundation
import OTXCore
import OTXRecipe
import OTXReport
package import OTXTuning

/// A search as its folder tells, whether it is under way or at its end.
package struct SearchOverview: Sendable {
  package let folder: URL
  package let study: Study
  /// Seconds the search took until now.
  package let seconds: Double
  /// Seconds that each trial trained, where that is known.
  package let trialSeconds: [Double?]
  /// The final training, once it has begun.
  package let run: URL?

  /// - Throws: ``ConfigurationError`` for a folder that holds no search, `TuningError` for a database
  ///   that cannot be used.
  package init(_ folder: URL) throws {
    let folder = folder.resolvingSymlinksInPath()
    let record = try SearchRecord(in: folder)
    let file = folder.appending(path: SearchRecord.storeName)
    guard FileManager.default.fileExists(atPath: file.path),
      let study = try StudyStore(file).load()
    else {
      throw TuningError.unusableStore(
        file.path,
        reason: "it holds no search; put a copy of it back, or begin a new search"
      )
    }
    self.folder = folder
    self.study = study
    seconds = record.secondsSpent
    trialSeconds = study.trials.map { trial in
      let ledger = TrialLedger(in: folder.appending(path: "trial-\(trial.id)"))
      let parts = ledger.rungs.sorted { $0.key < $1.key }.map(\.value)
      var (sum, before) = (0.0, 0)
      for part in parts {
        sum += part.secondsPerEpoch * Double(max(part.trainedEpochs - before, 0))
        before = part.trainedEpochs
      }
      return parts.isEmpty ? nil : sum
    }
    let workspace = folder.deletingLastPathComponent().deletingLastPathComponent()
    run = record.finalRun.map { workspace.appending(path: $0, directoryHint: .isDirectory) }
  }

  /// The table: trial, values, rung, score, state, time.
  package var table: (columns: [String], rows: [[String]]) {
    let names = study.space.parameters.map(\.name)
    let best = study.best?.id
    let rows = study.trials.map { trial in
      let epochs =
        trial.scores.isEmpty ? "-" : "\(study.halving.rungs[trial.scores.count - 1].resource)"
      return ["\(trial.id + 1)\(trial.id == best ? " *" : "")"]
        + names.map { trial.values[$0]?.short ?? "-" }
        + [
          epochs, trial.scores.last.map { String(format: "%.4f", $0) } ?? "-",
          trial.state.rawValue,
          trialSeconds[trial.id].map { TrainingStep.clockTime($0) } ?? "-",
        ]
    }
    return (["TRIAL"] + names + ["EPOCHS", "SCORE", "STATE", "TIME"], rows)
  }

  /// Failures in words.
  package var failures: [String] {
    study.trials.compactMap { trial in
      trial.failure.map { "trial \(trial.id + 1): \($0)" }
    }
  }

  /// Writes ``page()`` into the search's folder.
  ///
  /// - Returns: The file.
  @discardableResult
  package func writePage() throws -> URL {
    let file = folder.appending(path: "search.html")
    try page().write(to: file)
    return file
  }

  // MARK: The page

  func page() -> ReportPage {
    let scored = study.trials.filter { !$0.scores.isEmpty }
    var tiles = [
      ReportFact("best score", study.best?.scores.last.map { String(format: "%.4f", $0) } ?? "-"),
      ReportFact("trials", "\(study.trials.count)"),
      ReportFact("epochs of all trials", "\(study.spentResource)"),
      ReportFact("time", TrainingStep.clockTime(seconds)),
    ]
    let failed = study.trials.count { $0.state == .failed }
    if failed > 0 { tiles.append(ReportFact("failed", "\(failed)")) }
    var groups = [
      ReportPage.Group(
        "Scores",
        [
          ReportSection(
            "Scores of all trials",
            note: "Each point is a trial at its highest rung; the line is the best until then.",
            .plots([overTrials(scored), overRungs(scored)])
          )
        ]
      ),
      ReportPage.Group(
        "Parameters",
        [
          ReportSection(
            "Scores by parameter",
            note: "Logarithmic ranges are shown as powers of ten.",
            .plots(study.space.parameters.map { scatter($0, scored) })
          )
        ] + importance
      ),
    ]
    let (columns, rows) = table
    var trials = [
      ReportSection(
        "Trials",
        .table(
          ReportTable(
            columns: columns.enumerated().map { index, name in
              ReportTable.Column(name, isNumeric: index > 0 && name != "STATE")
            },
            rows: rows
          )
        )
      )
    ]
    if !failures.isEmpty { trials.append(ReportSection("Failures", .lines(failures))) }
    groups.append(ReportPage.Group("Trials", trials))
    return ReportPage(
      title: "Search for hyper-parameters",
      subtitle: folder.lastPathComponent,
      tiles: tiles,
      groups: groups
    )
  }

  private var importance: [ReportSection] {
    let shares = study.importances()
    guard !shares.isEmpty else { return [] }
    return [
      ReportSection(
        "Importance",
        note: "How much each parameter decides whether a trial is good, in percent.",
        .bars(shares.map { ReportBar($0.name, Int(($0.share * 100).rounded())) })
      )
    ]
  }

  private func overTrials(_ scored: [Trial]) -> ReportPlot {
    var (best, line): (Double?, [ReportPlot.Point]) = (nil, [])
    for trial in scored {
      let score = trial.scores.last ?? 0
      best = best.map { study.isMaximized ? max($0, score) : min($0, score) } ?? score
      line.append(ReportPlot.Point(Double(trial.id + 1), best ?? score))
    }
    return ReportPlot(
      "Score of each trial",
      x: "trial",
      y: "score",
      series: [ReportPlot.Series("best until then", line, style: .strong)],
      markers: scored.map {
        ReportPlot.Marker(ReportPlot.Point(Double($0.id + 1), $0.scores.last ?? 0), "")
      }
    )
  }

  private func overRungs(_ scored: [Trial]) -> ReportPlot {
    let best = study.best?.id
    let series = scored.map { trial in
      ReportPlot.Series(
        "trial \(trial.id + 1)",
        zip(study.halving.rungs, trial.scores).map {
          ReportPlot.Point(Double($0.resource), $1)
        },
        style: trial.id == best ? .strong : .faint,
        colorIndex: trial.id == best ? 0 : 1
      )
    }
    return ReportPlot(
      "Score on each rung",
      x: "epochs",
      y: "score",
      series: series,
      markers: scored.filter { $0.scores.count == 1 }.map {
        ReportPlot.Marker(
          ReportPlot.Point(Double(study.halving.rungs[0].resource), $0.scores[0]),
          "",
          colorIndex: 1
        )
      }
    )
  }

  private func scatter(_ parameter: HyperParameter, _ scored: [Trial]) -> ReportPlot {
    var label = parameter.name
    var place: (ParameterValue) -> Double = { $0.number ?? 0 }
    switch parameter.distribution {
    case .logUniform, .quantizedLogUniform:
      label = "log10 of \(parameter.name)"
      place = { log10($0.number ?? 1) }
    case .choice(let values):
      label += " (\(values.enumerated().map { "\($0 + 1): \($1)" }.joined(separator: ", ")))"
      place = { Double((values.firstIndex(of: $0) ?? 0) + 1) }
    case .uniform, .quantizedUniform: break
    }
    let best = study.best?.id
    return ReportPlot(
      parameter.name,
      x: label,
      y: "score",
      series: [],
      markers: scored.compactMap { trial in
        trial.values[parameter.name].map {
          ReportPlot.Marker(
            ReportPlot.Point(place($0), trial.scores.last ?? 0),
            trial.id == best ? "best" : "",
            colorIndex: trial.id == best ? 1 : 0
          )
        }
      }
    )
  }
}

extension ParameterValue {
  /// With as many digits as people read.
  package var short: String {
    guard case .number(let value) = self, value != value.rounded() else { return description }
    return Double(String(format: "%.4g", value)).map { "\($0)" } ?? description
  }
}
