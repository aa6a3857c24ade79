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
  let model: any TaskModel<Kind>
  let data: any DataSource<Kind>
  let options: TrainOptions
  let directory: RunDirectory
  private let observers: [any TrainingObserver]
  let input: InputNormalizer
  var info: ModelInfo
  /// The threshold the user set; `nil` lets validation choose.
  let fixedThreshold: Float?

  let optimizer: any Optimizer
  var averaged: WeightAverage?
  let stepsPerEpoch: Int
  var adaptive: AdaptiveSchedule
  var schedule: LearningRateSchedule
  var stopping: EarlyStopping
  var selection: Selection
  /// With the score at a pause that no validation was due at.
  var glimpse: Selection?

  /// From 1.
  var epoch = 1
  /// Steps of the epoch that are done.
  var step = 0
  /// Steps of all epochs that are done.
  var iteration = 0
  /// Whether the validation that may be due after the step is done.
  var isValidated = true
  var validationCount = 0
  var lastStep: TrainingState.LastStep?
  var time = TrainingTime()
  let machine: Machine

  /// Seconds by a clock that never jumps.
  let now: () -> Double
  /// Holds the training to its time, where it has one.
  var keeper: TimeKeeper?
  /// How the steps lie on the schedule, once the training has another length than its epochs.
  var course: ScheduleCourse?
  /// When `last.pth` was written, or writing it was tried, or training began.
  var lastSave: Double
  /// The best weights, where they could not be written yet.
  var unsavedBest: CheckpointFile?

  /// A training that has not begun; `now` gives seconds by a clock that never jumps.
  ///
  /// - Throws: ``ConfigurationError`` for options that train nothing, `TensorError`.
  init(
    model: any TaskModel<Kind>,
    info: ModelInfo,
    data: any DataSource<Kind>,
    options: TrainOptions,
    confidenceThreshold: Float?,
    directory: RunDirectory,
    observers: [any TrainingObserver],
    now: @escaping () -> Double = Stopwatch.now
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
    self.now = now
    lastSave = now()
    keeper = directory.timePlan.map { TimeKeeper($0, now: now()) }
    selection = Selection(metric: try Kind.metricName(options.metric))
    input = try InputNormalizer(info.preprocessing)
    let batchCount = data.batchCount(.train, mode: .training(epoch: 0))
    let group = max(options.gradientAccumulation, 1)
    stepsPerEpoch = (batchCount + group - 1) / group
    adaptive = AdaptiveSchedule(options: options, stepsPerEpoch: stepsPerEpoch)
    stopping = EarlyStopping(
      options: options.earlyStopping,
      patience: adaptive.earlyStoppingPatience,
      stepsPerEpoch: stepsPerEpoch
    )
    schedule = Trainer.schedule(options, adaptive, stepsPerEpoch: stepsPerEpoch)
    optimizer = try options.optimizer.optimizer(for: model.module)
    try Trainer.configureLoss(of: model, options.loss)
    if options.batchNormMomentum > 0 {
      for (_, module) in model.module.modules() {
        (module as? BatchNorm2d)?.momentum = options.batchNormMomentum
      }
    }
    averaged =
      options.emaDecay > 0 ? try WeightAverage(of: model.module, decay: options.emaDecay) : nil
    machine = Machine(
      threads: try Torch.threadCount(),
      processor: Processor.current.name,
      library: try Torch.version()
    )
  }

  static func schedule(
    _ options: TrainOptions,
    _ adaptive: AdaptiveSchedule,
    stepsPerEpoch: Int
  ) -> LearningRateSchedule {
    var scheduleOptions = options.schedule
    scheduleOptions.patience = adaptive.learningRatePatience
    return LearningRateSchedule(
      scheduleOptions,
      baseLearningRate: options.optimizer.learningRate,
      maxEpochs: options.maxEpochs,
      stepsPerEpoch: stepsPerEpoch
    )
  }

  /// Trains until the epochs are over, the score stops rising or the task is cancelled.
  ///
  /// A run that goes on (``RunDirectory/start``) does so after the step of its last checkpoint, bit
  /// by bit as if it had not stopped.
  ///
  /// - Throws: ``EngineError/trainingFailed(_:advice:)`` when the loss is not a number or the
  ///   result cannot be written, whatever the data source throws for its items, `TensorError` when
  ///   memory runs out.
  func run() throws -> TrainingResult {
    try checkFrozenBackbone()
    guard data.itemCount(.val) > 0 else {
      throw DataError.emptySubset(.val, reason: "training needs it to pick the best weights")
    }
    if directory.start == .fresh {
      for change in adaptive.changes { tell(.message(change)) }
    } else if let reason = try restore() {
      return finish(stopReason: reason)
    }
    let epochs = options.method == .linearProbe ? 1 : options.maxEpochs
    tell(.started(epochs: epochs, stepsPerEpoch: stepsPerEpoch, precision: precision))
    lastSave = now()
    defer { removeQuantizers() }
    let reason = options.method == .linearProbe ? try probe() : try trainEpochs()
    try saveEnd(reason)
    return finish(stopReason: reason)
  }

  /// Goes through the epochs that are left.
  ///
  /// - Returns: Why training ends.
  private func trainEpochs() throws -> String {
    while true {
      if let reason = try trainEpoch() { return reason }
      guard epoch < epochCount else { return endReason }
      if let last = directory.pauseEpoch, epoch >= last { return try pause() }
      save()
      (epoch, step) = (epoch + 1, 0)
    }
  }

  /// What is left of an epoch.
  ///
  /// - Returns: Why training ends with it, or `nil`.
  private func trainEpoch() throws -> String? {
    // The validation during which the run was stopped.
    if !isValidated, let reason = try validateIfDue() { return reason }
    guard step < stepsPerEpoch else { return nil }
    let group = max(options.gradientAccumulation, 1)
    let batches = try data.batches(
      .train,
      mode: .training(epoch: epoch - 1),
      from: step * group
    )
    if options.method == .quantizationAware { try calibrateQuantizers() }
    try beginTraining()
    (model as? any FinalPhaseAware)?.isFinalPhase = data.isFinalPhase(epoch: epoch - 1)
    var clock = Stopwatch()
    while true {
      var taken: [Kind.Batch] = []
      while taken.count < group, let batch = try batches.next() { taken.append(batch) }
      guard !taken.isEmpty else { break }
      let dataTime = clock.lap()
      let figures = try take(taken, dataTime: dataTime, clock: &clock)
      (step, isValidated) = (step + 1, false)
      tell(.step(figures))
      if Task.isCancelled { return TrainingResult.interrupted }
      if let reason = try endInTime() { return reason }
      if step < stepsPerEpoch {
        if let reason = try validateIfDue() { return reason }
        saveIfDue()
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
    step = stepsPerEpoch
    return try validateIfDue()
  }

  /// One optimizer step on the batches of one group.
  func take(
    _ batches: [Kind.Batch],
    dataTime: Double,
    clock: inout Stopwatch
  ) throws -> TrainingStep {
    let begin = now()
    let rate = learningRate()
    iteration += 1
    let count = batches.reduce(0) { $0 + $1.count }
    let losses = try collectGradients(of: batches)
    if options.optimizer.sharpnessRadius > 0 { try sharpen(batches) }
    let norm = try clipGradients()
    try guardFinite([.init(name: "gradient norm", value: norm)], what: "gradient", batches)
    try optimizer.step(learningRate: rate)
    try averaged?.update(step: iteration)
    lastStep = .init(learningRate: rate, losses: losses, gradientNorm: norm)
    let seconds = dataTime + clock.lap()
    time.imageCount += count
    time.stepCount += 1
    time.seconds += seconds
    keeper?.takeStep(dataTime + now() - begin)
    let remaining = max(lastPosition - position - 1, 0)
    return TrainingStep(
      epoch: epoch,
      epochCount: epochCount,
      step: step + 1,
      stepCount: stepsPerEpoch,
      iteration: iteration,
      learningRate: rate,
      time: seconds,
      dataTime: dataTime,
      eta: time.seconds / Double(time.stepCount) * Double(remaining),
      memoryBytes: ProcessMemory.residentBytes(),
      losses: losses,
      gradientNorm: norm,
      imageCount: count
    )
  }

  /// Forgets the gradients and collects those of a group.
  ///
  /// - Returns: Its losses.
  func collectGradients(of batches: [Kind.Batch]) throws -> [TrainingStep.NamedValue] {
    try optimizer.zeroGradients()
    let count = batches.reduce(0) { $0 + $1.count }
    var losses: [TrainingStep.NamedValue] = []
    for (index, batch) in batches.enumerated() {
      // Each picture counts the same, whichever batch of the group it is in.
      let share = Double(batch.count) / Double(count)
      let values = try learn(from: batch, index: index, share: share)
      for (position, value) in values.enumerated() {
        if position == losses.count {
          losses.append(.init(name: value.name, value: share * value.value))
        } else {
          losses[position].value += share * value.value
        }
      }
    }
    return losses
  }

  /// Adds the gradients of one batch.
  ///
  /// - Parameters:
  ///   - batch: What to learn from.
  ///   - index: Its place in the group.
  ///   - share: Its part of the group's pictures; 1 where the group is this batch.
  /// - Returns: Its losses.
  /// - Throws: ``EngineError/trainingFailed(_:advice:)``, `TensorError`.
  private func learn(
    from batch: Kind.Batch,
    index: Int,
    share: Double
  ) throws -> [TrainingStep.NamedValue] {
    let images = try input.tensor(batch.images, as: inputType)
    let terms = try forward(images, batch, index: index)
    let total = try terms.total()
    let losses = try namedValues(of: terms)
    try guardFinite(losses, what: "loss", [batch])
    try (share == 1 ? total : total * share).backward()
    return losses
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

  /// What the first layer would convert its input to; a network of somebody else may begin with anything.
  private var inputType: DType {
    guard let dtype = precision.autocastType else { return .float32 }
    return model.module.modules().contains { $0.module is ScriptModule } ? .float32 : dtype
  }

  /// The losses of a batch; what they draw depends on the run's seed and the step alone.
  private func forward(_ images: Tensor, _ batch: Kind.Batch, index: Int) throws -> LossTerms {
    do {
      return try TorchGenerator.seeded(drawSeed(iteration, index)) {
        try model.loss(images, batch, precision: precision)
      }
    } catch TensorError.failed("BatchNorm2d", let shapes, let message) {
      throw EngineError.trainingFailed(
        "batch normalisation cannot learn from \(batch.count) picture\(batch.count == 1 ? "" : "s") of \(info.preprocessing.inputSize) (\(shapes): \(message))",
        advice: "Raise --batch-size to 2 or more, or --input-size."
      )
    }
  }

  /// The seed of everything that libtorch draws for a batch of a step: it needs no saving.
  private func drawSeed(_ iteration: Int, _ index: Int) -> UInt64 {
    let seed = UInt64(bitPattern: Int64(options.seed))
    var generator =
      index == 0
      ? CounterGenerator(seed: seed, UInt64(iteration), 0x7374_6570)
      : CounterGenerator(seed: seed, UInt64(iteration), 0x7374_6570, UInt64(index))
    return generator.next()
  }

  private func finish(stopReason: String) -> TrainingResult {
    let result = TrainingResult(
      checkpoint: directory.bestCheckpoint,
      info: info,
      epochs: epoch,
      stepCount: iteration,
      best: (glimpse ?? selection).best?.report
        ?? MetricReport(primary: selection.metric, values: [:]),
      bestEpoch: (glimpse ?? selection).best?.epoch ?? epoch,
      imagesPerSecond: time.seconds > 0 ? Double(time.imageCount) / time.seconds : 0,
      secondsPerEpoch: time.seconds / Double(epoch),
      peakMemoryBytes: ProcessMemory.peakBytes(),
      precision: precision,
      stopReason: stopReason
    )
    tell(.finished(result))
    return result
  }

  private func guardFinite(
    _ values: [TrainingStep.NamedValue],
    what: String,
    _ batches: [Kind.Batch]
  ) throws {
    guard let broken = values.first(where: { !$0.value.isFinite }) else { return }
    let items = batches.flatMap(\.frames).map(\.itemID).joined(separator: ", ")
    throw EngineError.trainingFailed(
      "the \(what) '\(broken.name)' became \(broken.value) in epoch \(epoch), step \(step + 1), on the items \(items)",
      advice: divergenceAdvice
    )
  }

  var divergenceAdvice: String {
    let kept =
      selection.best.map {
        "The best weights so far, of epoch \($0.epoch), are kept in \(directory.bestCheckpoint.path). "
      } ?? ""
    return kept + "Lower optimizer.learningRate, or look at these items."
  }

  /// What the settled options say; without a measurement, fp32 is always right.
  private var precision: Precision {
    // libtorch rounds numbers of 32 bits alone.
    options.precision == .auto || options.method == .quantizationAware ? .fp32 : options.precision
  }

  func tell(_ event: TrainingEvent) {
    for observer in observers { observer.observe(event) }
  }
}
