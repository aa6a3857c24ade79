import OTXTesting
import Testing

@testable import OTXOpenVINO

/// Numbers as NNCF 3.4's `calculate_quantizer_parameters` gives them.
@Suite("Ranges of quantisers")
struct QuantizerRangeTests {
  private func expectRange(_ range: QuantizerRange, _ low: [Double], _ high: [Double]) {
    expectClose(range.low.map(Double.init), low, rtol: 1e-6, atol: 1e-9)
    expectClose(range.high.map(Double.init), high, rtol: 1e-6, atol: 1e-9)
  }

  @Test func aroundZero() {
    let signed = QuantizerRange.activations(minimum: [-1], maximum: [2], isSymmetric: true)
    expectRange(signed, [-2 * 256.0 / 254], [2])
    #expect(signed.levels == 256)
    let positive = QuantizerRange.activations(minimum: [0], maximum: [2], isSymmetric: true)
    expectRange(positive, [0], [2])
  }

  @Test func channelsOfNothingGetAWidth() {
    let range = QuantizerRange.activations(
      minimum: [-1, 0],
      maximum: [1, 0],
      isSymmetric: true
    )
    expectRange(range, [-256.0 / 254, -0.01 * 256 / 254], [1, 0.01])
    expectRange(
      QuantizerRange.activations(minimum: [0], maximum: [0], isSymmetric: true),
      [0],
      [8e-5]
    )
  }

  @Test func inTheirOwnRange() {
    // Zero is a level: 0.5 / 1.5 of 255 is 85 exactly.
    expectRange(
      QuantizerRange.activations(minimum: [-0.5], maximum: [1], isSymmetric: false),
      [-0.5],
      [1]
    )
    // Level 42 of 255 is zero: the upper end moves, since that gives the larger range.
    expectRange(
      QuantizerRange.activations(minimum: [-0.2], maximum: [1], isSymmetric: false),
      [-0.2],
      [0.2 * 213 / 42]
    )
    expectRange(
      QuantizerRange.activations(minimum: [0.5], maximum: [1], isSymmetric: false),
      [0],
      [1]
    )
    expectRange(
      QuantizerRange.activations(minimum: [-2], maximum: [-1], isSymmetric: false),
      [-2],
      [0]
    )
    // A point is widened on both sides.
    expectRange(
      QuantizerRange.activations(minimum: [0], maximum: [0], isSymmetric: false),
      [-8e-4 * 128 / 127],
      [8e-4]
    )
  }

  @Test func weightsAreSignedAndNarrow() {
    let range = QuantizerRange.weights(largest: [2, 1], usesHalf: false)
    expectRange(range, [-2, -1], [2, 1])
    #expect(range.levels == 255)
    expectRange(QuantizerRange.weights(largest: [2], usesHalf: true), [-4], [4])
  }

  @Test func weightsBecomeWholeNumbers() {
    let weights: [Float] = [1, -0.6, 0.25, 0, 10, -6]
    let quantized = QuantizedWeights(weights, shape: [2, 3], channels: [0])
    #expect(quantized.scaleShape == [2, 1])
    #expect(quantized.values == [127, -76, 32, 0, 127, -76])
    expectClose(quantized.scales.map(Double.init), [1.0 / 127, 10.0 / 127], rtol: 1e-6)
    expectClose(
      quantized.restored.map(Double.init),
      [1, -76.0 / 127, 32.0 / 127, 0, 10, -760.0 / 127],
      rtol: 1e-6,
      atol: 1e-9
    )
    let columns = QuantizedWeights(weights, shape: [2, 3], channels: [1])
    #expect(columns.scaleShape == [1, 3] && columns.scales.count == 3)
    let half = QuantizedWeights([1, -0.7], shape: [1, 2], channels: [0], usesHalf: true)
    #expect((63...64).contains(half.values[0]) && half.values[1] == -44)
  }

  @Test func channelsAreNumberedInOrder() {
    var seen: [Int] = []
    ChannelIndex(shape: [2, 2, 3], channels: [0, 2]).visit { index, channel in
      #expect(index == seen.count)
      seen.append(channel)
    }
    #expect(seen == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5])
    var scalar: [Int] = []
    ChannelIndex(shape: [], channels: []).visit { _, channel in scalar.append(channel) }
    #expect(scalar == [0])
  }

  @Test func quantilesLieBetweenValues() {
    expectClose(Double(SmoothQuantizer.quantile([4, 0, 2], 0.25)), 1)
    expectClose(Double(SmoothQuantizer.quantile([3], 0.1)), 3)
    expectClose(Double(SmoothQuantizer.quantile([0, 10], 0.1)), 1)
  }
}
