import Foundation
public import OTXCore
import OTXImage

/// Looks for everything that is wrong with a dataset, or odd.
public enum DatasetDoctor {
  /// What to look for.
  public struct Options: Sendable {
    /// Whether every picture is decoded: damage that headers do not show, copies and lookalikes.
    public var decodesPictures = true
    /// A label with fewer annotations in train than this is rare.
    public var rareLabelCount = 10
    /// How many times more annotations the most frequent label may have than the rarest.
    public var largestImbalance = 20.0
    public init() {}
  }

  /// What was found.
  public struct Diagnosis: Sendable {
    /// The dataset as it was read; `nil` where it could not be read at all.
    public var dataset: Dataset?
    /// Worst first, in the order of the dataset.
    public var findings: [DatasetFinding]

    public var errorCount: Int { findings.count { $0.severity == .error } }
  }

  /// Reads a dataset and looks at all of it.
  ///
  /// - Parameters:
  ///   - location: Where it is.
  ///   - command: How the user calls it, for suggestions: `data/cells`.
  ///   - options: What to look for.
  ///   - formats: The formats to choose from.
  ///   - progress: Told how many pictures are done, on any thread, in no order.
  /// - Returns: What was found; a dataset that cannot be read is a finding too.
  public static func examine(
    _ location: DataLocation,
    calledAs command: String,
    options: Options = Options(),
    formats: [any DatasetFormat] = Formats.all,
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) -> Diagnosis {
    let dataset: Dataset
    do {
      dataset = try DatasetReader.read(location, for: .inspection, formats: formats)
    } catch {
      let finding = DatasetFinding(
        .error,
        kind: "dataset that cannot be read",
        location: command,
        message: "\(error)"
      )
      return Diagnosis(dataset: nil, findings: [finding])
    }
    var findings = dataset.problems.map { finding(of: $0, command) }
    findings += subsetFindings(dataset, command)
    findings += LabelFindings(dataset, options, command).all
    findings += AnnotationFindings(dataset, command).all
    if options.decodesPictures {
      findings += PictureFindings(PictureScan(dataset, progress: progress), command).all
    }
    let ranks = DatasetFinding.Severity.allCases
    let ordered = ranks.flatMap { rank in findings.filter { $0.severity == rank } }
    return Diagnosis(dataset: dataset, findings: ordered)
  }

  /// What the reader worked around.
  private static func finding(of problem: DatasetProblem, _ command: String) -> DatasetFinding {
    let severity: DatasetFinding.Severity =
      switch problem.remedy {
      case .leftOut: .error
      case .corrected: .warning
      case .noted: noteSeverity(problem.kind)
      }
    return DatasetFinding(
      severity,
      kind: problem.kind,
      location: problem.location,
      message: problem.message,
      suggestion: problem.remedy == .noted ? "" : fixCommand(command)
    )
  }

  /// Kinds of notes that make scores wrong or lose data where nobody looks.
  private static func noteSeverity(_ kind: String) -> DatasetFinding.Severity {
    switch kind {
    case "picture in two subsets": .error
    case "label that is not trained", "duplicate picture", "picture without annotations",
      "names that differ in case alone":
      .warning
    default: .note
    }
  }

  static func fixCommand(_ command: String) -> String {
    "otx data fix \(quoted(command)) --output FOLDER"
  }

  /// A word as a shell takes it.
  static func quoted(_ word: String) -> String {
    let plain = word.allSatisfy { $0.isLetter || $0.isNumber || "/._-+:=@,".contains($0) }
    return plain && !word.isEmpty ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
  }

  private static func subsetFindings(_ dataset: Dataset, _ command: String) -> [DatasetFinding] {
    func count(_ subset: Subset) -> Int { dataset.items[subset]?.count ?? 0 }
    var findings: [DatasetFinding] = []
    if count(.train) == 0 {
      findings.append(
        DatasetFinding(
          .error,
          kind: "no train subset",
          location: dataset.root.lastPathComponent,
          message: "there are no pictures to train on",
          suggestion: "otx data split \(quoted(command)) --ratios 0.8 0.1 0.1 --output FOLDER"
        )
      )
    } else if count(.val) == 0 {
      findings.append(
        DatasetFinding(
          .note,
          kind: "no validation subset",
          location: dataset.root.lastPathComponent,
          message: "training takes a part of train for it; split once to keep it the same",
          suggestion: "otx data split \(quoted(command)) --ratios 0.8 0.1 0.1 --output FOLDER"
        )
      )
    }
    return findings
  }
}

extension Array where Element == DatasetFinding {
  /// How many there are of each severity, in words: `2 errors, 1 warning`.
  public var summary: String {
    let parts = DatasetFinding.Severity.allCases.compactMap { severity -> String? in
      let count = count { $0.severity == severity }
      return count > 0 ? severity.rawValue.counted(count) : nil
    }
    return parts.isEmpty ? "nothing found" : parts.joined(separator: ", ")
  }
}
