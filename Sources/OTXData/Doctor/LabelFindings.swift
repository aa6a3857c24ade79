import Foundation
import OTXCore

/// What is odd about a dataset's labels.
struct LabelFindings {
  private let dataset: Dataset
  private let options: DatasetDoctor.Options
  private let command: String

  init(_ dataset: Dataset, _ options: DatasetDoctor.Options, _ command: String) {
    (self.dataset, self.options, self.command) = (dataset, options, command)
  }

  var all: [DatasetFinding] { unused + undeclared + spellings + balance + unlabeled }

  private var place: String { dataset.root.lastPathComponent }

  private func counts(_ subsets: [Subset]) -> [String: Int] {
    var counts: [String: Int] = [:]
    for subset in subsets {
      for annotation in (dataset.items[subset] ?? []).lazy.flatMap(\.annotations) {
        for label in annotation.labelNames { counts[label, default: 0] += 1 }
      }
    }
    return counts
  }

  private var unused: [DatasetFinding] {
    let used = counts(Subset.allCases)
    let names = dataset.declaredLabels.filter { used[$0] == nil }
    guard !names.isEmpty else { return [] }
    return [
      DatasetFinding(
        .note,
        kind: "label without annotations",
        location: place,
        message:
          "\("label".counted(names.count)) of the list \(names.count == 1 ? "is" : "are") not used: \(list(names)); a model trained here does not know \(names.count == 1 ? "it" : "them")"
      )
    ]
  }

  private var undeclared: [DatasetFinding] {
    // Formats without a list declare nothing.
    guard !dataset.declaredLabels.isEmpty else { return [] }
    let declared = Set(dataset.declaredLabels)
    let names = dataset.labels.names.filter { !declared.contains($0) }
    guard !names.isEmpty else { return [] }
    return [
      DatasetFinding(
        .warning,
        kind: "label that is not declared",
        location: place,
        message:
          "annotations use \("label".counted(names.count)) that the dataset's list does not have: \(list(names))"
      )
    ]
  }

  /// Names that are probably one label.
  private var spellings: [DatasetFinding] {
    LabelSpellings.groups(of: dataset.labels.names).map { names in
      let used = counts(Subset.allCases)
      let main = names.max { (used[$0] ?? 0, $1) < (used[$1] ?? 0, $0) } ?? names[0]
      let others = names.filter { $0 != main }
      let renames = others.map {
        "--set data.labels.rename.\(DatasetDoctor.quoted($0))=\(DatasetDoctor.quoted(main))"
      }
      return DatasetFinding(
        .warning,
        kind: "labels that differ in case or space",
        location: place,
        message: "\(list(names)) are \(names.count) labels, and probably one",
        suggestion:
          "\(DatasetDoctor.fixCommand(command)), or otx train \(renames.joined(separator: " "))"
      )
    }
  }

  private var balance: [DatasetFinding] {
    let counts = counts([.train])
    let present = dataset.labels.names.compactMap { name in counts[name].map { (name, $0) } }
    var findings: [DatasetFinding] = []
    let rare = present.filter { $0.1 < options.rareLabelCount }
    if !rare.isEmpty {
      let names = rare.map { "\($0.0) (\($0.1))" }
      findings.append(
        DatasetFinding(
          .warning,
          kind: "rare label",
          location: place,
          message:
            "\("label".counted(rare.count)) with fewer than \(options.rareLabelCount) annotations in train: \(list(names))"
        )
      )
    }
    if let most = present.max(by: { $0.1 < $1.1 }), let least = present.min(by: { $0.1 < $1.1 }),
      Double(most.1) > options.largestImbalance * Double(least.1)
    {
      findings.append(
        DatasetFinding(
          .note,
          kind: "imbalance",
          location: place,
          message:
            "'\(most.0)' has \(most.1) annotations in train, '\(least.0)' \(least.1): \(Int(Double(most.1) / Double(least.1))) times fewer",
          suggestion: "otx train \(DatasetDoctor.quoted(command)) --set data.sampler=balanced"
        )
      )
    }
    return findings
  }

  private var unlabeled: [DatasetFinding] {
    [Subset.train, .val, .test].compactMap { subset in
      let items = dataset.items[subset] ?? []
      let empty = items.filter(\.annotations.isEmpty)
      guard let first = empty.first else { return nil }
      let share = Double(empty.count) / Double(items.count)
      return DatasetFinding(
        empty.count == items.count ? .error : (share > 0.5 ? .warning : .note),
        kind: "picture without annotations",
        location: first.id,
        message: empty.count == items.count
          ? "no picture of \(subset.rawValue) has an annotation"
          : "\(empty.count) of \(items.count) pictures of \(subset.rawValue) have no annotation, the first: \(first.id); they count as pictures without objects"
      )
    }
  }

  private func list(_ names: [String]) -> String {
    let shown = names.prefix(8).joined(separator: ", ")
    return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
  }
}

/// Names that differ by case, space and the signs that stand for space.
enum LabelSpellings {
  /// Names of one label, in groups of at least two, in the order of the first.
  static func groups(of names: [String]) -> [[String]] {
    var groups: [(key: String, names: [String])] = []
    var places: [String: Int] = [:]
    for name in names {
      let key = key(name)
      if let place = places[key] {
        groups[place].names.append(name)
      } else {
        places[key] = groups.count
        groups.append((key, [name]))
      }
    }
    return groups.map(\.names).filter { $0.count > 1 }
  }

  private static func key(_ name: String) -> String {
    String(name.lowercased().filter { !$0.isWhitespace && $0 != "_" && $0 != "-" })
  }
}
