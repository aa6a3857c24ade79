import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// Weights are found and named as PyTorch names them.
@Suite struct ModuleTests {
  /// A block with everything that the walk has to find.
  final class Block: Layer {
    static let weightNames = ["normalization": "bn", "shortcut": "downsample"]
    let convolution: Conv2d
    let normalization: BatchNorm2d
    let shortcut: Sequential?
    let branches: [any Layer]
    let scale: Parameter
    let offset: Buffer
    let transient: Buffer
    let sizes = [1.0, 2.0]
    let name = "block"

    init(hasShortcut: Bool) throws(TensorError) {
      convolution = try Conv2d(2, 2, kernelSize: 3, padding: 1, bias: false)
      normalization = try BatchNorm2d(2)
      shortcut =
        hasShortcut
        ? Sequential(try Conv2d(2, 2, kernelSize: 1), try BatchNorm2d(2)) : nil
      branches = [ReLU(), try Conv2d(2, 2, kernelSize: 1, bias: false)]
      scale = try Parameter(.ones([]))
      offset = Buffer(try .zeros([2]))
      transient = Buffer(try .zeros([3]), isPersistent: false)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try normalization(convolution(input))
    }
  }

  @Test func layersHaveNamesThatNoPropertyCanHave() throws {
    let layers = NamedSequential([
      ("block1-0", try Conv2d(2, 2, kernelSize: 1)),
      ("block1-1", NamedSequential([("norm", try BatchNorm2d(2)), ("act", ReLU())])),
    ])
    #expect(
      Sequential(layers).parameters().map(\.name) == [
        "0.block1-0.weight", "0.block1-0.bias", "0.block1-1.norm.weight", "0.block1-1.norm.bias",
      ]
    )
    let input = try formulaInput([2, 2, 3, 3])
    let halves = try layers(layers(input, layers: 0...0), layers: 1...1)
    layers.setTraining(false)
    #expect(try layers(input).shape == [2, 2, 3, 3])
    #expect(try halves.floats().allSatisfy { $0 >= 0 })
  }

  @Test func firstValuesCanBeLeftOut() throws {
    let layer = try Initialization.$drawsNumbers.withValue(false) {
      try Conv2d(2, 2, kernelSize: 1)
    }
    #expect(try layer.weight.value.floats() == [0, 0, 0, 0])
    #expect(try Conv2d(2, 2, kernelSize: 1).weight.value.floats().allSatisfy { $0 != 0 })
  }

  @Test func namesAndOrderAreThoseOfAStateDict() throws {
    let state = try Block(hasShortcut: true).stateDictionary()
    #expect(
      state.map(\.name) == [
        "scale", "offset", "convolution.weight", "bn.weight", "bn.bias", "bn.running_mean",
        "bn.running_var", "bn.num_batches_tracked", "downsample.0.weight", "downsample.0.bias",
        "downsample.1.weight", "downsample.1.bias", "downsample.1.running_mean",
        "downsample.1.running_var", "downsample.1.num_batches_tracked", "branches.1.weight",
      ]
    )
    #expect(state[7].value.dtype == .int64)
    let bare = try Block(hasShortcut: false)
    #expect(!(bare.stateDictionary().contains { $0.name.hasPrefix("downsample") }))
    #expect(
      bare.parameters().map(\.name) == [
        "scale", "convolution.weight", "bn.weight", "bn.bias", "branches.1.weight",
      ]
    )
    #expect(bare.buffers().map(\.name).contains("transient"))
    #expect(bare.parameterCount == 1 + 36 + 2 + 2 + 4)
  }

  @Test func modeReachesEveryModule() throws {
    let block = try Block(hasShortcut: true)
    block.setTraining(false)
    let norms = block.modules().compactMap { $0.module as? BatchNorm2d }
    #expect(norms.count == 2)
    #expect(norms.allSatisfy { !$0.isTraining })
    block.setTraining(true)
    #expect(norms.allSatisfy { $0.isTraining })
  }

  @Test func loadingReportsWhatDoesNotFit() throws {
    let block = try Block(hasShortcut: false)
    var state = try Block(hasShortcut: false).stateDictionary()
    #expect(try block.loadStateDictionary(state).isComplete)

    state.removeAll { $0.name == "scale" }
    state[0].value = try Tensor.ones([5])
    state.append(("head.weight", try Tensor.ones([1])))
    let before = try block.convolution.weight.value.floats()
    for index in state.indices where state[index].name == "convolution.weight" {
      state[index].value = try Tensor.ones([2, 2, 3, 3])
    }
    let error = #expect(throws: StateDictionaryError.self) {
      try block.loadStateDictionary(state)
    }
    #expect(error?.report.missing == ["scale"])
    #expect(error?.report.unexpected == ["head.weight"])
    #expect(error?.report.mismatched == [.init(name: "offset", found: [5], expected: [2])])
    #expect("\(try #require(error))".contains("1 missing: scale"))
    #expect(try block.convolution.weight.value.floats() == before)

    let report = try block.loadStateDictionary(state, strict: false)
    #expect(report.matched.contains("convolution.weight"))
    #expect(try block.convolution.weight.value.floats() == [Float](repeating: 1, count: 36))
    #expect(block.convolution.weight.isTrainable)
  }

  @Test func frozenParametersGetNoGradient() throws {
    let block = try Block(hasShortcut: false)
    try block.convolution.setTrainable(false)
    try block(try formulaInput([1, 2, 4, 4])).sum().backward()
    #expect(try block.convolution.weight.value.grad == nil)
    #expect(try block.normalization.bias.value.grad != nil)
  }

  @Test func channelsLastKeepsValuesAndResults() throws {
    let block = try Block(hasShortcut: false)
    let x = try formulaInput([1, 2, 5, 5])
    let weights = try block.convolution.weight.value.floats()
    let before = try block(x).floats()
    try block.useChannelsLast()
    #expect(block.convolution.weight.value.memoryFormat == .channelsLast)
    #expect(try block.convolution.weight.value.floats() == weights)
    expectClose(
      try block(x.to(.channelsLast)).floats(),
      before,
      rtol: 1e-4,
      atol: 1e-5
    )
  }
}
