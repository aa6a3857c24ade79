import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor
import Testing

@testable import OTXTorch

private let pace = TrainingPace(
  stepsPerEpoch: 10,
  step: 1,
  epochStart: 0.5,
  validation: 3,
  saving: 0.5,
  report: 4
)

private func limit(_ seconds: Double) -> TimeLimit { TimeLimit(seconds: seconds, since: .now) }

@Suite("Planning within a time")
struct TimeTrialTests {
  private func decide(
    _ options: TrainOptions,
    seconds: Double,
    maySetSchedule: Bool = true
  ) throws -> (options: TrainOptions, decisions: [Decision]) {
    try TimeTrial(limit: limit(seconds), pace: pace, info: classifierInfo())
      .decide(options, maySetSchedule: maySetSchedule, remaining: seconds)
  }

  @Test("epochs fill the time; what was decided is settled")
  func fills() throws {
    var options = TrainOptions()
    options.timeBudget = .seconds(1000)
    options.maxEpochs = 500
    let (settled, decisions) = try decide(options, seconds: 1000)
    #expect(settled.timeBudget == .none)
    #expect((75...85).contains(settled.maxEpochs))
    #expect(settled.validationInterval == 3 && !settled.adaptiveScheduling)
    #expect(decisions.map(\.setting) == ["maxEpochs", "validationInterval"])
    #expect(decisions[0].reason.contains("a step takes 1s here"))
  }

  @Test("the user's epochs are the upper bound, their interval and schedule stay")
  func wishes() throws {
    var options = TrainOptions()
    options.maxEpochs = 4
    options.validationInterval = 2
    options.adaptiveScheduling = false
    options.schedule.name = .oneCycle
    let (settled, decisions) = try decide(options, seconds: 1000, maySetSchedule: false)
    #expect(settled.maxEpochs == 4 && settled.validationInterval == 2)
    #expect(settled.schedule.name == .oneCycle)
    #expect(decisions.map(\.setting) == ["maxEpochs"])
    #expect(decisions[0].reason.hasPrefix("all that are wanted fit"))
  }

  @Test("few steps from random weights are all large ones")
  func fewSteps() throws {
    var options = TrainOptions()
    options.schedule.name = .oneCycle
    options.emaDecay = 0.998
    let few = try decide(options, seconds: 200).options
    #expect(few.schedule.name == .constant && few.emaDecay == 0)
    #expect(try decide(options, seconds: 900).options.schedule.name == .oneCycle)
  }

  @Test("a time too short for an epoch says what would fit")
  func tooShort() throws {
    let error = #expect(throws: ConfigurationError.self) {
      try decide(TrainOptions(), seconds: 15)
    }
    let text = "\(try #require(error))"
    #expect(text.contains("15s is too short for one epoch: 10 steps of 1s take 11s"))
    #expect(text.contains("--time 25s"))
    #expect(text.contains("a smaller model"))
    let nothing = #expect(throws: ConfigurationError.self) {
      try decide(TrainOptions(), seconds: 0.5)
    }
    #expect("\(try #require(nothing))".contains("less than a training step"))
  }
}

@Suite("Keeping to a time")
struct TimeKeeperTests {
  private func keeper(_ seconds: Double, mostEpochs: Int = 100) -> TimeKeeper {
    TimeKeeper(TimePlan(limit: limit(seconds), pace: pace, mostEpochs: mostEpochs), now: 0)
  }

  @Test("as fast as measured, nothing changes")
  func onTime() {
    var keeper = keeper(1000)
    for step in 1...100 { keeper.takeStep(step == 1 ? 5 : 1) }
    let steps = 10 * pace.epochCount(within: 980, validationInterval: 3, atMost: 100)
    let left = 10 * pace.epochCount(within: 880, validationInterval: 3, atMost: 100)
    let end = keeper.end(at: 100, position: steps - left, last: steps, interval: 3)
    #expect(end == nil)
    #expect(!keeper.isLast(at: 100))
  }

  @Test("twice as slow, the training is shortened to what fits")
  func slower() throws {
    var keeper = keeper(1000)
    for _ in 1...100 { keeper.takeStep(2) }
    let found = keeper.end(at: 200, position: 100, last: 800, interval: 3)
    let end = try #require(found)
    // 772 s are left before the end, 2.2 s and more a step.
    #expect((400...450).contains(end))
  }

  @Test("faster, it is lengthened, as far as epochs are wanted")
  func faster() {
    var keeper = keeper(1000, mostEpochs: 100)
    for _ in 1...200 { keeper.takeStep(0.2) }
    let end = keeper.end(at: 60, position: 200, last: 800, interval: 3)
    #expect(end == 1000)
    // Looks come rarely.
    let next = keeper.end(at: 61, position: 200, last: 800, interval: 3)
    #expect(next == nil)
  }

  @Test("it ends while there is time for what follows")
  func last() {
    let keeper = keeper(1000)
    #expect(!keeper.isLast(at: 1000))
    #expect(keeper.isLast(at: 1012))
    #expect(keeper.allowsValidation(at: 900) && !keeper.allowsValidation(at: 975))
  }
}

@Suite("The course of a schedule")
struct ScheduleCourseTests {
  @Test("without a change every step is where it was planned")
  func plain() {
    let course = ScheduleCourse(planned: 100)
    #expect([0, 1, 50, 99].map(course.place) == [0, 1, 50, 99])
  }

  @Test("what is left is pressed into what remains, without a jump")
  func shortened() {
    var course = ScheduleCourse(planned: 100)
    course.end(at: 60, from: 20)
    #expect(course.place(of: 20) == 20)
    #expect(course.place(of: 40) == 60)
    #expect(course.place(of: 60) == 100)
    course.end(at: 50, from: 40)
    #expect(course.place(of: 40) == 60 && course.place(of: 45) == 80)
    course.end(at: 3, from: 50)
    #expect(course.last == 50 && course.place(of: 50) == 100)
  }
}

extension Training {
  /// A ramp moves by the rate of each step: its position tells the rates that were used.
  @Suite("Training within a time") struct Timed {
    private func run(
      _ run: TestRun,
      _ options: TrainOptions,
      budget: Double,
      secondsPerStep: @escaping (Int) -> Double
    ) throws -> (result: TrainingResult, seconds: Double) {
      var directory = run.directory
      var plan = TimePlan(limit: limit(budget), pace: pace, mostEpochs: 1000)
      plan.pace.stepsPerEpoch = 2
      plan.pace.report = 0
      directory.timePlan = plan
      var (clock, steps) = (0.0, 0)
      let model = SteppingRamp(try Ramp(start: 1)) {
        steps += 1
        clock += secondsPerStep(steps)
      }
      let result = try Trainer(
        model: model,
        info: classifierInfo(),
        data: try classifierData(train: 20, batchSize: 10, isUniform: true),
        options: options,
        confidenceThreshold: nil,
        directory: directory,
        observers: [run.listener],
        now: { clock }
      ).run()
      return (result, clock)
    }

    @Test("a machine that gets slower ends in time, and the result is validated")
    func slower() throws {
      let run = try TestRun()
      let (result, seconds) = try self.run(run, plainOptions(epochs: 40, rate: 0.001), budget: 100)
      {
        $0 < 10 ? 1 : 4
      }
      #expect(seconds <= 102)
      #expect(seconds > 80)
      #expect(result.epochs < 40)
      #expect(result.stopReason.contains("time"))
      #expect(run.listener.validations.last?.epoch == result.epochs)
      let saved = try TrainingCheckpoint(run.directory.lastCheckpoint).state
      #expect(saved.isValidated && saved.stopReason == result.stopReason)
    }

    @Test("a single slow step ends training with what there is")
    func stuck() throws {
      let run = try TestRun()
      let (result, _) = try self.run(run, plainOptions(epochs: 40, rate: 0.001), budget: 100) {
        $0 == 5 ? 500 : 1
      }
      #expect(result.stepCount == 5)
      #expect(result.stopReason.contains("time"))
    }
  }
}

/// A ramp that tells when it learns.
private final class SteppingRamp: TaskModel {
  typealias Kind = MultiClassClassification
  let ramp: Ramp
  let onStep: () -> Void
  var module: any ParameterTree { ramp.module }
  init(_ ramp: Ramp, _ onStep: @escaping () -> Void) { (self.ramp, self.onStep) = (ramp, onStep) }
  func loss(_ images: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    onStep()
    return try ramp.loss(images, batch)
  }
  func outputs(_ images: Tensor) throws -> [NamedTensor] { try ramp.outputs(images) }
}
