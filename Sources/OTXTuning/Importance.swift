import Foundation

extension Study {
  /// How much each parameter decides how good a trial is, in parts of all; most important first.
  ///
  /// The trials' ranks are laid out as a sum of one curve a parameter (an additive model, fitted by
  /// backfitting: Hastie and Tibshirani, Generalized Additive Models, Statistical Science 1, 1986), and
  /// a parameter's part is its curve's variance over the whole axis: the main effects of a functional
  /// analysis of variance (Hutter et al., ICML 2014). All curves are fitted together, because a search
  /// crowds its trials: where the good values of one parameter lie, the trials' values of every other
  /// crowd, too, and each seen alone would seem to decide. Empty for fewer than eight trials with a
  /// score.
  public func importances() -> [(name: String, share: Double)] {
    let known = ranked
    guard known.count >= 8 else { return [] }
    let ranks = known.indices.map { 0.5 - Double($0) / Double(known.count - 1) }
    var effects = space.parameters.map { parameter in
      Effect(
        parameter.distribution.axis,
        known.map { $0.values[parameter.name].map(parameter.distribution.coordinate) ?? 0 }
      )
    }
    for _ in 0..<30 {
      for index in effects.indices {
        let others = effects.indices.filter { $0 != index }
        let rest = ranks.indices.map { trial in
          others.reduce(ranks[trial]) { $0 - effects[$1].fitted[trial] }
        }
        effects[index].fit(rest)
      }
    }
    let variances = effects.map(\.variance)
    let total = variances.reduce(0, +)
    guard total > 0 else { return [] }
    return zip(space.parameters, variances).map { ($0.name, $1 / total) }
      .sorted { $0.1 > $1.1 }
  }
}

/// What one parameter adds to a trial's rank, as a curve over its axis: a kernel smoother.
private struct Effect {
  let axis: ParzenEstimator.Axis
  let positions: [Double]
  /// The curve at each trial, without its mean.
  private(set) var fitted: [Double]
  private var residuals: [Double]

  init(_ axis: ParzenEstimator.Axis, _ positions: [Double]) {
    (self.axis, self.positions) = (axis, positions)
    fitted = Array(repeating: 0, count: positions.count)
    residuals = fitted
  }

  mutating func fit(_ residuals: [Double]) {
    self.residuals = residuals
    let values = positions.map { smooth(at: $0) }
    let mean = values.reduce(0, +) / Double(values.count)
    fitted = values.map { $0 - mean }
  }

  /// Over the whole axis, every part counting as much as another.
  var variance: Double {
    let values = axis.grid.map { smooth(at: $0) }
    let mean = values.reduce(0, +) / Double(values.count)
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
  }

  private func smooth(at position: Double) -> Double {
    let logs = positions.map { logKernel($0, position) }
    // Far from every trial the nearest one counts alone, instead of nothing over nothing.
    let peak = logs.max() ?? 0
    var (sum, weights) = (0.0, 1e-12)
    for (log, residual) in zip(logs, residuals) {
      let weight = exp(log - peak)
      sum += weight * residual
      weights += weight
    }
    return sum / weights
  }

  private func logKernel(_ a: Double, _ b: Double) -> Double {
    switch axis {
    case .number(let low, let high):
      let distance = high > low ? (a - b) / (0.1 * (high - low)) : 0
      return -0.5 * distance * distance
    case .choice: return a == b ? 0 : -4
    }
  }
}

extension ParzenEstimator.Axis {
  /// Points spread evenly over the axis, or every choice.
  fileprivate var grid: [Double] {
    switch self {
    case .number(let low, let high):
      (0..<64).map { low + (Double($0) + 0.5) / 64 * (high - low) }
    case .choice(let count): (0..<count).map(Double.init)
    }
  }
}
