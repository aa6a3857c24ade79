import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// Trains one model: the loop, and nothing that is not the loop.
///
/// Lives on its engine's compute thread from the first tensor to the last; `run()` does not
/// suspend.
final class Trainer<Kind: VisionTask> {
  private let model: any TaskModel<Kind>
  private let data: any DataSource<Kind>
  private let options: TrainOptions
  private let directory: RunDirectory
  private let observers: [any TrainingObserver]
  private let input: InputNormalizer
  private var info: ModelInfo
  /// The threshold the user set; `nil` lets validation choose.
  private let fixedThreshold: Float?

  private let optimizer: any Optimizer
  private let averaged: WeightAverage?
  private let stepsPerEpoch: Int
  private let adaptive: AdaptiveSchedule
  private var schedule: LearningRateSchedule
  private var stopping: EarlyStopping

  private var iteration = 0
  /// The step after which `last.pth` was written.
  private var savedIteration: Int?
  private var selection: Selection
  private var imageCount = 0
  private var trainingTime = 0.0

  init(
    model: any TaskModel<Kind>,
    info: ModelInfo,
    data: any DataSource<Kind>,
    options: TrainOptions,
    confidenceThreshold: Float?,
    directory: RunDirectory,
    observers: [any TrainingObserver]
  ) throws {
    guard options.maxEpochs >= 1 else {
      throw ConfigurationError.invalid("maxEpochs is \(options.maxEpochs); expected at least 1")
    }
    self.model = model
    self.info = info
    fixedThreshold = confidenceThreshold
    self.data = data
    self.options = options
    self.directory = directory
    self.observers = observers
    selection = Selection(metric: try Kind.metricName(options.metric))
    input = try InputNormalizer(info.preprocessing)
    stepsPerEpoch = data.batchCount(.train, mode: .training(epoch: 0))
    adaptive = AdaptiveSchedule(options: options, stepsPerEpoch: stepsPerEpoch)
    stopping = EarlyStopping(
      options: options.earlyStopping,
      patience: adaptive.earlyStoppingPatience,
      stepsPerEpoch: stepsPerEpoch
    )
    var scheduleOptions = options.schedule
    scheduleOptions.patience = adaptive.learningRatePatience
    schedule = LearningRateSchedule(
      scheduleOptions,
      baseLearningRate: options.optimizer.learningRate,
      maxEpochs: options.maxEpochs,
      stepsPerEpoch: stepsPerEpoch
    )
    optimizer = try options.optimizer.optimizer(for: model.module)
    averaged =
      options.emaDecay > 0 ? try WeightAverage(of: model.module, decay: options.emaDecay) : nil
  }

  /// Trains until the epochs are over, the score stops rising or the task is cancelled.
  ///
  /// - Throws: ``EngineError/trainingFailed(_:advice:)`` when the loss is not a number, whatever
  ///   the data source throws for its items, `TensorError` when memory runs out.
  func run() throws -> TrainingResult {
    guard data.itemCount(.val) > 0 else {
      throw DataError.emptySubset(.val, reason: "training needs it to pick the best weights")
    }
    for change in adaptive.changes { tell(.message(change)) }
    tell(.started(epochs: options.maxEpochs, stepsPerEpoch: stepsPerEpoch, precision: precision))
    var stopReason = "all \(options.maxEpochs) epochs are trained"
    var lastEpoch = 0
    epochs: for epoch in 1...options.maxEpochs {
      lastEpoch = epoch
      if let reason = try train(epoch: epoch) {
        stopReason = reason
        break epochs
      }
    }
    return try finish(epochs: lastEpoch, stopReason: stopReason)
  }

  /// One pass over the training subset.
  ///
  /// - Returns: Why training ends with this epoch, or `nil`.
  private func train(epoch: Int) throws -> String? {
    let batches = try data.batches(.train, mode: .training(epoch: epoch - 1))
    model.module.setTraining(true)
    var step = 0
    var clock = Stopwatch()
    while let batch = try batches.next() {
      let dataTime = clock.lap()
      step += 1
      let figures = try take(batch, epoch: epoch, step: step, dataTime: dataTime, clock: &clock)
      tell(.step(figures))
      if Task.isCancelled { return Trainer.interrupted }
      if step < stepsPerEpoch, let reason = try validateIfDue(epoch: epoch, step: step) {
        return reason
      }
      _ = clock.lap()
    }
    guard step > 0 else {
      throw EngineError.trainingFailed(
        "epoch \(epoch) had no pictures",
        advice: "None of the training pictures could be read; look at the warnings above."
      )
    }
    // The end of the stream is the end of the epoch, even where pictures were left out.
    if let reason = try validateIfDue(epoch: epoch, step: stepsPerEpoch) { return reason }
    try saveLast(epoch: epoch)
    return nil
  }

  private static var interrupted: String { "interrupted" }

  /// Validates where the schedule says so.
  ///
  /// - Returns: Why training ends now, or `nil`.
  private func validateIfDue(epoch: Int, step: Int) throws -> String? {
    let isDue = adaptive.isValidationDue(
      epoch: epoch,
      step: step,
      stepsPerEpoch: stepsPerEpoch,
      epochCount: options.maxEpochs
    )
    guard isDue else { return nil }
    do {
      return try validate(epoch: epoch)
        ? "the score has not risen for \(adaptive.earlyStoppingPatience) validations" : nil
    } catch is CancellationError {
      return Trainer.interrupted
    }
  }

  /// One optimizer step.
  private func take(
    _ batch: Kind.Batch,
    epoch: Int,
    step: Int,
    dataTime: Double,
    clock: inout Stopwatch
  ) throws -> TrainingStep {
    let rate = schedule.learningRate(step: iteration, epoch: epoch - 1)
    iteration += 1
    let images = try input.tensor(batch.images)
    let terms = try forward(images, batch)
    let total = try terms.total()
    let losses = try namedValues(of: terms)
    try guardFinite(losses, what: "loss", batch: batch, epoch: epoch, step: step)
    try optimizer.zeroGradients()
    try total.backward()
    let norm = try clipGradients()
    try guardFinite(
      [.init(name: "gradient norm", value: norm)],
      what: "gradient",
      batch: batch,
      epoch: epoch,
      step: step
    )
    try optimizer.step(learningRate: rate)
    try averaged?.update()
    let time = dataTime + clock.lap()
    imageCount += batch.count
    trainingTime += time
    let remaining = (options.maxEpochs - epoch + 1) * stepsPerEpoch - step
    return TrainingStep(
      epoch: epoch,
      epochCount: options.maxEpochs,
      step: step,
      stepCount: stepsPerEpoch,
      iteration: iteration,
      learningRate: rate,
      time: time,
      dataTime: dataTime,
      eta: trainingTime / Double(iteration) * Double(remaining),
      memoryBytes: ProcessMemory.residentBytes(),
      losses: losses,
      gradientNorm: norm,
      imageCount: batch.count
    )
  }

  /// Each loss, then `loss`, their sum.
  private func namedValues(of terms: LossTerms) throws -> [TrainingStep.NamedValue] {
    var values: [TrainingStep.NamedValue] = []
    for term in terms.terms { values.append(.init(name: term.name, value: try term.value.item())) }
    values.append(.init(name: "loss", value: values.reduce(0) { $0 + $1.value }))
    return values
  }

  /// Clips the gradients where the recipe says so.
  ///
  /// - Returns: Their norm before.
  private func clipGradients() throws -> Double {
    let norm =
      options.gradientClip > 0
      ? try clipGradientNorm(of: optimizer.parameters, to: options.gradientClip)
      : try gradientNorm(of: optimizer.parameters)
    return try norm?.item() ?? 0
  }

  /// The losses of a batch; what they draw depends on the run's seed and the step alone.
  private func forward(_ images: Tensor, _ batch: Kind.Batch) throws -> LossTerms {
    do {
      return try TorchGenerator.seeded(stepSeed(iteration)) {
        try model.loss(images, batch, precision: precision)
      }
    } catch TensorError.failed("BatchNorm2d", let shapes, let message) {
      throw EngineError.trainingFailed(
        "batch normalisation cannot learn from \(batch.count) picture\(batch.count == 1 ? "" : "s") of \(info.preprocessing.inputSize) (\(shapes): \(message))",
        advice: "Raise --batch-size to 2 or more, or --input-size."
      )
    }
  }

  /// Scores the validation subset and keeps the weights if they are the best so far.
  ///
  /// - Returns: Whether training should end.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  private func validate(epoch: Int) throws -> Bool {
    let report: MetricReport
    do {
      report = try withInferenceWeights { try self.score(.val) }
    } catch let error as ModelError {
      guard case .nonFiniteOutput = error else { throw error }
      throw EngineError.trainingFailed(
        "the validation after epoch \(epoch) failed: \(error)",
        advice: divergenceAdvice
      )
    }
    let isBest = selection.take(report, epoch: epoch)
    if isBest {
      info.confidenceThreshold = fixedThreshold ?? report.confidenceThreshold
      try withInferenceWeights { try self.saveBest() }
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
    var done = 0
    while let batch = try batches.next() {
      try Task.checkCancellation()
      metric.update(try predict(model, info: info, input: input, batch: batch), batch.entities)
      done += batch.count
      tell(.validating(done: done, of: count))
    }
    return metric.compute(confidenceThreshold: fixedThreshold)
  }

  /// Runs `body` in evaluation mode, on averaged weights where they are kept.
  private func withInferenceWeights<Result>(_ body: () throws -> Result) throws -> Result {
    model.module.setTraining(false)
    try averaged?.swap()
    let result = Swift.Result { try body() }
    try averaged?.swap()
    model.module.setTraining(true)
    return try result.get()
  }

  private func finish(epochs: Int, stopReason: String) throws -> TrainingResult {
    if selection.best == nil {
      // Ended before the first validation: what was learned must not be lost.
      tell(.warning("training ended before the first validation; the last weights are kept"))
      try withInferenceWeights { try self.saveBest() }
    }
    if savedIteration != iteration { try saveLast(epoch: epochs) }
    let result = TrainingResult(
      checkpoint: directory.bestCheckpoint,
      info: info,
      epochs: epochs,
      stepCount: iteration,
      best: selection.best?.report ?? MetricReport(primary: selection.metric, values: [:]),
      bestEpoch: selection.best?.epoch ?? epochs,
      imagesPerSecond: trainingTime > 0 ? Double(imageCount) / trainingTime : 0,
      secondsPerEpoch: epochs > 0 ? trainingTime / Double(epochs) : 0,
      peakMemoryBytes: ProcessMemory.peakBytes(),
      precision: precision,
      stopReason: stopReason
    )
    tell(.finished(result))
    return result
  }

  private func saveBest() throws {
    try Checkpoints.write(
      model.module,
      info: info,
      recipe: directory.recipeText,
      to: directory.bestCheckpoint
    )
  }

  private func saveLast(epoch: Int) throws {
    try Checkpoints.writeLast(
      model.module,
      optimizer: optimizer,
      averaged: averaged,
      counters: ["epoch": epoch, "iteration": iteration],
      info: info,
      recipe: directory.recipeText,
      to: directory.lastCheckpoint
    )
    savedIteration = iteration
  }

  /// The seed of everything that libtorch draws in a step: it needs no saving.
  private func stepSeed(_ iteration: Int) -> UInt64 {
    var generator = CounterGenerator(
      seed: UInt64(bitPattern: Int64(options.seed)),
      UInt64(iteration),
      0x7374_6570
    )
    return generator.next()
  }

  private func guardFinite(
    _ values: [TrainingStep.NamedValue],
    what: String,
    batch: Kind.Batch,
    epoch: Int,
    step: Int
  ) throws {
    guard let broken = values.first(where: { !$0.value.isFinite }) else { return }
    let items = batch.frames.map(\.itemID).joined(separator: ", ")
    throw EngineError.trainingFailed(
      "the \(what) '\(broken.name)' became \(broken.value) in epoch \(epoch), step \(step), on the items \(items)",
      advice: divergenceAdvice
    )
  }

  private var divergenceAdvice: String {
    let kept =
      selection.best.map {
        "The best weights so far, of epoch \($0.epoch), are kept in \(directory.bestCheckpoint.path). "
      } ?? ""
    return kept + "Lower optimizer.learningRate, or look at these items."
  }

  /// What the settled options say; without a measurement, fp32 is always right.
  private var precision: Precision { options.precision == .auto ? .fp32 : options.precision }

  private func tell(_ event: TrainingEvent) {
    for observer in observers { observer.observe(event) }
  }
}
