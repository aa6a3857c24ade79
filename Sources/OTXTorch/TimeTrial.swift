import Foundation
import OTXCore

/// Chooses the epochs, the rhythm of validation and the schedule that fill a time.
struct TimeTrial {
  let limit: TimeLimit
  let pace: TrainingPace
  let info: ModelInfo

  /// With fewer steps than this every one has to be a large one: ATSS on drawn shapes reached a
  /// map_50 of 0.92 in 120 steps of a constant rate, and of 0.85 with a falling one.
  static let fewSteps = 500

  /// - Parameters:
  ///   - options: Their epochs are the upper bound.
  ///   - maySetSchedule: Whether the schedule may be exchanged.
  ///   - remaining: Seconds that are left of the time.
  /// - Returns: Options without a time, and what was decided.
  /// - Throws: ``ConfigurationError/invalid(_:)`` where not one epoch fits.
  func decide(
    _ options: TrainOptions,
    maySetSchedule: Bool,
    remaining: Double
  ) throws -> (options: TrainOptions, decisions: [Decision]) {
    var settled = options
    settled.timeBudget = .none
    let adapts = options.adaptiveScheduling && options.validationInterval == 1
    let interval =
      adapts ? pace.validationInterval : max(Int(options.validationInterval.rounded()), 1)
    let usable = remaining - (1 - TimePlan.aim) * limit.seconds
    let count = pace.epochCount(
      within: usable,
      validationInterval: interval,
      atMost: options.maxEpochs
    )
    guard count >= 1 else { throw tooShort(usable: usable) }
    settled.maxEpochs = count
    var decisions = [
      Decision(setting: "maxEpochs", value: "\(count)", reason: reason(count, options.maxEpochs))
    ]
    if adapts {
      settled.validationInterval = Double(min(interval, count))
      settled.adaptiveScheduling = false
      decisions.append(
        Decision(
          setting: "validationInterval",
          value: "\(min(interval, count))",
          reason:
            "a validation takes \(TimeBudget.text(pace.validation)), an epoch \(TimeBudget.text(pace.epoch))"
        )
      )
    }
    let steps = count * pace.stepsPerEpoch
    if maySetSchedule, steps < TimeTrial.fewSteps, settled.schedule.name == .oneCycle {
      settled.schedule.name = .constant
      settled.emaDecay = 0
      decisions.append(
        Decision(
          setting: "schedule",
          value: "constant",
          reason: "\(steps) steps are too few for small ones"
        )
      )
    }
    return (settled, decisions)
  }

  private func reason(_ count: Int, _ most: Int) -> String {
    let measured =
      "a step takes \(TimeBudget.text(pace.step)) here, an epoch of \(pace.stepsPerEpoch) steps \(TimeBudget.text(pace.epoch)), a validation \(TimeBudget.text(pace.validation)), the end \(TimeBudget.text(pace.end))"
    return count == most
      ? "all that are wanted fit into \(TimeBudget.text(limit.seconds)): \(measured)"
      : "what fits into \(TimeBudget.text(limit.seconds)): \(measured)"
  }

  /// What would fit, for who gave too little time.
  private func tooShort(usable: Double) -> ConfigurationError {
    let gone = limit.seconds - usable
    let needed = (gone + pace.epoch + pace.end) * 1.05
    let rounded = needed < 120 ? (needed / 5).rounded(.up) * 5 : (needed / 30).rounded(.up) * 30
    var advice = ["--time \(TimeBudget.text(rounded))"]
    // Time grows with the pixels.
    let share = (usable - pace.end) / max(pace.epoch, 1e-9)
    let size = info.preprocessing.inputSize
    let side = Int(Double(min(size.height, size.width)) * max(share, 0).squareRoot()) / 32 * 32
    if side >= 64 {
      let other = size.height == size.width ? side : side * size.width / size.height / 32 * 32
      advice.append("--input-size \(side)x\(max(other, 32))")
    }
    advice.append("a smaller model (otx find --model)")
    let step = usable < pace.step ? ", less than a training step" : ""
    return .invalid(
      "\(TimeBudget.text(limit.seconds)) is too short for one epoch: \(pace.stepsPerEpoch) steps of \(TimeBudget.text(pace.step)) take \(TimeBudget.text(pace.epoch)) on this machine and validation, checkpoints and report \(TimeBudget.text(pace.end)), but \(TimeBudget.text(max(usable, 0))) are left after starting\(step). What would fit: \(advice.joined(separator: ", or "))"
    )
  }
}
