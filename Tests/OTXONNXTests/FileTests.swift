import Foundation
import OTXCore
import OTXOpenVINO
import OTXTensor
import OTXTesting
import Testing

@testable import OTXONNX

/// What the file holds besides the operators.
@Suite(.serialized) struct Files {
  private func graph() throws -> OperatorGraph {
    let image = try Tensor(Formula.input([2, 3, 8, 8], k: 1), shape: [2, 3, 8, 8])
    let weight = try Tensor(Formula.input([16, 3, 3, 3], k: 2), shape: [16, 3, 3, 3])
    let head = try Tensor(Formula.input([5, 16], k: 3), shape: [5, 16])
    return try noGrad {
      try record(
        inputs: [("image", image)],
        parameters: [("body.weight", weight), ("head.weight", head)]
      ) {
        let features = try image.conv2d(weight, padding: 1).relu().adaptiveAvgPool2d(1)
        return [("logits", try features.flatten(startDim: 1).linear(head))]
      }
    }
  }

  private func run(_ file: URL) throws -> [Float] {
    let image = try Tensor(Formula.input([3, 3, 8, 8], k: 9), shape: [3, 3, 8, 8])
    return try #require(try OpenVINOModel(reading: file).run([image.arrayBuffer()])["logits"])
      .values
  }

  @Test func namesAndShapesAreThoseOfTheGraph() throws {
    let folder = try TemporaryFolder()
    let files = try ONNXExporter().export(graph: graph(), info: sampleInfo, to: folder.url)
    #expect(files.map(\.lastPathComponent) == ["model.onnx"])
    let model = try OpenVINOModel(reading: files[0])
    #expect(model.inputs.map(\.name) == ["image"])
    #expect(model.inputs[0].shape == [nil, 3, 8, 8])
    #expect(model.outputs.map(\.name) == ["logits"])
    #expect(model.outputs[0].shape == [nil, 5])
    let bytes = try Data(contentsOf: files[0])
    for text in ["body.weight", "body/conv2d", "model_info labels", "a_cat dog", "otx_model_info"] {
      #expect(bytes.range(of: Data(text.utf8)) != nil, "\(text)")
    }
  }

  @Test func halfPrecisionHalvesWeightsAlone() throws {
    let folder = try TemporaryFolder()
    var wide = try graph()
    let whole = try ONNXExporter().export(graph: wide, info: sampleInfo, to: folder.url)
    let exact = try run(whole[0])
    let size = try Data(contentsOf: whole[0]).count
    let half = try ONNXExporter()
      .export(graph: wide, info: sampleInfo, to: folder.url, halfPrecision: true)
    // 432 numbers of the first layer; the 80 of the second are too few to be worth it.
    let saved = size - (try Data(contentsOf: half[0]).count)
    #expect((600...864).contains(saved))
    let rounded = try run(half[0])
    #expect(rounded != exact)
    expectClose(rounded.map(Double.init), exact.map(Double.init), rtol: 1e-2, atol: 1e-2)
    // A number beyond the range of fp16 keeps its matrix as it is.
    for index in wide.nodes.indices {
      guard case .tensor(var array)? = wide.nodes[index].constant, array.elementCount == 432 else {
        continue
      }
      array.bytes.replaceSubrange(0..<4, with: withUnsafeBytes(of: Float(1e6)) { Array($0) })
      wide.nodes[index].constant = .tensor(array)
    }
    let large = try ONNXExporter()
      .export(graph: wide, info: sampleInfo, to: folder.url, halfPrecision: true)
    #expect(try Data(contentsOf: large[0]).count == size)
  }

  @Test func largeWeightsStandBesideTheModel() throws {
    let folder = try TemporaryFolder()
    let whole = try ONNXExporter().export(graph: graph(), info: sampleInfo, to: folder.url)
    let exact = try run(whole[0])
    var exporter = ONNXExporter()
    exporter.externalDataThreshold = 1000
    let files = try exporter.export(graph: graph(), info: sampleInfo, to: folder.url)
    #expect(files.map(\.lastPathComponent) == ["model.onnx", "model.onnx.data"])
    #expect(try Data(contentsOf: files[1]).count == 432 * 4)
    #expect(try run(files[0]) == exact)
    // One file again: the other is not left behind.
    _ = try ONNXExporter().export(graph: graph(), info: sampleInfo, to: folder.url)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["model.onnx"])
  }

  @Test func everyUnknownOperatorIsNamed() throws {
    var unknown = try graph()
    for index in unknown.nodes.indices {
      switch unknown.nodes[index].operatorName {
      case "aten::relu": unknown.nodes[index].operatorName = "aten::no_such_thing"
      case "aten::linear": unknown.nodes[index].operatorName = "aten::another"
      default: break
      }
    }
    let folder = try TemporaryFolder()
    let error = #expect(throws: ModelError.self) {
      try ONNXExporter().export(graph: unknown, info: sampleInfo, to: folder.url)
    }
    #expect("\(try #require(error))".contains("aten::another, aten::no_such_thing"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test func aFolderThatCannotBeWrittenIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("no folder", to: "file")
    let error = #expect(throws: FileError.self) {
      try ONNXExporter().export(graph: try graph(), info: sampleInfo, to: file)
    }
    #expect("\(try #require(error))".contains(file.path))
  }
}
