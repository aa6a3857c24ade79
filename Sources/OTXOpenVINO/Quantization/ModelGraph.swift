import COpenVINO
import OTXCore

/// The operations of a model, to walk over and to edit.
///
/// Nodes are numbered in topological order and keep their numbers while others are inserted.
/// Used from one thread at a time.
final class ModelGraph {
  let graph: OperationGraph
  private let library: OpenVINOLibrary
  private let handle: OpaquePointer

  /// Reads all operations of `model`, which is edited from then on.
  init(_ model: ConvertedModel) throws {
    library = model.library
    var made: OpaquePointer?
    try library.check("listing the operations", library.table.nodesMake(model.handle, &made))
    handle = try made.orThrow("listing the operations")
    do {
      graph = try OperationGraph(library, handle)
    } catch {
      library.table.nodesFree(handle)
      throw error
    }
  }

  deinit { library.table.nodesFree(handle) }

  /// The elements of the constant `node`.
  func constant(_ node: Int) throws -> [Float] {
    let count = graph.nodes[node].outputs.first?.elementCount ?? 0
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard count > 0, let address = buffer.baseAddress else { return }
      try check("reading a constant", library.table.nodeConstant(handle, node, address, count))
      initialized = count
    }
  }

  /// Attributes of `node` by name, as text: `strides` is `1,1`.
  func attributes(_ node: Int) throws -> [String: String] {
    var text: UnsafeMutablePointer<CChar>?
    try check("reading attributes", library.table.nodeAttributes(handle, node, &text))
    let lines = library.take(text).split(separator: "\n").map {
      $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    }
    return Dictionary(lines.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { first, _ in first }
  }

  /// Rounds the values at `place` to `levels` levels between `low` and `high`, which have `shape`.
  func insertFakeQuantize(
    at place: GraphPlace,
    named name: String,
    levels: Int,
    low: [Float],
    high: [Float],
    shape: [Int]
  ) throws {
    try check(
      "inserting \(name)",
      library.table.nodeInsertFakeQuantize(
        handle,
        place.code,
        name,
        levels,
        low,
        high,
        shape.map(Int64.init),
        shape.count
      )
    )
  }

  /// Adds a constant of `shape` to the values at `place`.
  func insertAdd(
    _ values: [Float],
    shape: [Int],
    at place: GraphPlace,
    named name: String
  ) throws {
    try insert(OTX_ARITHMETIC_ADD, values, shape, place, name)
  }

  /// Multiplies the values at `place` with a constant of `shape`.
  func insertMultiply(
    _ values: [Float],
    shape: [Int],
    at place: GraphPlace,
    named name: String
  ) throws {
    try insert(OTX_ARITHMETIC_MULTIPLY, values, shape, place, name)
  }

  private func insert(
    _ operation: OTXArithmetic,
    _ values: [Float],
    _ shape: [Int],
    _ place: GraphPlace,
    _ name: String
  ) throws {
    try check(
      "inserting \(name)",
      library.table.nodeInsertArithmetic(
        handle,
        place.code,
        operation,
        name,
        values,
        shape.map(Int64.init),
        shape.count
      )
    )
  }

  /// Gives an input a constant instead of what it takes.
  func setConstant(
    _ values: [Float],
    shape: [Int],
    of node: Int,
    input: Int,
    named name: String
  ) throws {
    try check(
      "replacing \(name)",
      library.table.nodeSetConstant(
        handle,
        node,
        input,
        name,
        values,
        shape.map(Int64.init),
        shape.count
      )
    )
  }

  /// Gives an input whole numbers times scales instead of what it takes.
  func setWeights(_ weights: QuantizedWeights, of node: Int, input: Int, named name: String) throws
  {
    try check(
      "replacing \(name)",
      library.table.nodeSetScaledConstant(
        handle,
        node,
        input,
        name,
        weights.values,
        weights.shape.map(Int64.init),
        weights.shape.count,
        weights.scales,
        weights.scaleShape.map(Int64.init)
      )
    )
  }

  /// Gives an input what another one takes.
  func shareInput(of node: Int, input: Int, with other: Int, input otherInput: Int) throws {
    try check(
      "sharing an input",
      library.table.nodeShareInput(handle, node, input, other, otherInput)
    )
  }

  /// Takes all outputs of the model away: what only they need is not computed, once this is gone.
  func dropOutputs() throws {
    try check("dropping outputs", library.table.nodesDropOutputs(handle))
  }

  /// Makes a reduction of the values at `place` an output of the model.
  func addStatistic(
    _ reduction: Reduction,
    over axes: [Int],
    of place: GraphPlace,
    named name: String
  ) throws {
    try check(
      "collecting statistics of \(name)",
      library.table.nodeAddStatistic(
        handle,
        place.code,
        reduction.code,
        axes.map(Int64.init),
        axes.count,
        name
      )
    )
  }

  /// Makes the values at `place` an output of the model.
  func addOutput(_ place: GraphPlace, named name: String) throws {
    try check("adding an output", library.table.nodeAddOutput(handle, place.code, name))
  }

  private func check(_ what: String, _ message: UnsafeMutablePointer<CChar>?) throws {
    try library.check(what, message)
  }
}

/// What is kept of many values.
enum Reduction: Hashable {
  case minimum, maximum, mean

  fileprivate var code: OTXReduction {
    switch self {
    case .minimum: OTX_REDUCE_MINIMUM
    case .maximum: OTX_REDUCE_MAXIMUM
    case .mean: OTX_REDUCE_MEAN
    }
  }
}

extension GraphPlace {
  fileprivate var code: OTXPlace {
    switch self {
    case .input(let node, let port): OTXPlace(node: node, port: port, isInput: 1)
    case .output(let node, let port): OTXPlace(node: node, port: port, isInput: 0)
    }
  }
}

extension OperationGraph {
  fileprivate init(_ library: OpenVINOLibrary, _ handle: OpaquePointer) throws {
    let table = library.table
    var nodes: [Node] = []
    for index in 0..<table.nodesCount(handle) {
      var described = OTXNode()
      try library.check("reading a node", table.nodeDescribe(handle, index, &described))
      var node = Node(
        type: described.type.map { String(cString: $0) } ?? "",
        name: described.name.map { String(cString: $0) } ?? ""
      )
      for input in 0..<described.inputCount {
        var (source, port) = (0, 0)
        try library.check(
          "reading a node",
          table.nodeSource(handle, index, input, &source, &port)
        )
        // A loop through a state (ReadValue, Assign) is not closed by an input of an operation.
        guard source < index else {
          throw OpenVINOError.failed("reading \(node.name)", reason: "it takes what comes later")
        }
        node.inputs.append(Source(node: source, port: port))
      }
      for output in 0..<described.outputCount {
        var port = OTXPort()
        try library.check("reading a node", table.nodeOutput(handle, index, output, &port))
        let read = ModelPort(port)
        node.outputs.append(Value(elementType: read.elementType, shape: read.shape))
      }
      nodes.append(node)
    }
    self.init(nodes: nodes)
    for index in self.nodes.indices where Self.needsAttributes.contains(self.nodes[index].type) {
      var text: UnsafeMutablePointer<CChar>?
      try library.check("reading attributes", table.nodeAttributes(handle, index, &text))
      for line in library.take(text).split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { self.nodes[index].attributes[String(parts[0])] = String(parts[1]) }
      }
    }
  }

  /// Operations whose attributes matter here.
  private static let needsAttributes: Set<String> = [
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData",
    "MatMul", "GRUSequence", "FakeQuantize",
  ]
}
