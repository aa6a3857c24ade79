import Foundation
import OTXCore

/// Fits the rhythm of validation and patience to the length of an epoch.
///
/// A data set of few steps an epoch is validated less often, since validation would take longer
/// than training, and patience is counted in validations, so it shrinks likewise. The formulas are
/// those of OpenVINO Training eXtensions 2.6 (`AdaptiveTrainScheduling`, largest interval 5,
/// decay -0.025).
struct AdaptiveSchedule: Codable, Equatable {
  var validationInterval: Double
  var earlyStoppingPatience: Int
  var learningRatePatience: Int
  /// A line for each value that differs from the options.
  var changes: [String]
  /// The wishes that this was made of.
  var requested: Wishes

  /// What the options ask for.
  struct Wishes: Codable, Equatable {
    var validationInterval: Double
    var earlyStopping: Bool
    var earlyStoppingPatience: Int
    var learningRatePatience: Int
  }

  init(options: TrainOptions, stepsPerEpoch: Int) {
    validationInterval = options.validationInterval
    earlyStoppingPatience = options.earlyStopping.patience
    learningRatePatience = options.schedule.patience
    changes = []
    requested = Wishes(
      validationInterval: options.validationInterval,
      earlyStopping: options.earlyStopping.enabled,
      earlyStoppingPatience: options.earlyStopping.patience,
      learningRatePatience: options.schedule.patience
    )
    let interval = options.adaptedInterval(stepsPerEpoch: stepsPerEpoch)
    guard interval > 1, options.adaptiveScheduling, options.validationInterval == 1 else { return }
    let reason = "\(stepsPerEpoch) steps an epoch"
    if options.schedule.name == .reduceOnPlateau {
      let patience = Int(Double(learningRatePatience + 1) / interval)
      let adapted = max(patience, options.schedule.minimumPatience) - 1
      if adapted != learningRatePatience {
        changes.append("Update Lr patience: \(adapted) (was \(learningRatePatience); \(reason))")
        learningRatePatience = adapted
      }
    }
    changes.append("Update Validation Interval: \(Int(interval)) (was 1; \(reason))")
    validationInterval = interval
    if options.earlyStopping.enabled {
      let adapted = max(Int(Double(earlyStoppingPatience) / interval), 3)
      if adapted != earlyStoppingPatience {
        changes.append(
          "Update Early-Stop patience: \(adapted) (was \(earlyStoppingPatience); \(reason))"
        )
        earlyStoppingPatience = adapted
      }
    }
  }

  /// Whether to validate after `step` (from 1) of `stepsPerEpoch` of `epoch` (from 1).
  func isValidationDue(epoch: Int, step: Int, stepsPerEpoch: Int, epochCount: Int) -> Bool {
    if epoch == epochCount && step == stepsPerEpoch { return true }
    if validationInterval >= 1 {
      return step == stepsPerEpoch && epoch.isMultiple(of: Int(validationInterval.rounded()))
    }
    let stride = max(Int((Double(stepsPerEpoch) * validationInterval).rounded()), 1)
    return step.isMultiple(of: stride) || step == stepsPerEpoch
  }
}
