import Foundation
import OTXCore
import OTXTensor
import OTXTesting
import Synchronization
import Testing

/// One test for each rule of `record`.
@Suite struct RecorderContract {
  private let x: Tensor
  private let weight: Tensor

  init() throws {
    x = try input([2, 3, 6, 6])
    weight = try input([4, 3, 3, 3], 1001)
  }

  /// Records with gradients off.
  private func graph(
    dynamicAxes: Set<Int> = [0],
    parameters: [(name: String, value: Tensor)] = [],
    _ body: (Tensor) throws -> Tensor
  ) throws -> OperatorGraph {
    try noGrad {
      try record(
        inputs: [("image", x)],
        parameters: parameters,
        dynamicAxes: dynamicAxes
      ) { [("out", try body(x))] }
    }
  }

  private func expectRefusal(
    _ operation: String,
    _ reason: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> OperatorGraph
  ) {
    let error = #expect(throws: TensorError.self, sourceLocation: sourceLocation) {
      try body()
    }
    guard case .notRecordable(operation, let text) = error else {
      Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
    #expect(text.contains(reason), sourceLocation: sourceLocation)
  }

  // MARK: - What a graph holds

  @Test func holdsOperatorsInOrderWithNamedWeights() throws {
    let bias = try input([4], 1002)
    let graph = try graph(parameters: [("conv.weight", weight), ("conv.bias", bias)]) { x in
      let y = try x.conv2d(weight, bias: bias, stride: 2, padding: 1).relu()
      return try Tensor.cat([y, y * 2], dim: 1)
    }
    let calls = graph.nodes.map(\.operatorName).filter { $0 != "prim::Constant" }
    #expect(
      calls == ["aten::conv2d", "aten::relu", "aten::mul", "prim::ListConstruct", "aten::cat"]
    )
    let conv = try #require(graph.nodes.first { $0.operatorName == "aten::conv2d" })
    let arguments = conv.inputs.map { graph.values[$0] }
    #expect(
      arguments.map(\.type) == [
        .tensor(.float32, rank: 4), .tensor(.float32, rank: 4), .tensor(.float32, rank: 1),
        .intList, .intList, .intList, .int,
      ]
    )
    #expect(arguments.prefix(3).map(\.name) == ["image", "conv.weight", "conv.bias"])
    #expect(graph.inputs[0].shape == [nil, 3, 6, 6])
    #expect(graph.outputs[0].name == "out" && graph.outputs[0].shape == [nil, 8, 3, 3])
    #expect(graph.frozenConstants.isEmpty)
    #expect(Set(graph.values.map(\.name)).count == graph.values.count)
    let constant = try #require(
      graph.nodes.first { $0.outputs.map { graph.values[$0].name } == ["conv.weight"] }?.constant
    )
    guard case .tensor(let buffer) = constant else {
      Issue.record("\(constant)")
      return
    }
    #expect(try buffer == weight.arrayBuffer())
  }

  @Test func fillsInDefaultsAndLeavesTheDeviceOpen() throws {
    let graph = try graph { x in try x.sum() + Tensor.zeros([1], device: .cpu) }
    func constants(_ name: String) -> [String] {
      let node = graph.nodes.first { $0.operatorName == name }
      return (node?.inputs ?? []).map { value in
        graph.nodes.first { $0.outputs == [value] }?.constant.map { "\($0)" } ?? "tensor"
      }
    }
    // add(self, other, alpha = 1)
    #expect(constants("aten::add") == ["tensor", "tensor", "int(1)"])
    // zeros(size, dtype = float32, layout, device, pin_memory)
    #expect(constants("aten::zeros") == ["intList([1])", "int(6)", "none", "none", "none"])
  }

  @Test func takesListsOfResultsApart() throws {
    let graph = try graph { x in try x.chunk(3, dim: 1)[1] }
    #expect(
      graph.nodes.map(\.operatorName).suffix(2) == ["aten::chunk", "prim::ListUnpack"]
    )
    let list = try #require(graph.nodes.first { $0.operatorName == "aten::chunk" }).outputs
    let parts = try #require(graph.nodes.last)
    #expect(parts.inputs == list && parts.outputs.count == 3)
    #expect(parts.outputs[1] == graph.outputs[0].value)
  }

  @Test func writesMissingIndicesAsNone() throws {
    let graph = try graph { x in try x.index([nil, Tensor([2, 0])]) }
    let list = try #require(graph.nodes.first { $0.operatorName == "prim::ListConstruct" })
    #expect(
      list.inputs.map { graph.values[$0].type } == [.none, .tensor(.int64, rank: 1)]
    )
  }

  @Test func listsFrozenConstants() throws {
    let table = try input([4], 1003)
    let graph = try graph(parameters: [("weight", weight)]) { x in
      _ = try x * Tensor.ones([1])
      return try x.conv2d(weight) * table.reshape([1, 4, 1, 1]) + Tensor(3)
    }
    // The table and the number; not the weight, and not what no output needs.
    #expect(graph.frozenConstants.count == 2)
    let values = graph.values.filter { graph.frozenConstants.contains($0.name) }
    #expect(values.map(\.type) == [.tensor(.float32, rank: 1), .tensor(.float32, rank: 0)])
    #expect(graph.nodes.filter { $0.operatorName == "aten::mul" }.count == 1)
  }

  @Test func aTensorMadeByAnOperatorIsNoConstant() throws {
    let graph = try graph { x in try x + Tensor.arange(6).to(.float32) }
    #expect(graph.frozenConstants.isEmpty)
    #expect(graph.nodes.contains { $0.operatorName == "aten::arange" })
  }

  // MARK: - What a graph cannot hold

  @Test func requiresNoGrad() throws {
    expectRefusal("record", "noGrad") {
      try record(inputs: [("image", x)], parameters: []) { [("out", try x.relu())] }
    }
    expectRefusal("relu", "noGrad") {
      try graph { x in try withGrad { () throws(TensorError) in try x.relu() } }
    }
  }

  @Test func requiresAutocastOff() throws {
    expectRefusal("record", "autocast") {
      try autocast(.bfloat16) { try graph { try $0.relu() } }
    }
    expectRefusal("conv2d", "autocast") {
      try graph { x in
        try autocast(.bfloat16) { () throws(TensorError) in try x.conv2d(weight) }
      }
    }
  }

  @Test func requiresFloat32() throws {
    expectRefusal("to", "bfloat16") { try graph { try $0.to(.bfloat16).to(.float32) } }
    expectRefusal("mul", "float64") { try graph { try $0 * Tensor([2.0], shape: [1]) } }
    expectRefusal("record", "input 'image' is float16") {
      try noGrad {
        try record(inputs: [("image", x.to(.float16))], parameters: []) { [] }
      }
    }
  }

  @Test func requiresEvalMode() throws {
    expectRefusal("batch_norm", "eval mode") {
      try graph { x in
        try x.batchNorm(
          weight: nil,
          bias: nil,
          runningMean: nil,
          runningVar: nil,
          training: true
        )
      }
    }
    expectRefusal("dropout", "eval mode") { try graph { try $0.dropout(training: true) } }
    _ = try graph { try $0.dropout(training: false) }
  }

  @Test func refusesRandomNumbers() throws {
    expectRefusal("rand", "random") { try graph { try $0 + Tensor.rand([1]) } }
    expectRefusal("randn_like", "random") { try graph { try $0 + $0.randnLike() } }
  }

  @Test func refusesWritingInPlace() throws {
    expectRefusal("mul_", "writes into") {
      try graph { x in
        let y = try x.relu()
        try y.select(dim: 1, 0).mul_(2)
        return y
      }
    }
    #expect(throws: TensorError.self) {
      try graph {
        try $0.copy_($0)
        return $0
      }
    }
    // Views are no writing.
    _ = try graph { try $0.reshape([-1, 3]).transpose(0, 1).narrow(dim: 0, start: 1, length: 2) }
  }

  @Test func refusesReadingWhatDependsOnAnInput() throws {
    expectRefusal("item", "depends on an input") {
      try graph { x in try x * x.max().item() }
    }
    expectRefusal("floats", "depends on an input") {
      try graph { x in
        _ = try x.relu().chunk(2, dim: 1)[0].floats()
        return x
      }
    }
    expectRefusal("arrayBuffer", "depends on an input") {
      try graph { x in
        _ = try x.arrayBuffer()
        return x
      }
    }
    // A weight's value is the same for every input.
    _ = try graph(parameters: [("weight", weight)]) { try $0 * weight.max().item() }
  }

  @Test func refusesForeignOperators() throws {
    expectRefusal("quantized::linear_prepack", "aten::") {
      try graph { x in
        try call(Operator("quantized::linear_prepack"), [.tensor(x), .none])
      }
    }
    // torchvision's suppression is known.
    _ = try graph { x in
      let boxes = try x.reshape([-1, 4])
      return try boxes.nms(scores: boxes.select(dim: 1, 0), iouThreshold: 0.5)
    }
  }

  @Test func dynamicAxesNeedTwo() throws {
    expectRefusal("record", "at least 2") {
      try noGrad {
        try record(inputs: [("image", input([1, 3, 4, 4]))], parameters: []) { [] }
      }
    }
    let fixed = try noGrad {
      let one = try input([1, 3, 4, 4])
      return try record(inputs: [("image", one)], parameters: [], dynamicAxes: []) {
        [("out", try one.relu())]
      }
    }
    #expect(fixed.inputs[0].shape == [1, 3, 4, 4] && fixed.outputs[0].shape == [1, 3, 4, 4])
  }

  @Test func endsWithItsClosureAndDoesNotNest() throws {
    expectRefusal("record", "running already") {
      try graph { x in
        _ = try graph { try $0.relu() }
        return x
      }
    }
    // After a refusal nothing records: an in-place operation is allowed again.
    try x.clone().mul_(2)
  }

  @Test func otherThreadsAreNotRecorded() throws {
    let graph = try graph { x in
      let done = DispatchSemaphore(value: 0)
      let isRecorded = Mutex(true)
      Thread.detachNewThread {
        // Writing in place would be refused.
        let sum = try? noGrad { () throws(TensorError) in
          let ones = try Tensor.ones([3])
          try ones.mul_(2)
          return try ones.sum().item()
        }
        isRecorded.withLock { $0 = sum != 6 }
        done.signal()
      }
      done.wait()
      #expect(!isRecorded.withLock { $0 })
      return try x.relu()
    }
    #expect(graph.nodes.map(\.operatorName) == ["aten::relu"])
  }
}
