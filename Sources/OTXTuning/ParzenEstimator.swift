import Foundation

/// A density over a search space: a mixture of one kernel an observation and a broad prior.
///
/// The tree-structured Parzen estimator's (Bergstra et al., Algorithms for Hyper-Parameter
/// Optimization, NIPS 2011) in its multivariate form (Falkner et al., BOHB, ICML 2018): a kernel is a
/// product over all parameters, so that those that go together stay together. Numbers have truncated
/// normal kernels, of logarithms where the range is logarithmic; choices have categorical ones.
struct ParzenEstimator {
  /// One axis of the space as the estimator sees it.
  enum Axis {
    case number(low: Double, high: Double)
    case choice(count: Int)
  }

  /// Points as coordinates: a position on the axis, or the index of a choice.
  typealias Point = [Double]

  private let axes: [Axis]
  private let centers: [Point]
  private let widths: [Double]
  private let priorWeight: Double

  /// - Parameters:
  ///   - axes: Of the space.
  ///   - points: The observations.
  ///   - priorWeight: What the prior counts for, in observations.
  ///   - widthFactor: What the kernels' widths are multiplied with.
  init(
    _ axes: [Axis],
    _ points: [Point],
    priorWeight: Double = 1,
    widthFactor: Double = 1
  ) {
    self.axes = axes
    centers = points
    self.priorWeight = priorWeight
    // Scott's rule on a part of the axis, never so narrow that a point only finds itself. Wider kernels
    // found less on the surrogates of the tests.
    let count = Double(max(points.count, 1))
    let shrink = pow(count, -1 / (Double(axes.count) + 4))
    widths = axes.map { axis in
      switch axis {
      case .number(let low, let high):
        max(0.07 * widthFactor * shrink, 0.2 / min(100, 1 + count)) * (high - low)
      // The share of a choice's kernel that goes to the other choices.
      case .choice: min(0.5, 0.5 * shrink)
      }
    }
  }

  private var total: Double { Double(centers.count) + priorWeight }

  /// A point whose coordinates may come from different kernels.
  ///
  /// What two good points have each found on one axis meets in it; ``logDensity(_:)``, which judges it,
  /// knows what goes together.
  func sample(using generator: inout some RandomNumberGenerator) -> Point {
    axes.indices.map { axis in
      let ticket = Double.random(in: 0..<total, using: &generator)
      let center = ticket < Double(centers.count) ? centers[Int(ticket)] : nil
      switch axes[axis] {
      case .number(let low, let high):
        let (mean, width) =
          center.map { ($0[axis], widths[axis]) } ?? ((low + high) / 2, high - low)
        return Normal.truncated(mean, width, low, high, using: &generator)
      case .choice(let count):
        let isOther =
          center == nil || Double.random(in: 0..<1, using: &generator) < widths[axis]
        return isOther
          ? Double(Int.random(in: 0..<count, using: &generator)) : center?[axis] ?? 0
      }
    }
  }

  /// The logarithm of the density at `point`.
  func logDensity(_ point: Point) -> Double {
    var logs = centers.map { logKernel(point, around: $0) }
    logs.append(logKernel(point, around: nil) + log(priorWeight))
    let peak = logs.max() ?? 0
    return peak + log(logs.reduce(0) { $0 + exp($1 - peak) } / total)
  }

  private func logKernel(_ point: Point, around center: Point?) -> Double {
    var sum = 0.0
    for axis in axes.indices {
      switch axes[axis] {
      case .number(let low, let high):
        let (mean, width) =
          center.map { ($0[axis], widths[axis]) } ?? ((low + high) / 2, high - low)
        sum += Normal.logTruncatedDensity(point[axis], mean, width, low, high)
      case .choice(let count):
        let spread = (center == nil ? 1 : widths[axis]) / Double(count)
        let own = center.map { $0[axis] == point[axis] ? 1 - widths[axis] : 0 } ?? 0
        sum += log(own + spread)
      }
    }
    return sum
  }
}

/// The normal distribution, cut off at two bounds.
enum Normal {
  static func cumulative(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }

  static func logTruncatedDensity(
    _ x: Double,
    _ mean: Double,
    _ width: Double,
    _ low: Double,
    _ high: Double
  ) -> Double {
    let mass = cumulative((high - mean) / width) - cumulative((low - mean) / width)
    let z = (x - mean) / width
    return -0.5 * z * z - log(width * (2 * Double.pi).squareRoot()) - log(max(mass, 1e-300))
  }

  /// Inverts the cumulative distribution by bisection: exact enough, and never outside the bounds.
  static func truncated(
    _ mean: Double,
    _ width: Double,
    _ low: Double,
    _ high: Double,
    using generator: inout some RandomNumberGenerator
  ) -> Double {
    let (from, to) = (cumulative((low - mean) / width), cumulative((high - mean) / width))
    guard to > from else { return Double.random(in: low...high, using: &generator) }
    let goal = Double.random(in: from...to, using: &generator)
    var (left, right) = (low, high)
    for _ in 0..<50 {
      let middle = (left + right) / 2
      if cumulative((middle - mean) / width) < goal { left = middle } else { right = middle }
    }
    return (left + right) / 2
  }
}
