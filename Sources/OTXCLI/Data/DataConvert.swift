import ArgumentParser
import Foundation
import OTXCore
import OTXData

extension DataCommand {
  struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "convert",
      abstract: "Write a dataset in another format.",
      discussion: """
        Nothing that the target can hold is lost. What it has no place for takes the next coarser form
        (pixels become outlines, outlines boxes) or is left out, and said. Items that were read as
        damaged are left out and named; --strict makes them an error.
        """
    )

    @OptionGroup var arguments: DatasetArguments
    @OptionGroup var target: DatasetOutputArguments

    @Option(
      name: [.customLong("format"), .customLong("to")],
      help: .init("The format to write; 'otx data formats' lists them.", valueName: "name")
    )
    var format: String

    @Flag(help: "A damaged item is an error instead of being left out.")
    var strict = false

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      try target.check()
      let wanted = try Formats.writable(named: format)
      let dataset = try DatasetReader.read(
        try arguments.location(),
        strict: strict,
        for: .inspection
      )
      for line in dataset.problems.filter({ $0.remedy != .noted }).summary {
        log.observe(.warning(line))
      }
      var adapter = DatasetAdapter(to: wanted.forms(for: dataset))
      let adapted = try adapter.adapt(dataset)
      for change in adapter.summary { log.observe(.warning("\(wanted.title): \(change)")) }
      let written = try target.write(adapted, format: wanted.name, log: log)
      // Read back: what the format could not hold is told and not guessed.
      let again = try DatasetReader.read(
        .root(written.folder, format: written.format),
        for: .inspection
      )
      let losses = Convert.losses(from: adapted, to: again)
      for loss in losses { log.observe(.warning("\(wanted.title) has no place for \(loss)")) }
      let count = again.items.values.reduce(0) { $0 + $1.count }
      if output.json {
        Console.current.print(
          JSONText.object([
            "path": .string(written.folder.path), "format": .string(written.format),
            "itemCount": .integer(count),
            "losses": .array((adapter.summary + losses).map { .string($0) }),
          ])
        )
      } else {
        Console.current.print(
          "wrote \(count) pictures as \(wanted.title) to \(target.folder)"
        )
      }
    }

    /// Kinds of annotations of which there are fewer after the conversion.
    static func losses(from old: Dataset, to new: Dataset) -> [String] {
      let after = Dictionary(
        uniqueKeysWithValues: new.annotationKinds.map { ($0.kind, $0.count) }
      )
      var losses = old.annotationKinds.compactMap { kind -> String? in
        let left = after[kind.kind] ?? 0
        guard left < kind.count else { return nil }
        return left == 0
          ? "\(kind.kind) (\(kind.count)), or keeps them in another form"
          : "\(kind.count - left) of \(kind.count) \(kind.kind)"
      }
      let (before, now) = (
        old.items.values.reduce(0) { $0 + $1.count }, new.items.values.reduce(0) { $0 + $1.count }
      )
      if now < before { losses.append("\(before - now) of \(before) pictures") }
      let lost = old.labels.names.filter { new.labels.index(of: $0) == nil }
      if !lost.isEmpty { losses.append("the labels \(lost.prefix(8).joined(separator: ", "))") }
      return losses
    }
  }

  struct Split: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "split",
      abstract: "Part a dataset into train, val and test anew, into a new folder."
    )

    @OptionGroup var arguments: DatasetArguments
    @OptionGroup var target: DatasetOutputArguments

    @Option(
      parsing: .upToNextOption,
      help: .init("Shares of train, val and test.", valueName: "share")
    )
    var ratios: [Double] = [0.8, 0.1, 0.1]

    @Flag(inversion: .prefixedNo, help: "Give each label the same share on all sides.")
    var stratify = true

    @Option(help: .init("What random numbers start from.", valueName: "number"))
    var seed = 0

    @Option(help: .init("The format to write; otherwise the dataset's own.", valueName: "name"))
    var format: String?

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      try target.check()
      let dataset = try arguments.dataset(log)
      let parted = try DatasetSplitter.split(
        dataset,
        ratios: ratios,
        isStratified: stratify,
        seed: seed
      )
      let written = try target.write(parted, format: format, log: log)
      let subsets = Subset.allCases.compactMap { subset in
        parted.items[subset].map { (subset.rawValue, $0.count) }
      }
      if output.json {
        Console.current.print(
          JSONText.object([
            "path": .string(written.folder.path), "format": .string(written.format),
            "subsets": .members(subsets.map { ($0.0, .integer($0.1)) }),
          ])
        )
      } else {
        Console.current.print(
          subsets.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            + " pictures, written as \(written.format) to \(target.folder)"
        )
      }
    }
  }
}
