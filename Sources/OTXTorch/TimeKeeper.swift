import OTXCore

/// Holds a training to the time that it has, by the clock.
///
/// A plan rests on a measurement, and machines get slower (and faster) after it: the time that is
/// left is looked at again and again, and the training shortened or lengthened in time.
struct TimeKeeper {
  let plan: TimePlan
  /// How fast it goes now.
  var pace: TrainingPace
  /// When the training and its end should be over, and when they must be.
  let aim: Double
  let latest: Double
  private var stepCount = 0
  private var newestStep = 0.0
  private var nextLook: Double

  /// Time between two looks, as a share of the budget.
  private static let lookShare = 0.02
  /// How late it must get before a training is shortened, as a share of the budget: within it, every
  /// look would find another number.
  private static let latenessShare = 0.01
  /// What is left unused that makes a longer training worth it, as a share of the budget.
  private static let surplusShare = 0.04

  /// - Parameters:
  ///   - plan: What was planned.
  ///   - now: The moment, by the clock that all moments here are of.
  init(_ plan: TimePlan, now: Double) {
    self.plan = plan
    pace = plan.pace
    let end = now + plan.limit.remaining
    aim = end - (1 - TimePlan.aim) * plan.limit.seconds
    latest = end + (TimePlan.latest - 1) * plan.limit.seconds
    nextLook = now + TimeKeeper.lookShare * plan.limit.seconds
  }

  /// Takes the time of a step; the newest ones of about an epoch count.
  mutating func takeStep(_ seconds: Double) {
    // The first step is slower than all others and says nothing of them.
    if stepCount > 0 {
      let weight = 1 / Double(min(stepCount + 4, max(pace.stepsPerEpoch, 20)))
      pace.step += weight * (seconds - pace.step)
    }
    stepCount += 1
    newestStep = seconds
  }

  mutating func takeValidation(_ seconds: Double) {
    // The report scores pictures in the same way.
    if pace.validation > 0 { pace.report *= max(seconds / pace.validation, 0.5) }
    pace.validation = seconds
  }

  mutating func takeSaving(_ seconds: Double) { pace.saving = seconds }

  /// Whether training has to end now, so that what follows it is in time.
  func isLast(at now: Double) -> Bool { now + max(pace.step, newestStep) + pace.end > latest }

  /// Whether there is time for a validation that is not the last.
  func allowsValidation(at now: Double) -> Bool {
    now + pace.validation + pace.saving + pace.end <= aim
  }

  /// After how many steps training is to end, where that is another number than `last` by now.
  ///
  /// - Parameters:
  ///   - now: The moment.
  ///   - position: Steps that are done.
  ///   - last: Steps after which it would end.
  ///   - interval: Epochs between validations.
  /// - Returns: `nil` where nothing is to change.
  mutating func end(at now: Double, position: Int, last: Int, interval: Double) -> Int? {
    guard now >= nextLook, position < last, stepCount > 1 else { return nil }
    nextLook = now + TimeKeeper.lookShare * plan.limit.seconds
    let steps = Double(max(pace.stepsPerEpoch, 1))
    let perStep =
      pace.step + (pace.epochStart + pace.saving) / steps
      + (pace.validation + pace.saving) / (steps * max(interval, 1 / steps))
    let spare = aim - now - pace.end
    guard perStep > 0 else { return nil }
    let fitting = position + Int(max(min(spare / perStep, 1e9), 0))
    let unused = Double(fitting - last) * perStep
    if fitting < last {
      return -unused > TimeKeeper.latenessShare * plan.limit.seconds ? fitting : nil
    }
    let most = plan.mostEpochs * pace.stepsPerEpoch
    guard unused > TimeKeeper.surplusShare * plan.limit.seconds, last < most else { return nil }
    return min(fitting, most)
  }
}
