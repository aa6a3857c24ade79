public import Foundation

/// What can be wrong with data.
public enum DataError: Error, Equatable, Sendable {
  case emptyBatch
  case unevenImageSizes([ImageSize])
  /// A label that the model or the dataset's own list does not have.
  case unknownLabel(String, known: [String], item: String)
  /// No format reads `root`; `hint` says what was found and what is expected.
  case unknownFormat(root: String, hint: String)
  /// More than one format reads `root`.
  case ambiguousFormat(root: String, formats: [String])
  /// A file of the dataset that cannot be used at all.
  case unreadable(file: String, reason: String)
  /// One item that cannot be used.
  case invalidItem(String, reason: String)
  /// Groups or parents of labels that make no tree.
  case invalidHierarchy(String)
  /// Damaged items, where the caller asked for none (`--strict`).
  case damaged(root: String, problems: [DatasetProblem])
  /// A subset that is needed and has no usable items.
  case emptySubset(Subset, reason: String)
  /// The data is not what the run began with; each change in words.
  case changed([String])
}

extension DataError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .emptyBatch: "a batch needs at least one item"
    case .unevenImageSizes(let sizes):
      "pictures of one batch differ in size: \(sizes.map(\.description).joined(separator: ", "))"
    case .unknownLabel(let label, let known, let item):
      "\(item): unknown label '\(label)'\(Suggestion.phrase(for: label, among: known)); known labels: \(known.joined(separator: ", "))"
    case .unknownFormat(let root, let hint): "\(root): not a dataset in a known format. \(hint)"
    case .ambiguousFormat(let root, let formats):
      "\(root): could be \(formats.joined(separator: " or ")); say which with --data-format"
    case .unreadable(let file, let reason): "\(file): \(reason)"
    case .invalidItem(let item, let reason): "\(item): \(reason)"
    case .invalidHierarchy(let text): "the labels form no hierarchy: \(text)"
    case .damaged(let root, let problems):
      (["\(root): \(problems.count) problem\(problems.count == 1 ? "" : "s"), and none is allowed"]
        + problems.prefix(20).map { "  \($0.location): \($0.message)" }
        + (problems.count > 20 ? ["  … and \(problems.count - 20) more"] : []))
        .joined(separator: "\n")
    case .emptySubset(let subset, let reason):
      "the \(subset.rawValue) subset has no usable items: \(reason)"
    case .changed(let changes):
      "the data changed since the run began: \(changes.joined(separator: "; ")). Bring it back, start a new run, or go on with the data as it is now by --allow-changed-data"
    }
  }
}

/// What can be wrong with a model or its files.
public enum ModelError: Error, Equatable, Sendable {
  case unknownModel(String, known: [String])
  case unknownOutput(String, found: [String])
  case unexpectedOutputShape(String, shape: [Int], expected: String)
  /// A network gave NaN or infinity for a picture.
  case nonFiniteOutput(String, item: String)
  /// A file that is no checkpoint, or a damaged one.
  case unreadableCheckpoint(file: String, reason: String)
  /// The checkpoint is another model's, or of other labels.
  case mismatch(String)
  case exportFailed(String)
  /// A model of whole numbers, where one of real numbers is needed.
  case alreadyQuantized(file: String, reason: String)
  /// Filters that cannot be taken out of a network, or not as many.
  case cannotPrune(String)
}

extension ModelError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .unknownModel(let name, let known):
      "unknown model '\(name)'\(Suggestion.phrase(for: name, among: known)); models: \(known.joined(separator: ", "))"
    case .unknownOutput(let name, let found):
      "the model has no output '\(name)' (it has \(found.sorted().joined(separator: ", ")))"
    case .unexpectedOutputShape(let name, let shape, let expected):
      "output '\(name)' has shape \(shape), expected \(expected)"
    case .nonFiniteOutput(let name, let item):
      "\(item): output '\(name)' is not finite: the weights diverged in training, or the precision is too low (try --precision fp32)"
    case .unreadableCheckpoint(let file, let reason): "\(file): \(reason)"
    case .mismatch(let text): text
    case .exportFailed(let text): "export failed: \(text)"
    case .alreadyQuantized(let file, let reason):
      "\(file): already quantised (\(reason)); optimise the model that it was made of"
    case .cannotPrune(let text): "cannot prune: \(text)"
    }
  }
}

/// What can be wrong with a configuration.
public enum ConfigurationError: Error, Equatable, Sendable {
  case unknownKey(String, path: String, known: [String], source: String)
  case invalidValue(String, key: String, expected: String, source: String)
  case unknownName(String, kind: String, known: [String])
  /// A choice only the user can make.
  case ambiguous(String, choices: [String])
  case invalid(String)
}

extension ConfigurationError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .unknownKey(let key, let path, let known, let source):
      "\(source): unknown key '\(path.isEmpty ? key : "\(path).\(key)")'\(Suggestion.phrase(for: key, among: known)); known keys\(path.isEmpty ? "" : " of \(path)"): \(known.joined(separator: ", "))"
    case .invalidValue(let value, let key, let expected, let source):
      "\(source): '\(value)' is no value for \(key)\(Suggestion.phrase(for: value, among: Self.words(in: expected))); expected \(expected)"
    case .unknownName(let name, let kind, let known):
      "unknown \(kind) '\(name)'\(Suggestion.phrase(for: name, among: known)); there are: \(known.joined(separator: ", "))"
    case .ambiguous(let what, let choices):
      "\(what) Choose one: \(choices.joined(separator: ", "))"
    case .invalid(let text): text
    }
  }

  /// The words to choose from in `auto, or one of fp32, bf16`.
  private static func words(in expected: String) -> [String] {
    guard let start = expected.range(of: "one of ") else { return [] }
    return (expected.hasPrefix("auto, ") ? ["auto"] : [])
      + expected[start.upperBound...].split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
  }
}
