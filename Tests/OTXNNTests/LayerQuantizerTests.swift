import OTXNN
import OTXTensor
import OTXTesting
import Testing

@Suite("Rounded layers") struct LayerQuantizerTests {
  private func layer() throws -> Linear {
    let layer = try Linear(3, 2, bias: false)
    try noGrad { () throws(TensorError) in
      try layer.weight.value.copy_(
        Tensor([1, -0.004, 0.5, 0.002, 0.0005, -0.001] as [Float], shape: [2, 3])
      )
    }
    return layer
  }

  @Test("ranges are the means of what the batches showed")
  func ranges() throws {
    let layer = try layer()
    let quantizer = LayerQuantizer()
    layer.quantizer = quantizer
    let plain = try layer(Tensor([1, 2, 3] as [Float], shape: [1, 3])).floats()
    quantizer.beginObserving()
    let observed = try layer(Tensor([1, 2, 3] as [Float], shape: [1, 3])).floats()
    #expect(observed == plain)
    _ = try layer(Tensor([-2, 0, 5] as [Float], shape: [1, 3]))
    quantizer.beginRounding()
    #expect(quantizer.range?.low == -0.5)
    #expect(quantizer.range?.high == 4)
    // Symmetric: 4 / 127 apart, both sides of 0.
    let step = Float(4.0 / 127)
    let input = try Tensor([0.4 * step, 1.6 * step, -9], shape: [1, 3])
    layer.weight.value = try Tensor([0, 1, 0, 0, 0, 1] as [Float], shape: [2, 3])
    let found = try layer(input).floats()
    expectClose(found, [2 * step, -128 * step], rtol: 1e-5)
  }

  @Test("inputs without a negative value use all levels for the others")
  func unsigned() throws {
    let layer = try layer()
    let quantizer = LayerQuantizer()
    layer.quantizer = quantizer
    quantizer.beginObserving()
    _ = try layer(Tensor([0, 1, 2.55] as [Float], shape: [1, 3]))
    quantizer.beginRounding()
    layer.weight.value = try Tensor([1, 0, 0, 0, 0, 1] as [Float], shape: [2, 3])
    let found = try layer(Tensor([0.004, 0, 7] as [Float], shape: [1, 3])).floats()
    expectClose(found, [0, 2.55], rtol: 1e-5)
  }

  /// 127 levels on each side of 0 for each row; a row that is tiny beside the others gets a hundredth
  /// of their range.
  @Test("weights are rounded by output channel", arguments: [false, true])
  func weights(usesHalfRange: Bool) throws {
    let layer = try layer()
    let quantizer = LayerQuantizer()
    quantizer.usesHalfRange = usesHalfRange
    layer.quantizer = quantizer
    quantizer.beginObserving()
    _ = try layer(Tensor.ones([1, 3]))
    quantizer.beginRounding()
    let (first, second) = usesHalfRange ? (1 / 63.5, 0.01 / 63.5) : (1.0 / 127, 0.01 / 127)
    func rounded(_ value: Double, _ step: Double) -> Float {
      Float((value / step).rounded() * step)
    }
    let rows: [Float] = [
      rounded(1, first), rounded(-0.004, first), rounded(0.5, first),
      rounded(0.002, second), rounded(0.0005, second), rounded(-0.001, second),
    ]
    for column in 0..<3 {
      var one: [Float] = [0, 0, 0]
      one[column] = 1
      let found = try layer(Tensor(one, shape: [1, 3])).floats()
      expectClose(found, [rows[column], rows[3 + column]], rtol: 1e-4, atol: 1e-7)
    }
  }

  @Test("a layer that saw nothing lets all pass")
  func unseen() throws {
    let layer = try layer()
    let input = try Tensor([0.3, -7, 2] as [Float], shape: [1, 3])
    let plain = try layer(input).floats()
    let quantizer = LayerQuantizer()
    layer.quantizer = quantizer
    quantizer.beginObserving()
    quantizer.beginRounding()
    #expect(try layer(input).floats() == plain)
  }
}
