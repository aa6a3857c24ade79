import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXRecipe

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Look at data.",
    subcommands: [Info.self, Draw.self]
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
      if output.json {
        Console.current.print(Info.json(dataset, profile))
      } else {
        Console.current.print(Info.text(profile))
      }
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
      return TextTable(columns: ["WHAT", "FOUND"], rows: rows).rendered(
        width: Console.current.outputWidth
      )
    }
  }

  struct Draw: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "draw",
      abstract: "Draw a small dataset to try things on: circles, squares and triangles."
    )

    @Argument(help: .init("The folder to draw into; it must be empty or new.", valueName: "folder"))
    var folder: String

    @Option(help: .init("The task it is for.", valueName: "task"), completion: .tasks)
    var task = TaskType.detection.rawValue

    @Option(help: .init("Pictures to train on.", valueName: "count"))
    var trainCount = 24

    @Option(help: .init("Pictures to validate on, and as many to test on.", valueName: "count"))
    var valCount = 8

    @Option(help: .init("What random numbers start from.", valueName: "number"))
    var seed: UInt64 = 0

    @OptionGroup(title: "Output") var output: OutputArguments

    func validate() throws {
      guard trainCount > 0, valCount >= 0 else {
        throw ValidationError("--train-count must be above 0, --val-count not below")
      }
    }

    func run() throws {
      let task = try TaskType(named: task)
      let root = URL(filePath: folder, directoryHint: .isDirectory)
      let old = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
      guard old.isEmpty else {
        throw UsageError("'\(folder)' is not empty; name another folder, or empty it")
      }
      let sample = SampleDataset(
        counts: [.train: trainCount, .val: valCount, .test: valCount],
        seed: seed
      )
      let drawers: [TaskType: (URL) throws -> Void] = [
        .detection: sample.drawDetection, .multiClassClassification: sample.drawClassification,
      ]
      guard let draw = drawers[task] else {
        throw UsageError("there is nothing to draw for \(task.kind.title)")
      }
      try draw(root)
      if output.json {
        Console.current.print(
          JSONText.object([
            "path": .string(root.path), "itemCount": .integer(trainCount + 2 * valCount),
          ])
        )
      } else {
        Console.current.print(
          "drew \(trainCount + 2 * valCount) pictures for \(task.kind.title) in \(folder)"
        )
      }
    }
  }
}
