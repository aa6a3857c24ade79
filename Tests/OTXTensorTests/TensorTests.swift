import OTXCore
import OTXTensor
import Testing

@Suite struct TensorTests {
  @Test func createsAndReadsBack() throws {
    let x = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(x.shape == [2, 3])
    #expect(x.strides == [3, 1])
    #expect(x.dtype == .float32)
    #expect(x.device == .cpu)
    #expect(try x.floats() == [1, 2, 3, 4, 5, 6])
    #expect(try (x + x * 2).floats() == [3, 6, 9, 12, 15, 18])
    #expect(try (1 - x).select(dim: 0, 1).floats() == [-3, -4, -5])
  }

  @Test func backwardGivesGradients() throws {
    let x = try Tensor([1, 2, 3] as [Float], shape: [3]).requiresGrad_()
    let loss = try (x * x).sum()
    try loss.backward()
    #expect(try x.grad?.floats() == [2, 4, 6])
  }

  @Test func shapeMismatchSaysOperationAndShapes() throws {
    let a = try Tensor.ones([2, 3])
    let b = try Tensor.ones([4])
    let error = #expect(throws: TensorError.self) { try a + b }
    guard case .failed(let operation, let shapes, let message) = error else {
      Issue.record("not a failure of an operation: \(String(describing: error))")
      return
    }
    #expect(operation == "add")
    #expect(shapes == [[2, 3], [4]])
    #expect(message.contains("must match"))
  }
}
