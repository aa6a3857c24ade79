import OTXCore

/// Turns a recorded graph into ONNX's operators, node by node.
final class GraphTranslator {
  typealias ValueID = OperatorGraph.ValueID

  let graph: OperatorGraph
  private(set) var result: ONNXGraph
  /// Weights that are kept as fp16 and widened where they are used.
  private let halfPrecision: Bool

  private var tensors: [ValueID: String] = [:]
  private var constants: [ValueID: OperatorGraph.Constant] = [:]
  private var lists: [ValueID: [ValueID]] = [:]
  /// What each list of results is taken apart into.
  private var parts: [ValueID: [ValueID]] = [:]
  private var usedNames: Set<String> = []
  private var usedNodeNames: Set<String> = []
  private var sharedNumbers: [String: String] = [:]
  private let frozen: Set<String>
  private let nodeNames: [ValueID: String]

  init(_ graph: OperatorGraph, name: String, halfPrecision: Bool) {
    self.graph = graph
    self.halfPrecision = halfPrecision
    result = ONNXGraph(name: name)
    frozen = Set(graph.frozenConstants)
    nodeNames = graph.nodeNames
  }

  /// The whole graph.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` naming every operator that has no translation.
  func translated() throws -> ONNXGraph {
    let unknown = Set(graph.nodes.map(\.operatorName))
      .filter { !$0.hasPrefix("prim::") && OperatorTable.translation(of: $0) == nil }
    guard unknown.isEmpty else {
      throw ModelError.exportFailed(
        "the network uses operators that this program cannot write as ONNX: \(unknown.sorted().joined(separator: ", ")); write it with others, or export it for OpenVINO"
      )
    }
    usedNames = Set((graph.inputs + graph.outputs).map(\.name))
    for port in graph.inputs {
      tensors[port.value] = port.name
      result.inputs.append(try self.port(port))
    }
    for port in graph.outputs where tensors[port.value] == nil && !isConstant(port.value) {
      tensors[port.value] = port.name
    }
    for node in graph.nodes where node.operatorName == "prim::ListUnpack" {
      if let list = node.inputs.first { parts[list] = node.outputs }
    }
    for node in graph.nodes { try add(node) }
    for port in graph.outputs {
      let name = try tensor(port.value)
      if name != port.name { append("Identity", [name], [port.name], named: port.name) }
      result.outputs.append(try self.port(port))
    }
    return result
  }

  private func isConstant(_ value: ValueID) -> Bool {
    graph.nodes.contains { $0.constant != nil && $0.outputs.contains(value) }
  }

  private func port(_ port: OperatorGraph.Port) throws -> ONNXGraph.Port {
    guard case .tensor(let type, _) = try type(of: port.value) else {
      throw ModelError.exportFailed("'\(port.name)' of the graph is no tensor")
    }
    let names = ["batch", "channels", "height", "width"]
    let axes = port.shape.enumerated().map { axis, extent -> ONNXGraph.Port.Axis in
      if let extent { return .fixed(extent) }
      // Axes of one name have one extent: those of outputs beyond the batch have names of their own.
      if axis == 0 { return .open("batch") }
      let isInput = graph.inputs.contains { $0.value == port.value }
      return .open(isInput && axis < names.count ? names[axis] : "\(port.name)_\(axis)")
    }
    return ONNXGraph.Port(name: port.name, elementType: type, axes: axes)
  }

  private func add(_ node: OperatorGraph.Node) throws {
    if let constant = node.constant, let value = node.outputs.first {
      constants[value] = constant
      return
    }
    switch node.operatorName {
    case "prim::ListConstruct":
      if let list = node.outputs.first { lists[list] = node.inputs }
    case "prim::ListUnpack": break
    default:
      guard let translation = OperatorTable.translation(of: node.operatorName) else {
        throw ModelError.exportFailed(
          "the network uses an operator that this program cannot write as ONNX: \(node.operatorName)"
        )
      }
      try translation(Call(translator: self, node: node))
    }
  }

  // MARK: - What operators take

  func type(of value: ValueID) throws -> OperatorGraph.ValueType {
    guard graph.values.indices.contains(value) else {
      throw ModelError.exportFailed(
        "the recorded graph is not sound: it has \(graph.values.count) values and no value \(value)"
      )
    }
    return graph.values[value].type
  }

  func constant(_ value: ValueID) -> OperatorGraph.Constant? { constants[value] }
  func list(_ value: ValueID) -> [ValueID]? { lists[value] }
  func parts(of value: ValueID) -> [ValueID] { parts[value] ?? [] }

  /// The name of a tensor; a weight becomes an initializer when it is first asked for.
  func tensor(_ value: ValueID) throws -> String {
    if let known = tensors[value] { return known }
    guard case .tensor(let array)? = constants[value] else {
      throw ModelError.exportFailed(
        "the recorded graph is not sound: a tensor is used before it is made (value \(value))"
      )
    }
    let name = graph.values[value].name
    let used = initializer(array, named: name, isWeight: !frozen.contains(name))
    tensors[value] = used
    return used
  }

  /// The name that the result `value` is to have.
  func resultName(_ value: ValueID) -> String {
    if let known = tensors[value] { return known }
    let name = unusedName(graph.values[value].name)
    tensors[value] = name
    return name
  }

  /// `value` is what `name` is already.
  func remember(_ value: ValueID, as name: String) {
    guard let wanted = tensors[value] else {
      tensors[value] = name
      return
    }
    append("Identity", [name], [wanted], named: wanted)
  }

  // MARK: - What is written

  func append(
    _ type: String,
    _ inputs: [String],
    _ outputs: [String],
    _ attributes: [(name: String, value: ONNXGraph.Attribute)] = [],
    named name: String
  ) {
    // Of a network that runs a layer several times, the later ones are numbered.
    var (unique, number) = (name, 1)
    while !usedNodeNames.insert(unique).inserted {
      number += 1
      unique = "\(name)_\(number)"
    }
    result.nodes.append(
      .init(
        name: unique,
        operatorType: type,
        inputs: inputs,
        outputs: outputs,
        attributes: attributes
      )
    )
  }

  func nodeName(_ node: OperatorGraph.Node) -> String {
    node.outputs.first.flatMap { nodeNames[$0] } ?? node.operatorName
  }

  func unusedName(_ name: String) -> String {
    var (candidate, number) = (name, 1)
    while !usedNames.insert(candidate).inserted {
      number += 1
      candidate = "\(name)_\(number)"
    }
    return candidate
  }

  /// An array that operators take as an input; equal small ones are one.
  func shared(_ array: ArrayBuffer) -> String {
    let key = "\(array.elementType.rawValue) \(array.shape) \(array.bytes)"
    if let known = sharedNumbers[key] { return known }
    let name = initializer(array, named: "constant/\(sharedNumbers.count)", isWeight: false)
    sharedNumbers[key] = name
    return name
  }

  private func initializer(_ array: ArrayBuffer, named name: String, isWeight: Bool) -> String {
    let name = unusedName(name)
    if halfPrecision, isWeight, let half = array.narrowed {
      let stored = unusedName("\(name)/fp16")
      result.initializers.append(.init(name: stored, array: half))
      append("Cast", [stored], [name], [("to", .int(ElementType.float32.onnxCode))], named: name)
    } else {
      result.initializers.append(.init(name: name, array: array))
    }
    return name
  }
}

extension ArrayBuffer {
  /// A large matrix of weights as fp16; `nil` for what is small, or does not fit the range.
  ///
  /// Small ones (norms, biases, sizes of anchors) stay exact: they weigh nothing, and boxes are
  /// computed from some of them.
  fileprivate var narrowed: ArrayBuffer? {
    guard elementType == .float32, shape.count > 1, elementCount >= 256 else { return nil }
    let halves = bytes.withUnsafeBytes { raw in
      raw.bindMemory(to: Float.self).map { Float16($0) }
    }
    guard !halves.contains(where: { !$0.isFinite }) else { return nil }
    return ArrayBuffer(
      elementType: .float16,
      shape: shape,
      bytes: halves.withUnsafeBytes { Array($0) }
    )
  }
}
