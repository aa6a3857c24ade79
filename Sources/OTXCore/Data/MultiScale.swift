/// Training at several sizes of the network's input, one after the other.
///
/// As YOLOX does (Ge et al. 2021). The size of a step is a function of the seed and the step alone. For networks that take pictures
/// of any size.
public struct MultiScaleOptions: Codable, Sendable, Equatable {
  /// How many strides the height may be smaller or larger (YOLOX: 5), or 0 for one size only.
  public var range = 0
  /// Heights and widths are multiples of it.
  public var stride = 32
  /// Steps that keep a size.
  public var interval = 10
  public init() {}

  /// The network's input size at a step.
  ///
  /// The height is drawn; the width follows by the aspect ratio of `base`, rounded down, as in
  /// YOLOX's published code.
  ///
  /// - Parameters:
  ///   - base: The size that the recipe names; also the result where `range` is 0.
  ///   - seed: The run's.
  ///   - step: Counted from 0 over the whole training.
  /// - Returns: A size of at least one stride a side.
  public func size(_ base: ImageSize, seed: UInt64, step: Int) -> ImageSize {
    guard range > 0, stride > 0 else { return base }
    let block = UInt64(max(step, 0) / max(interval, 1))
    var generator = CounterGenerator(seed: seed, block, 0x73_63_61_6C_65)
    let draw = generator.next().multipliedFullWidth(by: UInt64(2 * range + 1)).high
    return scaled(base, by: Int(draw) - range)
  }

  /// The largest size that a step can have.
  package func largestSize(_ base: ImageSize) -> ImageSize {
    range > 0 && stride > 0 ? scaled(base, by: range) : base
  }

  /// The size whose height is so many strides above that of `base`.
  private func scaled(_ base: ImageSize, by strides: Int) -> ImageSize {
    let middle = Int((Double(base.height) / Double(stride)).rounded())
    let count = max(middle + strides, 1)
    let ratio = Double(base.width) / Double(max(base.height, 1))
    return ImageSize(
      height: count * stride,
      width: max(Int(Double(count) * ratio + 1e-6), 1) * stride
    )
  }
}
