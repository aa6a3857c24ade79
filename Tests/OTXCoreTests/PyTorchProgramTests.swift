import Foundation
import OTXCore
import Testing

/// The text of a recorded graph as a Python program; `Tools/interop/pytorch_program.py` runs it.
@Suite struct PyTorchProgramTests {
  /// A graph by hand: values are named by their order.
  private struct Writer {
    var graph = OperatorGraph()

    mutating func value(_ type: OperatorGraph.ValueType, _ name: String = "") -> Int {
      let id = graph.values.count
      graph.values.append(.init(name: name.isEmpty ? "v\(id)" : name, type: type))
      return id
    }

    mutating func constant(_ constant: OperatorGraph.Constant, _ name: String = "") -> Int {
      var type = OperatorGraph.ValueType.none
      if case .tensor(let array) = constant {
        type = .tensor(array.elementType, rank: array.shape.count)
      }
      let id = value(type, name)
      graph.nodes.append(
        .init(operatorName: "prim::Constant", inputs: [], outputs: [id], constant: constant)
      )
      return id
    }

    mutating func call(_ name: String, _ inputs: [Int], results: Int = 1) -> [Int] {
      let outputs = (0..<results).map { _ in value(.tensor(.float32, rank: 4)) }
      graph.nodes.append(.init(operatorName: name, inputs: inputs, outputs: outputs))
      return outputs
    }
  }

  private func weight(_ shape: [Int]) -> ArrayBuffer {
    ArrayBuffer(
      elementType: .float32,
      shape: shape,
      bytes: [UInt8](repeating: 0, count: shape.reduce(4, *))
    )
  }

  private func info(_ task: TaskType = .multiClassClassification) -> ModelInfo {
    ModelInfo(
      model: "sample",
      backbone: "sample",
      task: task,
      labels: LabelInfo(names: ["say \"cat\"", "dog\n"]),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 48))
    )
  }

  private func sample() -> OperatorGraph {
    var writer = Writer()
    let image = writer.value(.tensor(.float32, rank: 4), "image")
    writer.graph.inputs = [.init(name: "image", value: image, shape: [nil, 3, 32, 48])]
    let kernel = writer.constant(.tensor(weight([4, 3, 3, 3])), "body.conv.weight")
    let none = writer.constant(.none)
    let pair = writer.constant(.intList([1, 1]))
    let one = writer.constant(.int(1))
    let x = writer.call("aten::conv2d", [image, kernel, none, pair, pair, pair, one])[0]
    let y = writer.call("aten::relu", [x])[0]
    let sum = writer.call("aten::add", [y, y, one])[0]
    let parts = writer.call("aten::chunk", [sum, writer.constant(.int(2)), one])[0]
    let halves = writer.call("prim::ListUnpack", [parts], results: 2)
    let list = writer.call("prim::ListConstruct", [halves[1], halves[0]])[0]
    let logits = writer.call("aten::cat", [list, one])[0]
    writer.graph.outputs = [.init(name: "logits", value: logits, shape: [])]
    return writer.graph
  }

  @Test func isOneLineAnOperator() throws {
    let program = try PyTorchProgram(graph: sample(), info: info())
    let start = try #require(program.source.range(of: "def network(image, weights):\n"))
    let end = try #require(program.source.range(of: "return {\"logits\": "))
    let lines = program.source[start.upperBound..<end.lowerBound].split(separator: "\n")
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0.contains(" = ") }
    #expect(
      lines == [
        "aten = torch.ops.aten",
        "x0 = aten.conv2d(image, weights[\"body.conv.weight\"], None, [1, 1], [1, 1], [1, 1], 1)  # body.conv/conv2d",
        // Its argument is needed no more: the variable is free.
        "x0 = aten.relu(x0)",
        // alpha is given by its name alone, and 1 is its default.
        "x0 = aten.add(x0, x0)", "x0 = aten.chunk(x0, 2, 1)", "x0, x1 = x0",
        "x1 = aten.cat([x1, x0], 1)",
      ]
    )
    #expect(program.source.contains("return {\"logits\": x1}"))
    #expect(program.weights.map(\.name) == ["body.conv.weight"])
  }

  @Test func saysWhatTheModelKnows() throws {
    let source = try PyTorchProgram(graph: sample(), info: info()).source
    #expect(source.contains(#"LABELS = ["say \"cat\"", "dog\n"]"#))
    #expect(source.contains("INPUT_SIZE = (32, 48)"))
    #expect(source.contains("MEAN = [123.67"))
    #expect(!source.contains("torchvision"))
    #expect(source.contains("def softmax"))
    let boxes = try PyTorchProgram(graph: sample(), info: info(.detection)).source
    #expect(boxes.contains("THRESHOLD = 0."))
    #expect(!boxes.contains("def softmax"))
  }

  @Test func whatCannotBePrintedIsNamed() throws {
    var strange = sample()
    for index in strange.nodes.indices where strange.nodes[index].operatorName == "aten::relu" {
      strange.nodes[index].operatorName = "custom::thing"
    }
    let error = #expect(throws: ModelError.self) {
      try PyTorchProgram(graph: strange, info: self.info())
    }
    #expect("\(try #require(error))".contains("custom::thing"))
    var tiled = info(.detection)
    tiled.tiling = Tiling(
      tileSize: ImageSize(height: 400, width: 400),
      overlap: 0.2,
      maximumInstanceCount: 100,
      withFullImage: false
    )
    #expect(throws: ModelError.self) { try PyTorchProgram(graph: self.sample(), info: tiled) }
  }

  @Test func bothFilesAreWritten() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let files = try PyTorchProgram(graph: sample(), info: info()).write(to: folder)
    #expect(files.program.lastPathComponent == "model.py")
    let state = try CheckpointFile.read(files.weights).state
    #expect(state.map(\.name) == ["body.conv.weight"])
  }
}
