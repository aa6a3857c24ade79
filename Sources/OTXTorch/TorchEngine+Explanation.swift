public import OTXCore
import OTXModels
import OTXTensor

extension TorchEngine: ExplanationRecordingEngine {
  public func explain(
    _ batch: Kind.Batch,
    method: ExplainMethod
  ) throws -> [String: ModelOutput] {
    let model = try explainable()
    return try noGrad {
      try modelOutputs(
        model.explainedOutputs(input().tensor(batch.images), method: method).map {
          NamedTensor($0.name, try $0.value.to(.float32))
        }
      )
    }
  }

  public func recordExplainedGraph(_ method: ExplainMethod) throws -> OperatorGraph {
    let explainable = try explainable()
    return try record { _, images in
      try explainable.explainedOutputs(images, method: method)
    }
  }

  private func explainable() throws -> any ExplainableModel<Kind> {
    let model = try evaluated()
    guard let explainable = model as? any ExplainableModel<Kind> else {
      throw ModelError.mismatch(
        "\(info.model) does not say what it looks at; a model of one's own does by ExplainableModel"
      )
    }
    return explainable
  }
}
