import Foundation

/// What is known of a trial that a sampler learns from.
struct Observation {
  var values: [String: ParameterValue]
  /// Its score on each rung it has finished, from the lowest; larger is better.
  var scores: [Double]
}

/// Draws the values of new trials: at random first, then where good ones were.
///
/// The tree-structured Parzen estimator (Bergstra et al., NIPS 2011): observations are parted into the
/// best and the rest, and of some candidates drawn from the density of the best the one is taken that
/// is likeliest there and unlikeliest among the rest. Scores of different rungs do not compare: those of
/// the highest rung that enough trials have reached count (as in Falkner et al., BOHB, ICML 2018).
/// Every second trial looks closer to the best: its kernels are half as wide. The numbers were chosen on
/// `OTXBenchmarks tuning --first-seed 1000 --seeds 100`, and tried on other seeds.
struct Sampler {
  let space: SearchSpace
  /// Trials drawn at random before the estimator is asked.
  var startCount = 8
  /// The part of all trials that counts as good.
  var goodShare = 0.1
  var candidateCount = 32

  /// The values of the next trial.
  ///
  /// - Parameters:
  ///   - observations: Of all trials so far.
  ///   - pending: Values of trials under way; they count as middling, so that several drawn at once
  ///     differ.
  ///   - index: The trial's number; the first takes the initial values.
  ///   - generator: Where chance comes from.
  /// - Returns: A value for each parameter.
  func sample(
    _ observations: [Observation],
    pending: [[String: ParameterValue]] = [],
    index: Int,
    using generator: inout some RandomNumberGenerator
  ) -> [String: ParameterValue] {
    if index == 0 { return initial(using: &generator) }
    guard observations.count >= startCount else { return random(using: &generator) }
    let ranked = ranked(observations)
    let goodCount = min(25, max(2, Int((goodShare * Double(ranked.count)).rounded(.up))))
    let good = ParzenEstimator(
      axes,
      ranked.prefix(goodCount).map { point($0.values) },
      priorWeight: 0.3,
      widthFactor: index.isMultiple(of: 2) ? 1 : 0.5
    )
    let rest = ParzenEstimator(
      axes,
      ranked.dropFirst(goodCount).map { point($0.values) } + pending.map(point)
    )
    var best: (point: ParzenEstimator.Point, gain: Double)?
    for _ in 0..<candidateCount {
      let candidate = good.sample(using: &generator)
      let gain = good.logDensity(candidate) - rest.logDensity(candidate)
      if gain > best?.gain ?? -.infinity { best = (candidate, gain) }
    }
    return best.map { values(at: $0.point) } ?? random(using: &generator)
  }

  /// All trials, best first: by their score on the highest rung that enough of them have reached; those
  /// that did not get there follow, the further they got the earlier.
  private func ranked(_ observations: [Observation]) -> [Observation] {
    let enough = max(space.parameters.count + 1, startCount / 2)
    var level = (observations.map(\.scores.count).max() ?? 1) - 1
    while level > 0, observations.count(where: { $0.scores.count > level }) < enough { level -= 1 }
    return observations.sorted { a, b in
      let (ofA, ofB) = (min(a.scores.count - 1, level), min(b.scores.count - 1, level))
      return ofA == ofB ? a.scores[ofA] > b.scores[ofB] : ofA > ofB
    }
  }

  private func initial(
    using generator: inout some RandomNumberGenerator
  ) -> [String: ParameterValue] {
    var values = random(using: &generator)
    for parameter in space.parameters {
      if let initial = parameter.initial { values[parameter.name] = initial }
    }
    return values
  }

  private func random(
    using generator: inout some RandomNumberGenerator
  ) -> [String: ParameterValue] {
    values(
      at: axes.map { axis in
        switch axis {
        case .number(let low, let high): Double.random(in: low...high, using: &generator)
        case .choice(let count): Double(Int.random(in: 0..<count, using: &generator))
        }
      }
    )
  }

  // MARK: Values and coordinates

  private var axes: [ParzenEstimator.Axis] { space.parameters.map(\.distribution.axis) }

  private func point(_ values: [String: ParameterValue]) -> ParzenEstimator.Point {
    space.parameters.map { parameter in
      values[parameter.name].map(parameter.distribution.coordinate) ?? 0
    }
  }

  private func values(at point: ParzenEstimator.Point) -> [String: ParameterValue] {
    var values: [String: ParameterValue] = [:]
    for (parameter, coordinate) in zip(space.parameters, point) {
      values[parameter.name] = parameter.distribution.value(at: coordinate)
    }
    return values
  }
}

extension Distribution {
  /// The axis on which every part is as likely.
  var axis: ParzenEstimator.Axis {
    switch self {
    case .uniform(let low, let high), .quantizedUniform(let low, let high, _):
      .number(low: low, high: high)
    case .logUniform(let low, let high), .quantizedLogUniform(let low, let high, _):
      .number(low: log(low), high: log(high))
    case .choice(let values): .choice(count: values.count)
    }
  }

  func coordinate(_ value: ParameterValue) -> Double {
    switch self {
    case .choice(let values): return Double(values.firstIndex(of: value) ?? 0)
    case .uniform(let low, let high), .quantizedUniform(let low, let high, _):
      return min(max(value.number ?? low, low), high)
    case .logUniform(let low, let high), .quantizedLogUniform(let low, let high, _):
      return log(min(max(value.number ?? low, low), high))
    }
  }

  func value(at coordinate: Double) -> ParameterValue {
    func rounded(_ value: Double, _ low: Double, _ high: Double, _ step: Double) -> ParameterValue {
      let count = min(((value - low) / step).rounded(), ((high - low) / step + 1e-9).rounded(.down))
      // Steps like 0.1 have no exact sum: the value is written as a person would.
      let exact = low + max(count, 0) * step
      return .number(Double(String(format: "%.12g", exact)) ?? exact)
    }
    switch self {
    case .uniform(let low, let high): return .number(min(max(coordinate, low), high))
    case .quantizedUniform(let low, let high, let step): return rounded(coordinate, low, high, step)
    case .logUniform(let low, let high): return .number(min(max(exp(coordinate), low), high))
    case .quantizedLogUniform(let low, let high, let step):
      return rounded(exp(coordinate), low, high, step)
    case .choice(let values):
      return values[min(max(Int(coordinate), 0), values.count - 1)]
    }
  }
}
