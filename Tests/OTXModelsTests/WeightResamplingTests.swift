import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// Weights of pictures of another size.
  @Suite struct WeightResamplingTests {
    private struct Case: Decodable {
      var count: Int
      var prefixCount: Int
      var grid: [Int]
      var values: [Float]
    }

    @Test func positionsAreTimms() throws {
      for item in try golden("positions", as: [Case].self) {
        let shape = [1, item.count, 3]
        let table = try Tensor(Formula.input(shape), shape: shape)
        let found = try #require(
          try VisionTransformer.resample(
            positions: table,
            prefixCount: item.prefixCount,
            height: item.grid[0],
            width: item.grid[1]
          )
        )
        #expect(found.shape == [1, item.prefixCount + item.grid[0] * item.grid[1], 3])
        expectClose(try found.contiguous().floats(), item.values, rtol: 1e-5, atol: 1e-6)
      }
      // Of no square grid.
      let odd = try Tensor.zeros([1, 7, 3])
      #expect(
        try VisionTransformer.resample(positions: odd, prefixCount: 1, height: 2, width: 2) == nil
      )
    }

    /// A network under `backbone.` takes the weights of one of another size.
    @Test func aNetworkTakesWeightsOfAnotherSize() throws {
      let variant = VisionTransformer.Configuration(features: 24, depth: 1)
      let published = try VisionTransformer(
        variant,
        inputSize: ImageSize(height: 64, width: 64),
        labelCount: nil
      )
      let backbone = try VisionTransformer(
        variant,
        inputSize: ImageSize(height: 32, width: 80),
        labelCount: nil
      )
      let network = try LinearClassifier(backbone: backbone, labelCount: 2)
      let file = published.stateDictionary().map { ("backbone." + $0.name, $0.value) }
      let (state, changed) = try network.resampling(file)
      #expect(changed == ["backbone.pos_embed"])
      let report = try network.loadStateDictionary(state, strict: false)
      #expect(report.missing == ["head.weight", "head.bias"])
      #expect(report.mismatched == [])
      #expect(backbone.positions.value.shape == [1, 11, 24])
      let expected = try #require(
        try VisionTransformer.resample(
          positions: published.positions.value,
          prefixCount: 1,
          height: 2,
          width: 5
        )
      )
      expectClose(try backbone.positions.value.floats(), try expected.floats())
      // Nothing to do for weights of its own size.
      #expect(try backbone.resampling(backbone.stateDictionary()).changed == [])
    }

    @Test func aVisionTransformerRefusesOtherSizes() throws {
      let variant = VisionTransformer.Configuration(patchSize: 14, features: 24, depth: 1)
      let size = ImageSize(height: 28, width: 30)
      #expect(throws: ModelError.self) {
        try VisionTransformer(variant, inputSize: size, labelCount: 2)
      }
      let network = try VisionTransformer(
        variant,
        inputSize: ImageSize(height: 28, width: 28),
        labelCount: 2
      )
      #expect(throws: TensorError.self) { try network.logits(.zeros([1, 3, 28, 42])) }
    }
  }
}
