import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// Networks without some of their channels compute what they computed with those channels at zero.
  @Suite struct Pruning {
    /// The smallest of each family.
    static let names = [
      "resnet18", "resnext50_32x4d", "mobilenet_v2", "mobilenet_v3_small",
      "mobilenetv4_conv_small", "efficientnet_b0", "regnet_y_400mf", "shufflenet_v2_x0_5",
      "densenet121", "osnet_x1_0", "convnext_tiny", "swin_t", "deit_tiny",
      "ssd_mobilenetv2", "atss_mobilenetv2", "yolox_tiny", "H_LABEL_CLS resnet18",
    ]

    @Test(arguments: names) func theRestComputesTheSame(name: String) throws {
      let descriptor = try Subject(name).descriptor
      let size =
        descriptor.hasDynamicSize ? ModelContract.size : descriptor.preprocessing.inputSize
      let info = modelInfo(descriptor, labelCount: 3, size: size)
      try Torch.seed(7)
      func open<Kind: VisionTask>(_ kind: Kind.Type) throws {
        try check(ModelZoo.make(info, kind), info)
      }
      try open(descriptor.task.kind)
    }

    private func check<Kind: VisionTask>(
      _ model: any TaskModel<Kind>,
      _ info: ModelInfo
    ) throws {
      try model.module.drawMoments()
      let network = ChannelDependencies(try shaped(model, info.preprocessing.inputSize))
      let plan = try PruningPlan(network, PruningOptions(share: Pruning.share(info.model)))
      #expect(plan.share > 0.04)
      try model.module.silence(plan, of: network)
      let expected = try outputs(of: model, info.preprocessing.inputSize)

      let state = StateDictionary(
        try model.module.stateDictionary().map {
          .init(name: $0.name, value: try $0.value.contiguous().arrayBuffer())
        }
      )
      let file = try CheckpointFile(state: state, info: info).pruned(by: plan)
      let smaller = try ModelZoo.make(try #require(file.info), Kind.self)
      try smaller.module.loadStateDictionary(
        file.state.map { ($0.name, try Tensor($0.value)) }
      )
      for (own, other) in zip(try outputs(of: smaller, info.preprocessing.inputSize), expected) {
        #expect(own.name == other.name)
        let values = try other.doubles
        let largest = values.reduce(0) { max($0, abs($1)) }
        #expect(largest > 0)
        expectClose(try own.doubles, values, rtol: 1e-5, atol: 1e-5 * largest, own.name)
      }
      // What is left costs what was said, and may be pruned again.
      let rest = ChannelDependencies(try shaped(smaller, info.preprocessing.inputSize))
      expectClose(rest.multiplicationCount, plan.multiplicationsAfter, rtol: 1e-9)
      for (_, module) in smaller.module.modules() {
        guard let layer = module as? Conv2d else { continue }
        #expect(layer.outputChannels == layer.weight.value.size(0))
        #expect(layer.inputChannels == layer.weight.value.size(1) * layer.groups)
      }
    }

    /// Where most of the channels are kept, less can go.
    private static func share(_ name: String) -> Double {
      switch name {
      case "swin_t", "deit_tiny", "convnext_tiny": 0.2
      default: 0.3
      }
    }

    private func shaped(_ model: any TaskModel, _ size: ImageSize) throws -> ShapedGraph {
      model.module.setTraining(false)
      let images = try Tensor.zeros([2, 3, size.height, size.width])
      return try noGrad {
        let (graph, values) = try recordWithValues(
          inputs: [("image", images)],
          parameters: model.module.stateDictionary()
        ) { try model.rawOutputs(images).map { ($0.name, $0.value) } }
        var shapes = Dictionary(values.map { ($0.id, $0.tensor.shape) }) { first, _ in first }
        shapes[try #require(graph.inputs.first).value] = images.shape
        return ShapedGraph(graph: graph, shapes: shapes)
      }
    }

    private func outputs(of model: any TaskModel, _ size: ImageSize) throws -> [NamedTensor] {
      model.module.setTraining(false)
      let shape = [2, 3, size.height, size.width]
      let images = try Tensor(Formula.input(shape, k: 3), shape: shape)
      return try noGrad { try model.rawOutputs(images) }
    }

    @Test func anotherNetworksPruningIsRefused() throws {
      var info = modelInfo(
        try Subject("resnet18").descriptor,
        labelCount: 3,
        size: ModelContract.size
      )
      for extents in [
        ["layer1.0.conv1.weight": [80, 0, 0, 0]], ["layer1.0.conv1.weight": [32]],
        ["layer1.0.conv1.weight": [-8, 0, 0, 0]], ["layer9.weight": [8]],
      ] {
        info.pruning = PruningRecord(extents: extents)
        #expect(throws: ModelError.self) {
          try ModelZoo.make(info, MultiClassClassification.self)
        }
      }
    }

    /// A checkpoint whose weights are not as small as its record says is no checkpoint of the model.
    @Test func damagedWeightsAreRefused() throws {
      var info = modelInfo(
        try Subject("resnet18").descriptor,
        labelCount: 3,
        size: ModelContract.size
      )
      let whole = try ModelZoo.make(info, MultiClassClassification.self)
      info.pruning = PruningRecord(extents: [
        "layer1.0.conv1.weight": [32, 0, 0, 0], "layer1.0.bn1.weight": [32],
        "layer1.0.bn1.bias": [32], "layer1.0.bn1.running_mean": [32],
        "layer1.0.bn1.running_var": [32], "layer1.0.conv2.weight": [0, 32, 0, 0],
      ])
      let smaller = try ModelZoo.make(info, MultiClassClassification.self)
      #expect(smaller.module.parameterCount < whole.module.parameterCount)
      let error = #expect(throws: StateDictionaryError.self) {
        try smaller.module.loadStateDictionary(whole.module.stateDictionary())
      }
      #expect(error?.report.mismatched.count == 6)
    }
  }
}

extension ParameterTree {
  /// Moments, scales and shifts of all normalisations differ from channel to channel, as trained
  /// ones do.
  fileprivate func drawMoments() throws {
    try noGrad {
      for (index, entry) in modules().enumerated() {
        guard let layer = entry.module as? BatchNorm2d else { continue }
        let count = layer.weight.value.size(0)
        func numbers(_ k: Int, _ mean: Double, _ spread: Double) throws -> Tensor {
          let noise = Formula.noise(count: count, k: 4 * index + k)
          return try Tensor(noise.map { Float(mean + spread * $0) })
        }
        try layer.weight.value.copy_(numbers(0, 1, 0.5))
        try layer.bias.value.copy_(numbers(1, 0, 0.3))
        try layer.runningMean.value.copy_(numbers(2, 0, 0.2))
        try layer.runningVariance.value.copy_(numbers(3, 1, 0.5))
      }
    }
  }

  /// Sets the filters that a plan takes away to zero, with what is added to them; what reads them stays as
  /// it is.
  fileprivate func silence(_ plan: PruningPlan, of network: ChannelDependencies) throws {
    let known = Dictionary(
      network.parameters.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first }
    )
    try noGrad {
      for entry in stateDictionary() where !entry.name.hasSuffix("running_var") {
        guard let axes = plan.removed[entry.name], let parameter = known[entry.name] else {
          continue
        }
        for (axis, indices) in axes {
          let isMaker =
            parameter.filterAxis.map { $0 == axis } ?? (axis == 0 || !parameter.isDepthwise)
          guard isMaker else { continue }
          for index in indices {
            let slice = try entry.value.select(dim: axis, index)
            try slice.copy_(.zeros(slice.shape))
          }
        }
      }
    }
  }
}
