import OTXCore

/// Operations that the user leaves out of quantisation.
package struct IgnoredOperations: Sendable, Equatable {
  /// Names of operations.
  package var names: [String] = []
  /// Regular expressions that are found at the beginning of names.
  package var patterns: [String] = []
  /// Types of operations: `Add`.
  package var types: [String] = []
  /// Whether each must be found in the model.
  package var validates = true

  package init() {}

  /// The nodes of `graph` that are meant.
  ///
  /// - Throws: ``ConfigurationError`` for a name, pattern or type that the model does not have.
  func nodes(of graph: OperationGraph) throws -> Set<Int> {
    var found: Set<Int> = []
    func add(_ nodes: [Int], _ what: String, _ value: String, _ known: () -> [String]) throws {
      if nodes.isEmpty, validates {
        throw ConfigurationError.unknownName(value, kind: what, known: known())
      }
      found.formUnion(nodes)
    }
    let kept = graph.nodes.indices.filter { graph.nodes[$0].type != "Constant" }
    for name in names {
      try add(kept.filter { graph.nodes[$0].name == name }, "operation of the model", name) {
        // A whole model's names fill screens: the nearest will do.
        Suggestion.nearest(to: name, among: kept.map { graph.nodes[$0].name }).map { [$0] } ?? []
      }
    }
    for type in types {
      try add(kept.filter { graph.nodes[$0].type == type }, "type of operation", type) {
        Set(kept.map { graph.nodes[$0].type }).sorted()
      }
    }
    for pattern in patterns {
      let expression: Regex<AnyRegexOutput>
      do {
        expression = try Regex(pattern)
      } catch {
        throw ConfigurationError.invalid("'\(pattern)' is no regular expression: \(error)")
      }
      let nodes = kept.filter { (try? expression.prefixMatch(in: graph.nodes[$0].name)) != nil }
      try add(nodes, "pattern of names", pattern) { [] }
    }
    return found
  }
}
