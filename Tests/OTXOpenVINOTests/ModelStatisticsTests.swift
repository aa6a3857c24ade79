import OTXCore
import Testing

@testable import OTXOpenVINO

@Suite("Counting a model's operations") struct ModelStatisticsTests {
  private func value(_ shape: [Int?]) -> OperationGraph.Value {
    OperationGraph.Value(elementType: .float32, shape: shape)
  }

  /// One product of `input` and constant weights.
  private func graph(
    _ type: String,
    _ input: [Int?],
    _ weights: [Int],
    _ output: [Int?],
    attributes: [String: String] = [:]
  ) -> OperationGraph {
    OperationGraph(nodes: [
      .init(type: "Parameter", name: "x", outputs: [value(input)]),
      .init(type: "Constant", name: "w", outputs: [value(weights)]),
      .init(
        type: "FakeQuantize",
        name: "q",
        inputs: [.init(node: 1, port: 0)],
        outputs: [value(weights)]
      ),
      .init(
        type: type,
        name: "y",
        inputs: [.init(node: 0, port: 0), .init(node: 2, port: 0)],
        outputs: [value(output)],
        attributes: attributes
      ),
    ])
  }

  @Test("products are counted as they are computed")
  func products() {
    let plain = ModelStatistics(
      graph("Convolution", [nil, 3, 8, 8], [4, 3, 3, 3], [nil, 4, 8, 8])
    )
    #expect(plain.weightCount == 108)
    #expect(plain.multiplyAddCount == 4 * 8 * 8 * 27)
    let depthwise = ModelStatistics(
      graph("GroupConvolution", [1, 6, 8, 8], [6, 1, 1, 3, 3], [1, 6, 4, 4])
    )
    #expect(depthwise.multiplyAddCount == 6 * 4 * 4 * 9)
    let transposed = ModelStatistics(
      graph("ConvolutionBackpropData", [1, 6, 4, 4], [6, 2, 2, 2], [1, 2, 8, 8])
    )
    #expect(transposed.multiplyAddCount == 6 * 4 * 4 * 8)
    let product = ModelStatistics(graph("MatMul", [nil, 10], [5, 10], [nil, 5]))
    #expect(product.weightCount == 50)
    #expect(product.multiplyAddCount == 50)
    let turned = ModelStatistics(
      graph("MatMul", [10, 3], [10, 5], [3, 5], attributes: ["transpose_a": "true"])
    )
    #expect(turned.multiplyAddCount == 150)
  }

  @Test("what is open cannot be counted")
  func open() {
    let found = ModelStatistics(
      graph("Convolution", [nil, 3, nil, nil], [4, 3, 3, 3], [nil, 4, nil, nil])
    )
    #expect(found.weightCount == 108)
    #expect(found.multiplyAddCount == nil)
  }
}
