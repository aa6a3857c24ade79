/// The range of numbers that a quantiser rounds to its levels, one for each channel or one for all.
///
/// Arithmetic as NNCF 3.4 does it.
struct QuantizerRange: Equatable {
  var low: [Float]
  var high: [Float]
  var levels: Int

  /// Levels of whole numbers of 8 bits; weights leave the lowest out.
  private static let levels = 256
  private static let weightLevels = 255

  /// A range around zero for weights.
  ///
  /// - Parameters:
  ///   - largest: The largest magnitude of each channel.
  ///   - usesHalf: Uses only every second whole number.
  /// - Returns: One range for each channel.
  static func weights(largest: [Float], usesHalf: Bool) -> QuantizerRange {
    let high = nonZero(largest)
    guard usesHalf else {
      return QuantizerRange(low: high.map { -$0 }, high: high, levels: weightLevels)
    }
    // As if there were seven bits, of 128 levels, stretched over eight.
    let stretch = Float(weightLevels - 1) / Float(128 - 1)
    return QuantizerRange(
      low: high.map { -$0 * stretch },
      high: high.map { $0 * stretch },
      levels: weightLevels
    )
  }

  /// A range for activations.
  ///
  /// - Parameters:
  ///   - minimum: Of each channel.
  ///   - maximum: Of each channel; around zero: the largest magnitude.
  ///   - isSymmetric: Around zero, or from zero on where nothing is below it.
  /// - Returns: One range for each channel.
  static func activations(
    minimum: [Float],
    maximum: [Float],
    isSymmetric: Bool
  ) -> QuantizerRange {
    guard isSymmetric else { return asymmetric(minimum, maximum) }
    let high = nonZero(maximum)
    let isSigned = minimum.contains { $0 < 0 }
    let stretch = Float(levels) / Float(levels - 2)
    return QuantizerRange(
      low: isSigned ? high.map { -$0 * stretch } : high.map { _ in 0 },
      high: high,
      levels: levels
    )
  }

  /// Ranges that no division by their width makes infinite.
  private static func nonZero(_ largest: [Float]) -> [Float] {
    let least = max((largest.max() ?? 0) * 0.01, 8e-5)
    return largest.map { max($0, least) }
  }

  /// A range in which zero is one of the levels.
  private static func asymmetric(_ minimum: [Float], _ maximum: [Float]) -> QuantizerRange {
    var range = QuantizerRange(low: [], high: [], levels: levels)
    for (minimum, maximum) in zip(minimum, maximum) {
      let widening: Float = maximum - minimum > 8e-4 ? 0 : 8e-4
      let (low, high) = tuned(min(minimum - widening, 0), max(maximum + widening, 0))
      range.low.append(low)
      range.high.append(high)
    }
    return range
  }

  private static func tuned(_ low: Float, _ high: Float) -> (low: Float, high: Float) {
    let last = Float(levels - 1)
    let zero = (-low * (last / (high - low))).rounded(.toNearestOrEven)
    let lower = zero < last ? zero / (zero - last) * high : low
    let upper = zero > 0 ? (zero - last) / zero * low : high
    return high - lower > upper - low ? (lower, high) : (low, upper)
  }
}

/// Weights as whole numbers and a scale for each channel.
struct QuantizedWeights: Equatable {
  var values: [Int8]
  var shape: [Int]
  var scales: [Float]
  /// As long as `shape`; 1 for axes that share a scale.
  var scaleShape: [Int]

  /// Rounds `weights` of `shape` to whole numbers, each entry of the axes `channels` with its own
  /// scale.
  init(_ weights: [Float], shape: [Int], channels: [Int], usesHalf: Bool = false) {
    self.shape = shape
    scaleShape = shape.indices.map { channels.contains($0) ? shape[$0] : 1 }
    let channel = ChannelIndex(shape: shape, channels: channels)
    var largest = [Float](repeating: 0, count: channel.count)
    channel.visit { index, channel in
      largest[channel] = max(largest[channel], abs(weights[index]))
    }
    let range = QuantizerRange.weights(largest: largest, usesHalf: usesHalf)
    let scales = range.high.map { $0 / 127 }
    self.scales = scales
    values = [Int8](unsafeUninitializedCapacity: weights.count) { buffer, initialized in
      channel.visit { index, channel in
        let level = (weights[index] / scales[channel]).rounded(.toNearestOrEven)
        buffer[index] = Int8(min(max(level, -127), 127))
      }
      initialized = weights.count
    }
  }

  /// The weights that they stand for.
  var restored: [Float] {
    let channel = ChannelIndex(
      shape: shape,
      channels: shape.indices.filter { scaleShape[$0] == shape[$0] && shape[$0] > 1 }
    )
    var restored = values.map(Float.init)
    channel.visit { index, channel in restored[index] *= scales[channel] }
    return restored
  }
}

/// Which channel each element of an array belongs to.
struct ChannelIndex {
  let shape: [Int]
  /// What one step along each axis adds to the channel's number.
  private let steps: [Int]
  let count: Int

  init(shape: [Int], channels: [Int]) {
    self.shape = shape
    var steps = [Int](repeating: 0, count: shape.count)
    var count = 1
    for axis in shape.indices.reversed() where channels.contains(axis) {
      steps[axis] = count
      count *= shape[axis]
    }
    (self.steps, self.count) = (steps, count)
  }

  /// Calls `body` with every element's place and channel, in order.
  func visit(_ body: (_ index: Int, _ channel: Int) -> Void) {
    let total = shape.reduce(1, *)
    guard total > 0 else { return }
    guard let last = shape.indices.last else { return body(0, 0) }
    var position = [Int](repeating: 0, count: shape.count)
    var (index, channel) = (0, 0)
    while true {
      for offset in 0..<shape[last] {
        body(index, channel + offset * steps[last])
        index += 1
      }
      guard index < total else { return }
      var axis = last - 1
      while axis >= 0 {
        position[axis] += 1
        channel += steps[axis]
        if position[axis] < shape[axis] { break }
        channel -= steps[axis] * shape[axis]
        position[axis] = 0
        axis -= 1
      }
    }
  }
}
