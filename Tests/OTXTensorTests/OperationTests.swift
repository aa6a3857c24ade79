import OTXCore
import OTXTensor
import OTXTesting
import Testing

/// Operations whose results are known without a reference.
@Suite struct OperationTests {
  private func vector(_ values: Float...) throws -> Tensor { try Tensor(values) }

  @Test func comparesAndCombinesTruth() throws {
    let x = try vector(1, 2, 3)
    #expect(try x.eq(2).bools() == [false, true, false])
    #expect(try x.ne(2.0).bools() == [true, false, true])
    #expect(try x.le(2).bools() == [true, true, false])
    #expect(try x.lt(vector(2, 2, 2)).bools() == [true, false, false])
    #expect(try x.ge(vector(2, 2, 2)).bools() == [false, true, true])
    let (a, b) = (
      try Tensor([true, true, false, false], shape: [4]),
      try Tensor([true, false, true, false], shape: [4])
    )
    #expect(try a.logicalAnd(b).bools() == [true, false, false, false])
    #expect(try a.logicalOr(b).bools() == [true, true, true, false])
    #expect(try a.logicalXor(b).bools() == [false, true, true, false])
    #expect(try a.logicalNot().bools() == [false, false, true, true])
    #expect(try a.any().bools() == [true] && !a.all().bools()[0])
    let grid = try a.reshape([2, 2])
    #expect(try grid.any(dim: 1).bools() == [true, false])
    #expect(try grid.all(dim: 1, keepDim: true).shape == [2, 1])
  }

  @Test func seesWhatIsNoNumber() throws {
    let x = try vector(1, .nan, .infinity)
    #expect(try x.isNaN().bools() == [false, true, false])
    #expect(try x.isInf().bools() == [false, false, true])
    #expect(try x.isFinite().bools() == [true, false, false])
    #expect(try x.nanToNum(5).floats() == [1, 5, .greatestFiniteMagnitude])
  }

  @Test func computesElementwise() throws {
    let x = try vector(0.5, 1, 4)
    expectClose(try x.log2().floats(), [-1, 0, 2])
    expectClose(try x.rsqrt().floats(), [Float(2).squareRoot(), 1, 0.5])
    expectClose(try x.reciprocal().floats(), [2, 1, 0.25])
    expectClose(try (x - 1).sign().floats(), [-1, 0, 1])
    expectClose(try vector(1e-8).expm1().floats(), [1e-8], atol: 1e-15)
    expectClose(try vector(1e-8).log1p().floats(), [1e-8], atol: 1e-15)
    expectClose(try x.pow(vector(2, 3, 0.5)).floats(), [0.25, 1, 2])
    expectClose(try x.addcmul(x, x, value: 2).floats(), [1, 3, 36])
    expectClose(try x.clamp(min: vector(1, 1, 1), max: nil).floats(), [1, 1, 4])
    expectClose(try (3 - x * 2).prelu(vector(0.5)).floats(), [2, 1, -2.5])
    expectClose(try (1 - (2.0 - x)).floats(), [-0.5, 0, 3])
    #expect(try (Tensor([7, 8]) + 1).dtype == .int64)
    #expect(try (Tensor([7, 8]) + 1.5).floats() == [8.5, 9.5])
  }

  @Test func changesShapes() throws {
    let x = try Tensor((0..<6).map(Float.init), shape: [2, 3])
    #expect(try x.unflatten(dim: 1, [3, -1]).shape == [2, 3, 1])
    #expect(try x.unsqueeze(0).squeeze(0).shape == [2, 3])
    #expect(try x.reshape([1, 2, 1, 3]).squeeze().shape == [2, 3])
    #expect(try x.reshapeAs(Tensor.zeros([3, 2])).shape == [3, 2])
    #expect(try x.view([6]).sharesStorage(with: x))
    #expect(throws: TensorError.self) { try x.transpose(0, 1).view([6]) }
    #expect(try x.select(dim: 0, 1).expand([2, -1]).floats() == [3, 4, 5, 3, 4, 5])
    #expect(try x.select(dim: 0, 0).expandAs(x).floats() == [0, 1, 2, 0, 1, 2])
    #expect(try x.unbind(dim: 1).map { try $0.ints() } == [[0, 3], [1, 4], [2, 5]])
    #expect(try x.split(size: 2, dim: 1).map(\.shape) == [[2, 2], [2, 1]])
    #expect(try x.triu().ints() == [0, 1, 2, 0, 4, 5])
    #expect(try x.tril(diagonal: -1).ints() == [0, 0, 0, 3, 0, 0])
    let grid = try Tensor.meshgrid([Tensor([1, 2]), Tensor([3, 4, 5])])
    #expect(try grid[0].ints() == [1, 1, 1, 2, 2, 2] && grid[1].ints() == [3, 4, 5, 3, 4, 5])
    #expect(try x.emptyLike().shape == [2, 3])
    #expect(try x.fullLike(4).ints() == [4, 4, 4, 4, 4, 4])
    let drawn = try x.randLike().doubles()
    #expect(drawn.count == 6 && drawn.allSatisfy { (0..<1).contains($0) })
  }

  @Test func reducesAndOrders() throws {
    let x = try Tensor([3, 1, 2, 5, 9, 4] as [Float], shape: [2, 3])
    #expect(try x.argmax(dim: 1).ints() == [0, 1] && x.argmax().ints() == [4])
    #expect(try x.amin(dims: [0]).ints() == [3, 1, 2])
    #expect(try x.max().item() == 9 && x.min().item() == 1 && x.mean().item() == 4)
    #expect(try x.prod(dim: 1).ints() == [6, 180])
    #expect(try x.cumprod(dim: 1).ints() == [3, 3, 6, 5, 45, 180])
    #expect(try x.argsort(dim: 1, descending: true).ints() == [0, 2, 1, 1, 0, 2])
    #expect(try Tensor([1, 3, 1]).bincount(minimumLength: 5).ints() == [0, 2, 0, 1, 0])
    #expect(try Tensor([4, 2, 4]).unique().counts.ints() == [1, 2])
    let a = try Tensor([1, 2, 3, 4] as [Float], shape: [1, 2, 2])
    #expect(try a.bmm(a).ints() == [7, 10, 15, 22])
  }

  @Test func writesCopiesAtPositions() throws {
    let x = try Tensor.zeros([2, 3])
    let rows = try Tensor([0, 1, 0])
    let columns = try Tensor([2, 0, 2])
    let values = try vector(1, 2, 4)
    #expect(
      try x.indexPut([rows, columns], values, accumulate: true).ints() == [0, 0, 5, 2, 0, 0]
    )
    let index = try Tensor([0, 1, 1], shape: [1, 3])
    let source = try vector(7, 8, 9).unsqueeze(0)
    #expect(try x.scatter(dim: 0, index, source).ints() == [7, 0, 0, 0, 8, 9])
    #expect(try x.onesLike().scatterAdd(dim: 0, index, source).ints() == [8, 1, 1, 1, 9, 10])
    #expect(try Tensor.where(x.eq(0), x + 1, 9).ints() == [1, 1, 1, 1, 1, 1])
    #expect(try x.sum().item() == 0)
  }

  @Test func drawsInPlace() throws {
    let x = try Tensor.zeros([1000])
    try x.uniform_(from: 2, to: 3)
    #expect(try x.min().item() >= 2 && x.max().item() < 3)
    try x.bernoulli_(p: 1)
    #expect(try x.sum().item() == 1000)
    try x.addcdiv_(x, Tensor.full([1000], 4), value: 2)
    #expect(try x.max().item() == 1.5)
    #expect(try x.relu_() === x)
  }

  @Test func adamWStepsAgainstItsGradient() throws {
    // The first step is the learning rate, and weight decay on top: 1 - 0.1 * (1 + 0.01).
    let parameter = try Tensor.ones([1])
    try TensorLists.fusedAdamW_(
      [parameter],
      gradients: [Tensor.full([1], 3)],
      firstMoments: [Tensor.zeros([1])],
      secondMoments: [Tensor.zeros([1])],
      steps: [Tensor(1)],
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.999,
      weightDecay: 0.01,
      eps: 1e-8
    )
    expectClose(try parameter.item(), 0.899)
  }

  @Test func namesTypes() {
    for type in ElementType.allCases {
      #expect(type.isFloatingPoint == type.rawValue.contains("float"))
    }
  }
}
