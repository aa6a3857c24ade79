import CTorch
import OTXCore

/// What one forward pass did, as a graph in the making.
///
/// It belongs to the thread that records. Tensors are known by their identity and kept alive until
/// the end, so that no address is used twice.
final class Recorder {
  typealias ValueID = OperatorGraph.ValueID

  /// The recorder of this thread.
  static var current: Recorder? {
    guard let address = otx_torch_recorder() else { return nil }
    return Unmanaged<Recorder>.fromOpaque(address).takeUnretainedValue()
  }

  var graph = OperatorGraph()
  private var values: [OpaquePointer: ValueID] = [:]
  var dependent: Set<OpaquePointer> = []
  private var alive: [Tensor] = []
  private let parameterNames: [OpaquePointer: String]
  private var usedNames: Set<String> = []

  init(parameters: [(name: String, value: Tensor)]) {
    // A tensor with two names (shared weights) keeps the first.
    parameterNames = Dictionary(
      parameters.map { ($0.value.raw, $0.name) },
      uniquingKeysWith: { first, _ in first }
    )
    alive = parameters.map(\.value)
    usedNames = Set(parameters.map(\.name))
  }

  // MARK: - Inputs and outputs

  func addInput(
    _ name: String,
    _ tensor: Tensor,
    dynamicAxes: Set<Int>
  ) throws(TensorError) {
    try requireFloat32(tensor.dtype, "record", "input '\(name)'")
    let shape = tensor.shape.enumerated().map { dynamicAxes.contains($0.offset) ? nil : $0.element }
    for axis in dynamicAxes where axis < tensor.rank && tensor.size(axis) < 2 {
      throw .notRecordable(
        operation: "record",
        reason: "axis \(axis) of input '\(name)' is dynamic and needs an extent of at least 2"
      )
    }
    let value = newValue(name, .tensor(tensor.dtype, rank: tensor.rank))
    remember(tensor, value)
    dependent.insert(tensor.raw)
    graph.inputs.append(.init(name: name, value: value, shape: shape))
  }

  func addOutput(_ name: String, _ tensor: Tensor) throws(TensorError) {
    let value = try value(of: tensor, "record")
    // An axis is open where an input's is and has its extent; with open heights and widths nothing
    // is certain.
    let open = graph.inputs.contains { $0.shape.dropFirst().contains(nil) }
    let hasBatch = graph.inputs.contains { $0.shape.first == .some(nil) }
    let shape = tensor.shape.enumerated().map { axis, extent -> Int? in
      open || (axis == 0 && hasBatch) ? nil : extent
    }
    graph.outputs.append(.init(name: name, value: value, shape: shape))
  }

  func dependsOnInput(_ tensor: Tensor) -> Bool { dependent.contains(tensor.raw) }

  // MARK: - Calls

  /// Writes down a call that was made; its results are still the caller's.
  func append(
    _ op: Operator,
    _ arguments: Span<Argument>,
    _ results: UnsafeMutablePointer<OTXValue>,
    _ count: Int
  ) throws(TensorError) {
    var inputs: [ValueID] = []
    var isDependent = false
    for i in arguments.indices {
      inputs.append(try input(arguments[i], op, &isDependent))
    }
    for i in arguments.count..<max(Int(op.schema.argumentCount), arguments.count) {
      inputs.append(try defaultInput(op, i))
    }
    let node = graph.nodes.count
    graph.nodes.append(.init(operatorName: op.name, inputs: inputs, outputs: []))
    for i in 0..<count {
      let output = try addResult(results[i], op, isDependent)
      graph.nodes[node].outputs.append(output)
    }
  }

  private func addResult(
    _ result: OTXValue,
    _ op: Operator,
    _ isDependent: Bool
  ) throws(TensorError) -> ValueID {
    switch result.tag {
    case .tensor:
      guard let raw = result.as.tensor else { return newValue("", .none) }
      return try addTensor(raw, op, isDependent)
    case .tensors:
      // A list of results is taken apart by a node of its own, as in TorchScript.
      let list = newValue("", .tensorList)
      var parts: [ValueID] = []
      for i in 0..<result.count {
        guard let tensors = result.as.tensors, let raw = tensors[i] else { continue }
        parts.append(try addTensor(raw, op, isDependent))
      }
      graph.nodes.append(
        .init(operatorName: "prim::ListUnpack", inputs: [list], outputs: parts)
      )
      return list
    default:
      throw .notRecordable(
        operation: op.shortName,
        reason: "it returns a value that is no tensor"
      )
    }
  }

  private func addTensor(
    _ raw: OpaquePointer,
    _ op: Operator,
    _ isDependent: Bool
  ) throws(TensorError) -> ValueID {
    TorchLibrary.opened?.pointee.retain(raw)
    let tensor = Tensor(owning: raw)
    try requireFloat32(tensor.dtype, op.shortName, "its result")
    // An operator with nothing to do (`contiguous`) answers with its argument: the name goes on to
    // the newer value, which is the same.
    let value = newValue("", .tensor(tensor.dtype, rank: tensor.rank))
    remember(tensor, value)
    if isDependent { dependent.insert(raw) }
    return value
  }

  // MARK: - Arguments

  private func input(
    _ argument: Argument,
    _ op: Operator,
    _ isDependent: inout Bool
  ) throws(TensorError) -> ValueID {
    switch argument {
    // A graph runs where it is put: the device is the exporter's choice.
    case .none, .device: return constant(.none, .none)
    case .tensor(let tensor):
      isDependent = isDependent || dependsOnInput(tensor)
      return try value(of: tensor, op.shortName)
    case .int(let number): return constant(.int(number), .int)
    case .double(let number): return constant(.double(number), .double)
    case .bool(let flag): return constant(.bool(flag), .bool)
    case .text(let text): return constant(.string(text), .string)
    case .ints(let list): return constant(.intList(list), .intList)
    case .pair(let first, let second): return constant(.intList([first, second]), .intList)
    case .doubles(let list): return constant(.doubleList(list), .doubleList)
    case .bools(let list): return constant(.boolList(list), .boolList)
    case .tensors(let list): return try self.list(list.map { $0 }, op, &isDependent)
    case .optionalTensors(let list): return try self.list(list, op, &isDependent)
    }
  }

  private func list(
    _ tensors: [Tensor?],
    _ op: Operator,
    _ isDependent: inout Bool
  ) throws(TensorError) -> ValueID {
    var parts: [ValueID] = []
    for tensor in tensors {
      guard let tensor else {
        parts.append(constant(.none, .none))
        continue
      }
      isDependent = isDependent || dependsOnInput(tensor)
      parts.append(try value(of: tensor, op.shortName))
    }
    let list = newValue("", .tensorList)
    graph.nodes.append(
      .init(operatorName: "prim::ListConstruct", inputs: parts, outputs: [list])
    )
    return list
  }

  /// The schema's default for an argument that was left out.
  private func defaultInput(_ op: Operator, _ index: Int) throws(TensorError) -> ValueID {
    var value = OTXValue()
    let table = try TorchLibrary.table()
    guard let raw = op.raw, table.pointee.default_argument(raw, index, &value) == .none else {
      throw .lastFailure(of: op.shortName, shapes: [])
    }
    defer { table.pointee.free_list(value) }
    guard let (known, type) = Recorder.plain(value) else {
      throw .notRecordable(
        operation: op.shortName,
        reason: "the default of argument \(index) is no plain value"
      )
    }
    return constant(known, type)
  }

  /// A value that is no tensor, as a constant; `nil` for one of another kind.
  static func plain(
    _ value: OTXValue
  ) -> (OperatorGraph.Constant, OperatorGraph.ValueType)? {
    func integers() -> [Int] {
      guard let list = value.as.integers else { return [] }
      return (0..<value.count).map { Int(list[$0]) }
    }
    switch value.tag {
    case .none, .device: return (.none, .none)
    case .int: return (.int(Int(value.as.integer)), .int)
    case .double: return (.double(value.as.real), .double)
    case .bool: return (.bool(value.as.integer != 0), .bool)
    case .string: return (.string(value.as.text.map { String(cString: $0) } ?? ""), .string)
    case .ints: return (.intList(integers()), .intList)
    case .bools: return (.boolList(integers().map { $0 != 0 }), .boolList)
    case .doubles:
      let list = value.as.reals
      return (.doubleList((0..<value.count).compactMap { list?[$0] }), .doubleList)
    default: return nil
    }
  }

  // MARK: - Values

  /// The value that stands for a tensor; one that is new is frozen.
  func value(of tensor: Tensor, _ operation: String) throws(TensorError) -> ValueID {
    if let known = values[tensor.raw] { return known }
    let parameter = parameterNames[tensor.raw]
    let type = tensor.dtype
    try requireFloat32(type, operation, parameter.map { "parameter '\($0)'" } ?? "a constant")
    let name = parameter ?? unusedName("constant")
    let value = appendValue(name, .tensor(type, rank: tensor.rank))
    graph.nodes.append(
      .init(
        operatorName: "prim::Constant",
        inputs: [],
        outputs: [value],
        constant: .tensor(try tensor.arrayBuffer())
      )
    )
    if parameter == nil { graph.frozenConstants.append(name) }
    remember(tensor, value)
    return value
  }

  private func constant(
    _ constant: OperatorGraph.Constant,
    _ type: OperatorGraph.ValueType
  ) -> ValueID {
    let value = newValue("", type)
    graph.nodes.append(
      .init(operatorName: "prim::Constant", inputs: [], outputs: [value], constant: constant)
    )
    return value
  }

  func remember(_ tensor: Tensor, _ value: ValueID) {
    values[tensor.raw] = value
    alive.append(tensor)
  }

  func newValue(_ name: String, _ type: OperatorGraph.ValueType) -> ValueID {
    appendValue(unusedName(name), type)
  }

  func appendValue(_ name: String, _ type: OperatorGraph.ValueType) -> ValueID {
    graph.values.append(.init(name: name, type: type))
    return graph.values.count - 1
  }

  /// `name`, or with the value's number where it is taken or empty.
  func unusedName(_ name: String) -> String {
    var candidate = name.isEmpty ? "value\(graph.values.count)" : name
    while !usedNames.insert(candidate).inserted { candidate += "_\(graph.values.count)" }
    return candidate
  }

  func requireFloat32(
    _ type: DType,
    _ operation: String,
    _ what: String
  ) throws(TensorError) {
    if type.isFloatingPoint && type != .float32 {
      throw .notRecordable(
        operation: operation,
        reason: "\(what) is \(type.rawValue); record in float32"
      )
    }
  }

  // MARK: - The end

  /// What operators made of the inputs, in their order.
  var results: [(id: ValueID, tensor: Tensor)] {
    let inputs = Set(graph.inputs.map(\.value))
    return alive.compactMap { tensor in
      guard dependsOnInput(tensor), let id = values[tensor.raw], !inputs.contains(id) else {
        return nil
      }
      return (id, tensor)
    }
  }

  /// The graph without what no output needs.
  func finish() -> OperatorGraph {
    var needed = Set(graph.outputs.map(\.value))
    var kept: [OperatorGraph.Node] = []
    for node in graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
      needed.formUnion(node.inputs)
      kept.append(node)
    }
    graph.nodes = kept.reversed()
    let names = Set(needed.map { graph.values[$0].name })
    graph.frozenConstants.removeAll { !names.contains($0) }
    return graph
  }
}
