import Foundation
import OTXCore
import Yams

/// Values that a user wrote, to be laid over defaults: a file, a piece of JSON, or `key=value`.
public struct RecipeOverride: Sendable, Equatable {
  /// Where it was written, for messages: `my.yaml`, `--set`.
  public var source: String
  /// YAML, of which JSON is a part.
  var text: String
  /// Whether lines of `text` mean something to the user.
  var hasLines: Bool

  /// Keys of `text` that are somebody else's.
  var ignoredKeys: Set<String> = []

  /// The number of the stage that is meant instead of the whole.
  private var stageIndex: Int?

  /// Everything a YAML or JSON text says.
  public init(text: String, source: String, hasLines: Bool = true) {
    (self.text, self.source, self.hasLines) = (text, source, hasLines)
  }

  init(text: String, source: String, ignoredKeys: Set<String>) {
    self.init(text: text, source: source)
    self.ignoredKeys = ignoredKeys
  }

  /// One value.
  ///
  /// - Parameters:
  ///   - key: Path of the key, parts joined by dots: `optimizer.learningRate`.
  ///   - value: The value, as YAML.
  ///   - source: The option it came by.
  public init(key: String, value: String, source: String) {
    self.source = source
    hasLines = false
    // Flow style, so that any value stands on one line; what is no YAML is a string.
    let isYAML = (try? Yams.compose(yaml: value)) != nil
    let written = isYAML ? value : RecipeOverride.quoted(value)
    let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let opening = parts.map { "{\(RecipeOverride.quoted($0)): " }.joined()
    text = opening + written + String(repeating: "}", count: parts.count)
  }

  /// One value written as `key=value`.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` where the text has no `=`.
  public init(assignment: String, source: String) throws {
    guard let separator = assignment.firstIndex(of: "="), separator != assignment.startIndex else {
      throw ConfigurationError.invalid(
        "\(source): '\(assignment)' is no assignment; write KEY=VALUE, "
          + "for example optimizer.learningRate=0.01"
      )
    }
    self.init(
      key: String(assignment[..<separator]),
      value: String(assignment[assignment.index(after: separator)...]),
      source: source
    )
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: "''") + "'"
  }

  /// The text as a tree.
  ///
  /// - Returns: `nil` for an empty text.
  func node() throws -> Node? {
    var node = try parseYAML(text, source: source)
    var ignored = ignoredKeys
    if let stageIndex {
      let stages = node?.mapping?["stages"]?.sequence ?? []
      node = stages.indices.contains(stageIndex) ? stages[stageIndex] : nil
      if node?.mapping == nil { return nil }
      ignored = Set(RecipeStage.ownKeys)
    }
    guard var mapping = node?.mapping, !ignored.isEmpty else { return node }
    for key in ignored { mapping[key] = nil }
    return .mapping(mapping)
  }

  /// What it says at a key of the first level.
  func keyNode(_ key: String) throws -> Node? { try node()?.mapping?[key] }

  /// What it says of the stage at `index`.
  func stage(_ index: Int) -> RecipeOverride {
    var result = self
    result.stageIndex = index
    return result
  }

  /// Paths of the values it gives: `optimizer.learningRate`.
  ///
  /// - Throws: ``ConfigurationError`` where the text is no YAML.
  public func keys() throws -> Set<String> {
    var keys: Set<String> = []
    func walk(_ node: Node, _ path: String) {
      guard let mapping = node.mapping else {
        keys.insert(path)
        return
      }
      for (key, value) in mapping {
        let name = key.string ?? ""
        walk(value, path.isEmpty ? name : "\(path).\(name)")
      }
    }
    if let node = try node() { walk(node, "") }
    return keys
  }

  /// Where the value of `key` stands: `my.yaml:7`, or the option it came by.
  func position(of key: String) -> String {
    guard hasLines, var node = try? node() else { return source }
    for part in key.split(separator: ".") {
      guard let value = node.mapping?[String(part)] else { break }
      node = value
    }
    return node.mark.map { "\(source):\($0.line)" } ?? source
  }
}

/// Reads YAML, with an error that names file and line.
func parseYAML(_ text: String, source: String) throws -> Node? {
  do {
    return try Yams.compose(yaml: text)
  } catch let error as YamlError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      throw ConfigurationError.invalid("\(source):\(mark.line): not valid YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.joined(separator: ", ")
      throw ConfigurationError.invalid(
        "\(source):\(context.mark.line): given more than once: \(names)"
      )
    default: throw ConfigurationError.invalid("\(source): not valid YAML: \(error)")
    }
  }
}

/// Lays what a user wrote over the defaults of a configuration type.
///
/// The only place where untyped configuration exists: YAML, JSON and assignments come in as trees,
/// a typed value goes out. A mapping is laid over a mapping key by key; a scalar over a mapping
/// that has a `name` gives that name (`schedule: cosine`); anything else replaces.
///
/// - Parameters:
///   - overrides: What the user wrote; later ones win.
///   - defaults: The value that fills in every key not given.
/// - Returns: `defaults` with `overrides` applied.
/// - Throws: ``ConfigurationError/unknownKey(_:path:known:source:)`` for a key that `Value` does
///   not have, ``ConfigurationError/invalidValue(_:key:expected:source:)`` for a value of another
///   type, each with the line it stands on.
package func overlay<Value: Codable>(
  _ overrides: [RecipeOverride],
  on defaults: Value
) throws -> Value {
  let tree = try Yams.compose(yaml: YAMLEncoder().encode(defaults))
  guard let tree else { return defaults }
  return try overlay(overrides, on: defaults, written: tree)
}

/// As ``overlay(_:on:)``, for defaults that were written down as a tree already.
func overlay<Value: Codable>(
  _ overrides: [RecipeOverride],
  on defaults: Value,
  written: Node
) throws -> Value {
  var tree = written
  var merger = Merger(knownPaths: leafPaths(of: tree))
  for entry in overrides {
    guard let node = try entry.node() else { continue }
    tree = try merger.merge(node, into: tree, path: [], entry)
  }
  do {
    return try YAMLDecoder().decode(Value.self, from: tree)
  } catch let error as DecodingError {
    let expectations = keyExpectations(of: defaults)
    throw merger.explain(error) { path in
      expectations.first { $0.path == path }.flatMap { expectationText(of: $0.type) }
    }
  }
}

/// Merges trees and remembers where each value came from.
private struct Merger {
  struct Origin {
    var source: String
    var value: String
  }

  let knownPaths: [[String]]
  var origins: [[String]: Origin] = [:]

  init(knownPaths: [[String]]) { self.knownPaths = knownPaths }

  mutating func merge(
    _ new: Node,
    into old: Node,
    path: [String],
    _ entry: RecipeOverride
  ) throws -> Node {
    if path == ["augmentations"], let steps = old.sequence, let given = new.mapping {
      origins[path] = Origin(source: position(new, entry), value: flowText(new))
      return .sequence(try merged(given, into: steps, path: path, entry))
    }
    if path == ["stages"] { try checkStages(new, entry) }
    if path == ["search", "space"] {
      // Its keys are the user's.
      origins[path] = Origin(source: position(new, entry), value: flowText(new))
      guard var merged = old.mapping, let given = new.mapping else { return new }
      for (key, value) in given { merged[key] = value }
      return .mapping(merged)
    }
    guard var merged = old.mapping else {
      origins[path] = Origin(source: position(new, entry), value: flowText(new))
      return new
    }
    guard let given = new.mapping else {
      guard let scalar = new.scalar, let name = merged["name"], !path.isEmpty else {
        throw ConfigurationError.invalidValue(
          flowText(new),
          key: path.isEmpty ? "a recipe" : path.joined(separator: "."),
          expected: "keys and values (\(merged.keys.compactMap(\.string).joined(separator: ", ")))",
          source: position(new, entry)
        )
      }
      merged["name"] = try merge(.scalar(scalar), into: name, path: path + ["name"], entry)
      return .mapping(merged)
    }
    for (key, value) in given {
      let name = key.string ?? flowText(key)
      guard let existing = merged[name] else {
        throw unknownKey(name, path, known: merged.keys.compactMap(\.string), position(key, entry))
      }
      merged[name] = try merge(value, into: existing, path: path + [name], entry)
    }
    return .mapping(merged)
  }

  /// Refuses kinds of stages that there are not; their keys are checked when all else is settled.
  private func checkStages(_ stages: Node, _ entry: RecipeOverride) throws {
    for stage in stages.sequence ?? [] {
      guard let type = stage.mapping?["type"] ?? (stage.mapping == nil ? stage : nil) else {
        continue
      }
      guard StageType(rawValue: type.string ?? "") == nil else { continue }
      throw ConfigurationError.invalidValue(
        flowText(type),
        key: "a stage's type",
        expected: expectationText(of: StageType.self) ?? "",
        source: position(type, entry)
      )
    }
  }

  /// Changes single steps of the list: `mosaic: false` takes one out, `true` puts one in, parameters
  /// change one or put it in.
  ///
  /// A mosaic goes in front, since the others work on its canvas; what else is new goes to the end.
  private func merged(
    _ given: Node.Mapping,
    into steps: Node.Sequence,
    path: [String],
    _ entry: RecipeOverride
  ) throws -> Node.Sequence {
    func name(of step: Node) -> String? { step.string ?? step.mapping?.first?.key.string }
    let known = Augmentation.known.map(\.name)
    var result = steps
    for (key, value) in given {
      let wanted = key.string ?? flowText(key)
      guard known.contains(wanted) else {
        throw unknownKey(wanted, path, known: known, position(key, entry))
      }
      let place = result.firstIndex { name(of: $0) == wanted }
      if value.bool == false {
        result = Node.Sequence(result.filter { name(of: $0) != wanted })
        continue
      }
      var parameters = place.flatMap { result[$0].mapping?.first?.value.mapping } ?? [:]
      if value.bool == nil, value.null == nil {
        guard let changes = value.mapping else {
          throw ConfigurationError.invalidValue(
            flowText(value),
            key: (path + [wanted]).joined(separator: "."),
            expected: "true, false, or parameters and their values",
            source: position(value, entry)
          )
        }
        for (parameter, change) in changes { parameters[parameter] = change }
      }
      let step = Node.mapping([Node(wanted): .mapping(parameters)])
      if let place {
        result[place] = step
      } else {
        result.insert(step, at: wanted == Mosaic.name ? result.startIndex : result.endIndex)
      }
    }
    return result
  }

  private func unknownKey(
    _ name: String,
    _ path: [String],
    known: [String],
    _ source: String
  ) -> ConfigurationError {
    // A key that is right but stands at the wrong level.
    if Suggestion.nearest(to: name, among: known) == nil {
      let leaves = knownPaths.filter { path.isEmpty || $0.first != path.first }
      if let leaf = Suggestion.nearest(to: name, among: leaves.compactMap(\.last)),
        let meant = leaves.first(where: { $0.last == leaf })
      {
        return .invalid(
          "\(source): unknown key '\((path + [name]).joined(separator: "."))', "
            + "did you mean '\(meant.joined(separator: "."))'?"
        )
      }
    }
    return .unknownKey(name, path: path.joined(separator: "."), known: known, source: source)
  }

  private func position(_ node: Node, _ entry: RecipeOverride) -> String {
    guard entry.hasLines, let line = node.mark?.line else { return entry.source }
    return "\(entry.source):\(line)"
  }

  /// The value that could not be read, with where it was written and what was expected.
  func explain(
    _ error: DecodingError,
    expectation: ([String]) -> String?
  ) -> ConfigurationError {
    let context: DecodingError.Context
    var expectsList = false
    switch error {
    case .typeMismatch(_, let found) where found.codingPath.last?.intValue == nil:
      context = found
      expectsList = found.debugDescription.hasPrefix("Expected to decode Sequence")
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
      context = found
    case .keyNotFound(_, let found): context = found
    @unknown default: return .invalid("\(error)")
    }
    let path = context.codingPath.filter { $0.intValue == nil }.map(\.stringValue)
    for length in stride(from: path.count, through: 0, by: -1) {
      let prefix = Array(path.prefix(length))
      guard let origin = origins[prefix] else { continue }
      let key = prefix.joined(separator: ".")
      guard let expected = expectation(prefix) ?? (expectsList ? "a list" : nil) else {
        return .invalid("\(origin.source): \(key): \(context.debugDescription)")
      }
      return .invalidValue(origin.value, key: key, expected: expected, source: origin.source)
    }
    return .invalid(context.debugDescription)
  }
}

private func leafPaths(of node: Node, below path: [String] = []) -> [[String]] {
  guard let mapping = node.mapping else { return [path] }
  return mapping.flatMap { leafPaths(of: $0.value, below: path + [$0.key.string ?? ""]) }
}
