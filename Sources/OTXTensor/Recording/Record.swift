import CTorch
public import OTXCore

/// Runs a forward pass and writes down its operators as a graph that exporters read.
///
/// Its contract; every rule that is broken throws `TensorError.notRecordable` and names the
/// operator:
/// - Gradients are off (`noGrad`), autocast is off, every floating tensor is `float32`.
/// - Layers are in eval mode: no batch statistics, no dropout, no random numbers.
/// - No operator writes into one of its arguments. An in-place operation on a view would be
///   converted and answer wrongly.
/// - No value that depends on an input is read (`item`, `floats`, …): the graph would hold the
///   number of one example. For the same reason the extent of a dynamic axis belongs in no argument:
///   `flatten`, `-1`, `reshapeAs` keep it out.
/// - Operators are libtorch's own (`aten::`) or torchvision's.
/// - A dynamic axis has an extent of at least 2, since libtorch treats 1 specially.
///
/// A tensor that is no parameter and no operator's result (anchors, a table) is frozen into the graph
/// and listed in `OperatorGraph.frozenConstants`.
///
/// - Parameters:
///   - inputs: The tensors that the graph takes, by name.
///   - parameters: Parameters and buffers by path; those that are used become named constants.
///   - dynamicAxes: The axes of every input whose extent is left open.
///   - body: The forward pass; returns the tensors that the graph answers with, by name.
/// - Returns: The operators that the outputs need, in order.
/// - Throws: `TensorError.notRecordable`, and what `body` throws.
public func record(
  inputs: [(name: String, value: Tensor)],
  parameters: [(name: String, value: Tensor)],
  dynamicAxes: Set<Int> = [0],
  _ body: () throws -> [(name: String, value: Tensor)]
) throws -> OperatorGraph {
  try recordWithValues(
    inputs: inputs,
    parameters: parameters,
    dynamicAxes: dynamicAxes,
    body
  ).graph
}

/// Records as `record` does and hands out every tensor that depends on an input, too.
///
/// - Returns: The graph, and for each result of its operators, in their order, the tensor that it was.
package func recordWithValues(
  inputs: [(name: String, value: Tensor)],
  parameters: [(name: String, value: Tensor)],
  dynamicAxes: Set<Int> = [0],
  _ body: () throws -> [(name: String, value: Tensor)]
) throws -> (graph: OperatorGraph, values: [(id: OperatorGraph.ValueID, tensor: Tensor)]) {
  try Recorder.requireModes()
  guard Recorder.current == nil else {
    throw TensorError.notRecordable(operation: "record", reason: "a recording is running already")
  }
  let recorder = Recorder(parameters: parameters)
  for input in inputs {
    try recorder.addInput(input.name, input.value, dynamicAxes: dynamicAxes)
  }
  let outputs = try withExtendedLifetime(recorder) {
    otx_torch_set_recorder(Unmanaged.passUnretained(recorder).toOpaque())
    defer { otx_torch_set_recorder(nil) }
    return try body()
  }
  for output in outputs { try recorder.addOutput(output.name, output.value) }
  return (recorder.finish(), recorder.results)
}

// MARK: - The rules

extension Recorder {
  /// Throws unless gradients and autocast are off.
  static func requireModes(_ operation: String = "record") throws(TensorError) {
    let table = try TorchLibrary.table()
    if table.pointee.grad_enabled() != 0 {
      throw .notRecordable(operation: operation, reason: "gradients are on; record inside noGrad")
    }
    if table.pointee.autocast_enabled(Int32(Device.Kind.cpu.rawValue)) != 0
      || table.pointee.autocast_enabled(Int32(Device.Kind.cuda.rawValue)) != 0
    {
      throw .notRecordable(operation: operation, reason: "autocast is on; record in float32")
    }
  }

  /// Throws where the operator may not stand in a graph; called before it runs.
  func check(_ op: Operator, _ arguments: Span<Argument>) throws(TensorError) {
    try Self.requireModes(op.shortName)
    guard op.name.hasPrefix("aten::") || op.name.hasPrefix("torchvision::") else {
      throw .notRecordable(
        operation: op.name,
        reason: "exporters know only aten:: and torchvision:: operators"
      )
    }
    if op.mutates {
      throw .notRecordable(
        operation: op.shortName,
        reason: "it writes into one of its arguments; use the operation that returns a new tensor"
      )
    }
    if Self.randomOperators.contains(op.name) {
      throw .notRecordable(
        operation: op.shortName,
        reason: "it draws random numbers; a graph answers alike each time"
      )
    }
    if let flag = Self.trainingArgument[op.name], flag < arguments.count,
      case .bool(true) = arguments[flag]
    {
      throw .notRecordable(
        operation: op.shortName,
        reason: "it is in training mode; set the module to eval mode"
      )
    }
  }

  /// Throws where a tensor that depends on an input is about to be read.
  func checkRead(_ tensor: Tensor, _ operation: String) throws(TensorError) {
    if dependsOnInput(tensor) {
      throw .notRecordable(
        operation: operation,
        reason: "its value depends on an input, so the graph would hold the value of one example"
      )
    }
  }

  private static let randomOperators: Set<String> = [
    "aten::rand", "aten::randn", "aten::randint", "aten::randperm", "aten::rand_like",
    "aten::randn_like", "aten::bernoulli", "aten::multinomial",
  ]

  /// Where operators that behave differently in training take the flag.
  private static let trainingArgument = [
    "aten::batch_norm": 5, "aten::instance_norm": 5, "aten::dropout": 2, "aten::rrelu": 3,
  ]
}
