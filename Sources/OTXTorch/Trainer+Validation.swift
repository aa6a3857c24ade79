import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension Trainer {
  /// Validates where the schedule says so.
  ///
  /// - Returns: Why training ends now, or `nil`.
  func validateIfDue() throws -> String? {
    let isDue = adaptive.isValidationDue(
      epoch: epoch,
      step: step,
      stepsPerEpoch: stepsPerEpoch,
      epochCount: epochCount
    )
    let isLast = position >= lastPosition
    guard isDue, isLast || keeper?.allowsValidation(at: now()) ?? true else {
      isValidated = true
      return nil
    }
    // A validation takes its time: what was learned until here is not to hang on its end.
    saveIfDue()
    do {
      let ends = try validate()
      isValidated = true
      return ends
        ? "the score has not risen for \(adaptive.earlyStoppingPatience) validations" : nil
    } catch is CancellationError {
      return TrainingResult.interrupted
    }
  }

  /// Looks at the score where training is to pause, unless the schedule has just done so.
  ///
  /// The look changes nothing, neither schedule nor patience: a training that goes on is the one that
  /// was never paused.
  ///
  /// - Returns: Why training ends.
  func pause() throws -> String {
    let isValidated = adaptive.isValidationDue(
      epoch: epoch,
      step: step,
      stepsPerEpoch: stepsPerEpoch,
      epochCount: options.maxEpochs
    )
    if isValidated { return TrainingResult.paused }
    saveIfDue()
    do {
      let report = try withInferenceWeights { try self.score(.val) }
      var glimpse = selection
      _ = glimpse.take(report, epoch: epoch)
      self.glimpse = glimpse
      tell(.message("Paused after epoch \(epoch): \(report.primary) \(report.primaryValue)"))
    } catch is CancellationError {
      return TrainingResult.interrupted
    }
    return TrainingResult.paused
  }

  /// Scores the validation subset and keeps the weights if they are the best so far.
  ///
  /// - Returns: Whether training should end.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  func validate() throws -> Bool {
    let report: MetricReport
    let start = now()
    do {
      report = try withInferenceWeights { try self.score(.val) }
    } catch let error as ModelError {
      guard case .nonFiniteOutput = error else { throw error }
      throw EngineError.trainingFailed(
        "the validation after epoch \(epoch) failed: \(error)",
        advice: divergenceAdvice
      )
    }
    keeper?.takeValidation(now() - start)
    validationCount += 1
    let isBest = selection.take(report, epoch: epoch)
    if isBest {
      info.confidenceThreshold = fixedThreshold ?? report.confidenceThreshold
      info.labelThresholds = report.labelThresholds
      try saveBest()
    }
    tell(.validated(epoch: epoch, report: report, isBest: isBest))
    guard let score = selection.score(of: report) else {
      tell(
        .warning(
          "\(selection.metric) is not defined on the validation subset (is anything annotated there?); the newest weights count as the best"
        )
      )
      return false
    }
    if schedule.report(score: score) {
      let rate = schedule.learningRate(step: iteration, epoch: epoch - 1)
      tell(
        .message(
          "Update learning rate: \(rate) (the score has not risen for \(adaptive.learningRatePatience + 1) validations)"
        )
      )
    }
    return stopping.shouldStop(score: score, iteration: iteration)
  }

  private func score(_ subset: Subset) throws -> MetricReport {
    var metric = Kind.Score(labels: info.labels)
    let batches = try data.batches(subset, mode: .evaluation)
    let count = data.itemCount(subset)
    var gatherer = TileGatherer<Kind>(data.tiling)
    var done = 0
    while let batch = try batches.next() {
      try Task.checkCancellation()
      let found = try predict(model, info: info, input: input, batch: batch)
      let whole = gatherer.add(found, batch.entities)
      metric.update(whole.predictions, whole.entities)
      done += whole.entities.count
      tell(.validating(done: done, of: count))
    }
    return metric.compute(confidenceThreshold: fixedThreshold)
  }

  /// Runs `body` in evaluation mode, on averaged weights where they are kept.
  func withInferenceWeights<Result>(_ body: () throws -> Result) throws -> Result {
    model.module.setTraining(false)
    try averaged?.swap()
    let result = Swift.Result { try body() }
    try averaged?.swap()
    try beginTraining()
    return try result.get()
  }
}
