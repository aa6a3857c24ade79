import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// Group normalisation with its activation by our own kernels, against libtorch's operators.
extension OwnKernelTests {
  struct Groups: CustomTestStringConvertible, Sendable {
    var groupCount = 4
    /// `[N, C, H, W]`.
    var shape = [2, 20, 9, 13]
    var format = MemoryFormat.channelsLast
    var activation = FusibleActivation.relu
    /// How far the values' mean is from 0.
    var mean: Float = 0
    var testDescription: String {
      "\(groupCount) groups, \(shape), \(format), \(activation)\(mean == 0 ? "" : ", mean \(mean)")"
    }
  }

  /// What the kernels do themselves: groups of all widths, maps of one pixel, several threads with as
  /// many pictures and with fewer.
  static let suitedGroups =
    FusibleActivation.allCases.map { Groups(activation: $0, mean: 5) } + [
      Groups(groupCount: 1, shape: [1, 7, 5, 3]), Groups(groupCount: 7, shape: [3, 7, 5, 3]),
      Groups(groupCount: 3, shape: [5, 51, 1, 1], activation: .silu),
      Groups(groupCount: 2, shape: [1, 4, 1, 6], activation: .identity),
      Groups(groupCount: 32, shape: [1, 64, 35, 37], activation: .silu),
      Groups(groupCount: 8, shape: [3, 40, 33, 31]),
    ]

  /// What stays libtorch's.
  static let otherGroups = [
    Groups(format: .contiguous), Groups(shape: [0, 20, 9, 13]), Groups(shape: [2, 20, 13]),
  ]

  /// Output and gradients, by the layer or by libtorch's operators.
  private func result(
    _ test: Groups,
    own: Bool,
    dtype: DType = .float32
  ) throws -> [(name: String, values: [Float])] {
    let channels = test.shape[1]
    let isMap = test.shape.count == 4
    let source = try (filled(test.shape, 0, isMap ? test.format : nil) + Double(test.mean))
      .to(dtype).detach().requiresGrad_()
    let norm = try GroupNorm(test.groupCount, channels)
    let weight = try filled([channels], 1)
    let bias = try filled([channels], 2)
    norm.weight.value = weight
    norm.bias.value = bias
    let output: Tensor
    if own {
      output = try norm(source, then: test.activation)
    } else {
      output = try test.activation(
        source.groupNorm(
          groupCount: test.groupCount,
          weight: weight,
          bias: bias,
          eps: norm.epsilon
        )
      )
    }
    #expect(output.dtype == dtype)
    #expect(output.shape == test.shape)
    let factors = try Tensor(Formula.input(output.shape, k: 4), shape: output.shape)
    try (output.to(.float32) * factors).sum().backward()
    let tensors: [(String, Tensor?)] = try [
      ("output", output.detach()), ("gradient of the input", source.grad),
      ("gradient of the weight", weight.grad), ("gradient of the bias", bias.grad),
    ]
    return try tensors.map { name, tensor in
      (name, try #require(tensor, "\(name)").to(.float32).floats())
    }
  }

  @Test(arguments: suitedGroups) func groupNormEqualsLibtorchs(_ test: Groups) throws {
    let theirs = try result(test, own: false)
    try onEachInstructionSet { set in
      for (mine, other) in zip(try result(test, own: true), theirs) {
        let scale = other.values.map { abs(Double($0)) }.max() ?? 1
        expectClose(
          mine.values,
          other.values,
          rtol: 1e-4,
          atol: 1e-4 + 1e-5 * scale,
          "\(mine.name), \(set)"
        )
      }
    }
  }

  @Test(arguments: otherGroups) func otherGroupNormIsLibtorchs(_ test: Groups) throws {
    let theirs = try result(test, own: false)
    for (mine, other) in zip(try result(test, own: true), theirs) {
      #expect(mine.values == other.values, "\(mine.name)")
    }
  }

  @Test(arguments: suitedGroups) func groupNormInHalvesStaysNearSinglePrecision(
    _ test: Groups
  ) throws {
    let exact = try result(test, own: false)
    let peer = try result(test, own: false, dtype: .bfloat16)
    try onEachInstructionSet { set in
      let mine = try result(test, own: true, dtype: .bfloat16)
      expectAsNear(mine, peer, to: exact, slack: 0.02, "\(set)")
    }
  }

  @Test func groupNormRepeatsBitByBit() throws {
    let test = Groups(groupCount: 32, shape: [3, 64, 31, 29], activation: .silu)
    let first = try result(test, own: true)
    for _ in 0..<3 {
      for (mine, other) in zip(try result(test, own: true), first) {
        #expect(mine.values == other.values, "\(mine.name)")
      }
    }
  }

  /// A group with what is no number becomes that, and no other group does.
  @Test(arguments: [Float.nan, .infinity]) func groupNormKeepsWhatIsNoNumber(
    _ value: Float
  ) throws {
    var values = Formula.input([2, 8, 3, 5])
    values[3 * 15 + 4] = value
    let input = try Tensor(values, shape: [2, 8, 3, 5]).to(.channelsLast)
    let norm = try GroupNorm(4, 8)
    for activation in FusibleActivation.allCases {
      norm.setTraining(true)
      let mine = try norm(input, then: activation).detach().floats()
      norm.setTraining(false)
      let theirs = try norm(input, then: activation).detach().floats()
      #expect(mine.map(\.isNaN) == theirs.map(\.isNaN), "\(activation)")
      #expect(mine.count { $0.isNaN } == 30, "\(activation)")
    }
  }

  @Test func groupNormSwitchedOffIsLibtorchs() throws {
    try Torch.setOwnKernels(false)
    defer { try? Torch.setOwnKernels(true) }
    for (mine, other) in zip(
      try result(Groups(), own: true),
      try result(Groups(), own: false)
    ) {
      #expect(mine.values == other.values, "\(mine.name)")
    }
  }

  @Test func groupNormRefusesOddGroups() throws {
    let input = try filled([2, 8, 3, 5], 0, .channelsLast)
    let norm = try GroupNorm(3, 8)
    #expect(throws: TensorError.self) { try norm(input, then: .relu) }
  }

  /// A convolution after it computes its input again: the same bits, without keeping it.
  @Test(arguments: [false, true]) func convolutionsForgetWhatGroupNormCanComputeAgain(
    isHalf: Bool
  ) throws {
    let shape = [3, 16, 24, 20]
    let norm = try GroupNorm(8, 16)
    let convolution = try Conv2d(16, 8, kernelSize: 3)
    let first = try Conv2d(16, 16, kernelSize: 1, bias: false)
    let input = try filled(shape, 0, .channelsLast)
    let parameters = [first.weight, norm.weight, norm.bias, convolution.weight]

    func gradients(_ last: (Tensor) throws -> Tensor) throws -> (bytes: Int, values: [[Float]]) {
      for parameter in parameters { try parameter.value.setGrad(nil) }
      try input.setGrad(nil)
      let before = try Torch.memory().inUse
      func forward() throws -> Tensor { try last(norm(first(input), then: .relu)) }
      let output = isHalf ? try autocast(.bfloat16) { try forward() } : try forward()
      let bytes = try Torch.memory().inUse - before
      try output.to(.float32).sum().backward()
      var values: [[Float]] = []
      for tensor in parameters.map(\.value) + [input] {
        values.append(try #require(try tensor.grad).floats())
      }
      return (bytes, values)
    }
    let kept = try gradients { x in
      try x.conv2d(convolution.weight.value, bias: convolution.bias?.value)
    }
    let forgotten = try gradients { x in try convolution(x) }
    #expect(forgotten.values == kept.values)
    #expect(kept.bytes - forgotten.bytes >= shape.reduce(1, *) * (isHalf ? 2 : 4))
  }
}
