import Foundation
import OTXCore
import OTXNN
import OTXTesting
import Testing

/// Learning rates are those of PyTorch's schedulers.
@Suite struct ScheduleTests {
  let golden: Golden
  init() throws { golden = try Golden("schedules", in: .module) }

  private func schedule(
    _ name: ScheduleName,
    higherIsBetter: Bool = true,
    _ change: (inout ScheduleOptions) -> Void
  ) -> LearningRateSchedule {
    var options = ScheduleOptions()
    options.name = name
    change(&options)
    return LearningRateSchedule(
      options,
      baseLearningRate: 0.02,
      maxEpochs: 20,
      higherIsBetter: higherIsBetter
    )
  }

  @Test func stepAndCosineAgree() throws {
    let step = schedule(.step) { ($0.stepEpochs, $0.factor) = (3, 0.5) }
    try golden.expect("step", (0..<12).map { step.learningRate(step: 0, epoch: $0) })
    let cosine = schedule(.cosine) { $0.minimumLearningRate = 1e-4 }
    try golden.expect("cosine", (0..<20).map { cosine.learningRate(step: 0, epoch: $0) })
    expectClose(cosine.learningRate(step: 0, epoch: 50), 1e-4)
  }

  @Test func plateauAgreesAndSurvivesCoding() throws {
    let scores = try golden.digest("scores").samples
    var rising = schedule(.reduceOnPlateau) { ($0.factor, $0.patience) = (0.1, 2) }
    var rates: [Double] = []
    for (epoch, score) in scores.enumerated() {
      rates.append(rising.learningRate(step: 0, epoch: epoch))
      rising.report(score: score)
      // A resumed run goes on from what was written.
      rising = try JSONDecoder().decode(
        LearningRateSchedule.self,
        from: JSONEncoder().encode(rising)
      )
    }
    try golden.expect("plateau", rates)

    var falling = schedule(.reduceOnPlateau, higherIsBetter: false) {
      ($0.factor, $0.patience, $0.minimumLearningRate) = (0.3, 1, 0.001)
    }
    var fallingRates: [Double] = []
    var fallCount = 0
    for score in scores {
      fallingRates.append(falling.learningRate(step: 0, epoch: 0))
      if falling.report(score: 1 - score) { fallCount += 1 }
    }
    try golden.expect("plateau minimum", fallingRates)
    #expect(fallCount == Set(fallingRates).count - 1)
  }

  @Test func aScoreThatIsNoNumberIsNeverBetter() {
    var plateau = schedule(.reduceOnPlateau) { $0.patience = 0 }
    plateau.report(score: 0.5)
    let fell = plateau.report(score: .nan)
    #expect(fell)
  }

  @Test func warmupRisesInALine() throws {
    let constant = schedule(.constant) { $0.warmupSteps = 8 }
    try golden.expect("warm-up", (0..<12).map { constant.learningRate(step: $0, epoch: 0) })
  }
}
