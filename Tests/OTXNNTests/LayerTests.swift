import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// Outputs, gradients and buffers of each layer are PyTorch's.
@Suite struct LayerTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    var shape = [2, 8, 7, 9]
    var scale: Float = 1
    var isTraining = true
    let make: @Sendable () throws -> any Layer
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "conv2d", shape: [2, 3, 9, 10]) {
      try Conv2d(3, 6, kernelSize: 3, stride: 2, padding: 1)
    },
    Case(name: "conv2d grouped") {
      try Conv2d(8, 12, kernelSize: 3, padding: 2, dilation: 2, groups: 4, bias: false)
    },
    Case(name: "conv2d depthwise") {
      try Conv2d(8, 8, kernelSize: 5, stride: 2, padding: 2, groups: 8)
    },
    Case(name: "linear", shape: [4, 12]) { try Linear(12, 5) },
    Case(name: "linear without bias", shape: [2, 4, 12]) { try Linear(12, 5, bias: false) },
    Case(name: "batch norm training") { try BatchNorm2d(8) },
    Case(name: "batch norm evaluation", isTraining: false) { try BatchNorm2d(8) },
    Case(name: "batch norm momentum") { try BatchNorm2d(8, epsilon: 1e-3, momentum: 0.01) },
    Case(name: "group norm") { try GroupNorm(4, 8) },
    Case(name: "relu", scale: 8) { ReLU() },
    Case(name: "relu6", scale: 8) { ReLU6() },
    Case(name: "silu", scale: 8) { SiLU() },
    Case(name: "hardswish", scale: 8) { Hardswish() },
    Case(name: "hardsigmoid", scale: 8) { Hardsigmoid() },
    Case(name: "sigmoid", scale: 8) { Sigmoid() },
    Case(name: "max pool") { MaxPool2d(kernelSize: 3, stride: 2, padding: 1) },
    Case(name: "max pool ceil") { MaxPool2d(kernelSize: 2, ceilMode: true) },
    Case(name: "average pool") { AvgPool2d(kernelSize: 2) },
    Case(name: "average pool ceil") {
      AvgPool2d(kernelSize: 3, stride: 2, padding: 1, ceilMode: true, countIncludePad: false)
    },
    Case(name: "adaptive average pool") { AdaptiveAvgPool2d(1) },
    Case(name: "adaptive average pool 3x2") {
      AdaptiveAvgPool2d(Size2D(height: 3, width: 2))
    },
    Case(name: "dropout evaluation", isTraining: false) { Dropout(0.5) },
    Case(name: "squeeze excitation") { try SqueezeExcitation(8, squeezeChannels: 2) },
    Case(name: "squeeze excitation hardsigmoid") {
      try SqueezeExcitation(8, squeezeChannels: 4, gate: Hardsigmoid())
    },
    Case(name: "upsample nearest") { Upsample(.scale(2)) },
    Case(name: "upsample bilinear") {
      Upsample(.size(Size2D(height: 11, width: 13)), mode: .bilinear)
    },
    Case(name: "upsample bilinear aligned") {
      Upsample(.scale(2), mode: .bilinear, alignCorners: true)
    },
    Case(name: "conv transpose") { try ConvTranspose2d(8, 6, kernelSize: 2, stride: 2) },
    Case(name: "conv transpose grouped") {
      try ConvTranspose2d(
        8,
        4,
        kernelSize: 3,
        stride: 2,
        padding: 1,
        outputPadding: 1,
        groups: 2,
        bias: false
      )
    },
    Case(name: "layer norm", shape: [2, 5, 12]) { try LayerNorm(12) },
    Case(name: "layer norm two axes") { try LayerNorm([7, 9], epsilon: 1e-3) },
    Case(name: "layer norm channels") { try LayerNorm2d(8) },
    Case(name: "frozen batch norm") { try FrozenBatchNorm2d(8) },
    Case(name: "attention", shape: [2, 5, 12]) { try MultiheadAttention(12, headCount: 3) },
    Case(name: "attention without bias", shape: [2, 5, 12]) {
      try MultiheadAttention(12, headCount: 2, bias: false)
    },
    Case(name: "leaky relu", scale: 8) { LeakyReLU(0.1) },
    Case(name: "prelu", scale: 8) { try PReLU() },
    Case(name: "prelu channels", scale: 8) { try PReLU(channels: 8) },
    Case(name: "elu", scale: 8) { ELU(0.5) },
    Case(name: "gelu", scale: 4) { GELU() },
    Case(name: "gelu tanh", scale: 4) { GELU(.tanh) },
    Case(name: "mish", scale: 8) { Mish() },
    Case(name: "tanh", scale: 4) { Tanh() },
    Case(name: "softplus", scale: 8) { Softplus() },
    Case(name: "softmax", scale: 4) { Softmax(dim: 1) },
    Case(name: "adaptive max pool") { AdaptiveMaxPool2d(Size2D(height: 3, width: 2)) },
    Case(name: "pixel shuffle") { PixelShuffle(2) },
    Case(name: "stochastic depth evaluation", isTraining: false) { StochasticDepth(0.5) },
    Case(name: "flatten") { Flatten() },
    Case(name: "sequential") {
      Sequential(
        try Conv2d(8, 4, kernelSize: 3, padding: 1, bias: false),
        Sequential(try BatchNorm2d(4), ReLU(inPlace: true)),
        Identity(),
        try Conv2d(4, 3, kernelSize: 1)
      )
    },
  ]

  let golden: Golden
  init() throws { golden = try Golden("layers", in: .module) }

  @Test(arguments: cases)
  func agreesWithPyTorch(_ item: Case) throws {
    try check(item, channelsLast: false)
    if item.shape.count == 4 { try check(item, channelsLast: true) }
  }

  private func check(_ item: Case, channelsLast: Bool) throws {
    let layer = try item.make()
    try fill(layer)
    layer.setTraining(item.isTraining)
    if channelsLast { try layer.useChannelsLast() }
    var x = try formulaInput(item.shape, scale: item.scale)
    if channelsLast { x = try x.to(.channelsLast) }
    try x.requiresGrad_(true)
    let y = try layer(x)
    try golden.expect("\(item.name)/output", y)
    try (y * formulaInput(y.shape, k: 1001)).sum().backward()
    try golden.expect("\(item.name)/input.grad", try #require(try x.grad))
    for (name, parameter) in layer.parameters() {
      try golden.expect("\(item.name)/\(name).grad", try #require(try parameter.value.grad))
    }
    for (name, buffer) in layer.buffers() {
      try golden.expect("\(item.name)/\(name)", buffer.value)
    }
  }

  /// In evaluation mode each layer is made of operators that an exporter can read.
  @Test(arguments: cases)
  func canBeRecorded(_ item: Case) throws {
    let layer = try item.make()
    try fill(layer)
    layer.setTraining(false)
    let x = try formulaInput(item.shape, scale: item.scale)
    let graph = try noGrad {
      try record(
        inputs: [("x", x)],
        parameters: layer.stateDictionary(),
        dynamicAxes: [0]
      ) { [("y", try layer(x))] }
    }
    #expect(graph.outputs.map(\.name) == ["y"])
    #expect(graph.frozenConstants.isEmpty)
    let names = Set(graph.values.map(\.name))
    for (name, _) in layer.parameters() { #expect(names.contains(name)) }
  }

  /// Every case of the file is one of the table's, so that none is forgotten.
  @Test func everyGoldenIsTested() {
    let tested = Set(Self.cases.map(\.name))
    let missing = golden.caseNames.compactMap { $0.split(separator: "/").first.map(String.init) }
      .filter { !tested.contains($0) }
    #expect(missing.isEmpty)
  }

  @Test func attentionToAnotherSequenceAgrees() throws {
    let golden = try Golden("attention", in: .module)
    let attention = try MultiheadAttention(12, headCount: 3)
    try fill(attention)
    let inputs = [
      ("queries", try formulaInput([2, 4, 12])), ("keys", try formulaInput([2, 5, 12], k: 1002)),
      ("values", try formulaInput([2, 5, 12], k: 1003)),
    ]
    for (_, input) in inputs { try input.requiresGrad_(true) }
    // True where a query may look.
    let visible = (0..<20).map { $0 % 5 != 3 && $0 != 5 }
    let mask = try Tensor(visible.map { $0 ? 1 : 0 } as [Float], shape: [4, 5]).to(.bool)
    let y = try attention(
      queries: inputs[0].1,
      keys: inputs[1].1,
      values: inputs[2].1,
      mask: mask
    )
    try golden.expect("output", y)
    try (y * formulaInput(y.shape, k: 1001)).sum().backward()
    for (name, input) in inputs {
      try golden.expect("\(name).grad", try #require(try input.grad))
    }
    for (name, parameter) in attention.parameters() {
      try golden.expect("\(name).grad", try #require(try parameter.value.grad))
    }
  }

  @Test func attentionDropsOnlyWhileTraining() throws {
    let attention = try MultiheadAttention(4, headCount: 1, dropout: 1)
    try fill(attention)
    let x = try formulaInput([1, 3, 4])
    let bias = try #require(attention.output.bias?.value).floats()
    expectClose(try attention(x).floats(), bias + bias + bias, atol: 1e-6)
    attention.setTraining(false)
    let kept = try attention(x).floats()
    #expect(kept != bias + bias + bias)
  }

  @Test func embeddingPicksRowsAndLearnsThem() throws {
    let embedding = try Embedding(4, 2)
    let weight = try embedding.weight.value.floats()
    let y = try embedding(Tensor([3, 0, 3], shape: [3]))
    let picked = [6, 7, 0, 1, 6, 7].map { weight[$0] }
    #expect(try y.floats() == picked)
    try y.sum().backward()
    let gradient = try #require(try embedding.weight.value.grad)
    #expect(try gradient.floats() == [1, 1, 0, 0, 0, 0, 2, 2])
  }

  @Test func frozenBatchNormTrainsNothingAndTakesABatchNormsWeights() throws {
    let norm = try BatchNorm2d(8)
    try fill(norm)
    let frozen = try FrozenBatchNorm2d(8)
    #expect(frozen.parameters().isEmpty)
    let report = try frozen.loadStateDictionary(norm.stateDictionary(), strict: false)
    #expect(report.unexpected == ["num_batches_tracked"] && report.missing.isEmpty)
    norm.setTraining(false)
    let x = try formulaInput([2, 8, 3, 3])
    expectClose(try frozen(x).floats(), try norm(x).floats(), atol: 1e-6)
    let before = try frozen.runningMean.value.floats()
    _ = try frozen(x)
    #expect(try frozen.runningMean.value.floats() == before)
  }

  @Test func stochasticDepthDropsWholeRows() throws {
    let depth = StochasticDepth(0.25)
    let rows = try depth(Tensor.ones([400, 3])).floats()
    let kept = rows.filter { $0 != 0 }
    expectClose(kept, [Float](repeating: 1 / 0.75, count: kept.count))
    for row in stride(from: 0, to: rows.count, by: 3) {
      #expect(rows[row] == rows[row + 1] && rows[row] == rows[row + 2])
    }
    // Six standard deviations around the mean, 300.
    #expect((248...352).contains(kept.count / 3))
    let none = try StochasticDepth(1)(Tensor.ones([2, 3])).floats()
    #expect(none == [0, 0, 0, 0, 0, 0])
  }

  @Test func stochasticDepthAddsToAShortcut() throws {
    let depth = StochasticDepth(0.5)
    let (x, shortcut) = (try formulaInput([64, 3]), try formulaInput([64, 3], k: 1))
    let sum = try (depth(x, adding: shortcut) - shortcut).floats()
    let values = try x.floats()
    for row in stride(from: 0, to: sum.count, by: 3) {
      let scale: Float = abs(sum[row]) < 1e-6 ? 0 : 2
      expectClose(Array(sum[row..<(row + 3)]), values[row..<(row + 3)].map { $0 * scale })
    }
    #expect(depth.isDropping)
    depth.setTraining(false)
    #expect(!depth.isDropping)
    expectClose(try depth(x, adding: shortcut).floats(), try (x + shortcut).floats())
  }

  @Test func dropoutScalesWhatItKeeps() throws {
    let dropout = Dropout(0.25)
    let values = try dropout(Tensor.ones([4000])).floats()
    let kept = values.filter { $0 != 0 }
    // Six standard deviations around the mean, 3000.
    #expect((2835...3165).contains(kept.count))
    expectClose(kept, [Float](repeating: 1 / 0.75, count: kept.count))
    dropout.setTraining(false)
    #expect(try dropout(Tensor.ones([10])).floats() == [Float](repeating: 1, count: 10))
  }

  /// Convolutions run in `bfloat16`, weights and their gradients stay `float32`; the numbers are
  /// PyTorch's as far as eight bits of mantissa go (processors round differently).
  @Test func autocastAgreesWithPyTorch() throws {
    let golden = try Golden("mixed_precision", in: .module)
    let network = Sequential(
      try Conv2d(3, 4, kernelSize: 3, bias: false),
      try BatchNorm2d(4),
      try Conv2d(4, 2, kernelSize: 1)
    )
    try fill(network)
    let x = try formulaInput([2, 3, 9, 9])
    let classes = try Tensor([0, 1], shape: [2])
    let (output, loss) = try autocast(.bfloat16) {
      let output = try network(x)
      return (output, try crossEntropy(output.mean(dims: [2, 3]), classes))
    }
    #expect(output.dtype == .bfloat16)
    try golden.expect("output", try output.to(.float32), rtol: 0.02, atol: 0.02)
    try golden.expect("loss", loss, rtol: 0.02)
    try loss.backward()
    for (path, parameter) in network.parameters() {
      let gradient = try #require(try parameter.value.grad)
      #expect(gradient.dtype == .float32)
      try golden.expect("\(path).grad", gradient, rtol: 0.05, atol: 0.01)
    }
  }

  @Test func inPlaceActivationsOverwriteOnlyWhileTraining() throws {
    for layer in [ReLU(inPlace: true), ReLU6(inPlace: true)] as [any Layer] {
      let x = try Tensor([-1, 8], shape: [2])
      layer.setTraining(false)
      _ = try layer(x)
      #expect(try x.floats() == [-1, 8])
      layer.setTraining(true)
      let y = try layer(x)
      #expect(try x.floats() == y.floats())
      #expect(try x.floats()[0] == 0)
    }
  }

  @Test func frozenBatchNormUsesAndKeepsItsMoments() throws {
    let norm = try BatchNorm2d(2)
    norm.isFrozen = true
    let x = try formulaInput([2, 2, 3, 3])
    expectClose(try norm(x).floats(), try x.floats(), rtol: 1e-4)
    #expect(try norm.runningMean.value.floats() == [0, 0])
    #expect(try norm.batchCount.value.ints() == [0])
  }
}
