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
    #expect(model.outputs.map(\.name) == ["logits"])
    for count in [1, 2, 3] {
      let outputs = try model.run([
        ArrayBuffer(Formula.input([count, 3, 32, 32]), shape: [count, 3, 32, 32])
      ])
      #expect(outputs["logits"]?.shape == [count, 3])
    }
  }

  @Test func theDetectorRunsAtAnyBatchSize() throws {
    let model = try OpenVINOModel(compiling: SampleGraphs.detector())
    for count in [1, 2, 3] {
      let outputs = try model.run([
        ArrayBuffer(Formula.input([count, 3, 8, 8]), shape: [count, 3, 8, 8])
      ])
      #expect(outputs["bboxes"]?.shape == [count, 20, 5])
      #expect(outputs["labels"]?.shape == [count, 20])
    }
  }
}
