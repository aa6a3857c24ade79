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
      stepsPerEpoch: 2,
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

  @Test func multiStepPolyAndOneCycleAgree() throws {
    let multiStep = schedule(.multiStep) { ($0.milestones, $0.factor) = ([3, 4, 11], 0.3) }
    try golden.expect("multi-step", (0..<14).map { multiStep.learningRate(step: 0, epoch: $0) })
    let poly = schedule(.poly) { _ in }
    try golden.expect("poly", (0..<45).map { poly.learningRate(step: $0, epoch: 0) })
    let oneCycle = schedule(.oneCycle) { _ in }
    try golden.expect("one-cycle", (0..<39).map { oneCycle.learningRate(step: $0, epoch: 0) })
    let other = schedule(.oneCycle) {
      ($0.riseShare, $0.divFactor, $0.finalDivFactor) = (0.12, 10, 100)
    }
    try golden.expect("one-cycle other", (0..<39).map { other.learningRate(step: $0, epoch: 0) })
    // Training that takes more steps than were foreseen stays at the end.
    let end = 0.02 / 25 / 1e4
    for step in [39, 40, 99] {
      expectClose(oneCycle.learningRate(step: step, epoch: 0), end, rtol: 1e-6)
    }
  }

  @Test func oneCycleMayOnlyRiseOrOnlyFall() throws {
    let falling = schedule(.oneCycle) { $0.riseShare = 0 }
    try golden.expect(
      "one-cycle falling",
      (0..<39).map { falling.learningRate(step: $0, epoch: 0) }
    )
    for share in [1.0 / 40, 1] {
      let schedule = schedule(.oneCycle) { $0.riseShare = share }
      let rates = (0..<45).map { schedule.learningRate(step: $0, epoch: 0) }
      #expect(rates.allSatisfy { $0.isFinite && $0 > 0 && $0 <= 0.02 })
      expectClose(rates.max() ?? 0, 0.02, rtol: 0.01)
    }
  }

  @Test func minimumBoundsWhatFalls() {
    let poly = schedule(.poly) { $0.minimumLearningRate = 0.001 }
    expectClose(poly.learningRate(step: 40, epoch: 20), 0.001)
    let multiStep = schedule(.multiStep) {
      ($0.milestones, $0.minimumLearningRate) = ([1, 2, 3], 0.001)
    }
    expectClose(multiStep.learningRate(step: 8, epoch: 4), 0.001)
  }

  @Test(arguments: ScheduleName.allCases) func warmupScalesEachSchedule(_ name: ScheduleName) {
    let plain = schedule(name) { $0.milestones = [1, 3] }
    let warmed = schedule(name) { ($0.milestones, $0.warmupSteps) = ([1, 3], 8) }
    for step in 0..<12 {
      let factor = step < 8 ? 1.0 / 3 + 2.0 / 3 * Double(step) / 8 : 1
      let rate = plain.learningRate(step: step, epoch: step / 2)
      expectClose(warmed.learningRate(step: step, epoch: step / 2), rate * factor, rtol: 1e-9)
    }
  }

  @Test func warmupRisesInALine() throws {
    let constant = schedule(.constant) { $0.warmupSteps = 8 }
    try golden.expect("warm-up", (0..<12).map { constant.learningRate(step: $0, epoch: 0) })
  }
}
