import OTXCore

/// Ends training when the score stops getting better.
struct EarlyStopping: Equatable {
  private let options: EarlyStoppingOptions
  private let patience: Int
  private let warmupSteps: Int
  /// What the scores so far have made of it; a checkpoint holds this.
  var state = State()
  var best: Double? { state.best }
  var waited: Int { state.waited }

  struct State: Codable, Equatable {
    var best: Double?
    var waited = 0
  }

  /// - Parameters:
  ///   - options: When to stop.
  ///   - patience: Validations to wait, as the adaptive schedule gave them.
  ///   - stepsPerEpoch: The length of an epoch, which the warm-up counts in.
  init(options: EarlyStoppingOptions, patience: Int, stepsPerEpoch: Int) {
    self.options = options
    self.patience = patience
    warmupSteps = max(options.warmupEpochs * stepsPerEpoch, options.warmupSteps)
  }

  /// Takes the score of a validation.
  ///
  /// - Parameters:
  ///   - score: Higher is better.
  ///   - iteration: Steps trained so far.
  /// - Returns: Whether training should end.
  mutating func shouldStop(score: Double, iteration: Int) -> Bool {
    guard options.enabled else { return false }
    if best.map({ score > $0 + options.minimumDelta }) ?? true {
      state = State(best: score)
      return false
    }
    guard iteration > warmupSteps else { return false }
    state.waited += 1
    return waited >= patience
  }
}
