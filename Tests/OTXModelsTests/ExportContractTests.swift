import Foundation
import OTXCore
import OTXNN
import OTXONNX
import OTXOpenVINO
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// Every model of the zoo gives the same in OpenVINO and as ONNX, whatever the batch size.
  @Suite struct ExportContract {
    @Test(arguments: ModelContract.names) func openVINOAgrees(name: String) throws {
      let subject = try Subject(name)
      try subject.use(labelCount: 2) { model in
        try subject.tellApart(model)
        model.module.setTraining(false)
        let graph = try recorded(model)
        let compiled = try OpenVINOModel(compiling: graph)
        let folder = try TemporaryFolder()
        let info = modelInfo(subject.descriptor, labelCount: 2, size: ModelContract.size)
        let files = try ONNXExporter().export(graph: graph, info: info, to: folder.url)
        let onnx = try OpenVINOModel(reading: files[0])
        for batch in [1, 2, 3] {
          let shape = [batch, 3, ModelContract.size.height, ModelContract.size.width]
          let images = try Tensor(Formula.input(shape, k: 1000 + batch), shape: shape)
          let expected = try noGrad { try model.outputs(images) + self.raw(model, images) }
          if batch == 3 { try keepONNX(name, files, images: images, outputs: expected) }
          for (format, model) in [("OpenVINO", compiled), ("ONNX", onnx)] {
            let found = try model.run([images.arrayBuffer()])
            for output in expected {
              let actual = try #require(found[output.name])
              #expect(actual.shape == output.value.shape)
              expectClose(
                actual.values.map(Double.init),
                try output.doubles,
                rtol: 1e-4,
                atol: 1e-3,
                "\(output.name) of \(batch) in \(format)"
              )
            }
          }
        }
      }
    }

    /// The raw outputs, where they are others than the outputs.
    private func raw(_ model: any TaskModel, _ images: Tensor) throws -> [NamedTensor] {
      let raw = try model.rawOutputs(images)
      return try raw.map(\.name) == model.outputs(images).map(\.name) ? [] : raw
    }

    private func recorded(_ model: any TaskModel) throws -> OperatorGraph {
      let shape = [2, 3, ModelContract.size.height, ModelContract.size.width]
      let images = try Tensor(Formula.input(shape), shape: shape)
      return try noGrad {
        try record(inputs: [("image", images)], parameters: model.module.stateDictionary()) {
          (try model.outputs(images) + self.raw(model, images)).map { ($0.name, $0.value) }
        }
      }
    }
  }
}
