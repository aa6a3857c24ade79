import OTXTesting
import Testing

@testable import OTXTuning

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
          try search(
            Surrogate.braninSpace,
            trials: 60,
            seed: seed,
            isRandom: isRandom,
            Surrogate.branin
          )
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
          try search(
            Surrogate.hartmannSpace,
            trials: 100,
            seed: seed,
            isRandom: isRandom,
            Surrogate.hartmann6
          )
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
