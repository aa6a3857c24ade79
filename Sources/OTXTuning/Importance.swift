import Foundation

extension Study {
  /// How much each parameter decides whether a trial is good, in parts of all; most important first.
  ///
  /// Where the good trials crowd on an axis beside all trials (Watanabe et al., PED-ANOVA, IJCAI 2023,
  /// equation 17): the variance of the ratio of both densities. Empty for fewer than eight trials with
  /// a score.
  public func importances() -> [(name: String, share: Double)] {
    let known = ranked
    guard known.count >= 8 else { return [] }
    let good = Array(known.prefix(max(known.count / 4, 2)))
    var shares = space.parameters.map { parameter -> (name: String, share: Double) in
      let axis = parameter.distribution.axis
      func density(_ observations: [Observation]) -> ParzenEstimator {
        ParzenEstimator(
          [axis],
          observations.map {
            [$0.values[parameter.name].map(parameter.distribution.coordinate) ?? 0]
          }
        )
      }
      let (best, all) = (density(good), density(known))
      var variance = 0.0
      let points = axis.grid
      for point in points {
        let (p, q) = (exp(best.logDensity([point])), exp(all.logDensity([point])))
        variance += q * pow(p / q - 1, 2) / Double(points.count)
      }
      return (parameter.name, variance * axis.length)
    }
    let total = shares.reduce(0) { $0 + $1.share }
    guard total > 0 else { return [] }
    for index in shares.indices { shares[index].share /= total }
    return shares.sorted { $0.share > $1.share }
  }
}

extension ParzenEstimator.Axis {
  /// Points spread evenly over the axis, or every choice.
  var grid: [Double] {
    switch self {
    case .number(let low, let high):
      (0..<64).map { low + (Double($0) + 0.5) / 64 * (high - low) }
    case .choice(let count): (0..<count).map(Double.init)
    }
  }

  /// What a density is summed over.
  var length: Double {
    switch self {
    case .number(let low, let high): high - low
    case .choice(let count): Double(count)
    }
  }
}
