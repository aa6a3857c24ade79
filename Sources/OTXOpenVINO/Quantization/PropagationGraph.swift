/// The graph that quantisers climb: operations with a spot before each input and one after the
/// outputs.
///
/// Operations that run as one are one node; so is what lies between them.
struct PropagationGraph {
  enum Kind: Equatable {
    /// Operations of the model that run as one, in topological order.
    case operation([Int])
    /// Before an input of the node `node` of the model.
    case before(node: Int, input: Int)
    /// After the outputs of the node `node` of the model.
    case after(node: Int)
    /// Nothing climbs over it.
    case barrier
  }

  struct Edge: Hashable {
    var from: Int
    var to: Int
  }

  private(set) var kinds: [Kind] = []
  private(set) var successors: [[Int]] = []
  private(set) var predecessors: [[Int]] = []
  /// Of operations.
  private(set) var traits: [QuantizationTrait] = []
  /// Of operations: their first one's type.
  private(set) var types: [String] = []
  /// Operations whose inputs are not quantised.
  private(set) var ignored: Set<Int> = []
  /// Edges that carry whole numbers.
  private(set) var wholeNumbers: Set<Edge> = []
  /// The branching nodes with a way to an output of the model over which nothing is quantised.
  private(set) var branchesToOutputs: Set<Int> = []

  /// - Parameters:
  ///   - graph: The model.
  ///   - computed: Its part that computes.
  ///   - leftOut: Nodes that are not quantised and that no quantiser climbs over.
  ///   - leftOutTypes: Types of operations that are not quantised.
  ///   - weighted: Nodes with weights.
  init(
    _ graph: OperationGraph,
    _ computed: ComputedGraph,
    leftOut: Set<Int>,
    leftOutTypes: Set<String>,
    weighted: Set<Int>
  ) {
    var group: [Int: Int] = [:]
    let fused = computed.matches(of: GraphPatterns.fused)
    for (index, match) in fused.enumerated() { for node in match { group[node] = index } }
    var operations: [Int: Int] = [:]
    var spots: [Int: Int] = [:]
    for node in computed.nodes {
      let members = group[node].map { fused[$0] } ?? [node]
      guard members.first == node else { continue }
      let operation = add(.operation(members), type: computed.kinds[node])
      let after = add(.after(node: members[members.count - 1]))
      for member in members { (operations[member], spots[member]) = (operation, after) }
      if leftOut.contains(node) {
        let barrier = add(.barrier)
        connect(operation, barrier)
        connect(barrier, after)
        ignored.insert(operation)
        types[operation] = ""
      } else {
        connect(operation, after)
      }
    }
    connectInputs(graph, computed, operations, spots)
    markWholeNumbers(graph, operations)
    for operation in kinds.indices where leftOutTypes.contains(types[operation]) {
      ignored.insert(operation)
    }
    ignorePostprocessing(weighted)
    for node in kinds.indices {
      guard case .operation = kinds[node] else { continue }
      traits[node] = ignored.contains(node) ? .real : OperatorTraits.trait(of: types[node])
    }
    findBranchesToOutputs()
  }

  func isSpot(_ node: Int) -> Bool {
    switch kinds[node] {
    case .before, .after: true
    case .operation, .barrier: false
    }
  }

  func isOperation(_ node: Int) -> Bool {
    if case .operation = kinds[node] { true } else { false }
  }

  /// The first operations that care about quantisation on each way down from `node`.
  func caringOperations(below node: Int) -> [Int] {
    var found: [Int] = []
    for next in successors[node] {
      if isOperation(next), traits[next] != .passesThrough {
        found.append(next)
        break
      }
      found += caringOperations(below: next)
    }
    return found
  }

  /// The ways from `node` to the spots right above it, each as edges from the nearest on, and the
  /// operation whose inputs should share one scale, where the way leads over one.
  func pathsUp(from node: Int) -> [(edges: [Edge], joining: Int?)] {
    var paths: [(edges: [Edge], joining: Int?)] = []
    func climb(_ edge: Edge, _ path: [Edge], _ joining: Int?) {
      let path = path + [edge]
      guard !isSpot(edge.from) else { return paths.append((path, joining)) }
      var joining = joining
      if joining == nil, isOperation(edge.from), types[edge.from] == "Concat",
        predecessors[edge.from].count > 1, feedsWeights(edge.from)
      {
        joining = edge.from
      }
      for next in predecessors[edge.from] { climb(Edge(from: next, to: edge.from), path, joining) }
    }
    for above in predecessors[node] where kinds[above] != .barrier {
      climb(Edge(from: above, to: node), [], nil)
    }
    return paths
  }

  /// Whether a concatenation's values come to an operation with weights.
  private func feedsWeights(_ node: Int) -> Bool {
    let wanted = OperatorTraits.linear
      .subtracting(["DeformableConvolution", OperatorTraits.depthwise])
      .union(["ScaledDotProductAttention"])
    var queue = successors[node]
    var seen: Set<Int> = []
    while let next = queue.popLast() {
      guard seen.insert(next).inserted else { continue }
      guard isOperation(next) else {
        queue += successors[next]
        continue
      }
      if wanted.contains(types[next]) { return true }
      if traits[next] == .passesThrough || types[next] == "Concat" { queue += successors[next] }
    }
    return false
  }

  private mutating func add(_ kind: Kind, type: String = "") -> Int {
    kinds.append(kind)
    successors.append([])
    predecessors.append([])
    traits.append(.real)
    types.append(type)
    return kinds.count - 1
  }

  private mutating func connect(_ from: Int, _ to: Int) {
    successors[from].append(to)
    predecessors[to].append(from)
  }

  private mutating func connectInputs(
    _ graph: OperationGraph,
    _ computed: ComputedGraph,
    _ operations: [Int: Int],
    _ spots: [Int: Int]
  ) {
    for node in computed.nodes {
      guard let operation = operations[node] else { continue }
      for (input, source) in graph.nodes[node].inputs.enumerated() {
        guard let spot = spots[source.node], operations[source.node] != operation else { continue }
        let before = add(.before(node: node, input: input))
        connect(spot, before)
        connect(before, operation)
      }
    }
  }

  /// A spot after an operation is one for all its outputs: one of whole numbers makes all so.
  private mutating func markWholeNumbers(_ graph: OperationGraph, _ operations: [Int: Int]) {
    for node in kinds.indices {
      guard case .before(let target, let input) = kinds[node] else { continue }
      guard !graph.value(at: .input(target, input)).isFloating else { continue }
      for next in successors[node] { wholeNumbers.insert(Edge(from: node, to: next)) }
      for spot in predecessors[node] {
        for other in successors[spot] { wholeNumbers.insert(Edge(from: spot, to: other)) }
        for above in predecessors[spot] { wholeNumbers.insert(Edge(from: above, to: spot)) }
      }
    }
  }

  /// Leaves out what stands between the last layers with weights and the outputs, on ways over a
  /// ``OperatorTraits/postprocessing`` operation.
  private mutating func ignorePostprocessing(_ weighted: Set<Int>) {
    func isEnd(_ node: Int) -> Bool {
      guard case .operation(let members) = kinds[node] else { return false }
      return types[node] == "Parameter" || members.contains(where: weighted.contains)
    }
    func isMarker(_ node: Int) -> Bool {
      isOperation(node) && OperatorTraits.postprocessing.contains(types[node])
    }
    let outputs = kinds.indices.filter { types[$0] == "Result" }
    // From the outputs up: what is reached, and what is reached over a marker.
    var reached: Set<Int> = []
    var marked: Set<Int> = []
    var queue = outputs.map { ($0, false) }
    while let (node, wasMarked) = queue.popLast() {
      let isMarked = wasMarked || isMarker(node)
      guard reached.insert(node).inserted || (isMarked && !marked.contains(node)) else { continue }
      if isMarked { marked.insert(node) }
      if !isEnd(node) { queue += predecessors[node].map { ($0, isMarked) } }
    }
    // From the ends down, in what is reached.
    var fromEnds: Set<Int> = []
    var markedFromEnds: Set<Int> = []
    queue = reached.filter(isEnd).map { ($0, false) }
    while let (node, wasMarked) = queue.popLast() {
      let isMarked = wasMarked || isMarker(node)
      guard fromEnds.insert(node).inserted || (isMarked && !markedFromEnds.contains(node)) else {
        continue
      }
      if isMarked { markedFromEnds.insert(node) }
      queue += successors[node].filter { reached.contains($0) && !isEnd($0) }
        .map { ($0, isMarked) }
    }
    let between = fromEnds.filter { marked.contains($0) || markedFromEnds.contains($0) }
    ignored.formUnion(
      between.filter { isOperation($0) && !isEnd($0) && !outputs.contains($0) }
    )
  }

  private mutating func findBranchesToOutputs() {
    for output in kinds.indices where types[output] == "Result" {
      var isQuantized = false
      var seen: Set<Int> = []
      var stack = [output]
      while let node = stack.popLast() {
        guard seen.insert(node).inserted else { continue }
        if successors[node].count > 1 {
          if !isQuantized { branchesToOutputs.insert(node) }
          continue
        }
        if isOperation(node), types[node] != "Result",
          [.quantizesInputs, .real].contains(traits[node])
        {
          isQuantized = true
        }
        stack += predecessors[node].reversed()
      }
    }
  }
}
