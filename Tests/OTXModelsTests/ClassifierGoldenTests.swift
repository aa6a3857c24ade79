import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// Classifiers compute what torchvision computes.
  @Suite struct ClassifierGoldens {
    struct Content: Decodable {
      var logits: [Double]
      var loss: Double
      var gradients: [String: GoldenGradient]
      var statistics: [String: [Double]]
    }

    @Test(arguments: ["resnet18", "mobilenet_v3_large"])
    func agreesWithTorchvision(name: String) throws {
      let expected = try golden(name, as: Content.self)
      let size = ImageSize(height: 64, width: 64)
      let entry = try #require(ModelZoo.models.first { $0.descriptor.name == name })
      let model = try ModelZoo.make(
        modelInfo(entry.descriptor, labelCount: 3, size: size),
        MultiClassClassification.self
      )
      try model.module.fillByFormula()
      let images = try Tensor(Formula.input([2, 3, 64, 64]), shape: [2, 3, 64, 64])
        .to(.channelsLast)

      model.module.setTraining(false)
      let outputs = try noGrad { try model.outputs(images) }
      expectClose(try outputs["logits"].doubles, expected.logits, rtol: 1e-4, atol: 1e-5, "logits")

      model.module.setTraining(true)
      for (_, module) in model.module.modules() { (module as? Dropout)?.isTraining = false }
      let loss = try model.loss(images, classificationBatch([1, 2], size: size)).total()
      expectClose(try loss.item(), expected.loss, rtol: 1e-4, atol: 1e-6, "loss")
      try loss.backward()
      try model.module.expectGradients(expected.gradients)
      try model.module.expectState(expected.statistics)
    }
  }
}
