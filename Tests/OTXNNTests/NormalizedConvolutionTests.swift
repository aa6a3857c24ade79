import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// What stands around a depthwise convolution is computed with it, row by row: the same as libtorch's operators one
/// after the other, gradients and running moments included.
@Suite(.serialized) struct NormalizedConvolutionTests {
  struct Chain: CustomTestStringConvertible, Sendable {
    var activation = FusibleActivation.relu
    var kernel = 3
    var stride = 1
    var padding = 1
    var isBiased = false
    /// `[N, C, H, W]`.
    var shape = [2, 21, 9, 13]
    var testDescription: String {
      "\(activation.rawValue), kernel \(kernel), stride \(stride), padding \(padding), \(shape)\(isBiased ? ", biased" : "")"
    }
  }

  static let chains: [Chain] =
    FusibleActivation.allCases.map { Chain(activation: $0) }
    + [3, 5, 7].flatMap { kernel in
      [1, 2].flatMap { stride in
        [0, kernel / 2, kernel - 1].map { padding in
          Chain(
            activation: .hardswish,
            kernel: kernel,
            stride: stride,
            padding: padding,
            isBiased: stride == 2
          )
        }
      }
    } + [
      // Several threads and several blocks of rows a picture; odd heights; maps of a row, of a pixel.
      Chain(activation: .relu6, shape: [3, 40, 41, 44]),
      Chain(activation: .silu, stride: 2, shape: [3, 40, 41, 44]),
      Chain(activation: .relu6, kernel: 5, stride: 2, padding: 2, shape: [2, 64, 57, 120]),
      Chain(activation: .relu, shape: [1, 72, 40, 200]),
      Chain(shape: [5, 16, 1, 1]), Chain(stride: 2, shape: [4, 8, 2, 1]),
      Chain(stride: 2, shape: [3, 8, 1, 7]),
    ]

  /// What tests of kernels share.
  private let kernels = OwnKernelTests()

  typealias Named = [(name: String, values: [Float])]

  private func filled(_ shape: [Int], _ seed: Int) throws -> Tensor {
    try Tensor(Formula.input(shape, k: seed).map { $0 * 4 }, shape: shape)
  }

  private func norm(_ channels: Int, _ seed: Int) throws -> BatchNorm2d {
    let norm = try BatchNorm2d(channels)
    norm.weight.value = try (filled([channels], seed) * 0.2 + 0.7).detach().requiresGrad_()
    norm.bias.value = try filled([channels], seed + 1).detach().requiresGrad_()
    return norm
  }

  /// Everything that a training step gives and changes.
  private func result(
    _ test: Chain,
    dtype: DType = .float32,
    _ body: (BatchNorm2d, Conv2d, BatchNorm2d, Tensor) throws -> Tensor
  ) throws -> Named {
    let channels = test.shape[1]
    let (before, after) = (try norm(channels, 3), try norm(channels, 5))
    let convolution = try Conv2d(
      channels,
      channels,
      kernelSize: test.kernel,
      stride: test.stride,
      padding: test.padding,
      groups: channels,
      bias: test.isBiased
    )
    convolution.weight.value = try filled(convolution.weight.value.shape, 1).requiresGrad_()
    if let bias = convolution.bias { bias.value = try filled([channels], 2).requiresGrad_() }
    let input = try filled(test.shape, 0).to(dtype).to(.channelsLast).detach().requiresGrad_()
    func forward() throws(TensorError) -> Tensor {
      do {
        return try body(before, convolution, after, input)
      } catch let error as TensorError {
        throw error
      } catch {
        throw .failed(operation: "forward", shapes: [], message: "\(error)")
      }
    }
    let output = try dtype == .bfloat16 ? autocast(dtype, forward) : forward()
    let factors = try Tensor(Formula.input(output.shape, k: 9), shape: output.shape)
    try (output.to(.float32) * factors).sum().backward()
    let tensors: [(String, Tensor?)] = try [
      ("output", output.detach()), ("gradient of the input", input.grad),
      ("gradient of the first norm's weight", before.weight.value.grad),
      ("gradient of the first norm's bias", before.bias.value.grad),
      ("gradient of the convolution's weight", convolution.weight.value.grad),
      ("gradient of the convolution's bias", convolution.bias?.value.grad),
      ("gradient of the second norm's weight", after.weight.value.grad),
      ("gradient of the second norm's bias", after.bias.value.grad),
      ("first mean", before.runningMean.value), ("first variance", before.runningVariance.value),
      ("second mean", after.runningMean.value), ("second variance", after.runningVariance.value),
    ]
    return try tensors.compactMap { name, tensor in
      try tensor.map { (name, try $0.to(.float32).floats()) }
    }
  }

  /// The same by libtorch's operators alone.
  private func reference(
    _ test: Chain,
    dtype: DType = .float32,
    _ body: (BatchNorm2d, Conv2d, BatchNorm2d, Tensor) throws -> Tensor
  ) throws -> Named {
    try Torch.setOwnKernels(false)
    defer { try? Torch.setOwnKernels(true) }
    return try result(test, dtype: dtype, body)
  }

  private func expectSame(_ mine: Named, _ theirs: Named, _ comment: String = "") {
    #expect(mine.map(\.name) == theirs.map(\.name))
    for (mine, other) in zip(mine, theirs) {
      // Sums over all pixels of values up to some hundreds.
      let scale = other.values.map(abs).max() ?? 1
      expectClose(
        mine.values,
        other.values,
        rtol: 1e-4,
        atol: 1e-4 * Double(max(scale, 1)),
        "\(mine.name) \(comment)"
      )
    }
  }

  @Test(arguments: chains) func equalsTheOperationsOneByOne(_ test: Chain) throws {
    func chain(_ first: BatchNorm2d, _ conv: Conv2d, _ second: BatchNorm2d, _ x: Tensor) throws
      -> Tensor
    {
      // Nested as networks have them.
      let begin = test.activation == .identity ? [first] : [first, test.activation.layer]
      return try Sequential(Sequential([Identity()] + begin), Sequential(conv, second))(x)
    }
    let theirs = try reference(test, chain)
    #expect(theirs.count == (test.isBiased ? 12 : 11))
    try kernels.onEachInstructionSet { expectSame(try result(test, chain), theirs, "\($0)") }
  }

  @Test(arguments: [chains[3], chains[23]])
  func halfPrecisionStaysNearSinglePrecision(_ test: Chain) throws {
    func chain(_ first: BatchNorm2d, _ conv: Conv2d, _ second: BatchNorm2d, _ x: Tensor) throws
      -> Tensor
    { try Sequential(first, test.activation.layer, conv, second)(x) }
    let exact = try reference(test, chain)
    let peer = try reference(test, dtype: .bfloat16, chain)
    try kernels.onEachInstructionSet { set in
      let mine = try result(test, dtype: .bfloat16, chain)
      kernels.expectAsNear(mine, peer, to: exact, slack: 0.01, "\(set)")
    }
  }

  /// Sums that were gathered over one gradient are not those of another.
  @Test func aNormalisationThatTwoReadGetsBothGradients() throws {
    let test = Chain(activation: .hardswish, shape: [3, 40, 41, 44])
    func chain(_ first: BatchNorm2d, _ conv: Conv2d, _ second: BatchNorm2d, _ x: Tensor) throws
      -> Tensor
    {
      let normalized = try first(x, then: test.activation)
      return try second(conv(normalized)) + normalized * 0.3
    }
    expectSame(try result(test, chain), try reference(test, chain))
  }

  /// Moments that were gathered over an output are not those of what was made of it in place.
  @Test func anOutputThatIsChangedHasOtherMoments() throws {
    let test = Chain(shape: [3, 40, 41, 44])
    func chain(_ first: BatchNorm2d, _ conv: Conv2d, _ second: BatchNorm2d, _ x: Tensor) throws
      -> Tensor
    {
      let output = try conv(first(x, then: test.activation))
      try noGrad { try output.detach().mul_(Tensor([Float(2)], shape: [1])) }
      return try second(output)
    }
    let (mine, theirs) = (try result(test, chain), try reference(test, chain))
    for name in ["output", "second mean", "second variance"] {
      let pair = try [mine, theirs].map { try #require($0.first { $0.name == name }).values }
      expectClose(pair[0], pair[1], rtol: 1e-4, atol: 1e-3, "\(name)")
    }
  }

  /// Without a history nothing is put off.
  @Test func worksWithoutGradients() throws {
    let test = Chain(activation: .relu6, shape: [2, 21, 9, 13])
    func output() throws -> [Float] {
      let layers = Sequential(
        try norm(21, 3),
        ReLU6(),
        try Conv2d(21, 21, kernelSize: 3, padding: 1, groups: 21)
      )
      for (_, parameter) in layers.parameters() {
        parameter.value = try filled(parameter.value.shape, 7).requiresGrad_()
      }
      let x = try filled(test.shape, 0).to(.channelsLast)
      return try noGrad { try layers(x).floats() }
    }
    let mine = try output()
    try Torch.setOwnKernels(false)
    defer { try? Torch.setOwnKernels(true) }
    expectClose(mine, try output(), rtol: 1e-4, atol: 1e-4)
  }

  /// The normalised tensor is neither kept nor made.
  @Test func whatIsPutOffTakesNoMemory() throws {
    let shape = [16, 64, 56, 56]
    let (first, conv) = (
      try norm(64, 3), try Conv2d(64, 64, kernelSize: 3, padding: 1, groups: 64, bias: false)
    )
    let input = try filled(shape, 0).to(.channelsLast).detach().requiresGrad_()
    func peak(_ body: () throws -> Tensor) throws -> Int {
      _ = try body()
      let before = try Torch.memory().inUse
      try Torch.resetMemoryPeak()
      _ = try body()
      return try Torch.memory().peak - before
    }
    let bytes = 16 * 64 * 56 * 56 * 4
    let whole = try peak { try conv(first(input, then: .relu)) }
    let putOff = try peak { try Sequential(first, ReLU(), conv)(input) }
    #expect(whole - putOff > bytes * 9 / 10, "\(whole), \(putOff)")
  }

  @Test func repeatsBitByBit() throws {
    let test = Chain(activation: .silu, kernel: 5, padding: 2, shape: [3, 40, 41, 44])
    func chain(_ first: BatchNorm2d, _ conv: Conv2d, _ second: BatchNorm2d, _ x: Tensor) throws
      -> Tensor
    { try Sequential(first, SiLU(), conv, second)(x) }
    let (one, other) = (try result(test, chain), try result(test, chain))
    #expect(one.map(\.values) == other.map(\.values))
  }
}

extension FusibleActivation {
  /// A layer that does it.
  fileprivate var layer: any Layer {
    switch self {
    case .identity: Identity()
    case .relu: ReLU()
    case .relu6: ReLU6()
    case .hardswish: Hardswish()
    case .silu: SiLU()
    }
  }
}
