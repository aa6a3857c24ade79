import Foundation
import OTXCore
import Testing

/// Which channels belong together, and which are taken away.
@Suite struct ChannelDependencyTests {
  private func network(_ draw: (inout ChannelSketch, Int) -> Int) -> ChannelDependencies {
    var sketch = ChannelSketch()
    let image = sketch.input([2, 3, 8, 8])
    let last = draw(&sketch, image)
    sketch.output("map", last)
    return ChannelDependencies(sketch.recording)
  }

  @Test func aSumJoinsBothSides() throws {
    let found = network { sketch, image in
      let first = sketch.unary(
        "relu",
        sketch.normalization(sketch.convolution(image, "conv1", 16), "bn1")
      )
      let second = sketch.convolution(first, "conv2", 16, hasBias: true)
      let sum = sketch.unary("relu", sketch.binary("add", second, first))
      return sketch.convolution(sum, "conv3", 4)
    }
    let group = try #require(found.groups.first)
    #expect(found.groups.count == 1)
    #expect(group.layers == ["conv1.weight", "conv2.weight"])
    #expect(group.channels.count == 16)
    #expect(
      group.places(5, in: found) == [
        "conv1.weight[0] 5", "bn1.weight[0] 5", "bn1.bias[0] 5", "bn1.running_mean[0] 5",
        "bn1.running_var[0] 5", "conv2.weight[0] 5", "conv2.weight[1] 5", "conv2.bias[0] 5",
        "conv3.weight[1] 5",
      ]
    )
    #expect(found.obstacles == [.init(reason: "the output 'map'", channelCount: 4)])
    #expect(found.multiplicationCount == Double(64 * (3 * 16 + 16 * 16 + 16 * 4)))
  }

  @Test func aGateBelongsToWhatItScales() throws {
    let found = network { sketch, image in
      let x = sketch.convolution(image, "conv1", 16)
      let means = sketch.call("adaptive_avg_pool2d", [x], [2, 16, 1, 1])
      let small = sketch.unary("relu", sketch.convolution(means, "fc1", 8, hasBias: true))
      let gate = sketch.unary("sigmoid", sketch.convolution(small, "fc2", 16, hasBias: true))
      return sketch.convolution(sketch.binary("mul", x, gate), "conv2", 4)
    }
    #expect(found.groups.map(\.layers) == [["conv1.weight", "fc2.weight"], ["fc1.weight"]])
    #expect(
      found.groups[0].places(2, in: found) == [
        "conv1.weight[0] 2", "fc1.weight[1] 2", "fc2.weight[0] 2", "fc2.bias[0] 2",
        "conv2.weight[1] 2",
      ]
    )
  }

  @Test func mapsSideBySideAreReadAtTheirPlaces() throws {
    let found = network { sketch, image in
      let first = sketch.convolution(image, "conv1", 16)
      let second = sketch.convolution(image, "conv2", 8)
      let list = sketch.list([first, second])
      let one = sketch.constant(.int(1))
      let both = sketch.call("cat", [list, one], [2, 24, 8, 8])
      return sketch.convolution(sketch.normalization(both, "bn"), "conv3", 4)
    }
    #expect(found.groups.map(\.channels.count) == [16, 8])
    let places = found.groups[1].places(3, in: found)
    #expect(places.isSuperset(of: ["conv2.weight[0] 3", "bn.bias[0] 19", "conv3.weight[1] 19"]))
  }

  @Test func depthwiseFiltersGoWithTheirChannel() throws {
    let found = network { sketch, image in
      let wide = sketch.convolution(image, "expand", 32)
      let deep = sketch.convolution(wide, "depth", 32, groups: 32)
      return sketch.convolution(deep, "project", 4)
    }
    #expect(found.groups.map(\.layers) == [["expand.weight"]])
    #expect(
      found.groups[0].places(9, in: found)
        == ["expand.weight[0] 9", "depth.weight[0] 9", "project.weight[1] 9"]
    )
  }

  @Test func groupsKeepTheirChannels() throws {
    let found = network { sketch, image in
      let wide = sketch.convolution(image, "expand", 32)
      let middle = sketch.convolution(wide, "grouped", 32, groups: 4)
      return sketch.convolution(middle, "last", 4)
    }
    #expect(found.groups.isEmpty)
    #expect(found.obstacles.first?.reason == "'grouped/conv2d' (in groups)")
    let error = #expect(throws: ModelError.self) { try PruningPlan(found, .init(share: 0.1)) }
    #expect("\(try #require(error))".contains("'grouped/conv2d' (in groups) (64 channels)"))
  }

  @Test func aSharedHeadJoinsItsInputs() throws {
    let found = network { sketch, image in
      let first = sketch.convolution(image, "level1", 16)
      let second = sketch.convolution(image, "level2", 16)
      let one = sketch.convolution(first, "head", 4)
      let two = sketch.convolution(second, "head", 4)
      return sketch.call(
        "cat",
        [sketch.list([one, two]), sketch.constant(.int(2))],
        [2, 4, 16, 8]
      )
    }
    #expect(found.groups.map(\.layers) == [["level1.weight", "level2.weight"]])
    #expect(found.groups[0].channels.count == 16)
    // Both uses count.
    #expect(found.multiplicationCount == Double(64 * (2 * 3 * 16 + 2 * 16 * 4)))
  }

  @Test func aFlatMapHasAColumnForEachCell() throws {
    let found = network { sketch, image in
      let x = sketch.convolution(image, "conv", 16)
      let small = sketch.call("avg_pool2d", [x], [2, 16, 2, 2])
      let (one, last) = (sketch.constant(.int(1)), sketch.constant(.int(-1)))
      let flat = sketch.call("flatten", [small, one, last], [2, 64])
      return sketch.linear(flat, "fc", 4)
    }
    #expect(
      found.groups[0].places(3, in: found) == [
        "conv.weight[0] 3", "fc.weight[1] 12", "fc.weight[1] 13", "fc.weight[1] 14",
        "fc.weight[1] 15",
      ]
    )
  }

  @Test func equalPartsLoseTheSame() throws {
    let found = network { sketch, image in
      let x = sketch.convolution(image, "conv", 16)
      let (two, one) = (sketch.constant(.int(2)), sketch.constant(.int(1)))
      let halves = sketch.unpack("chunk", [x, two, one], [[2, 8, 8, 8], [2, 8, 8, 8]])
      let first = sketch.convolution(halves[0], "first", 4)
      let second = sketch.convolution(halves[1], "second", 4)
      return sketch.binary("add", first, second)
    }
    #expect(found.groups.map(\.channels.count) == [8])
    #expect(
      found.groups[0].places(3, in: found) == [
        "conv.weight[0] 3", "conv.weight[0] 11", "first.weight[1] 3", "second.weight[1] 3",
      ]
    )
  }

  @Test(arguments: ["reshape", "layer_norm", "nonsense"])
  func whatIsNotUnderstoodStays(_ name: String) throws {
    let found = network { sketch, image in
      let x = sketch.convolution(image, "conv", 16)
      let other = sketch.call(name, [x], [2, 16, 8, 8])
      return sketch.convolution(other, "last", 4)
    }
    #expect(found.groups.isEmpty)
    #expect(found.obstacles.contains { $0.reason.contains(name) && $0.channelCount == 16 })
  }

  // MARK: - The choice

  private func chain() -> ChannelDependencies {
    network { sketch, image in
      let first = sketch.unary("relu", sketch.convolution(image, "conv1", 64))
      let second = sketch.unary("relu", sketch.convolution(first, "conv2", 60))
      return sketch.convolution(second, "conv3", 4)
    }
  }

  @Test(arguments: ChannelCriterion.allCases, [0.1, 0.3, 0.6])
  func aPlanReachesItsShare(_ criterion: ChannelCriterion, _ share: Double) throws {
    let network = chain()
    var options = PruningOptions(share: share)
    options.criterion = criterion
    let plan = try PruningPlan(network, options)
    #expect(plan.share >= share && plan.share < share + 0.2)
    let first = 64 - (plan.removed["conv1.weight"]?[0]?.count ?? 0)
    let second = 60 - (plan.removed["conv2.weight"]?[0]?.count ?? 0)
    #expect(first.isMultiple(of: 8) && first >= 8)
    #expect((second == 60 || second.isMultiple(of: 8)) && second >= 8)
    #expect(plan.removed["conv2.weight"]?[1] == plan.removed["conv1.weight"]?[0])
    #expect(plan.multiplicationsAfter == Double(64 * (3 * first + first * second + second * 4)))
  }

  @Test func theWeakestGoFirst() throws {
    var sketch = ChannelSketch()
    let image = sketch.input([2, 3, 8, 8])
    let x = sketch.convolution(image, "conv1", 16)
    sketch.output("map", sketch.convolution(x, "conv2", 4))
    var recording = sketch.recording
    // Every second filter says nothing.
    let node = try #require(recording.graph.nodes.firstIndex { $0.constant.isTensor(of: 16) })
    guard case .tensor(var buffer) = recording.graph.nodes[node].constant else { return }
    for index in stride(from: 1, to: 16, by: 2) {
      for byte in (index * 12)..<(index * 12 + 12) { buffer.bytes[byte] = 0 }
    }
    recording.graph.nodes[node].constant = .tensor(buffer)
    for criterion in ChannelCriterion.allCases {
      var options = PruningOptions(share: 0.5)
      options.criterion = criterion
      let plan = try PruningPlan(ChannelDependencies(recording), options)
      #expect(plan.removed["conv1.weight"]?[0] == [1, 3, 5, 7, 9, 11, 13, 15])
    }
  }

  @Test func aShareOutOfReachSaysHowFarOneGets() throws {
    let network = chain()
    let error = #expect(throws: ModelError.self) {
      try PruningPlan(network, PruningOptions(share: 0.99))
    }
    let text = "\(try #require(error))"
    #expect(text.contains("at most 97.2 % of the multiplications"), "\(text)")
    #expect(text.contains("not 99.0 %"))
  }

  @Test func weightsLoseTheirSlicesAndRememberIt() throws {
    let network = chain()
    let plan = try PruningPlan(network, PruningOptions(share: 0.3))
    let info = ModelInfo(
      model: "chain",
      backbone: "chain",
      task: .multiClassClassification,
      labels: LabelInfo(names: ["a"]),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 8, width: 8))
    )
    let state = StateDictionary(network.parameters.map { .init(name: $0.name, value: $0.values) })
    let file = try CheckpointFile(state: state, info: info).pruned(by: plan)
    let first = 64 - (plan.removed["conv1.weight"]?[0]?.count ?? 0)
    let second = 60 - (plan.removed["conv2.weight"]?[0]?.count ?? 0)
    #expect(file.state["conv1.weight"]?.shape == [first, 3, 1, 1])
    #expect(file.state["conv2.weight"]?.shape == [second, first, 1, 1])
    #expect(file.state["conv2.weight"]?.bytes.count == second * first * 4)
    #expect(file.state["conv3.weight"]?.shape == [4, second, 1, 1])
    let extents = try #require(file.info?.pruning?.extents)
    #expect(extents["conv3.weight"] == [0, second, 0, 0] || second == 60)
    // What is written is read back; what was never pruned says nothing of it.
    let info2 = try #require(file.info)
    #expect(try ModelInfo(json: info2.jsonData(), source: "test") == info2)
    #expect(!String(decoding: try info.jsonData(), as: UTF8.self).contains("pruning"))
    // Slices keep their order.
    let kept = try #require(
      (0..<64).first { plan.removed["conv1.weight"]?[0]?.contains($0) != true }
    )
    let old = try #require(state["conv1.weight"])
    #expect(
      file.state["conv1.weight"]?.bytes.prefix(12) == old.bytes[(kept * 12)..<(kept * 12 + 12)]
    )
    var scripted = CheckpointFile(state: state, info: info)
    scripted.script = Data()
    #expect(throws: ModelError.self) { try scripted.pruned(by: plan) }
  }
}

extension OperatorGraph.Constant? {
  /// Whether it is a tensor of so many filters.
  fileprivate func isTensor(of count: Int) -> Bool {
    guard case .tensor(let buffer) = self else { return false }
    return buffer.shape.first == count
  }
}
