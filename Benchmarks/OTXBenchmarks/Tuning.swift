import ArgumentParser
import Foundation
import OTXTuning

/// This library's side of `Benchmarks/tuning.py`: what a search finds on functions whose best value is
/// known.
struct Tuning: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Median best value of searches on Branin, Hartmann-6 and a learning-curve model."
  )

  @Option(help: "Searches of each function.")
  var seeds = 20

  @Option(help: "The first seed.")
  var firstSeed = 0

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let found = [
      (
        "branin",
        try median { try best(SurrogateFunction.braninSpace, 60, $0, SurrogateFunction.branin) }
      ),
      (
        "hartmann6",
        try median {
          try best(SurrogateFunction.hartmannSpace, 100, $0, SurrogateFunction.hartmann6)
        }
      ),
      ("curves", try median(curves)),
    ]
    if json {
      print("{" + found.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}")
    } else {
      for (name, value) in found { print("\(name): \(String(format: "%.4f", value))") }
    }
  }

  private func median(_ search: (Int) throws -> Double) throws -> Double {
    let values = try (firstSeed..<firstSeed + seeds).map(search).sorted()
    return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
  }

  /// The least value that so many trials found.
  private func best(
    _ space: SearchSpace,
    _ trials: Int,
    _ seed: Int,
    _ function: ([String: ParameterValue]) -> Double
  ) throws -> Double {
    var study = try Study(
      space: space,
      halving: Halving(minimumResource: 1, maximumResource: 1),
      budget: Budget(trialCount: trials),
      isMaximized: false,
      seed: UInt64(seed)
    )
    while let work = study.next() {
      study.finish(work.trial.id, work.rung, score: function(work.trial.values))
    }
    return study.best?.scores.last ?? .infinity
  }

  /// The score of the best trial at the highest rung, within 270 epochs.
  private func curves(_ seed: Int) throws -> Double {
    var study = try Study(
      space: SurrogateFunction.curveSpace,
      halving: Halving(minimumResource: 3, maximumResource: 27),
      budget: Budget(resource: 270),
      seed: UInt64(seed)
    )
    while let work = study.next() {
      let score = SurrogateFunction.learningCurve(work.trial.values, epochs: work.rung.resource)
      study.finish(work.trial.id, work.rung, score: score)
    }
    let top = study.trials.filter { $0.scores.count == study.halving.rungs.count }
    return top.compactMap(\.scores.last).max() ?? 0
  }
}

/// Functions that searches are tried on.
private enum SurrogateFunction {
  /// Minimum 0.397887 (Dixon and Szegő, 1978).
  static func branin(_ values: [String: ParameterValue]) -> Double {
    let (x, y) = (values["x"]?.number ?? 0, values["y"]?.number ?? 0)
    let (b, c, t) = (5.1 / (4 * .pi * .pi), 5 / Double.pi, 1 / (8 * Double.pi))
    return pow(y - b * x * x + c * x - 6, 2) + 10 * (1 - t) * cos(x) + 10
  }

  static let braninSpace = SearchSpace([
    HyperParameter("x", .uniform(low: -5, high: 10)),
    HyperParameter("y", .uniform(low: 0, high: 15)),
  ])

  private static let alpha = [1.0, 1.2, 3.0, 3.2]
  private static let a = [
    [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
  ]
  private static let p = [
    [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
  ]

  /// Minimum -3.32237 (Dixon and Szegő, 1978).
  static func hartmann6(_ values: [String: ParameterValue]) -> Double {
    let x = (0..<6).map { values["x\($0)"]?.number ?? 0 }
    return -(0..<4).reduce(0.0) { sum, i in
      let inner = (0..<6).reduce(0.0) { $0 + a[i][$1] * pow(x[$1] - Double(p[i][$1]) / 1e4, 2) }
      return sum + alpha[i] * exp(-inner)
    }
  }

  static let hartmannSpace = SearchSpace(
    (0..<6).map { HyperParameter("x\($0)", .uniform(low: 0, high: 1)) }
  )

  /// An accuracy that grows with epochs.
  static func learningCurve(_ values: [String: ParameterValue], epochs: Int) -> Double {
    let rate = values["rate"]?.number ?? 0
    let decay = values["decay"]?.number ?? 0
    let off = pow(log10(rate / 0.02), 2) * 0.05 + pow(log10(decay / 1e-3), 2) * 0.01
    let batch = abs(log2((values["batch"]?.number ?? 0) / 24)) * 0.01
    let word = values["optimizer"] == .text("adamw") ? 0 : 0.02
    return (0.95 - off - batch - word) * (1 - exp(-Double(epochs) * (0.1 + 5 * min(rate, 0.02))))
  }

  static let curveSpace = SearchSpace([
    HyperParameter("rate", .logUniform(low: 1e-5, high: 1), initial: .number(0.001)),
    HyperParameter("decay", .logUniform(low: 1e-6, high: 0.1), initial: .number(1e-4)),
    HyperParameter("batch", .quantizedUniform(low: 4, high: 128, step: 4)),
    HyperParameter("optimizer", .choice([.text("sgd"), .text("adamw"), .text("adam")])),
  ])
}
