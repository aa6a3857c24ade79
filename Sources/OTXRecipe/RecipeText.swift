import Foundation
public import OTXCore
import Yams

extension Recipe {
  /// This recipe as the text of a recipe file: every value, in the order the keys are declared in.
  ///
  /// - Parameters:
  ///   - header: Lines that go above it as comments.
  ///   - decisions: Choices that were made; each stands as a comment with its reason.
  /// - Returns: YAML that reads back as this recipe.
  /// - Throws: Whatever encoding throws; nothing for a recipe that was read or configured.
  public func yaml(header: [String] = [], decisions: [Decision] = []) throws -> String {
    guard let tree = try Yams.compose(yaml: YAMLEncoder().encode(self)) else { return "" }
    var comments = header
    if !decisions.isEmpty {
      comments.append("Chosen from the data:")
      comments += decisions.map { "  \($0.setting): \($0.value) (\($0.reason))" }
    }
    let lines = comments.map { $0.isEmpty ? "#" : "# \($0)" } + blockLines(ordered(tree))
    return lines.joined(separator: "\n") + "\n"
  }

  /// The keys that identify a recipe first, then what training does, then what surrounds it.
  private func ordered(_ tree: Node) -> Node {
    guard var rest = tree.mapping else { return tree }
    let first = ["name", "task", "model", "weights", "method", "inputSize", "resize"]
    let last = [
      "normalization", "augmentations", "data", "report", "postprocessing", "search", "stages",
    ]
    var result = Node.Mapping([])
    func move(_ key: String) {
      result[key] = rest[key]
      rest[key] = nil
    }
    for key in first { move(key) }
    for (key, value) in rest where !last.contains(key.string ?? "") {
      result[key] = value
    }
    for key in last { move(key) }
    return .mapping(result)
  }
}
