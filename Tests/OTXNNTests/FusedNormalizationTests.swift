import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// What training computes in one pass equals libtorch's operations one after the other.
@Suite struct FusedNormalizationTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let activation: FusibleActivation
    let hasResidual: Bool
    let shape: [Int]
    let isChannelsLast: Bool
    var testDescription: String {
      "\(activation.rawValue)\(hasResidual ? " with residual" : ""), \(shape)\(isChannelsLast ? "" : " contiguous")"
    }
  }

  static let cases = FusibleActivation.allCases.flatMap { activation in
    [false, true].flatMap { hasResidual in
      // Odd sizes for the vectors' rests, one large enough for several threads.
      [([2, 5, 3, 7], true), ([3, 40, 33, 31], true), ([2, 19, 4, 5], false)].map {
        Case(
          activation: activation,
          hasResidual: hasResidual,
          shape: $0.0,
          isChannelsLast: $0.1
        )
      }
    }
  }

  struct Result {
    var tensors: [(name: String, values: [Float])] = []
  }

  /// Output, gradients and moved statistics, through the fused operator or libtorch's.
  private func result(_ test: Case, isFused: Bool, dtype: DType = .float32) throws -> Result {
    let channels = test.shape[1]
    let format: MemoryFormat = test.isChannelsLast ? .channelsLast : .contiguous
    func filled(_ seed: Int, _ scale: Float) throws -> Tensor {
      let tensor = try Tensor(
        Formula.input(test.shape, k: seed).map { $0 * scale },
        shape: test.shape
      )
      return try tensor.to(dtype).to(format).detach().requiresGrad_()
    }
    // A mean far from 0: statistics must not lose digits to it.
    let input = try (filled(0, 30) + 5).detach().requiresGrad_()
    let residual = test.hasResidual ? try filled(1, 20) : nil
    let norm = try BatchNorm2d(channels)
    norm.weight.value = try Tensor(
      Formula.input([channels], k: 2).map { $0 + 0.5 },
      shape: [channels]
    ).requiresGrad_()
    norm.bias.value = try Tensor(Formula.input([channels], k: 3), shape: [channels]).requiresGrad_()

    let output: Tensor
    if isFused {
      output = try norm(input, adding: residual, then: test.activation)
    } else {
      var x = try input.batchNorm(
        weight: norm.weight.value,
        bias: norm.bias.value,
        runningMean: norm.runningMean.value,
        runningVar: norm.runningVariance.value,
        training: true
      )
      if let residual { x = try x + residual }
      output = try test.activation(x)
    }
    let weights = try Tensor(Formula.input(test.shape, k: 4), shape: test.shape)
    try (output.to(.float32) * weights).sum().backward()
    var result = Result()
    func keep(_ name: String, _ tensor: Tensor?) throws {
      let tensor = try #require(tensor, "\(name)")
      result.tensors.append((name, try tensor.to(.float32).floats()))
    }
    try keep("output", output.detach())
    try keep("gradient of the input", input.grad)
    if let residual { try keep("gradient of the residual", residual.grad) }
    try keep("gradient of the weight", norm.weight.value.grad)
    try keep("gradient of the bias", norm.bias.value.grad)
    try keep("running mean", norm.runningMean.value)
    try keep("running variance", norm.runningVariance.value)
    return result
  }

  @Test(arguments: cases) func equalsTheOperationsOneByOne(_ test: Case) throws {
    let fused = try result(test, isFused: true)
    let plain = try result(test, isFused: false)
    for (mine, theirs) in zip(fused.tensors, plain.tensors) {
      expectClose(mine.values, theirs.values, rtol: 2e-4, atol: 2e-5, "\(mine.name)")
    }
  }

  @Test(arguments: FusibleActivation.allCases)
  func halfPrecisionStaysNearSinglePrecision(_ activation: FusibleActivation) throws {
    let test = Case(
      activation: activation,
      hasResidual: true,
      shape: [2, 24, 9, 8],
      isChannelsLast: true
    )
    let half = try result(test, isFused: true, dtype: .bfloat16)
    let peer = try result(test, isFused: false, dtype: .bfloat16)
    let single = try result(test, isFused: false)
    for index in single.tensors.indices {
      let exact = single.tensors[index].values
      func distance(_ values: [Float]) -> Float {
        zip(values, exact).map { abs($0 - $1) }.max() ?? 0
      }
      let scale = exact.map(abs).max() ?? 1
      let mine = distance(half.tensors[index].values)
      let theirs = distance(peer.tensors[index].values)
      #expect(mine <= 1.5 * theirs + 0.02 * scale, "\(single.tensors[index].name)")
    }
  }

  @Test func repeatsBitByBit() throws {
    let test = Case(
      activation: .silu,
      hasResidual: true,
      shape: [4, 48, 31, 29],
      isChannelsLast: true
    )
    let first = try result(test, isFused: true)
    for _ in 0..<3 {
      let again = try result(test, isFused: true)
      for (mine, theirs) in zip(first.tensors, again.tensors) {
        #expect(mine.values == theirs.values, "\(mine.name)")
      }
    }
  }

  @Test func keepsWhatIsNoNumber() throws {
    let norm = try BatchNorm2d(3)
    let input = try Tensor([Float](repeating: .nan, count: 24), shape: [2, 3, 2, 2])
      .to(.channelsLast)
    for activation in FusibleActivation.allCases {
      let output = try norm(input, then: activation).floats()
      let numbers = output.filter { !$0.isNaN }
      #expect(numbers.isEmpty, "\(activation.rawValue)")
    }
  }

  @Test func sequentialJoinsWhatItCan() throws {
    let shape = [2, 6, 5, 4]
    let input = try Tensor(Formula.input(shape, k: 0), shape: shape).to(.channelsLast)
    let norm = try BatchNorm2d(6)
    let nested = Sequential(Sequential(Identity(), norm), Sequential(try BatchNorm2d(6)))
    let sum = try nested(input, adding: input)
    let other = Sequential(Identity(), try BatchNorm2d(6))
    let expected = try BatchNorm2d(6)(other(input)) + input
    expectClose(try sum.floats(), try expected.floats(), rtol: 1e-5, atol: 1e-6)
    let rectified = try nested(input, adding: input, then: .relu)
    expectClose(try rectified.floats(), try expected.relu().floats(), rtol: 1e-5, atol: 1e-6)
    // Evaluation goes through libtorch's own operators, which export knows.
    nested.setTraining(false)
    _ = try nested(input, adding: input)
  }

  /// A convolution after a normalisation computes its input again: the same bits, without keeping it.
  @Test(arguments: [false, true]) func convolutionsForgetWhatCanBeComputedAgain(
    isHalf: Bool
  ) throws {
    let shape = [4, 16, 24, 20]
    let first = try Conv2d(16, 32, kernelSize: 3, padding: 1, bias: false)
    let norm = try BatchNorm2d(32)
    let second = try Conv2d(32, 8, kernelSize: 1)
    let input = try Tensor(Formula.input(shape), shape: shape).to(.channelsLast).requiresGrad_()
    let parameters = [first.weight, norm.weight, norm.bias, second.weight]

    func gradients(_ last: (Tensor) throws -> Tensor) throws -> (bytes: Int, values: [[Float]]) {
      for parameter in parameters { try parameter.value.setGrad(nil) }
      try input.setGrad(nil)
      let before = try Torch.memory().inUse
      func forward() throws -> Tensor { try last(norm(first(input), then: .silu)) }
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
      try x.conv2d(second.weight.value, bias: second.bias?.value)
    }
    let forgotten = try gradients { x in try second(x) }
    #expect(forgotten.values == kept.values)
    let activation = 4 * 32 * 24 * 20 * (isHalf ? 2 : 4)
    #expect(kept.bytes - forgotten.bytes >= activation)
  }
}
