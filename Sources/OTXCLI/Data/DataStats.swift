import ArgumentParser
import Foundation
import OTX
import OTXCore
import OTXData

extension DataCommand {
  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "stats",
      abstract: "Write a page of tables and plots about a dataset.",
      discussion: "One HTML file that needs no other: labels, sizes, shapes, where objects are."
    )

    @OptionGroup var arguments: DatasetArguments

    @Option(
      name: [.customLong("output"), .customShort("o")],
      help: .init("The file to write.", valueName: "file")
    )
    var file = "data-stats.html"

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      try ResultFile.check(file)
      let dataset = try arguments.dataset(log)
      let statistics = DatasetStatistics(dataset)
      try DatasetPage.write(statistics, of: dataset, to: URL(filePath: file))
      if output.json {
        let labels = statistics.labels.map { row in
          (row.label, JSONText.integer(row.annotationCounts.values.reduce(0, +)))
        }
        Console.current.print(
          JSONText.object([
            "report": .string(URL(filePath: file).path), "labels": .members(labels),
          ])
        )
      } else {
        Console.current.print(file)
      }
    }
  }
}
