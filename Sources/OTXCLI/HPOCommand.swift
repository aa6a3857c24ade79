import ArgumentParser
import Foundation
import OTX
import OTXCore
import OTXTuning

struct HPOCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hpo",
    abstract: "Look at a search for hyper-parameters.",
    subcommands: [Show.self]
  )

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract:
        "Print the trials of a search, the importance of each parameter and the best values.",
      usage: "otx hpo show [DIR] [options]",
      discussion: """
        DIR is the folder of a search; otherwise it is the newest one's. Curves and plots are written
        into it, to search.html. Also works while the search is under way.
        """
    )

    @ArgumentParser.Argument(
      help: .init("The search's folder.", valueName: "dir"),
      completion: .directory
    )
    var directory: String?

    @OptionGroup(title: "Results") var workspace: WorkspaceArguments
    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let search = try SearchOverview(try folder())
      let page = try? search.writePage()
      Console.current.print(output.json ? try json(search, page).text : text(search, page))
    }

    private func folder() throws -> URL {
      if let directory {
        let url = URL(filePath: directory, directoryHint: .isDirectory)
        guard url.isDirectory else { throw UsageError("there is no folder at '\(directory)'") }
        return url
      }
      let latest = workspace.url.appending(path: "search/latest", directoryHint: .isDirectory)
      guard latest.isDirectory else {
        throw UsageError("no search: name its folder (there is none in \(workspace.workDirectory))")
      }
      return latest
    }

    private func text(_ search: SearchOverview, _ page: URL?) -> String {
      let (columns, rows) = search.table
      let width = Console.current.outputWidth
      var parts = [TextTable(columns: columns, rows: rows).rendered(width: width)]
      let shares = search.study.importances()
      if !shares.isEmpty {
        parts.append(
          TextTable(
            columns: ["PARAMETER", "IMPORTANCE"],
            rows: shares.map { [$0.name, "\(Int(($0.share * 100).rounded())) %"] }
          ).rendered(width: width)
        )
      }
      if let best = search.study.best {
        let values = best.values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.short)" }
        let score = String(format: "%.4f", best.scores.last ?? 0)
        parts.append("best: trial \(best.id + 1), \(score) with \(values.joined(separator: " "))")
      }
      parts += search.failures.prefix(5)
      if let run = search.run { parts.append("training with it: \(run.relativePath)") }
      if let page { parts.append("plots: \(page.relativePath)") }
      return parts.joined(separator: "\n\n")
    }

    private func json(_ search: SearchOverview, _ page: URL?) throws -> JSONText {
      let study = search.study
      let trials = try study.trials.map { trial in
        let scores = zip(study.halving.rungs, trial.scores).map {
          JSONText.object(["epochs": .integer($0.resource), "score": .number($1)])
        }
        return JSONText.object([
          "trial": .integer(trial.id + 1), "values": try .encoding(trial.values),
          "scores": .array(scores), "state": .string(trial.state.rawValue),
          "seconds": search.trialSeconds[trial.id].map { .number($0) } ?? .null,
          "failure": trial.failure.map { .string($0) } ?? .null,
        ])
      }
      let best = try study.best.map { best in
        JSONText.object([
          "trial": .integer(best.id + 1), "values": try .encoding(best.values),
          "score": .number(best.scores.last ?? .nan),
        ])
      }
      return .object([
        "directory": .string(search.folder.path), "trials": .array(trials),
        "importance": .members(study.importances().map { ($0.name, .number($0.share)) }),
        "best": best ?? .null, "epochs": .integer(study.spentResource),
        "seconds": .number(search.seconds),
        "run": search.run.map { .string($0.path) } ?? .null,
        "page": page.map { .string($0.path) } ?? .null,
      ])
    }
  }
}
