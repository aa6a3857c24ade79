import OTXCore
import OTXModels
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXTorch

/// Half of `curvature * position²`: its gradient is known everywhere.
private final class Bowl: TaskModel {
  typealias Kind = MultiClassClassification
  let network: RampNetwork
  let curvature: Double
  /// Where the loss was asked for.
  private(set) var visited: [Double] = []
  var module: any ParameterTree { network }

  init(start: Double, curvature: Double) throws {
    network = try RampNetwork(start)
    self.curvature = curvature
  }

  func loss(_ images: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let position = network.position.value
    visited.append(try position.detach().sum().item())
    return LossTerms([NamedTensor("loss_cls", try (position * position * (curvature / 2)).sum())])
  }

  func outputs(_ images: Tensor) throws -> [NamedTensor] {
    [NamedTensor("logits", try .zeros([images.size(0), 2]))]
  }
}

/// A backbone with running moments, and a head.
private final class TwoPartNetwork: Layer {
  final class Backbone: Layer {
    let convolution: Conv2d
    let normalization: BatchNorm2d
    init() throws {
      convolution = try Conv2d(3, 4, kernelSize: 3, stride: 2, padding: 1)
      normalization = try BatchNorm2d(4)
    }
    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try normalization(convolution(input)).relu()
    }
  }
  let backbone: Backbone
  let head: Linear

  init() throws {
    backbone = try Backbone()
    head = try Linear(4, 2)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try head(backbone(input).mean(dims: [2, 3]))
  }
}

private final class TwoPartClassifier: AdaptedModel {
  typealias Kind = MultiClassClassification
  let network: TwoPartNetwork
  init() throws { network = try TwoPartNetwork() }

  func loss(of output: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let labels = try Tensor(batch.entities.map(\.label))
    return LossTerms([NamedTensor("loss_cls", try crossEntropy(output.to(.float32), labels))])
  }
  func outputs(of output: Tensor) throws -> [NamedTensor] { [NamedTensor("logits", output)] }

  /// Every number of the weights whose names begin with `prefix`.
  func numbers(_ prefix: String) throws -> [Float] {
    try network.stateDictionary().filter { $0.name.hasPrefix(prefix) && $0.value.dtype == .float32 }
      .flatMap { try $0.value.floats() }
  }
}

extension Training {
  /// What a recipe can ask of the loop beyond plain descent.
  @Suite("Ways to learn") struct Methods {
    @Test("sharpness-aware steps take the gradient at the worst weights near by")
    func sharpness() throws {
      let run = try TestRun()
      let model = try Bowl(start: 1, curvature: 2)
      var options = plainOptions(epochs: 1)
      options.optimizer.sharpnessRadius = 0.5
      let data = try classifierData(train: 10, batchSize: 10, isUniform: true)
      try run.train(model, options, data: data)
      // The gradient at 1 + 0.5 is 3; the step of 0.1 starts at 1.
      expectClose(model.visited, [1, 1.5], atol: 1e-6)
      expectClose(try run.savedPosition(), 1 - 0.1 * 3, atol: 1e-6)
      #expect(run.listener.steps.first?.losses.last?.value == 1)
    }

    @Test("running moments keep what the first pass gave")
    func sharpnessAndMoments() throws {
      func moments(radius: Double) throws -> ArrayBuffer? {
        try Torch.seed(1)
        let run = try TestRun()
        var options = plainOptions(epochs: 1)
        options.optimizer.sharpnessRadius = radius
        let model = try SmallClassifier(labelCount: 2)
        try run.train(model, options, data: classifierData(train: 2))
        return try run.last("state_dict", "normalization.running_mean")
      }
      let (plain, sharp) = (try moments(radius: 0), try moments(radius: 0.05))
      #expect(plain?.doubles() == sharp?.doubles())
      #expect(plain?.doubles() != [0, 0, 0, 0])
    }

    @Test("running moments follow as fast as a recipe says")
    func batchNormMomentum() throws {
      func moments(_ momentum: Double) throws -> [Double] {
        try Torch.seed(1)
        let run = try TestRun()
        var options = plainOptions(epochs: 1)
        options.batchNormMomentum = momentum
        // One step: the moments move from 0 once.
        try run.train(SmallClassifier(labelCount: 2), options, data: classifierData(train: 2))
        return try #require(run.last("state_dict", "normalization.running_mean")?.doubles())
      }
      let (own, slow) = (try moments(0), try moments(0.05))
      expectClose(slow, own.map { $0 / 2 }, rtol: 1e-5)
    }

    @Test("a frozen backbone stays as it is, to the bit; then it learns too")
    func frozenBackbone() throws {
      let model = try TwoPartClassifier()
      let (backbone, head) = (try model.numbers("backbone."), try model.numbers("head."))
      var options = plainOptions(epochs: 2)
      options.frozenBackboneEpochs = 2
      try TestRun().train(model, options, data: classifierData())
      #expect(try model.numbers("backbone.") == backbone)
      #expect(try model.numbers("head.") != head)

      options.maxEpochs = 3
      try TestRun().train(model, options, data: classifierData())
      #expect(try model.numbers("backbone.convolution") != Array(backbone.prefix(112)))
      #expect(try model.numbers("backbone.normalization.running_mean") != [0, 0, 0, 0])
    }

    @Test("a network without a known head cannot keep the rest frozen")
    func nothingToFreeze() throws {
      var options = plainOptions(epochs: 1)
      options.frozenBackboneEpochs = 1
      let error = #expect(throws: ConfigurationError.self) {
        try TestRun().train(SmallClassifier(labelCount: 2), options, data: classifierData())
      }
      #expect("\(try #require(error))".contains("no head is known"))
    }

    @Test("a loss without choices refuses them")
    func lossChoices() throws {
      var options = plainOptions(epochs: 1)
      options.loss.labelSmoothing = 0.1
      #expect(throws: ConfigurationError.self) { try TestRun().train(Ramp(), options) }
    }

    @Test("smoothed labels raise the loss of what is sure and right")
    func smoothing() throws {
      let model = ImageClassifier(network: try ResNet(labelCount: 2))
      let size = ImageSize(height: 32, width: 32)
      let entity = MultiClassClassification.Entity(
        image: Image(size: size),
        frame: ImageFrame(itemID: "a", originalSize: size),
        label: 1
      )
      let batch = try MultiClassClassification.Batch(collating: [entity])
      model.module.setTraining(false)
      let images = try Tensor.ones([1, 3, 32, 32])
      let logits = try noGrad { try model.network.logits(images) }
      for smoothing in [0, 0.3] {
        model.lossOptions.labelSmoothing = smoothing
        let loss = try noGrad { try model.loss(images, batch).total().item() }
        let expected = try crossEntropy(logits, Tensor([1]), labelSmoothing: smoothing).item()
        expectClose(loss, expected, rtol: 1e-6)
      }
    }

    /// A network of random weights tells red from blue.
    @Test("a linear probe fits the last layer and leaves the rest alone")
    func linearProbe() throws {
      try Torch.seed(3)
      let model = ImageClassifier(network: try ResNet(labelCount: 2))
      let before = try model.network.stateDictionary().map { ($0.name, try $0.value.arrayBuffer()) }
      var run = try TestRun()
      let part = DataFingerprint.Part(itemCount: 24, names: 1, pictures: 2, annotations: 3)
      run.directory.data = DataFingerprint(subsets: ["train": part])
      var options = plainOptions(epochs: 1)
      options.method = .linearProbe
      let data = try classifierData(train: 24, batchSize: 6, size: 32)
      let info = classifierInfo("resnet18", size: 32)
      let result = try run.train(model, options, info: info, data: data)
      #expect(result.best.values["accuracy"] == 1)
      #expect(result.stopReason.contains("last layer is fitted"))
      let after = Dictionary(
        uniqueKeysWithValues: try model.network.stateDictionary().map {
          ($0.name, try $0.value.arrayBuffer())
        }
      )
      for (name, value) in before {
        #expect((after[name] == value) == !name.hasPrefix("fc."), "\(name)")
      }
      #expect(run.listener.messages.contains { $0.contains("20 nearest") && $0.contains("1.0") })
      let saved = try CheckpointFile.read(run.directory.bestCheckpoint).state["fc.weight"]
      #expect(saved == after["fc.weight"])

      // Another run with the same weights and data computes nothing anew, and ends the same.
      var second = try TestRun()
      second.directory.data = run.directory.data
      second.directory.cache = run.directory.cache
      let again = try second.train(model, options, info: info, data: data)
      #expect(second.listener.messages.contains { $0.hasPrefix("Features of 24 train pictures") })
      #expect(again.best == result.best)
      #expect(try CheckpointFile.read(second.directory.bestCheckpoint).state["fc.weight"] == saved)
    }

    /// What a random network says is tiny, and what is tiny in all features is no less worth.
    @Test("the scale of features does not matter to a fit", arguments: [1, 1e-9, 1e6])
    func scales(scale: Float) throws {
      let count = 40
      var features: [Float] = []
      for index in 0..<count {
        features += [
          scale * (index % 2 == 0 ? 1.1 : 1), scale * Float(index % 5), 0, 3,
        ]
      }
      let pixel = Image(size: ImageSize(height: 1, width: 1))
      let samples = LinearProbe<MultiClassClassification>.Samples(
        features: try Tensor(features, shape: [count, 4]),
        entities: (0..<count).map { index in
          .init(
            image: pixel,
            frame: ImageFrame(itemID: "\(index)", originalSize: pixel.size),
            label: index % 2
          )
        }
      )
      let model = ImageClassifier(network: try ResNet(labelCount: 2))
      let fit = try LinearProbe(model: model, seed: 0)
        .fit(samples, validation: samples, outputCount: 2)
      let logits = try samples.features.linear(fit.weight, bias: fit.bias).floats()
      for index in 0..<count {
        #expect((logits[2 * index + 1] > logits[2 * index]) == (index % 2 == 1), "\(index)")
      }
    }

    @Test("with rounded layers a network learns, and keeps no rounding and no moved moments")
    func quantizationAware() throws {
      try Torch.seed(3)
      let model = ImageClassifier(network: try ResNet(labelCount: 2))
      let mean = model.network.stateDictionary().first { $0.name == "bn1.running_mean" }
      let before = try #require(mean).value.arrayBuffer()
      let run = try TestRun()
      var options = plainOptions(epochs: 3)
      options.method = .quantizationAware
      options.optimizer.learningRate = 0.01
      let data = try classifierData(train: 24, batchSize: 6, size: 32)
      let info = classifierInfo("resnet18", size: 32)
      let result = try run.train(model, options, info: info, data: data)
      #expect(result.best.values["accuracy"] == 1)
      #expect(run.listener.messages.count { $0.contains("of 21 layers to 8 bits") } == 1)
      #expect(
        model.module.modules().allSatisfy {
          ($0.module as? any QuantizableLayer)?.quantizer == nil
        }
      )
      let after = try CheckpointFile.read(run.directory.bestCheckpoint).state["bn1.running_mean"]
      #expect(after == before)
    }

    @Test("a network without layers that can be rounded is refused")
    func nothingToRound() throws {
      var options = plainOptions(epochs: 1)
      options.method = .quantizationAware
      let error = #expect(throws: ConfigurationError.self) { try TestRun().train(Ramp(), options) }
      #expect("\(try #require(error))".contains("quantization_aware needs a network with"))
    }

    @Test("a probe refuses a model without a last linear layer")
    func noProbe() throws {
      var options = plainOptions(epochs: 1)
      options.method = .linearProbe
      let error = #expect(throws: ConfigurationError.self) { try TestRun().train(Ramp(), options) }
      #expect("\(try #require(error))".contains("linear_probe needs a classifier"))
    }

    @Test("the nearest training samples vote")
    func neighbours() throws {
      let known = try Tensor([1, 0, 0.9, 0.1, 0, 1] as [Float], shape: [3, 2])
      let asked = try Tensor([2, 0.1, 0.1, 3] as [Float], shape: [2, 2])
      func accuracy(_ truth: [Int]) throws -> Double {
        try NearestNeighbours.accuracy(
          known,
          [0, 0, 1],
          asked,
          truth,
          labelCount: 2,
          neighbourCount: 3
        )
      }
      #expect(try accuracy([0, 1]) == 1)
      #expect(try accuracy([1, 1]) == 0.5)
    }
  }
}
