/// What of a model is quantised.
struct QuantizationPlan: Equatable {
  struct Activation: Equatable {
    var place: GraphPlace
    var choice: QuantizerChoice
    /// Quantisers of one number share a range.
    var scaleGroup: Int?
    /// Nodes whose inputs it quantises.
    var sinks: Set<Int>
  }

  struct Weight: Hashable {
    var node: Int
    var input: Int
  }

  var activations: [Activation] = []
  var weights: [Weight] = []
  /// Weights that use half of the whole numbers, lest sums of products overflow in 16 bits on CPUs
  /// without VNNI.
  var halfRange: Set<Int> = []

  /// What is left out of quantisation.
  struct Choices: Equatable {
    var isSymmetric = true
    var isTransformer = false
    /// Nodes that the user leaves out.
    var leftOut: Set<Int> = []
  }

  /// Plans the quantisation of `graph` as NNCF 3.4 does it for CPUs by default.
  init(_ graph: OperationGraph, _ choices: Choices) {
    let variable = graph.variableNodes
    let computed = graph.computed()
    let weightInputs = computed.nodes.map { node in
      (node: node, inputs: graph.weightInputs(of: node, variable: variable))
    }
    let weighted = Set(weightInputs.filter { !$0.inputs.isEmpty }.map(\.node))
    let patterns = GraphPatterns.ignored(inTransformer: choices.isTransformer)
    let leftOut = choices.leftOut.union(computed.matches(of: patterns).joined())
    let places = PropagationGraph(
      graph,
      computed,
      leftOut: leftOut,
      leftOutTypes: choices.isTransformer ? OperatorTraits.leftOutOfTransformers : [],
      weighted: weighted
    )
    let propagation = QuantizerPropagation(places, isSymmetric: choices.isSymmetric)
    for (spot, quantizer) in propagation.standing.sorted(by: { $0.key < $1.key }) {
      guard let choice = quantizer.choices.first else { continue }
      let sinks = Set(quantizer.sinks.compactMap { places.first(of: $0) })
      for place in places.places(of: spot, in: graph) {
        activations.append(
          Activation(
            place: place,
            choice: choice,
            scaleGroup: quantizer.scaleGroup,
            sinks: sinks
          )
        )
      }
    }
    if choices.isTransformer {
      // What is multiplied with each other, rather than with weights, is quantised around zero.
      for index in activations.indices {
        let products = activations[index].sinks.filter {
          graph.nodes[$0].type == "MatMul" && !weighted.contains($0)
        }
        if !products.isEmpty { activations[index].choice.isSymmetric = true }
      }
    }
    let ignored = places.leftOutNodes
    for (node, inputs) in weightInputs where !leftOut.contains(node) && !ignored.contains(node) {
      weights += inputs.map { Weight(node: node, input: $0) }
    }
    halfRange = Self.firstConvolutions(graph, weights)
    activations.sort { $0.place.order < $1.place.order }
  }

  /// The first quantised convolutions on each way from the inputs.
  private static func firstConvolutions(_ graph: OperationGraph, _ weights: [Weight]) -> Set<Int> {
    let convolutions = Set(weights.map(\.node)).filter { graph.nodes[$0].type == "Convolution" }
    var found: Set<Int> = []
    var seen: Set<Int> = []
    var nodes = graph.nodes.indices.filter { graph.nodes[$0].type == "Parameter" }
      .flatMap { graph.takers[$0].map(\.taker.node) }
    while let node = nodes.popLast() {
      guard seen.insert(node).inserted else { continue }
      if convolutions.contains(node) {
        found.insert(node)
      } else {
        nodes += graph.takers[node].map(\.taker.node)
      }
    }
    return found
  }
}

extension GraphPlace {
  fileprivate var order: (Int, Int, Int) {
    switch self {
    case .input(let node, let port): (node, 0, port)
    case .output(let node, let port): (node, 1, port)
    }
  }
}

extension PropagationGraph {
  /// The first of the operations that run as the node `node`.
  func first(of node: Int) -> Int? {
    guard case .operation(let members) = kinds[node] else { return nil }
    return members.first
  }

  /// Where a quantiser at a spot stands in the model.
  func places(of spot: Int, in graph: OperationGraph) -> [GraphPlace] {
    switch kinds[spot] {
    case .before(let node, let input): return [.input(node, input)]
    case .after(let node):
      let outputs = Set(graph.takers[node].map(\.output))
      guard outputs.count > 1 else { return [.output(node, outputs.first ?? 0)] }
      return graph.takers[node].map { .input($0.taker.node, $0.taker.input) }
    case .operation, .barrier: return []
    }
  }

  /// The model's nodes whose weights stay as they are: those that are ignored, and what runs as one
  /// with an operation before it.
  var leftOutNodes: Set<Int> {
    var nodes: Set<Int> = []
    for (index, kind) in kinds.enumerated() {
      guard case .operation(let members) = kind else { continue }
      nodes.formUnion(members.dropFirst())
      if ignored.contains(index) { nodes.formUnion(members) }
    }
    return nodes
  }
}
