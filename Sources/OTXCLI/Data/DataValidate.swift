import ArgumentParser
import Foundation
import OTXCore
import OTXData

extension DataCommand {
  struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "validate",
      abstract: "Find everything that is wrong with a dataset, and say what helps.",
      discussion: """
        Damaged and missing pictures, broken annotations, labels that are unused, undefined or
        spelled in two ways, copies and lookalikes across subsets, imbalance. Every picture is
        decoded; --quick looks at their headers alone. Ends with 1 when there are errors.
        """
    )

    @OptionGroup var arguments: DatasetArguments

    @Flag(help: "Do not decode pictures: no look for hidden damage, copies and lookalikes.")
    var quick = false

    @Option(help: .init("Findings of one kind to show; 0 for all.", valueName: "count"))
    var limit = 5

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let location = try arguments.location()
      let log = ProgressReporter(console: .current, level: output.level)
      var options = DatasetDoctor.Options()
      options.decodesPictures = !quick
      let diagnosis = DatasetDoctor.examine(
        location,
        calledAs: arguments.called,
        options: options,
        progress: PictureProgress(log, "pictures").callback
      )
      log.end()
      if output.json {
        Console.current.print(try Validate.json(diagnosis))
      } else {
        Console.current.print(text(diagnosis.findings))
      }
      if diagnosis.errorCount > 0 { throw ExitCode(1) }
    }

    private static func json(_ diagnosis: DatasetDoctor.Diagnosis) throws -> JSONText {
      func count(_ severity: DatasetFinding.Severity) -> JSONText {
        .integer(diagnosis.findings.count { $0.severity == severity })
      }
      return .object([
        "format": diagnosis.dataset.map { .string($0.format) } ?? .null,
        "isValid": .bool(diagnosis.errorCount == 0),
        "errorCount": count(.error), "warningCount": count(.warning), "noteCount": count(.note),
        "findings": try .encoding(diagnosis.findings),
      ])
    }

    private func text(_ findings: [DatasetFinding]) -> String {
      guard !findings.isEmpty else { return "nothing is wrong" }
      var lines: [String] = []
      var shown: [String: Int] = [:]
      let counts = Dictionary(grouping: findings, by: key).mapValues(\.count)
      for finding in findings {
        let key = key(finding)
        shown[key, default: 0] += 1
        let count = counts[key] ?? 0
        if limit > 0, shown[key] ?? 0 > limit {
          if shown[key] == limit + 1 {
            lines.append("  … and \(count - limit) more (\(finding.kind)); --limit 0 shows all")
          }
          continue
        }
        lines.append("\(finding.severity.rawValue): \(finding.location): \(finding.message)")
        let isLast = shown[key] == min(count, limit > 0 ? limit : count)
        if isLast, !finding.suggestion.isEmpty { lines.append("  try: \(finding.suggestion)") }
      }
      return (lines + [findings.summary]).joined(separator: "\n")
    }

    private func key(_ finding: DatasetFinding) -> String {
      "\(finding.severity.rawValue) \(finding.kind)"
    }
  }

  struct Fix: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "fix",
      abstract: "Mend what is safe to mend, into a new folder; the dataset itself is not touched.",
      discussion: """
        Left out: pictures that cannot be read, annotations that mean nothing, copies of pictures
        (in train, where the other is in val or test), objects marked twice. Corrected: boxes that
        reach beyond their pictures, labels that differ in case and space alone.
        """
    )

    @OptionGroup var arguments: DatasetArguments
    @OptionGroup var target: DatasetOutputArguments

    @Option(help: .init("The format to write; otherwise the dataset's own.", valueName: "name"))
    var format: String?

    @Flag(help: "Also leave out of train what only looks the same as a scored picture.")
    var nearDuplicates = false

    @Flag(inversion: .prefixedNo, help: "Make labels that differ in case and space one.")
    var mergeLabels = true

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      try target.check()
      let dataset = try DatasetReader.read(try arguments.location(), for: .inspection)
      var options = DatasetFixer.Options()
      options.removesNearDuplicates = nearDuplicates
      options.mergesSpellings = mergeLabels
      let result = DatasetFixer.fix(
        dataset,
        options: options,
        progress: PictureProgress(log, "pictures").callback
      )
      log.end()
      let written = try target.write(result.dataset, format: format, log: log)
      if output.json {
        Console.current.print(
          JSONText.object([
            "path": .string(written.folder.path), "format": .string(written.format),
            "itemCount": .integer(result.dataset.items.values.reduce(0) { $0 + $1.count }),
            "changes": .array(result.changes.map { .string($0) }),
          ])
        )
        return
      }
      let count = result.changes.count
      Console.current.print(
        (result.changes + [
          "\(count) \(count == 1 ? "change" : "changes"), written to \(target.folder)"
        ]).joined(separator: "\n")
      )
    }
  }
}
