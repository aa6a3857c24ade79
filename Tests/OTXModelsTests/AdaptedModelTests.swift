import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

/// A network that knows nothing of this package's tasks: it maps rows of numbers to rows.
private final class ForeignNetwork: Layer {
  let body: Sequential
  init(_ inputFeatures: Int, _ outputFeatures: Int) throws {
    body = try Sequential(Linear(inputFeatures, 16), ReLU(), Linear(16, outputFeatures))
  }
  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try body(input) }
}

/// What it takes to bring it: its input made of pictures, a loss, the task's named outputs.
private final class ForeignClassifier: AdaptedModel {
  typealias Kind = MultiClassClassification
  let network: ForeignNetwork
  init(labelCount: Int) throws { network = try ForeignNetwork(3 * 4 * 4, labelCount) }

  func networkInput(_ images: Tensor) throws -> Tensor {
    try images.adaptiveAvgPool2d(4).flatten(startDim: 1)
  }
  func loss(of output: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let labels = try Tensor(batch.entities.map(\.label))
    return LossTerms([NamedTensor("loss_cls", try crossEntropy(output, labels))])
  }
  func outputs(of output: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, output)]
  }
}

extension Models {
  @Suite struct AdaptedModels {
    @Test func aForeignNetworkTrainsAndPredicts() throws {
      try Torch.seed(1)
      let model: any TaskModel<MultiClassClassification> = try ForeignClassifier(labelCount: 2)
      #expect(
        model.module.stateDictionary().map(\.name)
          == ["body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias"]
      )
      let size = ImageSize(height: 16, width: 16)
      let images = try Tensor(Formula.input([4, 3, 16, 16]), shape: [4, 3, 16, 16])
      let batch = try classificationBatch([0, 1, 1, 0], size: size)
      var losses: [Double] = []
      for _ in 0..<100 {
        let loss = try model.loss(images, batch).total()
        losses.append(try loss.item())
        for (_, parameter) in model.module.parameters() { try parameter.value.setGrad(nil) }
        try loss.backward()
        try noGrad {
          for (_, parameter) in model.module.parameters() {
            try parameter.value.add_(#require(try parameter.value.grad), scale: -0.5)
          }
        }
      }
      #expect(losses[99] < 0.1)
      let outputs = try noGrad { try model.outputs(images) }
      let logits = try outputs["logits"]
      let frame = ImageFrame(itemID: "", originalSize: size)
      let info = ModelInfo(
        model: "mine",
        backbone: "mine",
        task: .multiClassClassification,
        labels: LabelInfo(names: ["a", "b"]),
        preprocessing: Preprocessing(inputSize: size)
      )
      let predictions = try MultiClassClassification.predictions(
        from: ["logits": ModelOutput(shape: [4, 2], values: logits.value.floats())],
        frames: Array(repeating: frame, count: 4),
        info: info
      )
      #expect(predictions.map(\.label) == [0, 1, 1, 0])
      #expect(try model.rawOutputs(images).map(\.name) == ["logits"])
    }

    @Test func aLossNeedsATerm() {
      #expect(throws: ModelError.self) { try LossTerms([]).total() }
    }
  }
}
