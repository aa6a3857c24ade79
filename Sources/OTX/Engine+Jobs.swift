public import Foundation
public import OTXCore
import OTXData
import OTXRecipe

extension Engine {
  /// Trains, and leaves in a new folder of the workspace everything that cli.md lists.
  ///
  /// - Parameters:
  ///   - modelDirectory: Where `weights.pth` and `label_schema.json` go; the run's folder if `nil`.
  ///   - observers: Told what happens; the run's log and table are written anyway.
  ///   - date: The time in the run's name.
  ///   - environment: The process's environment; it names the cache folder.
  /// - Returns: What the run left, `weights.pth` first of all.
  /// - Throws: ``EngineError/trainingFailed(_:advice:)``, ``DataError``, or
  ///   ``ConfigurationError/invalid(_:)`` for a folder that cannot be written or has no room; before
  ///   anything is trained, then.
  @discardableResult
  public func train(
    modelDirectory: URL? = nil,
    observers: [any TrainingObserver] = [],
    at date: Date = Date(),
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) async throws -> TrainingRun {
    // Everything that would spoil hours of training in the end is looked for before it begins, and
    // before there is a run: one that cannot learn or be saved is not to become the latest.
    try await job.checkTrainingData()
    if let modelDirectory { try Folder.make(modelDirectory) }
    let root = try workspace.newRun(at: date)
    let run = RunDirectory(
      root: root,
      models: modelDirectory ?? root,
      cache: Workspace.cacheDirectory(environment: environment)
    )
    try requireSpace(for: run)
    let log = try RunLog(in: root)
    for decision in decisions { log.observe(.message(decision.description)) }
    for event in dataEvents { log.observe(event) }
    let report = RunReporter(engine: self, run: root, date: date)
    let observers: [any TrainingObserver] = [log, report.events] + observers
    let result: TrainingResult
    do {
      result = try await job.train(run: run, decisions: decisions, observers: observers)
    } catch {
      log.observe(.warning("\(error)"))
      await report.finish(nil, observers: observers)
      throw error
    }
    try await record(result, in: run)
    await report.finish(result, observers: observers)
    return TrainingRun(directory: root, recipe: run.recipe, result: result)
  }

  /// Room for the weights, the optimizer's memory of them, and each file's successor beside it.
  private func requireSpace(for run: RunDirectory) throws {
    let weights = 4 * (models.first { $0.name == recipe.model.name }?.parameterCount ?? 0)
    try OTX.requireSpace(2 * weights, in: run.models, for: "the model's files")
    try OTX.requireSpace(10 * weights + 1 << 20, in: run.root, for: "the files of a training run")
  }

  /// Scores the model.
  ///
  /// - Parameters:
  ///   - subset: `.test` falls back to `.val` where the data has no test subset.
  ///   - threshold: The confidence threshold; `nil` takes the one chosen on the validation subset.
  ///   - progress: Told how many items are done, and of how many.
  /// - Returns: The scores, and the subset they are of.
  /// - Throws: ``DataError`` for data that cannot be read, ``ModelError/mismatch(_:)`` for labels
  ///   that the model does not know.
  public func evaluate(
    on subset: Subset = .test,
    confidenceThreshold threshold: Float? = nil,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> Evaluation {
    try await job.evaluate(on: subset, confidenceThreshold: threshold, progress: progress)
  }

  /// Predicts on picture files, handing over one after the other.
  ///
  /// - Parameters:
  ///   - images: The files.
  ///   - threshold: The confidence threshold; `nil` takes the model's own.
  ///   - onDamage: Told of each file that cannot be read, which is left out then; `nil` makes it an
  ///     error. Called on a thread of the loader.
  ///   - body: Gets what the model says of each file.
  /// - Throws: ``DataError`` naming the file that cannot be read, unless `onDamage` takes it.
  public func predict(
    _ images: [URL],
    confidenceThreshold threshold: Float? = nil,
    onDamage: (@Sendable (DatasetProblem) -> Void)? = nil,
    body: (PicturePrediction) throws -> Void
  ) async throws {
    try await job.describePredictions(
      for: images,
      confidenceThreshold: threshold,
      onDamage: onDamage,
      body: body
    )
  }

  /// Writes the model as OpenVINO IR and compares it with the checkpoint.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when the two disagree by more than
  ///   ``ExportOptions/tolerance``; nothing is left in `directory` then.
  @discardableResult
  public func export(
    to directory: URL,
    options: ExportOptions = ExportOptions()
  ) async throws -> ExportResult {
    try await job.export(to: directory, options: options)
  }

  /// Writes what belongs beside the weights.
  private func record(_ result: TrainingResult, in run: RunDirectory) async throws {
    try LabelSchema(labels: result.info.labels, task: task)
      .write(to: run.models.appending(path: "label_schema.json"))
    for folder in Set([run.root, run.models]) {
      try location.map(RunRecord.init)?.write(to: folder)
    }
    let score = result.best.values[task.kind.performanceMetric] ?? result.best.primaryValue
    try AtomicFile.write(
      try JSONEncoder.pretty.encode([task.kind.performanceMetric: score]),
      to: run.root.appending(path: "performance.json")
    )
    // A user who looks for the weights in the run's folder finds them there, too.
    if run.models.standardizedFileURL != run.root.standardizedFileURL {
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
}

extension JSONEncoder {
  /// Indented, keys in order, slashes as they are.
  static var pretty: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
