import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXRecipe

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Look at data.",
    subcommands: [Info.self]
  )

  struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "info",
      abstract: "Say what a dataset holds and what is wrong with it."
    )

    @Argument(help: .init("A folder or a data.yaml.", valueName: "data"))
    var path: String?

    @OptionGroup(title: "Data") var data: DataArguments
    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let location = try UsageError.unless { try data.location(positional: path) }
      guard let location else { throw UsageError("no data: name a folder or a data.yaml") }
      let dataset = try DatasetReader.read(location)
      let profile = dataset.profile()
      let log = ProgressReporter(console: .current, level: output.level)
      for problem in dataset.problems {
        log.observe(.warning("\(problem.location): \(problem.message)"))
      }
      Console.current.print(output.json ? Info.json(dataset, profile).text : Info.text(profile))
    }

    private static func json(_ dataset: Dataset, _ profile: DatasetProfile) -> JSONText {
      let subsets = Subset.allCases.compactMap { subset -> (String, JSONText)? in
        profile.itemCounts[subset].map { (subset.rawValue, .integer($0)) }
      }
      return .object([
        "format": .string(profile.format),
        "tasks": .array(
          profile.tasks.filter { $0.itemCount > 0 }.map { .string($0.task.rawValue) }
        ),
        "itemCount": .integer(profile.itemCounts.values.reduce(0, +)),
        "annotationCount": .integer(profile.annotationCount),
        "labels": .array(dataset.labels.names.map { .string($0) }),
        "subsets": .members(subsets),
        "problemCount": .integer(dataset.problems.count),
      ])
    }

    private static func text(_ profile: DatasetProfile) -> String {
      var rows = [["format", profile.format]]
      for fit in profile.tasks where fit.itemCount > 0 {
        rows.append(["task", "\(fit.task.rawValue) (\(fit.itemCount) items)"])
      }
      for subset in Subset.allCases {
        if let count = profile.itemCounts[subset] { rows.append([subset.rawValue, "\(count)"]) }
      }
      rows.append(["annotations", "\(profile.annotationCount)"])
      for entry in profile.labelCounts { rows.append(["label \(entry.label)", "\(entry.count)"]) }
      return Table(header: ["WHAT", "FOUND"], rows: rows).text()
    }
  }
}
