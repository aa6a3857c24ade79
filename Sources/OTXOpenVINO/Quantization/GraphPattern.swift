/// A small graph of types of operations that is looked for in a large one.
struct GraphPattern {
  struct Node {
    /// `nil`: any.
    var types: Set<String>?
    /// Whether a match has this node, too; others only stand around it.
    var isPart = true
  }

  var nodes: [Node]
  /// Between indices of `nodes`, each from a smaller to a larger one.
  var edges: [(from: Int, to: Int)]

  /// Nodes one after the other.
  static func chain(_ types: Set<String>...) -> GraphPattern {
    GraphPattern(
      nodes: types.map { Node(types: $0) },
      edges: types.indices.dropFirst().map { ($0 - 1, $0) }
    )
  }

  /// Nodes with named edges.
  static func graph(_ types: [Set<String>], _ edges: [(from: Int, to: Int)]) -> GraphPattern {
    GraphPattern(nodes: types.map { Node(types: $0) }, edges: edges)
  }
}

/// The part of a graph that computes with what goes into the model, for patterns.
struct ComputedGraph {
  /// Of each node of the whole graph: the nodes that take its outputs, once for each edge.
  var successors: [[Int]]
  var predecessors: [[Int]]
  var kinds: [String]
  /// The nodes that it has, in topological order.
  var nodes: [Int]

  /// All matches of `patterns` that have no node in common: longer patterns first.
  ///
  /// A match is strict: values of its inner nodes go nowhere else, and only its first nodes take
  /// others.
  ///
  /// - Returns: The parts of each match, in topological order.
  func matches(of patterns: [GraphPattern]) -> [[Int]] {
    let lengths = patterns.map { $0.nodes.count { $0.types != nil } }
    let order = patterns.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
    var taken: Set<Int> = []
    var result: [[Int]] = []
    for index in order {
      let pattern = patterns[index]
      for match in matches(of: pattern) where isStrict(match, pattern) {
        let parts = match.indices.filter {
          pattern.nodes[$0].types != nil && pattern.nodes[$0].isPart
        }
        .map { match[$0] }
        guard taken.isDisjoint(with: parts) else { continue }
        taken.formUnion(parts)
        result.append(parts.sorted())
      }
    }
    return result
  }

  /// Every way to lay `pattern` over the graph: the graph's node for each of the pattern's.
  private func matches(of pattern: GraphPattern) -> [[Int]] {
    var found: [[Int]] = []
    // A node that must be of some type comes first, then those beside what is laid already.
    let root = pattern.nodes.firstIndex { $0.types != nil } ?? 0
    var order = [root]
    while order.count < pattern.nodes.count {
      let next = pattern.edges.lazy.compactMap { edge in
        order.contains(edge.from) && !order.contains(edge.to)
          ? edge.to : order.contains(edge.to) && !order.contains(edge.from) ? edge.from : nil
      }.first
      guard let next else { return [] }
      order.append(next)
    }
    var laid = [Int?](repeating: nil, count: pattern.nodes.count)
    func lay(_ step: Int) {
      guard step < order.count else {
        found.append(laid.compactMap(\.self))
        return
      }
      let place = order[step]
      for node in candidates(for: place, pattern, laid) where fits(node, place, pattern, laid) {
        laid[place] = node
        lay(step + 1)
        laid[place] = nil
      }
    }
    for node in nodes where fits(node, root, pattern, laid) {
      laid[root] = node
      lay(1)
      laid[root] = nil
    }
    return found
  }

  private func candidates(for place: Int, _ pattern: GraphPattern, _ laid: [Int?]) -> [Int] {
    for edge in pattern.edges {
      if edge.to == place, let from = laid[edge.from] { return successors[from].unique }
      if edge.from == place, let to = laid[edge.to] { return predecessors[to].unique }
    }
    return []
  }

  private func fits(_ node: Int, _ place: Int, _ pattern: GraphPattern, _ laid: [Int?]) -> Bool {
    if let types = pattern.nodes[place].types, !types.contains(kinds[node]) { return false }
    for (other, laidNode) in laid.enumerated() {
      guard let laidNode else { continue }
      if laidNode == node { return false }
      let wantedOut = pattern.edges.count { $0 == (place, other) }
      let wantedIn = pattern.edges.count { $0 == (other, place) }
      guard successors[node].count(where: { $0 == laidNode }) == wantedOut,
        successors[laidNode].count(where: { $0 == node }) == wantedIn
      else { return false }
    }
    return true
  }

  private func isStrict(_ match: [Int], _ pattern: GraphPattern) -> Bool {
    let inside = Set(match)
    for (place, node) in match.enumerated() where pattern.nodes[place].types != nil {
      let isFirst = !pattern.edges.contains { $0.to == place }
      let isLast = !pattern.edges.contains { $0.from == place }
      if !isFirst, predecessors[node].contains(where: { !inside.contains($0) }) { return false }
      if !isLast, successors[node].contains(where: { !inside.contains($0) }) { return false }
    }
    return true
  }
}

extension [Int] {
  /// Its entries, each once.
  fileprivate var unique: [Int] {
    var seen: Set<Int> = []
    return filter { seen.insert($0).inserted }
  }
}

extension OperationGraph {
  /// The graph without constants and what computes shapes.
  func computed() -> ComputedGraph {
    let kept = computedNodes
    var successors = [[Int]](repeating: [], count: nodes.count)
    var predecessors = [[Int]](repeating: [], count: nodes.count)
    for node in kept {
      for source in nodes[node].inputs where kept.contains(source.node) {
        successors[source.node].append(node)
        predecessors[node].append(source.node)
      }
    }
    return ComputedGraph(
      successors: successors,
      predecessors: predecessors,
      kinds: nodes.indices.map { kind(of: $0) },
      nodes: kept.sorted()
    )
  }

  /// The nodes that depend on what goes into the model, but for those that only compute shapes.
  private var computedNodes: Set<Int> {
    // What numbers of the inputs reach without going through a ShapeOf.
    var real: Set<Int> = []
    for (index, node) in nodes.enumerated() where node.type != "ShapeOf" {
      let isSource = ["Parameter", "ReadValue"].contains(node.type)
      if isSource || node.inputs.contains(where: { real.contains($0.node) }) { real.insert(index) }
    }
    // What feeds convolutions with real numbers stays, wherever they come from.
    let variable = variableNodes
    var kept: [Int] = []
    for (index, node) in nodes.enumerated()
    where ["Convolution", "LSTMSequence"].contains(node.type) && variable.contains(index) {
      kept += node.inputs.filter { variable.contains($0.node) && !real.contains($0.node) }
        .map(\.node)
    }
    while let node = kept.popLast() {
      guard nodes[node].outputs.first?.isFloating == true, real.insert(node).inserted else {
        continue
      }
      kept += nodes[node].inputs.map(\.node).filter(variable.contains)
    }
    return real
  }
}
