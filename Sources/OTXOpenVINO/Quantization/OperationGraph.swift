import OTXCore

/// The operations of a model as plain values, in topological order.
struct OperationGraph: Equatable {
  struct Source: Hashable {
    var node: Int
    var port: Int
  }

  struct Value: Equatable {
    /// `nil` for types that this package has no name for.
    var elementType: ElementType?
    /// `nil` axes are open; `nil` altogether where even their number is.
    var shape: [Int?]?

    /// `nil` where an axis is open.
    var elementCount: Int? {
      shape?.reduce(1) { count, axis in
        guard let count, let axis else { return nil }
        return count * axis
      }
    }

    /// Whether it holds numbers with a fraction.
    var isFloating: Bool {
      switch elementType {
      case .float16, .float32, .float64, .bfloat16: true
      default: false
      }
    }
  }

  struct Node: Equatable {
    var type: String
    var name: String
    var inputs: [Source] = []
    var outputs: [Value] = []
    var attributes: [String: String] = [:]
  }

  /// An input that takes a value.
  struct Taker: Hashable {
    var node: Int
    var input: Int
  }

  var nodes: [Node]
  /// Of each node: the inputs that take any of its outputs, with the output.
  private(set) var takers: [[(output: Int, taker: Taker)]]

  init(nodes: [Node]) {
    self.nodes = nodes
    takers = Array(repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for (input, source) in node.inputs.enumerated() {
        takers[source.node].append((source.port, Taker(node: index, input: input)))
      }
    }
  }

  static func == (left: OperationGraph, right: OperationGraph) -> Bool {
    left.nodes == right.nodes
  }

  /// The value that an input takes.
  func value(at place: GraphPlace) -> Value {
    switch place {
    case .output(let node, let port): nodes[node].outputs[port]
    case .input(let node, let port):
      nodes[nodes[node].inputs[port].node].outputs[nodes[node].inputs[port].port]
    }
  }

  /// The nodes that depend on what goes into the model.
  var variableNodes: Set<Int> {
    var variable: Set<Int> = []
    for (index, node) in nodes.enumerated() {
      let isSource = ["Parameter", "ReadValue"].contains(node.type)
      if isSource || node.inputs.contains(where: { variable.contains($0.node) }) {
        variable.insert(index)
      }
    }
    return variable
  }

  /// The constant that an input takes, through changes of its type.
  func constant(of node: Int, input: Int) -> Int? {
    guard nodes[node].inputs.indices.contains(input) else { return nil }
    var source = nodes[node].inputs[input].node
    while ["Convert", "FakeQuantize"].contains(nodes[source].type),
      let next = nodes[source].inputs.first
    {
      source = next.node
    }
    return nodes[source].type == "Constant" ? source : nil
  }
}

/// Where a value flows in a graph.
enum GraphPlace: Hashable {
  /// Into one input of a node.
  case input(Int, Int)
  /// Out of an output of a node, to all that take it.
  case output(Int, Int)

  var node: Int {
    switch self {
    case .input(let node, _), .output(let node, _): node
    }
  }
}
