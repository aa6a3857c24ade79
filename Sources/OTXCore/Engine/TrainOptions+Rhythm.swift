import Foundation

extension TrainOptions {
  /// Epochs between two validations, longer where an epoch has few steps.
  ///
  /// `max(round(5 exp(-0.025 s)), 1)` for `s` steps, as OpenVINO Training eXtensions 2.6 has it
  /// (`AdaptiveTrainScheduling`), where the options leave it open.
  package func adaptedInterval(stepsPerEpoch: Int) -> Double {
    guard adaptiveScheduling, validationInterval == 1 else { return validationInterval }
    return max((exp(-0.025 * Double(stepsPerEpoch)) * 5).rounded(), 1)
  }
}
