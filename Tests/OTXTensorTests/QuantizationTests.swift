import OTXTensor
import OTXTesting
import Testing

@Suite("Rounding to levels") struct QuantizationTests {
  private let values: [Float] = [-3, -1.3, -0.26, -0.24, 0, 0.1, 0.38, 1.9, 70]

  @Test("values move to the nearest level, and gradients pass where nothing was cut off")
  func tensor() throws {
    let input = try Tensor(values, shape: [9]).requiresGrad_(true)
    let rounded = try input.fakeQuantized(scale: 0.5, levels: -4...127)
    #expect(try rounded.floats() == [-2, -1.5, -0.5, 0, 0, 0, 0.5, 2, 63.5])
    try rounded.sum().backward()
    #expect(try input.grad?.floats() == [0, 1, 1, 1, 1, 1, 1, 1, 0])
  }

  @Test("a zero point moves the levels")
  func zeroPoint() throws {
    let input = try Tensor([-0.5, 0, 0.6, 9] as [Float], shape: [4])
    let rounded = try input.fakeQuantized(scale: 0.5, zeroPoint: 1, levels: 0...10)
    #expect(try rounded.floats() == [-0.5, 0, 0.5, 4.5])
  }

  @Test("each channel has its own scale")
  func channels() throws {
    let input = try Tensor([0.3, 5, 0.3, 5] as [Float], shape: [2, 2]).requiresGrad_(true)
    let scales = try Tensor([0.25, 2] as [Float], shape: [2])
    let rounded = try input.fakeQuantized(scales: scales, dim: 0, levels: -4...4)
    #expect(try rounded.floats() == [0.25, 1, 0, 4])
    try rounded.sum().backward()
    #expect(try input.grad?.floats() == [1, 0, 1, 1])
  }
}
