import OTXCore
import Testing

@testable import OTXTorch

@Suite("Adaptive scheduling")
struct AdaptiveScheduleTests {
  private func options(patience: Int = 10, plateau: Int = 4) -> TrainOptions {
    var options = TrainOptions()
    options.earlyStopping.patience = patience
    options.schedule.patience = plateau
    options.schedule.minimumPatience = 3
    return options
  }

  @Test("32 steps an epoch validate every second epoch, as the tutorial's run did")
  func tutorial() {
    let adapted = AdaptiveSchedule(options: options(), stepsPerEpoch: 32)
    #expect(adapted.validationInterval == 2)
    #expect(adapted.earlyStoppingPatience == 5)
    #expect(adapted.learningRatePatience == 2)
    #expect(adapted.changes.count == 3)
    #expect(adapted.changes.allSatisfy { $0.contains("32 steps an epoch") })
  }

  @Test("a long epoch changes nothing and says nothing")
  func longEpoch() {
    let adapted = AdaptiveSchedule(options: options(), stepsPerEpoch: 500)
    #expect(adapted.validationInterval == 1)
    #expect(adapted.earlyStoppingPatience == 10)
    #expect(adapted.learningRatePatience == 4)
    #expect(adapted.changes.isEmpty)
  }

  @Test("an interval that the user set is kept")
  func explicitInterval() {
    var options = options()
    options.validationInterval = 0.5
    let adapted = AdaptiveSchedule(options: options, stepsPerEpoch: 10)
    #expect(adapted.validationInterval == 0.5)
    #expect(adapted.changes.isEmpty)
    let due = (1...10).filter {
      adapted.isValidationDue(epoch: 1, step: $0, stepsPerEpoch: 10, epochCount: 4)
    }
    #expect(due == [5, 10])
  }

  @Test("the last step of the last epoch is always validated")
  func lastStep() {
    let adapted = AdaptiveSchedule(options: options(), stepsPerEpoch: 4)
    #expect(adapted.validationInterval == 5)
    #expect(adapted.isValidationDue(epoch: 7, step: 4, stepsPerEpoch: 4, epochCount: 7))
    #expect(!adapted.isValidationDue(epoch: 7, step: 4, stepsPerEpoch: 4, epochCount: 9))
    #expect(adapted.isValidationDue(epoch: 5, step: 4, stepsPerEpoch: 4, epochCount: 9))
  }
}

@Suite("Early stopping")
struct EarlyStoppingTests {
  private func stopping(patience: Int) -> EarlyStopping {
    var options = EarlyStoppingOptions()
    options.minimumDelta = 0.01
    options.warmupEpochs = 1
    options.warmupSteps = 5
    return EarlyStopping(options: options, patience: patience, stepsPerEpoch: 10)
  }

  @Test("patience runs out only after the warm-up")
  func patience() {
    var stopping = stopping(patience: 2)
    let scores = [0.5, 0.4, 0.4, 0.505, 0.3]
    let stops = scores.enumerated().map { index, score in
      stopping.shouldStop(score: score, iteration: 5 * (index + 1))
    }
    #expect(stops == [false, false, false, true, true])
  }

  @Test("a better score starts the count again")
  func restart() {
    var stopping = stopping(patience: 2)
    let scores = [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3]
    let stops = scores.enumerated().map { index, score in
      stopping.shouldStop(score: score, iteration: 100 + index)
    }
    #expect(stops == [false, false, false, false, false, false, true])
  }

  @Test("switched off, it never ends a training")
  func disabled() {
    var options = EarlyStoppingOptions()
    options.enabled = false
    var stopping = EarlyStopping(options: options, patience: 1, stepsPerEpoch: 1)
    let stops = (0..<50).map { stopping.shouldStop(score: 0, iteration: $0) }
    #expect(!stops.contains(true))
  }
}
