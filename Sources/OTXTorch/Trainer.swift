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
  private let precision: Precision
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
  private var best: (report: MetricReport, epoch: Int)?
  private var imageCount = 0
  private var trainingTime = 0.0

  init(
    model: any TaskModel<Kind>,
    info: ModelInfo,
    data: any DataSource<Kind>,
    options: TrainOptions,
    precision: Precision,
    directory: RunDirectory,
    observers: [any TrainingObserver]
  ) throws {
    self.model = model
    self.info = info
    fixedThreshold = info.confidenceThreshold
    self.data = data
    self.options = options
    self.precision = precision
    self.directory = directory
    self.observers = observers
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
      maxEpochs: options.maxEpochs
    )
    optimizer = try makeOptimizer(options.optimizer, for: model.module)
    averaged =
      options.emaDecay > 0 ? try WeightAverage(of: model.module, decay: options.emaDecay) : nil
  }

  /// Trains until the epochs are over, the score stops rising or the task is cancelled.
  ///
  /// - Throws: ``EngineError/trainingFailed(_:advice:)`` when the loss is not a number, whatever
  ///   the data source throws for its items, `TensorError` when memory runs out.
  func run() throws -> TrainingResult {
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
      if Task.isCancelled {
        return "interrupted"
      }
      let isDue = adaptive.isValidationDue(
        epoch: epoch,
        step: step,
        stepsPerEpoch: stepsPerEpoch,
        epochCount: options.maxEpochs
      )
      if isDue, try validate(epoch: epoch) {
        return "the score has not risen for \(adaptive.earlyStoppingPatience) validations"
      }
      _ = clock.lap()
    }
    try saveLast(epoch: epoch)
    return nil
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
    try Torch.seed(stepSeed(iteration))
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

  private func forward(_ images: Tensor, _ batch: Kind.Batch) throws -> LossTerms {
    guard let dtype = precision.autocastType else { return try model.loss(images, batch) }
    return try autocast(dtype) { try model.loss(images, batch) }
  }

  /// Scores the validation subset and keeps the weights if they are the best so far.
  ///
  /// - Returns: Whether training should end.
  private func validate(epoch: Int) throws -> Bool {
    let report = try withInferenceWeights { try self.score(.val) }
    let score = report.values[metricName(report)] ?? 0
    let isBest = best.map { score > ($0.report.values[metricName($0.report)] ?? 0) } ?? true
    if isBest {
      best = (report, epoch)
      info.confidenceThreshold = fixedThreshold ?? report.confidenceThreshold
      try withInferenceWeights { try self.saveBest() }
    }
    tell(.validated(epoch: epoch, report: report, isBest: isBest))
    if schedule.report(score: score) {
      let rate = schedule.learningRate(step: iteration, epoch: epoch - 1)
      tell(
        .message(
          "Update learning rate: \(rate) (the score has not risen for \(adaptive.learningRatePatience) validations)"
        )
      )
    }
    return stopping.shouldStop(score: score, iteration: iteration)
  }

  private func metricName(_ report: MetricReport) -> String {
    options.metric == "auto" ? report.primary : options.metric
  }

  private func score(_ subset: Subset) throws -> MetricReport {
    var metric = Kind.Score(labels: info.labels)
    let batches = try data.batches(subset, mode: .evaluation)
    let count = data.itemCount(subset)
    var done = 0
    while let batch = try batches.next() {
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
    if best == nil {
      // Ended before the first validation: what was learned must not be lost.
      tell(.warning("no validation took place; the last weights are kept"))
      try withInferenceWeights { try self.saveBest() }
    }
    try saveLast(epoch: epochs)
    let result = TrainingResult(
      checkpoint: directory.bestCheckpoint,
      info: info,
      epochs: epochs,
      stepCount: iteration,
      best: best?.report ?? MetricReport(primary: "none", values: [:]),
      bestEpoch: best?.epoch ?? epochs,
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
      advice: best == nil
        ? "Lower optimizer.learningRate, or look at these items."
        : "The best weights so far are kept in \(directory.bestCheckpoint.path). Lower optimizer.learningRate, or look at these items."
    )
  }

  private func tell(_ event: TrainingEvent) {
    for observer in observers { observer.observe(event) }
  }
}

/// The optimizer that a recipe asks for.
private func makeOptimizer(
  _ options: OptimizerOptions,
  for module: any ParameterTree
) throws -> any Optimizer {
  let groups = ParameterGroup.groups(of: module.parameters())
  switch options.name {
  case .sgd:
    return SGD(
      groups,
      momentum: options.momentum,
      nesterov: options.nesterov,
      weightDecay: options.weightDecay
    )
  case .adamw:
    return AdamW(
      groups,
      beta1: options.beta1,
      beta2: options.beta2,
      weightDecay: options.weightDecay
    )
  }
}

/// Seconds since the last look.
struct Stopwatch {
  private var last = ContinuousClock.now
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }
}
