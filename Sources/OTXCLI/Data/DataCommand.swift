import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXRecipe

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Look at data, mend it, convert it.",
    subcommands: [
      Info.self, Validate.self, Fix.self, Convert.self, Split.self, Crop.self, Stats.self,
      Preview.self,
      FormatList.self, Draw.self,
    ]
  )

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
        .multiLabelClassification: { try DatumaroFormat().write(sample.multiLabel(), to: $0) },
        .hierarchicalClassification: { try DatumaroFormat().write(sample.hierarchical(), to: $0) },
        .regression: { try DatumaroFormat().write(sample.regression(), to: $0) },
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
