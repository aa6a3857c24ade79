/// What can be counted in a model's operations.
package struct ModelStatistics: Sendable, Equatable {
  /// Weights of convolutions and matrix products; biases and normalisations are not counted.
  package var weightCount: Int
  /// Multiplications with additions for one picture, of convolutions and matrix products; `nil` where a
  /// size is only known when the model runs.
  package var multiplyAddCount: Int?

  init(_ graph: OperationGraph) {
    weightCount = 0
    var operations: Int? = 0
    var seen: Set<Int> = []
    for (index, node) in graph.nodes.enumerated() {
      guard ModelStatistics.products.contains(node.type), node.inputs.count >= 2 else { continue }
      let weights = graph.value(at: .input(index, 1))
      if let constant = graph.weights(of: index), seen.insert(constant).inserted {
        weightCount += weights.elementCount ?? 0
      }
      let own = ModelStatistics.multiplyAdds(node, graph.value(at: .input(index, 0)), weights)
      operations = operations.flatMap { sum in own.map { sum + $0 } }
    }
    multiplyAddCount = operations
  }

  private static let products: Set = [
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData",
    "MatMul",
  ]

  /// Of one picture: an open first axis counts as 1.
  private static func multiplyAdds(
    _ node: OperationGraph.Node,
    _ input: OperationGraph.Value,
    _ weights: OperationGraph.Value
  ) -> Int? {
    func count(_ value: OperationGraph.Value?) -> Int? {
      guard var shape = value?.shape else { return nil }
      if let first = shape.first, first == nil { shape[0] = 1 }
      return OperationGraph.Value(elementType: nil, shape: shape).elementCount
    }
    guard let results = count(node.outputs.first) else { return nil }
    if node.type == "MatMul" {
      let axis = node.attributes["transpose_a"] == "true" ? 2 : 1
      guard let shape = input.shape, shape.count >= axis else { return nil }
      return shape[shape.count - axis].map { results * $0 }
    }
    guard let shape = weights.shape, let all = weights.elementCount, all > 0 else { return nil }
    // [O, I, …], grouped [G, O, I, …]; transposed ones have I before O and go from input to output.
    let isGrouped = node.type.hasPrefix("Group")
    let leading = shape.prefix(isGrouped ? 2 : 1).compactMap { $0 }.reduce(1, *)
    guard leading > 0 else { return nil }
    let isTransposed = node.type.hasSuffix("BackpropData")
    return (isTransposed ? count(input) : results).map { $0 * (all / leading) }
  }
}

extension OperationGraph {
  /// The constant that a node's weights come from, through whatever quantised models put between.
  fileprivate func weights(of node: Int) -> Int? {
    var source = nodes[node].inputs[1].node
    let between: Set = ["Convert", "FakeQuantize", "Multiply", "Subtract", "Reshape", "Transpose"]
    while between.contains(nodes[source].type), let next = nodes[source].inputs.first {
      source = next.node
    }
    return nodes[source].type == "Constant" ? source : nil
  }
}
