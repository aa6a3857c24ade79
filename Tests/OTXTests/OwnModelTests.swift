import Foundation
import OTX
import OTXTesting
import Testing

/// A network that knows nothing of this package's tasks: three convolutions.
private final class ForeignNetwork: Layer {
  let stem: Conv2d
  let body: Conv2d
  let head: Conv2d

  init(outputs: Int) throws {
    stem = try Conv2d(3, 8, kernelSize: 3, stride: 4, padding: 1)
    body = try Conv2d(8, 16, kernelSize: 3, stride: 4, padding: 1)
    head = try Conv2d(16, outputs, kernelSize: 1)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try head(body(stem(input).relu()).relu()).mean(dims: [2, 3])
  }
}

/// What it takes to make it a classifier.
private final class ForeignClassifier: AdaptedModel {
  typealias Kind = MultiClassClassification
  let network: ForeignNetwork
  init(labelCount: Int) throws {
    network = try ForeignNetwork(outputs: labelCount)
    // Training changes these numbers; a test looks at them without a random start.
    for (index, (name, parameter)) in network.parameters().enumerated() {
      let values = Formula.weight(name, parameter.value.shape, k: index)
      try noGrad { _ = try parameter.value.copy_(Tensor(values, shape: parameter.value.shape)) }
    }
  }

  func loss(of output: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let labels = try Tensor(batch.entities.map(\.label))
    return LossTerms([NamedTensor("loss_cls", try crossEntropy(output.to(.float32), labels))])
  }
  func outputs(of output: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, output)]
  }
}

extension Facade {
  /// A model that is not in the zoo goes the same road.
  @Suite("A model of one's own") struct OwnModel {
    private let registry: EngineRegistry = {
      let descriptor = ModelDescriptor(
        name: "my_classifier",
        title: "Three convolutions",
        task: .multiClassClassification,
        backbones: ["my_classifier"],
        preprocessing: Preprocessing(inputSize: ImageSize(height: 64, width: 64)),
        hasDynamicSize: true,
        parameterCount: 1443,
        gigaMultiplyAdds: 0.001
      )
      let entry = ZooModel<MultiClassClassification>(descriptor) { info in
        try ForeignClassifier(labelCount: info.labels.count)
      }
      return .standard.adding(TorchBackend(models: ModelZoo.models + [entry]))
    }()

    @Test("it trains, is opened again, exported, and scores the same")
    func road() async throws {
      let place = try Playground.classification([.train: 12, .val: 6])
      let request = try tinyRequest("my_classifier", epochs: 2, "optimizer.learningRate=0.01")
      let run = try await place.train(request, registry: registry)
      #expect(run.result.info.model == "my_classifier")
      let saved = try weights(of: run)
      #expect(
        saved.names == [
          "stem.weight", "stem.bias", "body.weight", "body.bias", "head.weight", "head.bias",
        ]
      )
      let start = Formula.weight("stem.weight", [8, 3, 3, 3], k: 0).map(Double.init)
      #expect(saved["stem.weight"]?.doubles() != start, "nothing was learned")

      let trained = try Engine(
        model: run.result.checkpoint,
        data: place.location,
        registry: registry
      )
      let scores = try await trained.evaluate(on: .val)
      #expect(scores.report.values == run.result.best.values)
      // Without the model's code there is no opening its checkpoint, but its export runs anywhere.
      #expect(throws: ModelError.self) { try Engine(model: run.result.checkpoint) }
      let exported = try await trained.export(to: place.folder.url.appending(path: "openvino"))
      let deployed = try Engine(model: exported.model.xml, data: place.location)
      #expect(try await deployed.evaluate(on: .val).performance == scores.performance)
    }

    @Test("it stands in the way of no other model")
    func others() throws {
      #expect(registry.models.map(\.name).contains("resnet18"))
      #expect(registry.models.count == ModelZoo.models.count + 1)
      let place = try Playground.classification([.train: 6, .val: 3])
      #expect(throws: ModelError.self) { try place.engine(try tinyRequest("my_classifier")) }
      #expect(
        try place.engine(try tinyRequest("resnet18"), registry: registry).task
          == .multiClassClassification
      )
    }
  }
}
