import OTXCore
import OTXTensor
import OTXTesting
import Testing

@Suite struct AutogradTests {
  @Test func gradientsAddUpUntilCleared() throws {
    let x = try Tensor([1, 2, 3] as [Float]).requiresGrad_()
    #expect(x.requiresGrad && x.isLeaf)
    #expect(try x.grad == nil)
    try (x * x).sum().backward()
    try (x * x).sum().backward()
    #expect(try x.grad?.floats() == [4, 8, 12])
    try x.setGrad(nil)
    #expect(try x.grad == nil)
    try x.setGrad(Tensor.ones([3]))
    #expect(try x.grad?.floats() == [1, 1, 1])
    #expect(throws: TensorError.self) { try x.setGrad(Tensor.ones([2])) }
  }

  @Test func severalRootsAndStartingGradients() throws {
    let x = try Tensor([1, 2] as [Float]).requiresGrad_()
    let (first, second) = (try x.sum(), try (x * x))
    try Tensor.backward([first, second], gradients: [Tensor(1), Tensor([1, 10] as [Float])])
    #expect(try x.grad?.floats() == [3, 41])
    #expect(throws: TensorError.self) { try Tensor.backward([first], gradients: []) }
  }

  @Test func aGraphIsUsedOnceUnlessRetained() throws {
    let x = try Tensor([3] as [Float]).requiresGrad_()
    let y = try (x * x).sum()
    try y.backward(retainGraph: true)
    try y.backward()
    #expect(try x.grad?.floats() == [12])
    #expect(throws: TensorError.self) { try y.backward() }
  }

  @Test func computedTensorsHaveNoGradient() throws {
    let x = try Tensor([3] as [Float]).requiresGrad_()
    let y = try x * 2
    #expect(!y.isLeaf && y.requiresGrad)
    #expect(throws: TensorError.self) { try y.grad }
    #expect(throws: TensorError.self) { try Tensor([1]).requiresGrad_() }
    #expect(try !y.detach().requiresGrad && y.detach().sharesStorage(with: y))
  }

  @Test func noGradEndsWithItsClosure() throws {
    let x = try Tensor([3] as [Float]).requiresGrad_()
    let inside = try noGrad { () throws(TensorError) in
      let again = try withGrad { () throws(TensorError) in try x * 2 }
      #expect(again.requiresGrad)
      return try x * 2
    }
    #expect(!inside.requiresGrad)
    #expect(try (x * 2).requiresGrad)
    // Also where the closure throws.
    _ = try? noGrad { () throws(TensorError) in try x + Tensor.ones([2, 2]).transpose(0, 7) }
    #expect(try (x * 2).requiresGrad)
    // In-place updates of a leaf are allowed only without gradients.
    #expect(throws: TensorError.self) { try x.add_(1) }
    try noGrad { () throws(TensorError) in try x.add_(1) }
    #expect(try x.floats() == [4])
  }

  @Test(arguments: [DType.bfloat16, .float16])
  func autocastShortensProducts(_ type: DType) throws {
    let (a, b) = (try input([4, 8]), try input([8, 4], 1001))
    let short = try autocast(type) { () throws(TensorError) in
      let exact = try withoutAutocast { () throws(TensorError) in try a.matmul(b) }
      #expect(exact.dtype == .float32)
      return try a.matmul(b)
    }
    #expect(short.dtype == type)
    let exact = try a.matmul(b)
    #expect(exact.dtype == .float32)
    expectClose(try short.floats(), try exact.floats(), rtol: 0.05, atol: 0.02)
  }

  @Test func autocastTrainsInFullPrecision() throws {
    let weight = try input([8, 3, 3, 3], 1001).requiresGrad_()
    let x = try input([2, 3, 8, 8]).to(.channelsLast)
    let loss = try autocast(.bfloat16) { () throws(TensorError) in
      try x.conv2d(weight).to(.float32).square().mean()
    }
    try loss.backward()
    let short = try #require(try weight.grad)
    #expect(short.dtype == .float32)
    try weight.setGrad(nil)
    try x.conv2d(weight).square().mean().backward()
    expectClose(
      try short.floats(),
      try #require(try weight.grad).floats(),
      rtol: 0.1,
      atol: 0.01
    )
  }
}
