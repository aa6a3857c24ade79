extension OperationGraph {
  /// The axes of a node's weights that hold its output channels.
  func weightChannelAxes(of node: Int, input: Int) -> [Int] {
    let rank = value(at: .input(node, input)).shape?.count ?? 0
    switch nodes[node].type {
    case "Convolution": return [0]
    case "GroupConvolution": return [0, 1]
    case "ConvolutionBackpropData": return [1]
    case "GroupConvolutionBackpropData": return [0, 2]
    case "MatMul":
      guard rank > 1 else { return [] }
      let isTransposed =
        nodes[node].attributes[input == 0 ? "transpose_a" : "transpose_b"] == "true"
      let outputAxis = (input == 0) == isTransposed ? rank - 1 : rank - 2
      return Array(0..<(rank - 2)) + [outputAxis]
    default: return rank > 1 ? [1] : []
    }
  }

  /// The axis of the values that a node with weights takes that holds their channels.
  func inputChannelAxis(of node: Int, input: Int) -> Int? {
    guard let rank = value(at: .input(node, input)).shape?.count, rank > 0 else { return nil }
    guard nodes[node].type == "MatMul" else { return rank > 1 ? 1 : nil }
    guard rank > 1 else { return 0 }
    let isTransposed = nodes[node].attributes[input == 0 ? "transpose_a" : "transpose_b"] == "true"
    return (input == 0) == isTransposed ? rank - 2 : rank - 1
  }

  /// The axis of a node's output that holds its channels.
  func outputChannelAxis(of node: Int) -> Int? {
    guard let rank = nodes[node].outputs.first?.shape?.count, rank > 0 else { return nil }
    guard nodes[node].type == "MatMul" else { return rank > 1 ? 1 : nil }
    return rank - 1
  }
}
