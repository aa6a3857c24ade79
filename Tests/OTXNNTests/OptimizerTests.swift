import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// What optimizers, clipping and averaging do over several steps is what PyTorch's do.
@Suite struct OptimizerTests {
  let golden: Golden
  init() throws { golden = try Golden("optimizers", in: .module) }

  private func network() throws -> Sequential {
    let network = Sequential(
      try Conv2d(3, 4, kernelSize: 3, bias: false),
      try BatchNorm2d(4),
      try Conv2d(4, 2, kernelSize: 1)
    )
    try fill(network)
    return network
  }

  private func setGradients(_ network: Sequential, step: Int) throws {
    for (k, item) in network.parameters().enumerated() {
      let value = item.parameter.value
      let gradient = try formulaInput(value.shape, k: 3000 + 10 * step + k)
      try value.setGrad(
        value.memoryFormat == .channelsLast ? gradient.to(.channelsLast) : gradient
      )
    }
  }

  private func train(
    _ network: Sequential,
    _ optimizer: any Optimizer,
    steps: Range<Int>
  ) throws {
    for step in steps {
      try setGradients(network, step: step)
      try optimizer.step(learningRate: 0.1 / Double(step + 1))
    }
  }

  private func expect(_ name: String, _ network: Sequential) throws {
    for (path, parameter) in network.parameters() {
      try golden.expect("\(name)/\(path)", parameter.value)
    }
  }

  private func normsApart(_ network: Sequential) throws -> [ParameterGroup] {
    var options = OptimizerOptions()
    options.decayNormAndBias = false
    return try ParameterGroup.groups(of: network.parameters(), options)
  }

  private func makers() -> [String: (Sequential) throws -> any Optimizer] {
    [
      "sgd": { SGD([ParameterGroup($0.parameters())]) },
      "sgd momentum": {
        SGD([ParameterGroup($0.parameters())], momentum: 0.9, weightDecay: 0.01)
      },
      "sgd nesterov": {
        SGD([ParameterGroup($0.parameters())], momentum: 0.9, nesterov: true, weightDecay: 0.01)
      },
      "sgd groups": {
        SGD(
          try self.normsApart($0),
          momentum: 0.9,
          weightDecay: 0.1
        )
      },
      "adamw": {
        AdamW([ParameterGroup($0.parameters())], beta1: 0.8, beta2: 0.95, weightDecay: 0.05)
      },
      "adamw groups": {
        AdamW(try self.normsApart($0), weightDecay: 0.5)
      },
      "adamw amsgrad": {
        AdamW([ParameterGroup($0.parameters())], weightDecay: 0.05, amsgrad: true)
      },
      "adam": {
        Adam([ParameterGroup($0.parameters())], beta1: 0.8, beta2: 0.95, weightDecay: 0.05)
      },
      "adam amsgrad": {
        Adam([ParameterGroup($0.parameters())], epsilon: 1e-3, weightDecay: 0.05, amsgrad: true)
      },
      "rmsprop": { RMSprop([ParameterGroup($0.parameters())]) },
      "rmsprop momentum": {
        RMSprop(
          [ParameterGroup($0.parameters())],
          alpha: 0.9,
          epsilon: 1e-3,
          momentum: 0.9,
          weightDecay: 0.05
        )
      },
      "lars": { LARS([ParameterGroup($0.parameters())], weightDecay: 0.05) },
    ]
  }

  @Test func fiveStepsAgreeWithPyTorch() throws {
    for (name, make) in makers() {
      for channelsLast in [false, true] {
        let network = try network()
        if channelsLast { try network.useChannelsLast() }
        try train(network, try make(network), steps: 0..<5)
        try expect(name, network)
      }
    }
  }

  @Test func stateGoesOnInAnotherProcess() throws {
    for (name, make) in makers() {
      let first = try network()
      let optimizer = try make(first)
      try train(first, optimizer, steps: 0..<3)
      let second = try network()
      try second.loadStateDictionary(first.stateDictionary())
      let resumed = try make(second)
      try resumed.loadState(optimizer.state())
      try train(second, resumed, steps: 3..<5)
      try expect(name, second)
    }
  }

  @Test func stateIsNamedAfterParameters() throws {
    let network = try network()
    let sgd = SGD([ParameterGroup(network.parameters())], momentum: 0.9)
    #expect(sgd.state().isEmpty)
    try train(network, sgd, steps: 0..<1)
    #expect(
      sgd.state().map(\.name) == [
        "momentum_buffer.0.weight", "momentum_buffer.1.weight", "momentum_buffer.1.bias",
        "momentum_buffer.2.weight", "momentum_buffer.2.bias",
      ]
    )
    let foreign = [(name: "momentum_buffer.9.weight", value: try Tensor.zeros([1]))]
    #expect(throws: OptimizerStateError.self) { try sgd.loadState(foreign) }
    let misshapen = [(name: "momentum_buffer.0.weight", value: try Tensor.zeros([1]))]
    #expect(throws: OptimizerStateError.self) { try sgd.loadState(misshapen) }
  }

  /// A weight that is all zeros, or has no slope, has no ratio; it must not become no number.
  @Test func larsMovesWhatHasNoNorm() throws {
    let zero = try Parameter(.zeros([2, 2]))
    let flat = try Parameter(.ones([2, 2]))
    try zero.value.setGrad(.ones([2, 2]))
    try flat.value.setGrad(.zeros([2, 2]))
    let lars = LARS([ParameterGroup([("zero", zero), ("flat", flat)])], momentum: 0)
    try lars.step(learningRate: 0.5)
    #expect(try zero.value.floats() == [-0.5, -0.5, -0.5, -0.5])
    #expect(try flat.value.floats() == [1, 1, 1, 1])
  }

  @Test func parametersWithoutGradientStay() throws {
    let network = try network()
    let before = try network.parameters()[0].parameter.value.floats()
    try setGradients(network, step: 0)
    try network.parameters()[0].parameter.value.setGrad(nil)
    try SGD([ParameterGroup(network.parameters())], weightDecay: 1).step(learningRate: 0.1)
    #expect(try network.parameters()[0].parameter.value.floats() == before)
  }

  @Test func zeroGradientsForgets() throws {
    let network = try network()
    try setGradients(network, step: 0)
    let optimizer = SGD([ParameterGroup(network.parameters())])
    try optimizer.zeroGradients()
    for (_, parameter) in network.parameters() { #expect(try parameter.value.grad == nil) }
    #expect(try clipGradientNorm(of: network.parameters(), to: 1) == nil)
  }

  @Test func clippingAgreesWithPyTorch() throws {
    for (limit, name) in [(0.5, "clip 0.5"), (100, "clip 100")] {
      let network = try network()
      try setGradients(network, step: 0)
      let before = try #require(try gradientNorm(of: network.parameters()))
      let norm = try #require(try clipGradientNorm(of: network.parameters(), to: limit))
      try golden.expect("\(name)/norm", norm)
      #expect(try norm.floats() == before.floats())
      for (path, parameter) in network.parameters() {
        try golden.expect("\(name)/\(path).grad", try #require(try parameter.value.grad))
      }
    }
  }

  @Test func averageAgreesWithPyTorch() throws {
    let network = try network()
    let average = try WeightAverage(of: network, decay: 0.9)
    let sgd = SGD([ParameterGroup(network.parameters())])
    for step in 0..<5 {
      try setGradients(network, step: step)
      try sgd.step(learningRate: 0.1)
      try average.update()
    }
    let trained = try network.parameters()[0].parameter.value.floats()
    try average.swap()
    try expect("ema", network)
    #expect(network.parameters().allSatisfy { $0.parameter.isTrainable })
    for (name, value) in average.stateDictionary() where name == "0.weight" {
      #expect(try value.floats() == trained)
    }
    try average.swap()
    #expect(try network.parameters()[0].parameter.value.floats() == trained)
  }
}
