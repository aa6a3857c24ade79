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
  /// What every backbone of the list promises; a new one is tested by being listed, and by a row in
  /// `Tools/goldens/backbones.py`.
  @Suite struct BackboneContract {
    static let names = ModelZoo.backbones.map(\.name)

    @Test(arguments: names) func descriptorIsTrue(name: String) throws {
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let (descriptor, golden) = (entry.descriptor, try BackboneGolden(of: name))
      #expect(descriptor.parameterCount == golden.parameterCount)
      expectClose(
        descriptor.gigaMultiplyAdds,
        Double(golden.multiplyAdds) / 1e9,
        rtol: 1e-3,
        atol: 0
      )
      let side = descriptor.preprocessing.inputSize
      #expect([side.height, side.width] == golden.defaultSize)
      #expect(side.height % descriptor.sizeMultiple == 0)
      #expect(side.width % descriptor.sizeMultiple == 0)
      #expect(descriptor.levels == descriptor.levels.sorted { $0.stride < $1.stride })
    }

    /// A backbone's weights are those of the published model of the name, less the classifier; the
    /// levels have the declared shapes.
    @Test(arguments: names) func levelsAreTrue(name: String) throws {
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let golden = try BackboneGolden(of: name)
      let size = ImageSize(height: golden.size[0], width: golden.size[1])
      let backbone = try withoutDraws { try entry.make(for: size) }
      #expect(backbone.levels == entry.descriptor.levels)
      // Where any size will do, not a square.
      let height = golden.size[0]
      let width = entry.descriptor.hasDynamicSize ? golden.size[1] * 3 / 2 : golden.size[1]
      backbone.setTraining(false)
      let features = try noGrad { try backbone(.zeros([1, 3, height, width])) }
      #expect(
        features.map(\.shape)
          == backbone.levels.map { [1, $0.channels, height / $0.stride, width / $0.stride] }
      )
      let own = Set(backbone.stateDictionary().map { "\($0.name) \($0.value.shape)" })
      guard
        let classifier = try withoutDraws({ try entry.makeClassifier(labelCount: 3, for: size) })
      else { return golden.expectStructure(of: backbone) }
      let whole = Set(classifier.stateDictionary().map { "\($0.name) \($0.value.shape)" })
      #expect(own.subtracting(whole) == [])
    }

    /// Sizes that are no multiples of the strides: each halving rounds up.
    @Test(arguments: ModelZoo.backbones.filter { $0.descriptor.sizeMultiple == 4 }.map(\.name))
    func oddSizesRoundUp(name: String) throws {
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let backbone = try withoutDraws { try entry.make() }
      backbone.setTraining(false)
      let (height, width) = (44, 76)
      let features = try noGrad { try backbone(.zeros([1, 3, height, width])) }
      let expected = backbone.levels.map { level in
        [1, level.channels] + [height, width].map { ($0 + level.stride - 1) / level.stride }
      }
      #expect(features.map(\.shape) == expected)
    }

    /// The small networks, and of each family without one the smallest.
    private static let drawn =
      ModelZoo.backbones.filter { $0.descriptor.parameterCount < 15_000_000 }.map(\.name)
      + ["dinov2_small_reg", "convnext_tiny", "swin_t"]

    /// Random first values spread as the published network's, where Python looked at them.
    @Test(arguments: drawn)
    func startsAsThePublishedNetwork(name: String) throws {
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let golden = try BackboneGolden(of: name)
      guard let deviations = golden.deviations,
        let parameters = try entry.makeClassifier(labelCount: 3)?.parameters()
      else { return }
      for (name, deviation) in deviations {
        let values = try #require(parameters.first { $0.name == name }).parameter.value
        let own = try (values * values).mean().item().squareRoot()
        // Both are samples; six standard deviations of their difference.
        let rtol = 6 / Double(values.elementCount).squareRoot()
        expectClose(own, deviation, rtol: rtol, atol: 1e-12, name)
      }
    }

    /// Every backbone with the levels that a detector needs works under it.
    @Test(arguments: ATSS.mobileNetV2.descriptor.backbones) func fitsADetector(name: String) throws
    {
      let size = ImageSize(height: 64, width: 96)
      let info = modelInfo(ATSS.mobileNetV2.descriptor, labelCount: 2, size: size, backbone: name)
      let model = try withoutDraws { try ModelZoo.make(info, Detection.self) }
      model.module.setTraining(false)
      let outputs = try noGrad { try model.rawOutputs(.zeros([1, 3, 64, 96])) }
      // Cells of strides 8 to 128, the coarsest one by one.
      #expect(try outputs["boxes"].value.shape == [1, 96 + 24 + 6 + 2 + 1, 4])
    }

    /// Names and shapes in the published order; outputs, loss, gradients and running statistics of
    /// weights and pictures that a formula fills; the same in OpenVINO.
    @Test(arguments: names) func agreesWithThePublishedNetwork(name: String) throws {
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let golden = try BackboneGolden(of: name)
      let size = ImageSize(height: golden.size[0], width: golden.size[1])
      try withoutDraws {
        if let network = try entry.makeClassifier(labelCount: 3) {
          golden.expectStructure(of: network)
        }
        if let network = try entry.makeClassifier(labelCount: 3, for: size) {
          try golden.expectNumbers(of: network, name)
        } else {
          let network = try LinearClassifier(backbone: entry.make(for: size), labelCount: 3)
          try golden.expectNumbers(of: network, name)
        }
      }
    }
  }
}

/// Networks whose weights are filled afterwards.
private func withoutDraws<Result>(_ body: () throws -> Result) throws -> Result {
  try Initialization.$drawsNumbers.withValue(false) { try body() }
}

extension BackboneGolden {
  init(of name: String) throws {
    try self.init(of: name, in: Bundle.module.bundleURL.appending(path: "Goldens/backbones"))
  }

  /// Names and shapes of the state dictionary, in order.
  func expectStructure(of network: any ParameterTree) {
    #expect(difference(of: network.stateDictionary().map { ($0.name, $0.value.shape) }) == nil)
  }

  func expectNumbers(of network: any ImageClassifierNetwork, _ name: String) throws {
    guard let numbers else { return }
    let model = ImageClassifier(network: network)
    let state = network.stateDictionary()
    let filled = numbers.weights(state.map { ($0.name, $0.value.shape, $0.value.dtype) })
    try network.loadStateDictionary(
      zip(state, filled).map { ($0.name, try $1.map { try Tensor($0) } ?? $0.value) }
    )
    let images = try Tensor(numbers.images(size)).to(.channelsLast)
    network.setTraining(false)
    let outputs = try noGrad { try model.outputs(images) }
    let scale = numbers.logits.map(abs).max() ?? 1
    expectClose(
      try outputs["logits"].doubles,
      numbers.logits,
      rtol: 1e-4,
      atol: 1e-4 * scale,
      "logits"
    )

    let graph = try noGrad {
      try record(inputs: [("image", images)], parameters: network.stateDictionary()) {
        try model.outputs(images).map { ($0.name, $0.value) }
      }
    }
    let imageSize = ImageSize(height: size[0], width: size[1])
    let folder = try TemporaryFolder()
    let info = modelInfo(
      LinearClassifier.descriptor(for: .multiClassClassification),
      labelCount: 3,
      size: imageSize
    )
    let files = try ONNXExporter().export(graph: graph, info: info, to: folder.url)
    try keepONNX(name, files, images: images, outputs: outputs)
    let models = [
      ("OpenVINO", try OpenVINOModel(compiling: graph)),
      ("ONNX", try OpenVINOModel(reading: files[0])),
    ]
    for (format, model) in models {
      let found = try model.run([images.contiguous().arrayBuffer()])
      expectClose(
        try #require(found["logits"]).values.map(Double.init),
        try outputs["logits"].doubles,
        rtol: 1e-4,
        atol: 2e-4 * scale,
        "the logits in \(format)"
      )
    }

    let batch = try classificationBatch([1, 2], size: imageSize)
    let loss = try model.loss(images, batch).total()
    expectClose(try loss.item(), numbers.loss, rtol: 1e-4, atol: 1e-6, "loss")
    try loss.backward()
    try network.expectGradients(numbers.gradients, kinks: 0.03)

    network.setTraining(true)
    for (_, module) in network.modules() {
      (module as? Dropout)?.isTraining = false
      (module as? StochasticDepth)?.isTraining = false
    }
    let trainingLoss = try noGrad { try model.loss(images, batch).total() }
    expectClose(try trainingLoss.item(), numbers.trainingLoss, rtol: 1e-3, atol: 1e-6, "training")
    try network.expectState(numbers.statistics, rtol: 1e-3)
  }
}
