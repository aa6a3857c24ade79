public import Foundation
public import OTXCore
import OTXRecipe

extension Engine {
  /// Trains, and leaves in a new folder of the workspace everything that cli.md lists.
  ///
  /// An engine made by ``init(resuming:data:overrides:allowsChangedData:memoryLimit:library:registry:weights:)``
  /// goes on in the folder of its run instead.
  ///
  /// Cancelling the task ends training after the step that is under way; everything needed to go on
  /// is written then, and the result's ``TrainingResult/isInterrupted`` is true.
  ///
  /// - Parameters:
  ///   - modelDirectory: Where `weights.pth` and `label_schema.json` go; the run's folder if `nil`.
  ///   - observers: Told what happens; the run's log and table are written anyway.
  ///   - date: The time in the run's name.
  ///   - start: When the command began that a ``TrainOptions/timeBudget`` is for.
  ///   - environment: The process's environment; it names the cache folder.
  /// - Returns: What the run left, `weights.pth` first of all.
  /// - Throws: ``EngineError/trainingFailed(_:advice:)``, ``DataError``, or
  ///   ``ConfigurationError/invalid(_:)`` for a folder that cannot be written or has no room; before
  ///   anything is trained, then. `CancellationError` where the task is cancelled before training
  ///   began.
  @discardableResult
  public func train(
    modelDirectory: URL? = nil,
    observers: [any TrainingObserver] = [],
    at date: Date = Date(),
    since start: ContinuousClock.Instant = .now,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) async throws -> TrainingRun {
    try await train(
      in: nil,
      modelDirectory: modelDirectory,
      observers: observers,
      at: date,
      since: start,
      environment: environment
    )
  }

  /// Trains in a folder of a larger run, made where there is none; `nil`: in a new one of the workspace.
  func train(
    in folder: URL?,
    modelDirectory: URL? = nil,
    observers: [any TrainingObserver],
    at date: Date,
    since start: ContinuousClock.Instant = .now,
    environment: [String: String]
  ) async throws -> TrainingRun {
    // Everything that would spoil hours of training in the end is looked for before it begins, and
    // before there is a run: one that cannot learn or be saved is not to become the latest.
    try Task.checkCancellation()
    try await job.checkTraining()
    let cache = Workspace.cacheDirectory(environment: environment)
    if let stoppedRun {
      return try await goOn(
        with: stoppedRun,
        modelDirectory,
        observers,
        at: date,
        since: start,
        cache: cache
      )
    }
    if let modelDirectory { try Folder.make(modelDirectory) }
    if let folder { try Folder.make(folder) }
    let root = try folder ?? workspace.newRun(at: date)
    let lock = try RunLock(root)
    var run = RunDirectory(root: root, models: modelDirectory ?? root, cache: cache)
    run.timeLimit = timeLimit(since: start)
    try requireSpace(for: run)
    if recipe.model.isFile {
      // The run can be gone on with whatever becomes of the file.
      try AtomicFile.copy(URL(filePath: recipe.model.name), to: run.network)
    }
    // From here on the run can be gone on with, whatever ends this process.
    try recipe.keep(in: run.recipe, decisions: decisions)
    try record(of: run, stopReason: nil).write(to: root)
    let log = try RunLog(in: root)
    for decision in decisions { log.observe(.message(decision.summary)) }
    return try await train(run, log: log, observers, at: date, lock: lock)
  }

  /// Goes on with a run that stopped; a trial of a search as far as to `pauseEpoch`.
  func goOn(
    with stopped: StoppedRun,
    _ modelDirectory: URL?,
    _ observers: [any TrainingObserver],
    at date: Date,
    since start: ContinuousClock.Instant,
    cache: URL,
    pauseEpoch: Int? = nil
  ) async throws -> TrainingRun {
    let lock = try RunLock(stopped.root)
    let models = stopped.record.models.map { URL(filePath: $0) } ?? stopped.root
    if let modelDirectory,
      modelDirectory.standardizedFileURL.path != models.standardizedFileURL.path
    {
      throw ConfigurationError.invalid(
        "the run's model files are in \(models.path), not in \(modelDirectory.path); leave the folder out"
      )
    }
    var run = RunDirectory(root: stopped.root, models: models, cache: cache)
    run.pauseEpoch = pauseEpoch
    for folder in Set([run.root, run.models]) {
      try Folder.make(folder)
      AtomicFile.removeLeftovers(in: folder)
    }
    try requireSpace(for: run)
    try record(of: run, stopReason: nil).write(to: run.root)
    let log = try RunLog(in: run.root, isResumed: true)
    let all = [log] + observers
    if stopped.info == nil {
      run.timeLimit = timeLimit(since: start)
      all.tell(
        .message(
          "\(run.root.relativePath) was stopped before its first checkpoint: it starts again with its recipe"
        )
      )
    } else {
      run.start = stopped.allowsChangedData ? .resumedOnChangedData : .resumed
    }
    for note in stopped.notes { all.tell(.message(note)) }
    return try await train(run, log: log, observers, at: date, lock: lock)
  }

  private func train(
    _ run: RunDirectory,
    log: RunLog,
    _ observers: [any TrainingObserver],
    at date: Date,
    lock: RunLock
  ) async throws -> TrainingRun {
    var run = run
    run.data = dataset?.fingerprint()
    for event in dataEvents { log.observe(event) }
    let report = RunReporter(engine: self, run: run.root, date: date)
    let observers: [any TrainingObserver] = [log, report.events] + observers
    let result: TrainingResult
    do {
      result = try await job.train(run: run, decisions: decisions, observers: observers)
    } catch {
      if !(error is CancellationError) {
        log.observe(.warning("\(error)"))
        await report.finish(nil, observers: observers)
      }
      throw error
    }
    try await finish(result, in: run)
    // A trial is one of many.
    if run.pauseEpoch == nil {
      await report.finish(result, within: run.timeLimit, observers: observers)
    }
    // Last, so that a run that is killed before has its missing files written by going on.
    if !result.isInterrupted, !result.isPaused {
      try record(of: run, stopReason: result.stopReason).write(to: run.root)
    }
    withExtendedLifetime(lock) {}
    return TrainingRun(directory: run.root, recipe: run.recipe, result: result)
  }

  /// The recipe's time, begun at `start`; `nil` where it has none, or has been planned with.
  private func timeLimit(since start: ContinuousClock.Instant) -> TimeLimit? {
    recipe.training.timeBudget.seconds.map { TimeLimit(seconds: $0, since: start) }
  }

  /// Room for each file of a run and for its successor beside it.
  private func requireSpace(for run: RunDirectory) throws {
    let weights = 4 * ((try? recipe.descriptor(among: models))?.parameterCount ?? 0)
    let training = recipe.training
    // Momentum, and the mean of squares where the optimizer keeps one, and the largest of these.
    let optimizer =
      [.sgd, .lars].contains(training.optimizer.name) ? 1 : training.optimizer.amsgrad ? 3 : 2
    let checkpoint = weights * (1 + optimizer + (training.emaDecay > 0 ? 1 : 0))
    try OTX.requireSpace(2 * weights, in: run.models, for: "the model's files")
    try OTX.requireSpace(
      2 * (weights + checkpoint) + logBytes,
      in: run.root,
      for: "the files of a training run"
    )
  }

  /// A line a step, and what else there is to say.
  private var logBytes: Int {
    let images = dataset?.items[.train]?.count ?? 0
    let steps = recipe.training.maxEpochs * (images / max(recipe.training.batchSize, 1) + 1)
    return 1 << 20 + 256 * steps
  }

  private func record(of run: RunDirectory, stopReason: String?) -> RunRecord {
    var record = RunRecord(location)
    if run.models != run.root { record.models = run.models.standardizedFileURL.path }
    record.memoryLimit = memoryLimit
    record.trainingItemCount = stoppedRun?.record.trainingItemCount
    record.decisions = decisions
    record.process = ProcessInfo.processInfo.processIdentifier
    record.stopReason = stopReason
    return record
  }

  /// Writes what belongs beside the weights.
  private func finish(_ result: TrainingResult, in run: RunDirectory) async throws {
    try LabelSchema(labels: result.info.labels, task: task)
      .write(to: run.models.appending(path: "label_schema.json"))
    let score = result.best.values[task.kind.performanceMetric] ?? result.best.primaryValue
    try AtomicFile.write(
      try JSONEncoder.pretty.encode([task.kind.performanceMetric: score]),
      to: run.root.appending(path: "performance.json")
    )
    if run.models.standardizedFileURL != run.root.standardizedFileURL {
      if location != nil { try RunRecord(location).write(to: run.models) }
      // A user who looks for the weights in the run's folder finds them there, too.
      try? FileManager.default.createSymbolicLink(
        at: run.root.appending(path: "weights.pth"),
        withDestinationURL: run.bestCheckpoint.absoluteURL
      )
    }
  }
}

/// What a training run left behind.
public struct TrainingRun: Codable, Sendable {
  /// The run's folder.
  public var directory: URL
  /// The recipe with every value that was used.
  public var recipe: URL
  public var result: TrainingResult

  public init(directory: URL, recipe: URL, result: TrainingResult) {
    (self.directory, self.recipe, self.result) = (directory, recipe, result)
  }
}

extension [any TrainingObserver] {
  package func tell(_ event: TrainingEvent) {
    for observer in self { observer.observe(event) }
  }
}
