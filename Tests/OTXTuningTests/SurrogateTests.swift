import Foundation
import Testing

@testable import OTXTuning

/// Functions whose best value is known.
enum Surrogate {
  /// Minimum 0.397887 at three places (Dixon and Szegő, 1978).
  static func branin(_ x: Double, _ y: Double) -> Double {
    let (b, c, t) = (5.1 / (4 * .pi * .pi), 5 / Double.pi, 1 / (8 * Double.pi))
    return pow(y - b * x * x + c * x - 6, 2) + 10 * (1 - t) * cos(x) + 10
  }

  static let braninSpace = SearchSpace([
    HyperParameter("x", .uniform(low: -5, high: 10)),
    HyperParameter("y", .uniform(low: 0, high: 15)),
  ])

  /// Minimum -3.32237 (Dixon and Szegő, 1978).
  static func hartmann6(_ x: [Double]) -> Double {
    let alpha = [1.0, 1.2, 3.0, 3.2]
    let a = [
      [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
      [17, 8, 0.05, 10, 0.1, 14],
    ]
    let p = [
      [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
      [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
    ]
    return -(0..<4).reduce(0.0) { sum, i in
      let inner = (0..<6).reduce(0.0) { $0 + a[i][$1] * pow(x[$1] - Double(p[i][$1]) / 1e4, 2) }
      return sum + alpha[i] * exp(-inner)
    }
  }

  static let hartmannSpace = SearchSpace(
    (0..<6).map { HyperParameter("x\($0)", .uniform(low: 0, high: 1)) }
  )

  /// An accuracy that grows with epochs: a learning rate that is off, a wrong optimizer and a bad batch
  /// cost some of it, and a low rate takes longer to get there.
  static func learningCurve(_ values: [String: ParameterValue], epochs: Int) -> Double {
    let rate = values["rate"]?.number ?? 0
    let decay = values["decay"]?.number ?? 0
    let off = pow(log10(rate / 0.02), 2) * 0.05 + pow(log10(decay / 1e-3), 2) * 0.01
    let batch = abs(log2((values["batch"]?.number ?? 0) / 24)) * 0.01
    let word = values["optimizer"] == .text("adamw") ? 0 : 0.02
    let ceiling = 0.95 - off - batch - word
    return ceiling * (1 - exp(-Double(epochs) * (0.1 + 5 * min(rate, 0.02))))
  }

  static let curveSpace = SearchSpace([
    HyperParameter("rate", .logUniform(low: 1e-5, high: 1), initial: .number(0.001)),
    HyperParameter("decay", .logUniform(low: 1e-6, high: 0.1), initial: .number(1e-4)),
    HyperParameter("batch", .quantizedLogUniform(low: 4, high: 128, step: 4)),
    HyperParameter("optimizer", .choice([.text("sgd"), .text("adamw"), .text("adam")])),
  ])

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

@Suite struct SurrogateTests {
  /// The best score of a search without rungs.
  private func search(
    _ space: SearchSpace,
    trials: Int,
    seed: Int,
    isRandom: Bool = false,
    _ objective: ([String: ParameterValue]) -> Double
  ) throws -> Double {
    var study = try Study(
      space: space,
      halving: Halving(minimumResource: 1, maximumResource: 1),
      budget: Budget(trialCount: trials),
      isMaximized: false,
      seed: UInt64(seed)
    )
    if isRandom { study.startCount = .max }
    while let work = study.next() {
      study.finish(work.trial.id, work.rung, score: objective(work.trial.values))
    }
    return try #require(study.best?.scores.last)
  }

  /// The median over 20 seeds, to that of random search with as many trials.
  @Test func beatsChanceOnBranin() throws {
    func median(isRandom: Bool) throws -> Double {
      try Surrogate.median(
        (0..<20).map { seed in
          try search(Surrogate.braninSpace, trials: 60, seed: seed, isRandom: isRandom) { values in
            Surrogate.branin(values["x"]?.number ?? 0, values["y"]?.number ?? 0)
          }
        }
      )
    }
    let (tpe, random) = (try median(isRandom: false), try median(isRandom: true))
    #expect(tpe < 0.6)
    #expect(tpe < random)
  }

  @Test func beatsChanceOnHartmann6() throws {
    func median(isRandom: Bool) throws -> Double {
      try Surrogate.median(
        (0..<20).map { seed in
          try search(Surrogate.hartmannSpace, trials: 100, seed: seed, isRandom: isRandom) {
            values in
            Surrogate.hartmann6((0..<6).map { values["x\($0)"]?.number ?? 0 })
          }
        }
      )
    }
    let (tpe, random) = (try median(isRandom: false), try median(isRandom: true))
    #expect(tpe < -2.7)
    #expect(tpe < random - 0.3)
  }

  /// With the epochs of ten whole trainings, halving finds more than ten whole trainings do.
  @Test func savesEpochs() throws {
    func median(_ minimum: Int, startCount: Int) throws -> Double {
      try Surrogate.median(
        (0..<20).map { seed in
          var study = try Study(
            space: Surrogate.curveSpace,
            halving: Halving(minimumResource: minimum, maximumResource: 27),
            budget: Budget(resource: 270),
            seed: UInt64(seed)
          )
          study.startCount = startCount
          while let work = study.next() {
            let score = Surrogate.learningCurve(work.trial.values, epochs: work.rung.resource)
            study.finish(work.trial.id, work.rung, score: score)
          }
          #expect(study.spentResource <= 270)
          #expect(study.best?.scores.count == study.halving.rungs.count)
          return try #require(study.best?.scores.last)
        }
      )
    }
    let (halved, random) = (try median(3, startCount: 8), try median(27, startCount: .max))
    #expect(halved > random + 0.01)
  }
}
