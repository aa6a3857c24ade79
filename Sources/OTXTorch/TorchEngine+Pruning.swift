package import Foundation
package import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension TorchEngine: PrunableEngine {
  package func recordShapes() throws -> ShapedGraph {
    let model = try evaluated()
    let size = info.preprocessing.inputSize
    let images = try Tensor.zeros([2, 3, size.height, size.width])
    return try noGrad {
      let (graph, values) = try recordWithValues(
        inputs: [("image", images)],
        parameters: model.module.namedTensors
      ) {
        try model.rawOutputs(images).map { ($0.name, $0.value) }
      }
      var shapes = Dictionary(values.map { ($0.id, $0.tensor.shape) }) { first, _ in first }
      for input in graph.inputs { shapes[input.value] = images.shape }
      return ShapedGraph(graph: graph, shapes: shapes)
    }
  }

  package func checkpoint() throws -> CheckpointFile {
    let module = try evaluated().module
    return CheckpointFile(
      state: try Checkpoints.state(of: module),
      info: info,
      script: try (module as? any ScriptCarrying)?.scriptData()
    )
  }

  package func sibling(of checkpoint: URL) throws -> any SubEngine<Kind> {
    try TorchEngine<Kind>(
      info: Checkpoints.info(of: checkpoint),
      weights: .all(of: checkpoint),
      options: options,
      models: models
    )
  }
}
