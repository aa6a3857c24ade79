import Foundation

/// One axis of a plot: its ends and the round values that are written along it.
struct Axis: Equatable {
  var range: ClosedRange<Double>
  var ticks: [Double]
  var step: Double

  /// - Parameters:
  ///   - values: What is drawn; no more than its ends matter.
  ///   - fixed: The ends, where they are given.
  ///   - tickCount: About how many values to write.
  ///   - grows: Whether the ends move out to the next round values.
  init(
    _ values: some Sequence<Double>,
    fixed: ClosedRange<Double>?,
    tickCount: Int,
    grows: Bool
  ) {
    var (low, high) = (Double.infinity, -Double.infinity)
    for value in values where value.isFinite { (low, high) = (min(low, value), max(high, value)) }
    if let fixed { (low, high) = (fixed.lowerBound, fixed.upperBound) }
    if !low.isFinite || !high.isFinite { (low, high) = (0, 1) }
    if low == high {
      let margin = low == 0 ? 1 : abs(low) / 2
      (low, high) = (low - margin, high + margin)
    }
    step = Axis.roundStep((high - low) / Double(max(tickCount, 1)))
    if grows, fixed == nil {
      low = (low / step).rounded(.down) * step
      high = (high / step).rounded(.up) * step
    }
    range = low...high
    let first = (low / step - 1e-9).rounded(.up)
    let last = (high / step + 1e-9).rounded(.down)
    let step = step
    ticks = first <= last ? stride(from: first, through: last, by: 1).map { $0 * step } : []
  }

  /// Where a value lies along the axis, 0…1 within its ends.
  func position(_ value: Double) -> Double {
    (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }

  /// 1, 2 or 5 times a power of ten, no less than `step`.
  private static func roundStep(_ step: Double) -> Double {
    let power = pow(10, log10(step).rounded(.down))
    let factor = [1.0, 2, 5].first { $0 * power >= step * (1 - 1e-9) } ?? 10
    return factor * power
  }
}
