import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

/// Walking over models and editing them, through the shim.
@Suite("Edited models")
struct EditingTests {
  private func model() throws -> ConvertedModel {
    try ConvertedModel(converting: SampleGraphs.classifier(), name: "tiny")
  }

  private func run(_ model: ConvertedModel) throws -> [String: ModelOutput] {
    let compiled = try OpenVINOModel(model, options: .init())
    let values = Formula.input([1, 3, 32, 32], k: 7)
    let bytes = values.withUnsafeBytes { Array($0) }
    return try compiled.run([
      ArrayBuffer(elementType: .float32, shape: [1, 3, 32, 32], bytes: bytes)
    ])
  }

  private func logits(_ model: ConvertedModel) throws -> [Double] {
    try #require(try run(model)["logits"]).values.map(Double.init)
  }

  @Test func nodesComeAfterWhatTheyTake() throws {
    let graph = try ModelGraph(try model()).graph
    #expect(graph.nodes.contains { $0.type == "Parameter" && $0.name == "image" })
    #expect(graph.nodes.contains { $0.type == "Result" })
    for (index, node) in graph.nodes.enumerated() {
      #expect(node.inputs.allSatisfy { $0.node < index })
    }
    let convolution = try #require(graph.nodes.first { $0.type == "Convolution" })
    #expect(convolution.outputs[0].shape == [nil, 8, 16, 16])
    #expect(convolution.attributes["strides"] == "2,2")
    #expect(convolution.attributes["pads_begin"] == "1,1")
    let product = try #require(graph.nodes.first { $0.type == "MatMul" })
    #expect(product.attributes["transpose_b"] == "true")
  }

  @Test func simplifyingFoldsNormalisation() throws {
    let model = try model()
    let before = try logits(model)
    #expect(try ModelGraph(model).graph.nodes.contains { $0.type == "BatchNormInference" })
    try model.simplify()
    #expect(try !ModelGraph(model).graph.nodes.contains { $0.type == "BatchNormInference" })
    expectClose(try logits(model), before, rtol: 1e-4, atol: 1e-4)
  }

  @Test func copiesAreTheirOwn() throws {
    let model = try model()
    let before = try logits(model)
    let copy = try model.clone()
    let nodes = try ModelGraph(copy)
    let product = try #require(nodes.graph.nodes.firstIndex { $0.type == "MatMul" })
    try nodes.insertAdd([5, 6, 7], shape: [1, 3], at: .output(product, 0), named: "more")
    expectClose(
      try logits(copy),
      zip(before, [5.0, 6, 7]).map { $0 + $1 },
      rtol: 1e-5,
      atol: 1e-4
    )
    expectClose(try logits(model), before)
  }

  @Test func valuesAreScaledBeforeAnInput() throws {
    let model = try model()
    let nodes = try ModelGraph(model)
    let product = try #require(nodes.graph.nodes.firstIndex { $0.type == "MatMul" })
    let add = try #require(
      nodes.graph.takers[product].first { nodes.graph.nodes[$0.taker.node].type == "Add" }
    )
    let before = try logits(model)
    try nodes.insertMultiply(
      [0],
      shape: [],
      at: .input(add.taker.node, add.taker.input),
      named: "nothing"
    )
    let after = try logits(model)
    let other = nodes.graph.nodes[add.taker.node].inputs[1 - add.taker.input].node
    #expect(after != before)
    expectClose(after, try nodes.constant(other).map(Double.init), rtol: 1e-5, atol: 1e-6)
  }

  @Test func roundedValuesHaveFewLevels() throws {
    let model = try model()
    let nodes = try ModelGraph(model)
    let result = try #require(nodes.graph.nodes.firstIndex { $0.type == "Result" })
    try nodes.insertFakeQuantize(
      at: .input(result, 0),
      named: "rounded",
      levels: 3,
      low: [-1],
      high: [1],
      shape: []
    )
    #expect(Set([-1, 0, 1]).isSuperset(of: try logits(model)))
  }

  @Test func weightsOfWholeNumbersAreTheSameNumbers() throws {
    let model = try model()
    try model.simplify()
    let before = try logits(model)
    let nodes = try ModelGraph(model)
    let graph = nodes.graph
    let variable = graph.variableNodes
    for node in graph.nodes.indices {
      for input in graph.weightInputs(of: node, variable: variable) {
        let constant = try #require(graph.constant(of: node, input: input))
        let shape = try #require(graph.nodes[constant].outputs[0].shape).compactMap(\.self)
        let values = try nodes.constant(constant)
        let weights = QuantizedWeights(
          values,
          shape: shape,
          channels: graph.weightChannelAxes(of: node, input: input)
        )
        let largest = values.map(abs).max() ?? 0
        for (value, restored) in zip(values, weights.restored) {
          #expect(abs(value - restored) <= largest / 254 * 1.001)
        }
        try nodes.setWeights(weights, of: node, input: input, named: "w\(node)")
      }
    }
    let after = try logits(model)
    #expect(after != before)
    expectClose(after, before, rtol: 0.05, atol: 0.1)
  }

  @Test func statisticsLeaveTheModelAsNumbers() throws {
    let model = try model()
    let expected = try logits(model)
    let nodes = try ModelGraph(model)
    let result = try #require(nodes.graph.nodes.firstIndex { $0.type == "Result" })
    let image = try #require(nodes.graph.nodes.firstIndex { $0.type == "Parameter" })
    for (name, reduction) in [
      ("low", Reduction.minimum), ("high", .maximum), ("mean", .mean),
    ] {
      try nodes.addStatistic(reduction, over: [0, 1], of: .input(result, 0), named: name)
    }
    try nodes.addStatistic(.mean, over: [0, 2, 3], of: .output(image, 0), named: "channels")
    let outputs = try run(model)
    func number(_ name: String) throws -> Double { Double(try #require(outputs[name]).values[0]) }
    expectClose(try number("low"), expected.min() ?? 0, rtol: 1e-5)
    expectClose(try number("high"), expected.max() ?? 0, rtol: 1e-5)
    expectClose(try number("mean"), expected.reduce(0, +) / 3, rtol: 1e-5, atol: 1e-6)
    #expect(outputs["channels"]?.shape == [3])
  }

  @Test func droppedOutputsMakeRoomForOthers() throws {
    let model = try model()
    func addMean() throws {
      let nodes = try ModelGraph(model)
      let image = try #require(nodes.graph.nodes.firstIndex { $0.type == "Parameter" })
      try nodes.dropOutputs()
      try nodes.addStatistic(.mean, over: [0, 2, 3], of: .output(image, 0), named: "channels")
    }
    try addMean()
    #expect(try model.outputs.map(\.name) == ["channels"])
    #expect(try ModelGraph(model).graph.nodes.allSatisfy { $0.type != "Convolution" })
    #expect(try run(model)["channels"]?.shape == [3])
  }

  @Test func informationIsReadBack() throws {
    let model = try model()
    #expect(try model.runtimeInfo(at: ["a", "b"]) == nil)
    try model.setRuntimeInfo("seven", at: ["a", "b"])
    #expect(try model.runtimeInfo(at: ["a", "b"]) == "seven")
  }

  @Test func placesThatAreNotThereAreRefused() throws {
    let nodes = try ModelGraph(try model())
    let count = nodes.graph.nodes.count
    #expect(throws: OpenVINOError.self) {
      try nodes.insertAdd([1], shape: [], at: .output(count, 0), named: "no")
    }
    #expect(throws: OpenVINOError.self) {
      try nodes.insertAdd([1], shape: [], at: .input(count - 1, 9), named: "no")
    }
    #expect(throws: OpenVINOError.self) {
      try nodes.shareInput(of: 0, input: 0, with: count + 5, input: 0)
    }
  }
}
