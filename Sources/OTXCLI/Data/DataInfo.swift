import ArgumentParser
import Foundation
import OTXCore
import OTXData

extension DataCommand {
  struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "info",
      abstract: "Say what a dataset holds, in which format, and why it is taken for that.",
      discussion: """
        Formats are recognised by their files. Where two readings fit, the error lists them:
        --data-format NAME decides. 'otx data formats' lists them all.
        """
    )

    @OptionGroup var arguments: DatasetArguments
    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      let dataset = try arguments.dataset(log, for: .description)
      if output.json {
        Console.current.print(Info.json(dataset))
      } else {
        Console.current.print(Info.text(dataset))
      }
    }

    private static func json(_ dataset: Dataset) -> JSONText {
      let profile = dataset.profile()
      let subsets = Subset.allCases.compactMap { subset -> (String, JSONText)? in
        profile.itemCounts[subset].map { (subset.rawValue, .integer($0)) }
      }
      var members: [(String, JSONText)] = [
        ("format", .string(dataset.format)),
        ("evidence", .string(dataset.evidence)),
        (
          "tasks",
          .array(profile.tasks.filter { $0.itemCount > 0 }.map { .string($0.task.rawValue) })
        ),
        ("itemCount", .integer(profile.itemCounts.values.reduce(0, +))),
        ("annotationCount", .integer(profile.annotationCount)),
        (
          "annotations",
          .members(dataset.annotationKinds.map { ($0.kind, .integer($0.count)) })
        ),
        ("labels", .array(dataset.labels.names.map { .string($0) })),
        ("subsets", .members(subsets)),
        ("problemCount", .integer(dataset.problems.count)),
      ]
      if let sizes = profile.imageSizes {
        members.append(
          (
            "imageSize",
            .object(["height": .number(sizes.height.mean), "width": .number(sizes.width.mean)])
          )
        )
      }
      if let sides = profile.objectSides {
        members.append(
          (
            "objectSide",
            .object([
              "min": .number(sides.robustMin), "mean": .number(sides.mean),
              "max": .number(sides.robustMax),
            ])
          )
        )
      }
      return .members(members)
    }

    private static func text(_ dataset: Dataset) -> String {
      let profile = dataset.profile()
      var rows = [["format", dataset.format]]
      if !dataset.evidence.isEmpty { rows.append(["known by", dataset.evidence]) }
      for fit in profile.tasks where fit.itemCount > 0 {
        rows.append(["task", "\(fit.task.rawValue) (\(fit.itemCount) pictures)"])
      }
      for subset in Subset.allCases {
        if let count = profile.itemCounts[subset] {
          rows.append(["\(subset.rawValue) pictures", "\(count)"])
        }
      }
      for kind in dataset.annotationKinds { rows.append([kind.kind, "\(kind.count)"]) }
      if let sizes = profile.imageSizes {
        rows.append([
          "picture size", "\(range(sizes.height)) high, \(range(sizes.width)) wide (pixels)",
        ])
      }
      if let sides = profile.objectSides {
        rows.append(["object size", "\(range(sides)) (square root of the area, pixels)"])
      }
      var counts: [String: Int] = [:]
      for name in dataset.items.values.joined().lazy.flatMap(\.annotations).flatMap(\.labelNames) {
        counts[name, default: 0] += 1
      }
      for name in dataset.labels.names { rows.append(["label \(name)", "\(counts[name] ?? 0)"]) }
      return TextTable(columns: ["WHAT", "FOUND"], rows: rows).rendered(
        width: Console.current.outputWidth
      )
    }

    private static func range(_ side: DatasetProfile.SideStatistics) -> String {
      let (low, high) = (Int(side.robustMin.rounded()), Int(side.robustMax.rounded()))
      return low == high ? "\(low)" : "\(low) to \(high)"
    }
  }

  struct FormatList: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "formats",
      abstract: "List the formats that datasets are read and written in."
    )

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let formats = Formats.all.flatMap { [$0] + $0.variants }
      if output.json {
        let items = formats.map { format in
          JSONText.object([
            "name": .string(format.name), "title": .string(format.title),
            "writes": .bool(format is any WritableDatasetFormat),
            "aliases": .array(format.aliases.map { .string($0) }),
            "layouts": .array(format.layouts.map { .string($0) }),
          ])
        }
        Console.current.print(JSONText.object(["items": .array(items)]))
        return
      }
      let rows = formats.map { format in
        [
          format.name, format is any WritableDatasetFormat ? "read, write" : "read",
          format.layouts.first ?? "",
        ]
      }
      Console.current.print(
        TextTable(columns: ["FORMAT", "CAN", "LOOKS LIKE"], rows: rows).rendered(
          width: Console.current.outputWidth
        )
      )
    }
  }
}
