import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// Layers whose training runs on our own kernels, against libtorch's operators, gradients included.
@Suite(.serialized) struct OwnKernelTests {
  struct Convolution: CustomTestStringConvertible, Sendable {
    var kernel = Size2D(3)
    var stride = Size2D(1)
    var padding = Size2D(1)
    var dilation = Size2D(1)
    /// Channels that come out for each that goes in.
    var multiplier = 1
    /// `[N, C, H, W]`.
    var shape = [2, 21, 9, 13]
    var format = MemoryFormat.channelsLast
    var isNormalized = false
    var isBiased = false
    var testDescription: String {
      "\(kernel) kernel, stride \(stride), padding \(padding), dilation \(dilation), \(shape) x \(multiplier), \(format)\(isNormalized ? ", normalised" : "")\(isBiased ? ", biased" : "")"
    }
  }

  /// What the kernels do themselves.
  static let suited: [Convolution] =
    [3, 5, 7].flatMap { kernel in
      [1, 2].flatMap { stride in
        [0, kernel / 2, kernel - 1].map { padding in
          Convolution(
            kernel: Size2D(kernel),
            stride: Size2D(stride),
            padding: Size2D(padding),
            isNormalized: padding == kernel / 2,
            isBiased: stride == 2
          )
        }
      }
    } + [
      Convolution(shape: [1, 16, 1, 1]), Convolution(shape: [1, 1, 1, 5]),
      Convolution(shape: [3, 40, 40, 44], isNormalized: true),
      Convolution(stride: 2, shape: [1, 8, 2, 1]),
    ]

  /// What stays libtorch's.
  static let others = [
    Convolution(padding: 2, dilation: 2), Convolution(format: .contiguous),
    Convolution(kernel: Size2D(height: 3, width: 5)), Convolution(multiplier: 2),
    Convolution(stride: Size2D(height: 1, width: 2)), Convolution(kernel: 1, padding: 0),
    Convolution(kernel: 9, padding: 4), Convolution(stride: 3), Convolution(padding: 3),
    Convolution(shape: [0, 21, 9, 13]),
  ]

  func filled(_ shape: [Int], _ seed: Int, _ format: MemoryFormat? = nil) throws -> Tensor {
    var tensor = try Tensor(Formula.input(shape, k: seed).map { $0 * 4 }, shape: shape)
    if let format { tensor = try tensor.to(format) }
    return try tensor.detach().requiresGrad_()
  }

  /// Output and gradients, by our operator or libtorch's.
  private func result(
    _ test: Convolution,
    own: Bool,
    dtype: DType = .float32
  ) throws -> [(name: String, values: [Float])] {
    let channels = test.shape[1]
    let source = try filled(test.shape, 0, test.format).to(dtype).detach().requiresGrad_()
    let weight = try filled(
      [channels * test.multiplier, 1, test.kernel.height, test.kernel.width],
      1
    )
    let bias = test.isBiased ? try filled([channels * test.multiplier], 2) : nil
    let input =
      test.isNormalized ? try BatchNorm2d(channels)(source, then: .hardswish) : source
    func convolved() throws(TensorError) -> Tensor {
      if own {
        return try input.recomputingConv2d(
          weight,
          bias: bias,
          stride: test.stride,
          padding: test.padding,
          dilation: test.dilation,
          groups: channels
        )
      }
      return try input.conv2d(
        weight,
        bias: bias,
        stride: test.stride,
        padding: test.padding,
        dilation: test.dilation,
        groups: channels
      )
    }
    let output = try dtype == .bfloat16 ? autocast(dtype, convolved) : convolved()
    #expect(output.dtype == dtype)
    let factors = try Tensor(Formula.input(output.shape, k: 4), shape: output.shape)
    try (output.to(.float32) * factors).sum().backward()
    let tensors: [(String, Tensor?)] = try [
      ("output", output.detach()), ("gradient of the input", source.grad),
      ("gradient of the weight", weight.grad), ("gradient of the bias", bias?.grad),
    ]
    return try tensors.compactMap { name, tensor in
      try tensor.map { (name, try $0.to(.float32).floats()) }
    }
  }

  /// Runs `body` on each instruction set of this processor.
  func onEachInstructionSet(_ body: (Torch.InstructionSet) throws -> Void) throws {
    defer { try? Torch.limitInstructionSet(.avx512) }
    for set in Torch.InstructionSet.allCases {
      try Torch.limitInstructionSet(set)
      try body(set)
    }
  }

  /// Expects `mine` to lie hardly further from `exact` than `peer` does.
  ///
  /// - `slack`: In parts of the largest exact value.
  func expectAsNear(
    _ mine: [(name: String, values: [Float])],
    _ peer: [(name: String, values: [Float])],
    to exact: [(name: String, values: [Float])],
    slack: Float,
    _ comment: String
  ) {
    for index in exact.indices {
      func distance(_ values: [Float]) -> Float {
        zip(values, exact[index].values).map { abs($0 - $1) }.max() ?? 0
      }
      let scale = exact[index].values.map(abs).max() ?? 1
      #expect(
        distance(mine[index].values) <= distance(peer[index].values) + slack * scale,
        "\(exact[index].name), \(comment)"
      )
    }
  }

  @Test(arguments: suited) func depthwiseConvolutionEqualsLibtorchs(_ test: Convolution) throws {
    let theirs = try result(test, own: false)
    #expect(theirs.count == (test.isBiased ? 4 : 3))
    try onEachInstructionSet { set in
      for (mine, other) in zip(try result(test, own: true), theirs) {
        expectClose(mine.values, other.values, rtol: 1e-4, atol: 1e-4, "\(mine.name), \(set)")
      }
    }
  }

  @Test(arguments: others) func theRestIsLibtorchs(_ test: Convolution) throws {
    let theirs = try result(test, own: false)
    for (mine, other) in zip(try result(test, own: true), theirs) {
      #expect(mine.values == other.values, "\(mine.name)")
    }
  }

  @Test(arguments: [suited[0], suited[4], suited[10]])
  func halfPrecisionStaysNearSinglePrecision(_ test: Convolution) throws {
    let exact = try result(test, own: false)
    let peer = try result(test, own: false, dtype: .bfloat16)
    try onEachInstructionSet { set in
      let mine = try result(test, own: true, dtype: .bfloat16)
      expectAsNear(mine, peer, to: exact, slack: 0.01, "\(set)")
    }
  }

  @Test func whatIsNoNumberStaysWhereItIs() throws {
    var values = [Float](repeating: 1, count: 1 * 16 * 6 * 6)
    values[3 * 36 + 2 * 6 + 2] = .nan
    values[5 * 36 + 3 * 6 + 3] = .infinity
    let input = try Tensor(values, shape: [1, 16, 6, 6]).to(.channelsLast).detach().requiresGrad_()
    let weight = try Tensor.ones([16, 1, 3, 3])
    func convolved(_ own: Bool) throws -> [Float] {
      let output =
        own
        ? try input.recomputingConv2d(
          weight,
          bias: nil,
          stride: 1,
          padding: 1,
          dilation: 1,
          groups: 16
        ) : try input.conv2d(weight, padding: 1, groups: 16)
      return try output.detach().floats()
    }
    let (mine, theirs) = (try convolved(true), try convolved(false))
    #expect(mine.map(\.isNaN) == theirs.map(\.isNaN))
    #expect(mine.filter { !$0.isNaN } == theirs.filter { !$0.isNaN })
    #expect(mine.count { $0.isNaN } == 9)
    #expect(mine.count { $0 == .infinity } == 9)
  }

  @Test(arguments: [[1, 3, 1, 1], [2, 21, 5, 7], [3, 40, 33, 31]])
  func squeezeAndExcitationEqualsLibtorchs(_ shape: [Int]) throws {
    let layer = try SqueezeExcitation(
      shape[1],
      squeezeChannels: 4,
      activation: SiLU(),
      gate: Hardsigmoid()
    )
    func result(own: Bool) throws -> [[Float]] {
      for (_, parameter) in layer.parameters() { try parameter.value.setGrad(nil) }
      let source = try filled(shape, 0, .channelsLast)
      let input = try BatchNorm2d(shape[1])(source, then: .relu)
      let output: Tensor
      if own {
        output = try layer(input)
      } else {
        let gate = try layer.fc2(layer.fc1(input.adaptiveAvgPool2d(1)).silu()).hardsigmoid()
        output = try input * gate
      }
      let factors = try Tensor(Formula.input(shape, k: 4), shape: shape)
      try (output * factors).sum().backward()
      let gradient = try source.grad
      return try [output.detach().floats(), #require(gradient).floats()]
        + layer.parameters().map {
          let gradient = try $0.parameter.value.grad
          return try #require(gradient).floats()
        }
    }
    guard shape[0] * shape[2] * shape[3] > 1 else {
      // A training batch of one value has no variance; the gate alone is compared then.
      let input = try filled(shape, 0, .channelsLast)
      let gate = try layer.fc2(layer.fc1(input.adaptiveAvgPool2d(1)).silu()).hardsigmoid()
      expectClose(
        try layer(input).detach().floats(),
        try (input * gate).detach().floats(),
        rtol: 1e-6,
        atol: 1e-6
      )
      return
    }
    let theirs = try result(own: false)
    try onEachInstructionSet { set in
      for (mine, other) in zip(try result(own: true), theirs) {
        expectClose(mine, other, rtol: 2e-4, atol: 2e-4, "\(set)")
      }
    }
  }

  /// Output and gradients of attention; `shape` is `[N, heads, queries, keys, features]`.
  private func attention(
    _ shape: [Int],
    own: Bool,
    dtype: DType,
    scale: Float = 4
  ) throws -> [(name: String, values: [Float])] {
    let inputs = try [shape[2], shape[3], shape[3]].enumerated().map { index, length in
      let shape = [shape[0], shape[1], length, shape[4]]
      // Numbers that bf16 holds, so that all precisions begin with the same.
      return try Tensor(Formula.input(shape, k: index).map { $0 * scale }, shape: shape)
        .to(.bfloat16).to(dtype).detach().requiresGrad_()
    }
    let output =
      try own
      ? inputs[0].trainingAttention(keys: inputs[1], values: inputs[2])
      : inputs[0].scaledDotProductAttention(keys: inputs[1], values: inputs[2])
    #expect(output.dtype == dtype)
    #expect(output.shape == [shape[0], shape[1], shape[2], shape[4]])
    let factors = try Tensor(Formula.input(output.shape, k: 4), shape: output.shape)
    try (output.to(.float32) * factors).sum().backward()
    let names = ["queries", "keys", "values"].map { "gradient of the \($0)" }
    return try [("output", output.detach().to(.float32).floats())]
      + zip(names, inputs).map { name, input in
        let gradient = try input.grad
        return (name, try #require(gradient).to(.float32).floats())
      }
  }

  @Test(arguments: [
    [2, 3, 50, 50, 16], [1, 1, 1, 1, 4], [1, 2, 7, 33, 8], [2, 1, 197, 197, 64],
  ])
  func attentionStaysAsNearAsLibtorchs(_ shape: [Int]) throws {
    let exact = try attention(shape, own: false, dtype: .float32)
    let peer = try attention(shape, own: false, dtype: .bfloat16)
    try onEachInstructionSet { set in
      let mine = try attention(shape, own: true, dtype: .bfloat16)
      #expect(mine.count == 4)
      expectAsNear(mine, peer, to: exact, slack: 0.005, "\(set)")
    }
  }

  /// Single precision, and sequences whose weights would take too much memory.
  @Test(arguments: [([1, 2, 9, 9, 8], DType.float32), ([1, 1, 2000, 1000, 4], .bfloat16)])
  func otherAttentionIsLibtorchs(_ shape: [Int], _ dtype: DType) throws {
    let theirs = try attention(shape, own: false, dtype: dtype)
    for (mine, other) in zip(try attention(shape, own: true, dtype: dtype), theirs) {
      #expect(mine.values == other.values, "\(mine.name)")
    }
  }

  @Test(arguments: [[1, 1, 1, 3], [2, 33, 17, 3], [0, 4, 4, 3]])
  func picturesAreNormalisedBitByBit(_ shape: [Int]) throws {
    let count = shape.reduce(1, *)
    let bytes = try Tensor(
      (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + $0 / 256) },
      shape: shape
    )
    let mean = try Tensor([123.675, 116.28, 103.53] as [Float], shape: [3])
    let scale = try Tensor([0.017125, 0.017507, 0.017429] as [Float], shape: [3])
    for dtype in [DType.float32, .bfloat16] {
      func normalized() throws -> Tensor {
        try bytes.normalizedPictures(mean: mean, scale: scale, as: dtype)
      }
      try Torch.setOwnKernels(false)
      defer { try? Torch.setOwnKernels(true) }
      let theirs = try normalized()
      try Torch.setOwnKernels(true)
      try onEachInstructionSet { set in
        let mine = try normalized()
        #expect(mine.dtype == dtype)
        #expect(mine.shape == [shape[0], 3, shape[1], shape[2]])
        #expect(try mine.to(.float32).floats() == theirs.to(.float32).floats(), "\(set)")
      }
    }
    #expect(throws: TensorError.self) {
      try mean.normalizedPictures(mean: mean, scale: scale, as: .float32)
    }
  }

  @Test func attentionPassesOnWhatIsNoNumber() throws {
    var values = [Float](repeating: 0.5, count: 5 * 8)
    values[2 * 8 + 3] = .nan
    let queries = try Tensor(values, shape: [1, 1, 5, 8]).to(.bfloat16).detach().requiresGrad_()
    let others = try Tensor.ones([1, 1, 5, 8]).to(.bfloat16)
    let result = try queries.trainingAttention(keys: others, values: others)
    // Only the row that asks with it.
    #expect(
      try result.detach().to(.float32).floats().map(\.isNaN) == values.indices.map { $0 / 8 == 2 }
    )
  }

  @Test func switchedOffEverythingIsLibtorchs() throws {
    try Torch.setOwnKernels(false)
    defer { try? Torch.setOwnKernels(true) }
    #expect(try !Torch.usesOwnKernels())
    for test in [Self.suited[0], Self.suited[7]] {
      for (mine, other) in zip(try result(test, own: true), try result(test, own: false)) {
        #expect(mine.values == other.values, "\(mine.name)")
      }
    }
    let shape = [2, 3, 50, 50, 16]
    for (mine, other) in zip(
      try attention(shape, own: true, dtype: .bfloat16),
      try attention(shape, own: false, dtype: .bfloat16)
    ) { #expect(mine.values == other.values, "\(mine.name)") }
  }
}
