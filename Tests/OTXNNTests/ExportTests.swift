import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXOpenVINO

/// Every layer of the table gives in OpenVINO, at any batch size, what it gives here.
@Suite struct ExportTests {
  private func check(
    _ shape: [Int],
    scale: Float = 1,
    parameters: [(name: String, value: Tensor)],
    _ forward: (Tensor) throws -> Tensor
  ) throws {
    let graph = try noGrad {
      let x = try formulaInput([2] + shape.dropFirst(), scale: scale)
      return try record(inputs: [("x", x)], parameters: parameters, dynamicAxes: [0]) {
        [("y", try forward(x))]
      }
    }
    let model = try OpenVINOModel(compiling: graph)
    for count in [1, 3] {
      let shape = [count] + shape.dropFirst()
      let values = Formula.input(shape, k: 1000 + count).map { $0 * scale }
      let expected = try noGrad { try forward(Tensor(values, shape: shape)) }
      let outputs = try model.run([ArrayBuffer(values, shape: shape)])
      let output = try #require(outputs["y"])
      #expect(output.shape == expected.shape)
      expectClose(output.values, try expected.floats(), rtol: 1e-5, atol: 1e-5)
    }
  }

  @Test(arguments: LayerTests.cases)
  func layersAgree(_ item: LayerTests.Case) throws {
    let layer = try item.make()
    try fill(layer)
    layer.setTraining(false)
    try check(item.shape, scale: item.scale, parameters: layer.stateDictionary()) { try layer($0) }
  }

  /// Attention to another sequence, part of which is hidden.
  @Test func maskedAttentionAgrees() throws {
    let attention = try MultiheadAttention(12, headCount: 3)
    try fill(attention)
    attention.setTraining(false)
    let visible = (0..<20).map { $0 % 5 != 3 && $0 != 5 }
    let added = try Tensor(visible.map { $0 ? 0 : -1e9 } as [Float], shape: [4, 5])
    let mask = try added.gt(-1)
    for mask in [mask, added] {
      try check([2, 5, 12], parameters: attention.stateDictionary()) { x in
        let queries = try x.narrow(dim: 1, start: 0, length: 4)
        return try attention(queries: queries, keys: x * 2, values: x, mask: mask)
      }
    }
  }

  @Test func embeddingAgrees() throws {
    let embedding = try Embedding(9, 3)
    try fill(embedding)
    try check([2, 4, 9], parameters: embedding.stateDictionary()) { x in
      try embedding(x.argmax(dim: 2))
    }
  }
}
