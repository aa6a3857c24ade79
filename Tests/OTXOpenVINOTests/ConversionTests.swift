import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

@Suite("Graphs become OpenVINO models")
struct ConversionTests {
  @Test func theClassifierRunsAtAnyBatchSize() throws {
    let model = try OpenVINOModel(compiling: SampleGraphs.classifier())
    #expect(model.inputs.map(\.name) == ["image"])
    #expect(model.inputs[0].shape == [nil, 3, 32, 32])
    #expect(model.inputs[0].elementType == .float32)
    #expect(model.outputs.map(\.name) == ["logits"])
    var first: [Float]?
    for count in [1, 2, 3] {
      let shape = [count, 3, 32, 32]
      let outputs = try model.run([ArrayBuffer(Formula.input(shape), shape: shape)])
      #expect(outputs["logits"]?.shape == [count, 3])
      let row = Array(outputs["logits"]?.values.prefix(3) ?? [])
      expectClose(row, first ?? row, rtol: 1e-4)
      first = row
    }
  }

  @Test func heightAndWidthCanBeOpen() throws {
    var graph = SampleGraphs.classifier()
    graph.inputs[0].shape = [nil, 3, nil, nil]
    let model = try OpenVINOModel(compiling: graph)
    for shape in [[1, 3, 32, 32], [2, 3, 64, 48]] {
      let outputs = try model.run([ArrayBuffer(Formula.input(shape), shape: shape)])
      #expect(outputs["logits"]?.shape == [shape[0], 3])
    }
  }

  @Test func theDetectorRunsAtAnyBatchSize() throws {
    let model = try OpenVINOModel(compiling: SampleGraphs.detector())
    #expect(model.outputs.map(\.name) == ["bboxes", "labels"])
    for count in [1, 2, 3] {
      let shape = [count, 3, 8, 8]
      let outputs = try model.run([ArrayBuffer(Formula.input(shape), shape: shape)])
      #expect(outputs["bboxes"]?.shape == [count, 20, 5])
      #expect(outputs["labels"]?.shape == [count, 20])
    }
  }

  @Test func stringsAndNothingAreConstantsToo() throws {
    var writer = GraphWriter()
    let x = writer.input("x", [nil, 4])
    let smooth = writer.one("aten::gelu", .value(x), .constant(.string("none")), rank: 2)
    let half = writer.one(
      "aten::div",
      .value(smooth),
      .double(0.5),
      .constant(.string("floor")),
      rank: 2
    )
    writer.output("y", half)
    let model = try OpenVINOModel(compiling: writer.graph)
    let outputs = try model.run([ArrayBuffer([-1, 0, 1, 3], shape: [1, 4])])
    #expect(outputs["y"]?.values == [-1, 0, 1, 5])
  }

  @Test func integersAndBoolsComeOutAsNumbers() throws {
    var writer = GraphWriter()
    let x = writer.input("x", [nil, 3])
    writer.output(
      "index",
      writer.one(
        "aten::argmax",
        .value(x),
        .int(1),
        .bool(false),
        rank: 1,
        element: .int64
      )
    )
    writer.output(
      "positive",
      writer.one("aten::gt", .value(x), .double(0), rank: 2, element: .bool)
    )
    let model = try OpenVINOModel(compiling: writer.graph)
    let outputs = try model.run([ArrayBuffer([-1, 5, 1, 2, -3, 1], shape: [2, 3])])
    #expect(outputs["index"] == ModelOutput(shape: [2], values: [1, 0]))
    #expect(outputs["positive"] == ModelOutput(shape: [2, 3], values: [0, 1, 1, 1, 0, 1]))
  }

  @Test func operatorsThatOpenVINOLacksAreNamed() throws {
    let expected = ModelError.exportFailed(
      "the network uses operators that OpenVINO cannot convert: aten::no_such_thing, "
        + "aten::nor_this; write it with others"
    )
    #expect(throws: expected) {
      try OpenVINOModel(compiling: SampleGraphs.withUnknownOperators())
    }
  }

  @Test func graphsThatAreNotSoundAreRefused() throws {
    var graph = SampleGraphs.classifier()
    graph.nodes[graph.nodes.count - 1].inputs[0] = 9999
    #expect(throws: ModelError.self) { try OpenVINOModel(compiling: graph) }
    graph = SampleGraphs.classifier()
    graph.outputs[0].value = -1
    #expect(throws: ModelError.self) { try OpenVINOModel(compiling: graph) }
    graph = SampleGraphs.classifier()
    graph.nodes.removeFirst()
    #expect(throws: ModelError.self) { try OpenVINOModel(compiling: graph) }
  }

  @Test func inputsOfTheWrongShapeAreRefused() throws {
    let model = try OpenVINOModel(compiling: SampleGraphs.classifier())
    #expect(throws: OpenVINOError.self) {
      try model.run([ArrayBuffer(Formula.input([1, 4, 32, 32]), shape: [1, 4, 32, 32])])
    }
    #expect(throws: OpenVINOError.self) {
      try model.run([ArrayBuffer([1, 2, 3], shape: [1, 3, 32, 32])])
    }
    #expect(throws: ModelError.self) { try model.run([]) }
  }
}
