import CTorch
import OTXCore

extension Recorder {
  /// Takes over the operators of a TorchScript module that answered `input` with `output`.
  func append(
    _ view: OTXScriptGraphView,
    input: Tensor,
    output: Tensor
  ) throws(TensorError) {
    let nodes = UnsafeBufferPointer(start: view.nodes, count: view.nodeCount)
    let known = UnsafeBufferPointer(start: view.values, count: view.valueCount)
    let needed = Recorder.needed(nodes, for: view.output)
    var ids: [Int: ValueID] = [0: try value(of: input, "TorchScript")]
    for (node, isNeeded) in zip(nodes, needed) where isNeeded {
      let name = String(cString: node.name)
      let inputs = UnsafeBufferPointer(start: node.inputs, count: node.inputCount)
      let outputs = UnsafeBufferPointer(start: node.outputs, count: node.outputCount)
      if name == "prim::Constant", let output = outputs.first {
        ids[output] = try constant(node.constant, named: String(cString: known[output].name))
        continue
      }
      for output in outputs { ids[output] = newValue("", try type(of: known[output], name)) }
      graph.nodes.append(
        .init(
          operatorName: name,
          inputs: inputs.compactMap { ids[$0] },
          outputs: outputs.compactMap { ids[$0] }
        )
      )
    }
    guard let answer = ids[view.output] else {
      throw .notRecordable(operation: "TorchScript", reason: "its answer is no operator's result")
    }
    remember(output, answer)
    dependent.insert(output.raw)
  }

  /// Which operators the answer needs.
  private static func needed(
    _ nodes: UnsafeBufferPointer<OTXScriptNode>,
    for output: Int
  ) -> [Bool] {
    var values: Set<Int> = [output]
    var needed = [Bool](repeating: false, count: nodes.count)
    for index in nodes.indices.reversed() {
      let node = nodes[index]
      let outputs = UnsafeBufferPointer(start: node.outputs, count: node.outputCount)
      guard outputs.contains(where: values.contains) else { continue }
      needed[index] = true
      values.formUnion(UnsafeBufferPointer(start: node.inputs, count: node.inputCount))
    }
    return needed
  }

  private func constant(_ value: OTXValue, named name: String) throws(TensorError) -> ValueID {
    let (content, type): (OperatorGraph.Constant, OperatorGraph.ValueType)
    if value.tag == .tensor, let raw = value.as.tensor {
      TorchLibrary.opened?.pointee.retain(raw)
      let tensor = Tensor(owning: raw)
      try requireFloat32(tensor.dtype, "TorchScript", name.isEmpty ? "a constant" : "'\(name)'")
      content = .tensor(try tensor.arrayBuffer())
      type = .tensor(tensor.dtype, rank: tensor.rank)
    } else if let plain = Recorder.plain(value) {
      (content, type) = plain
    } else {
      throw .notRecordable(
        operation: "TorchScript",
        reason: "an operator of the network takes a value of a kind that exporters do not know"
      )
    }
    // A weight's name is its path, which is nobody else's.
    let isFrozen = name.isEmpty && value.tag == .tensor
    let path = isFrozen ? unusedName("constant") : name
    let id = path.isEmpty ? newValue("", type) : appendValue(path, type)
    if isFrozen { graph.frozenConstants.append(path) }
    graph.nodes.append(
      .init(operatorName: "prim::Constant", inputs: [], outputs: [id], constant: content)
    )
    return id
  }

  private func type(
    of value: OTXScriptValue,
    _ operation: String
  ) throws(TensorError) -> OperatorGraph.ValueType {
    switch value.tag {
    case .tensor:
      let type = DType(scalarTypeCode: Int(value.elementType)) ?? .float32
      try requireFloat32(type, operation, "its result")
      return .tensor(type, rank: Int(value.rank))
    case .none: return .none
    case .int: return .int
    case .double: return .double
    case .bool: return .bool
    case .string: return .string
    case .ints: return .intList
    case .doubles: return .doubleList
    case .bools: return .boolList
    case .tensors: return .tensorList
    default:
      throw .notRecordable(
        operation: operation,
        reason: "its result is of a kind that exporters do not know"
      )
    }
  }
}
