import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// What every model of the zoo promises; a new one is tested by being listed.
  @Suite struct ModelContract {
    /// `NAME`, or `TASK NAME`.
    ///
    /// Of the classifiers two, and one of each other task: the others differ by their network alone, which `BackboneContract`
    /// tests.
    static let names =
      ModelZoo.models.map(\.descriptor.name).filter { !BackboneContract.names.contains($0) }
      + [
        "resnet18", "mobilenet_v3_large", "MULTI_LABEL_CLS resnet18", "H_LABEL_CLS resnet18",
        "REGRESSION resnet18",
      ]

    /// Small, so that a test takes seconds.
    static let size = ImageSize(height: 64, width: 96)

    @Test func namesAreUnique() {
      let names = ModelZoo.descriptors.map { "\($0.task.rawValue) \($0.name)" }
      #expect(Set(names).count == names.count)
      #expect(Set(ModelZoo.backbones.map(\.name)).count == ModelZoo.backbones.count)
    }

    @Test(arguments: names) func descriptorIsTrue(name: String) throws {
      let descriptor = try Subject(name).descriptor
      let structure = try Structure(of: descriptor.name)
      #expect(descriptor.parameterCount == structure.parameterCount)
      expectClose(
        descriptor.gigaMultiplyAdds,
        Double(structure.multiplyAdds) / 1e9,
        rtol: 1e-3,
        atol: 0
      )
      let size = descriptor.preprocessing.inputSize
      #expect(size.height % descriptor.sizeMultiple == 0)
      #expect(size.width % descriptor.sizeMultiple == 0)
      #expect(descriptor.backbones.first != nil)
      if descriptor.task == .detection {
        let known = Set(ModelZoo.backbones.map(\.name))
        #expect(known.isSuperset(of: descriptor.backbones))
      }
    }

    @Test(arguments: names) func weightsAreThoseOfThePublishedModel(name: String) throws {
      let subject = try Subject(name)
      try subject.use(labelCount: 3) { model in
        let structure = try Structure(of: subject.descriptor.name)
        #expect(model.module.parameterCount == structure.parameterCount)
        let own = model.module.stateDictionary()
          .map { Structure.Entry(name: $0.name, shape: $0.value.shape) }
        #expect(own == structure.tensors)
        #expect(Set(own.map(\.name)).count == own.count)
      }
    }

    @Test(arguments: names, [1, 5]) func trains(name: String, labelCount: Int) throws {
      let subject = try Subject(name)
      try subject.train(labelCount: labelCount, isEmpty: false)
    }

    /// The same step twice gives the same bits, with no operation that cannot.
    @Test(arguments: names) func repeatsAStep(name: String) throws {
      let subject = try Subject(name)
      let before = try Torch.determinism()
      try Torch.setDeterminism(.on)
      defer { try? Torch.setDeterminism(before) }
      let first = try subject.gradients()
      #expect(try subject.gradients() == first)
    }

    /// Under autocast the loss stays in 32 bits, and near what it is without.
    @Test(arguments: names) func trainsInSixteenBits(name: String) throws {
      let subject = try Subject(name)
      let full = try subject.firstLoss()
      let short = try autocast(.bfloat16) { try subject.firstLoss() }
      #expect(full.dtype == .float32)
      #expect(short.dtype == .float32)
      expectClose(try short.item(), try full.item(), rtol: 0.1, atol: 0.02)
    }

    @Test(arguments: names) func trainsWithoutObjects(name: String) throws {
      let subject = try Subject(name)
      guard subject.descriptor.task == .detection else { return }
      try subject.train(labelCount: 2, isEmpty: true)
    }

    @Test(arguments: names, [1, 3]) func outputsAreDeclared(name: String, batch: Int) throws {
      let subject = try Subject(name)
      try subject.use(labelCount: 2) { model in
        let images = try Tensor(
          Formula.input([batch, 3, Self.size.height, Self.size.width]),
          shape: [batch, 3, Self.size.height, Self.size.width]
        ).to(.channelsLast)
        model.module.setTraining(false)
        let (outputs, raw) = try noGrad {
          (try model.outputs(images), try model.rawOutputs(images))
        }
        try subject.expectPredictions(outputs, batch: batch)
        #expect(raw.allSatisfy { $0.value.size(0) == batch })
      }
    }

    /// Each picture's result does not depend on the others of its batch.
    @Test(arguments: names) func picturesAreIndependent(name: String) throws {
      let subject = try Subject(name)
      try subject.use(labelCount: 2) { model in
        try subject.tellApart(model)
        model.module.setTraining(false)
        let shape = [3, 3, Self.size.height, Self.size.width]
        let images = try Tensor(Formula.input(shape), shape: shape)
        try noGrad {
          let all = try model.outputs(images)
          let last = try model.outputs(images.narrow(dim: 0, start: 2, length: 1))
          for (together, alone) in zip(all, last) {
            expectClose(
              try NamedTensor("", together.value.narrow(dim: 0, start: 2, length: 1)).doubles,
              try alone.doubles,
              rtol: 1e-4,
              atol: 1e-3,
              together.name
            )
          }
        }
      }
    }

    /// The exported graph has the declared outputs, and all weights under their own names.
    @Test(arguments: names) func records(name: String) throws {
      let subject = try Subject(name)
      try subject.use(labelCount: 2) { model in
        model.module.setTraining(false)
        let images = try Tensor.zeros([2, 3, Self.size.height, Self.size.width])
        let weights = model.module.stateDictionary()
        for isRaw in [false, true] {
          var names: [String] = []
          let graph = try noGrad {
            try record(inputs: [("image", images)], parameters: weights) {
              let outputs = isRaw ? try model.rawOutputs(images) : try model.outputs(images)
              names = outputs.map(\.name)
              return outputs.map { ($0.name, $0.value) }
            }
          }
          #expect(graph.outputs.map(\.name) == names)
          let values = Set(graph.values.map(\.name))
          let used = weights.map(\.name).filter { !$0.hasSuffix("num_batches_tracked") }
          #expect(used.filter { !values.contains($0) } == [])
        }
      }
    }

    @Test(arguments: names) func otherBackbonesFit(name: String) throws {
      let subject = try Subject(name)
      for backbone in subject.descriptor.backbones.dropFirst().prefix(2) {
        try subject.use(labelCount: 2, backbone: backbone) { model in
          model.module.setTraining(false)
          let images = try Tensor.zeros([1, 3, Self.size.height, Self.size.width])
          try subject.expectPredictions(noGrad { try model.outputs(images) }, batch: 1)
        }
      }
    }

    @Test func refusesWhatCannotBeBuilt() throws {
      let descriptor = ATSS.mobileNetV2.descriptor
      var info = modelInfo(descriptor, labelCount: 2, size: Self.size)
      info.model = "atss_mobilenet"
      let known = ["atss_mobilenetv2", "ssd_mobilenetv2", "yolox_tiny", "yolox_s"]
      #expect(throws: ModelError.unknownModel("atss_mobilenet", known: known)) {
        try ModelZoo.make(info, Detection.self)
      }
      info = modelInfo(descriptor, labelCount: 0, size: Self.size)
      #expect(throws: ModelError.self) { try ModelZoo.make(info, Detection.self) }
      info = modelInfo(descriptor, labelCount: 1, size: ImageSize(height: 100, width: 96))
      #expect(throws: ModelError.self) { try ModelZoo.make(info, Detection.self) }
      info = modelInfo(descriptor, labelCount: 1, size: Self.size, backbone: "resnet")
      #expect(throws: ConfigurationError.self) { try ModelZoo.make(info, Detection.self) }
    }
  }
}

/// A model of the zoo whose task the test does not know.
struct Subject {
  let descriptor: ModelDescriptor

  init(_ name: String) throws {
    let words = name.split(separator: " ").map(String.init)
    descriptor = try #require(
      ModelZoo.descriptors.model(
        named: words.last ?? "",
        task: words.count > 1 ? TaskType(rawValue: words[0]) : nil
      )
    )
  }

  private func info(_ labelCount: Int, _ backbone: String?) -> ModelInfo {
    modelInfo(
      descriptor,
      labelCount: labelCount,
      size: Models.ModelContract.size,
      backbone: backbone
    )
  }

  /// Builds the model and hands it over as far as every task's models are alike.
  func use(
    labelCount: Int,
    backbone: String? = nil,
    _ body: (any TaskModel) throws -> Void
  ) throws {
    try Torch.seed(7)
    func open<Kind: VisionTask>(_ kind: Kind.Type) throws {
      try body(ModelZoo.make(info(labelCount, backbone), kind))
    }
    try open(descriptor.task.kind)
  }

  /// Gives a detector weights at which its scores differ clearly; fresh ones are all but equal, and
  /// then rounding would decide which come first.
  func tellApart(_ model: any TaskModel) throws {
    guard descriptor.task == .detection else { return }
    try model.module.fillByFormula(keeping: ["bbox_head.anchor_sizes"])
  }

  func expectPredictions(_ outputs: [NamedTensor], batch: Int) throws {
    let info = info(2, nil)
    var found: [String: ModelOutput] = [:]
    for output in outputs {
      found[output.name] = ModelOutput(
        shape: output.value.shape,
        values: try output.value.to(.float32).contiguous().floats()
      )
    }
    let frame = ImageFrame(itemID: "", originalSize: info.preprocessing.inputSize)
    let frames = Array(repeating: frame, count: batch)
    func open<Kind: VisionTask>(_ kind: Kind.Type) throws {
      let predictions = try kind.predictions(from: found, frames: frames, info: info)
      #expect(predictions.count == batch)
    }
    try open(descriptor.task.kind)
  }

  /// Some steps of plain gradient descent on one batch: the loss falls.
  func train(labelCount: Int, isEmpty: Bool) throws {
    let isConstant = labelCount == 1 && descriptor.task == .multiClassClassification
    try onTrainingBatch(labelCount, isEmpty: isEmpty) { module, loss in
      try descend(module, loss, isConstant: isConstant)
    }
  }

  /// The bytes of a first step's gradients.
  func gradients() throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    try onTrainingBatch(2, isEmpty: false) { module, loss in
      try loss().backward()
      for (_, parameter) in module.parameters() {
        found.append(try #require(try parameter.value.grad).contiguous().arrayBuffer().bytes)
      }
    }
    return found
  }

  func firstLoss() throws -> Tensor {
    var found: Tensor?
    try onTrainingBatch(2, isEmpty: false) { _, loss in found = try loss() }
    return try #require(found)
  }

  /// Builds the model with the same weights each time, in training mode, and hands over its tree
  /// and its loss on a batch of four.
  private func onTrainingBatch(
    _ labelCount: Int,
    isEmpty: Bool,
    _ body: (any ParameterTree, _ loss: () throws -> Tensor) throws -> Void
  ) throws {
    func open<Kind: VisionTask>(_ model: any TaskModel<Kind>, _ batch: Kind.Batch) throws {
      let shape = [batch.count, 3, batch.images.height, batch.images.width]
      let images = try Tensor(Formula.input(shape), shape: shape).to(.channelsLast)
      model.module.setTraining(true)
      try body(model.module) {
        try Torch.seed(8)
        return try model.loss(images, batch).total()
      }
    }
    try Torch.seed(7)
    let size = Models.ModelContract.size
    switch descriptor.task {
    case .multiClassClassification:
      let model = try ModelZoo.make(info(labelCount, nil), MultiClassClassification.self)
      let labels = (0..<4).map { $0 % labelCount }
      try open(model, classificationBatch(labels, size: size))
    case .hierarchicalClassification:
      let model = try ModelZoo.make(info(labelCount, nil), HierarchicalClassification.self)
      try open(
        model,
        HierarchicalClassification.Batch(
          collating: (0..<4).map { index in
            HierarchicalClassification.Entity(
              image: blankImage(size),
              frame: ImageFrame(itemID: "\(index)", originalSize: size),
              targets: LabelTargets(showing: [index % labelCount], of: labelCount)
            )
          }
        )
      )
    case .regression:
      let model = try ModelZoo.make(info(labelCount, nil), Regression.self)
      try open(
        model,
        Regression.Batch(
          collating: (0..<4).map { index in
            Regression.Entity(
              image: blankImage(size),
              frame: ImageFrame(itemID: "\(index)", originalSize: size),
              targets: LabelTargets(
                values: (0..<labelCount).map { Float(index - $0) },
                weights: [Float](repeating: 1, count: labelCount)
              )
            )
          }
        )
      )
    case .multiLabelClassification:
      let model = try ModelZoo.make(info(labelCount, nil), MultiLabelClassification.self)
      try open(
        model,
        MultiLabelClassification.Batch(
          collating: (0..<4).map { index in
            MultiLabelClassification.Entity(
              image: blankImage(size),
              frame: ImageFrame(itemID: "\(index)", originalSize: size),
              targets: LabelTargets(showing: 0..<(index % (labelCount + 1)), of: labelCount)
            )
          }
        )
      )
    case .detection:
      let model = try ModelZoo.make(info(labelCount, nil), Detection.self)
      let objects = (0..<4).map { index in
        let box = BoundingBox(
          x1: Float(8 + 4 * index),
          y1: 8,
          x2: Float(40 + 10 * index),
          y2: 56
        )
        return isEmpty ? [] : [Detection.LabeledBox(box: box, label: index % labelCount)]
      }
      try open(model, detectionBatch(objects, size: size))
    }
  }

  private func descend(
    _ module: any ParameterTree,
    _ loss: () throws -> Tensor,
    isConstant: Bool
  ) throws {
    var losses: [Double] = []
    for _ in 0..<4 {
      let loss = try loss()
      losses.append(try loss.item())
      for (_, parameter) in module.parameters() { try parameter.value.setGrad(nil) }
      try loss.backward()
      try noGrad {
        var reached = 0
        for (name, parameter) in module.parameters() {
          guard let gradient = try parameter.value.grad else { continue }
          reached += 1
          let isFinite = try gradient.isFinite().all().item() == 1
          #expect(isFinite, "\(name)'s gradient")
          try parameter.value.add_(gradient, scale: -0.01)
        }
        #expect(reached == module.parameters().count, "parameters without a gradient")
      }
    }
    #expect(!losses.contains { !$0.isFinite })
    if !isConstant {
      // Not the last one: where cells are assigned by what they predict, a step may change the task.
      let best = try #require(losses.dropFirst().min())
      #expect(best < losses[0], "\(losses)")
    }
  }
}
