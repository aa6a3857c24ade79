public import Foundation
public import OTXCore
import OTXRecipe
import OTXReport

extension Workflow {
  /// Does what is left of the stages.
  ///
  /// Cancelling the task ends the stage under way, with everything saved that it takes to go on.
  ///
  /// - Parameters:
  ///   - modelDirectory: Where the last training's `weights.pth` goes, too; the run's folder if `nil`.
  ///   - observers: Told which stage it is and what happens in it.
  ///   - date: The time in the run's name.
  ///   - start: When the command began that a ``TrainOptions/timeBudget`` is for.
  ///   - environment: The process's environment; it names the cache folder.
  /// - Returns: The run, with the result of its last training.
  /// - Throws: What a stage throws; those before it stay as they are.
  @discardableResult
  public func run(
    modelDirectory: URL? = nil,
    observers: [any TrainingObserver] = [],
    at date: Date = Date(),
    since start: ContinuousClock.Instant = .now,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) async throws -> TrainingRun {
    try Task.checkCancellation()
    let root = try stopped ?? workspace.newRun(at: date)
    let lock = try RunLock(root)
    let file = root.appending(path: "recipe.yaml")
    if stopped == nil { try recipe.keep(in: file, decisions: []) }
    try record(stopReason: nil).write(to: root)
    let limit = recipe.training.timeBudget.seconds.map { TimeLimit(seconds: $0, since: start) }
    var last: (folder: URL, result: TrainingResult)?
    for (index, stage) in recipe.stages.enumerated() {
      let folder = root.appending(path: folderNames[index], directoryHint: .isDirectory)
      let place =
        "Stage \(index + 1) of \(recipe.stages.count), \(stage.name) (\(stage.type.rawValue))"
      if let known = try finished(stage, in: folder) {
        observers.tell(.message("\(place): done before"))
        last = known.map { (folder, $0) } ?? last
        continue
      }
      observers.tell(.message(place))
      guard stage.type == .train else {
        try await use(last?.folder, stage, in: folder, observers, at: date)
        continue
      }
      let left = recipe.stages[index...].count { $0.type == .train }
      let result = try await engine(
        of: stage,
        in: folder,
        after: last?.folder,
        limit,
        left,
        observers
      )
      .train(in: folder, observers: observers, at: date, environment: environment)
      .result
      if result.isInterrupted {
        return TrainingRun(directory: root, recipe: file, result: result)
      }
      last = (folder, result)
    }
    guard let last else { throw ConfigurationError.invalid("\(recipe.name) trained nothing") }
    var result = last.result
    result.checkpoint = try gather(from: last.folder, in: root, modelDirectory)
    try record(stopReason: "all \(recipe.stages.count) stages are done").write(to: root)
    withExtendedLifetime(lock) {}
    return TrainingRun(directory: root, recipe: file, result: result)
  }

  private func record(stopReason: String?) -> RunRecord {
    var record = RunRecord(location)
    record.memoryLimit = memoryLimit
    record.process = ProcessInfo.processInfo.processIdentifier
    record.stages = folderNames
    record.stopReason = stopReason
    return record
  }

  /// What a stage came to that is done already.
  ///
  /// - Returns: `nil` where it is not; the result of one that trained.
  private func finished(_ stage: RecipeStage, in folder: URL) throws -> TrainingResult?? {
    guard let record = try? RunRecord(in: folder), record.stopReason != nil else {
      return .none
    }
    guard stage.type == .train else { return .some(nil) }
    guard let result = RunSummary(directory: folder)?.result else { return .none }
    return .some(result)
  }

  /// The engine that trains a stage, or goes on with it.
  private func engine(
    of stage: RecipeStage,
    in folder: URL,
    after previous: URL?,
    _ limit: TimeLimit?,
    _ trainingsLeft: Int,
    _ observers: [any TrainingObserver]
  ) throws -> Engine {
    if (try? RunRecord(in: folder)) != nil {
      return try Engine(
        resuming: folder,
        data: location,
        memoryLimit: memoryLimit,
        library: library,
        registry: registry,
        weights: weights
      )
    }
    var start = recipe
    start.stages = []
    var changes = overrides
    if !stage.changes.isEmpty {
      changes.insert(stage.changes.override(source: "stage '\(stage.name)'"), at: 0)
    }
    if let previous, !stage.changes.keys.contains("weights") {
      let file = previous.appending(path: "weights.pth").path
      changes.append(RecipeOverride(key: "weights", value: file, source: "the stage before"))
    }
    if let limit {
      // Each of the stages that train gets as much of what is left.
      let share = max(limit.remaining / Double(trainingsLeft), 1).rounded(.down)
      changes.append(RecipeOverride(key: "timeBudget", value: "\(Int(share))s", source: "--time"))
    }
    let engine = try Engine(
      data: location,
      recipe: RecipeRequest(recipe: start, recipeIsOurs: recipeIsOurs, overrides: changes),
      memoryLimit: memoryLimit,
      workspace: Workspace(root: folder.deletingLastPathComponent()),
      library: library,
      registry: registry,
      weights: weights
    )
    for event in engine.dataEvents { observers.tell(event) }
    for decision in engine.decisions { observers.tell(.message(decision.summary)) }
    return engine
  }

  /// Does a stage that trains nothing with the weights of the one before it.
  private func use(
    _ trained: URL?,
    _ stage: RecipeStage,
    in folder: URL,
    _ observers: [any TrainingObserver],
    at date: Date
  ) async throws {
    guard let trained else {
      throw ConfigurationError.invalid("stage '\(stage.name)' has no weights to work with")
    }
    try Folder.make(folder)
    let engine = try Engine(
      model: trained,
      data: location,
      workspace: Workspace(root: folder.deletingLastPathComponent()),
      library: library,
      registry: registry
    )
    if stage.type == .export {
      let exported = try await engine.export(to: folder)
      let difference = exported.parity.maxAbsoluteDifference
      observers.tell(.message("Exported; raw outputs differ by \(difference) at most"))
    } else {
      let evaluation = try await engine.evaluate(
        on: .test,
        report: folder.appending(path: "report.html")
      ) { done, count in
        observers.tell(.validating(done: done, of: count))
      }
      try AtomicFile.write(
        try JSONEncoder.pretty.encode([evaluation.performanceMetric: evaluation.performance]),
        to: folder.appending(path: "performance.json")
      )
      observers.tell(
        .message(
          "\(evaluation.performanceMetric) on \(evaluation.subset.rawValue): \(evaluation.performance)"
        )
      )
    }
    var record = RunRecord(location)
    record.process = ProcessInfo.processInfo.processIdentifier
    record.stopReason = "done"
    try record.write(to: folder)
  }

  /// Puts what the last training left at the top of the run.
  ///
  /// - Returns: The weights.
  private func gather(from folder: URL, in root: URL, _ modelDirectory: URL?) throws -> URL {
    let models = modelDirectory ?? root
    try Folder.make(models)
    func copy(_ name: String, to directory: URL) throws {
      let source = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: source.path) else { return }
      try AtomicFile.copy(source, to: directory.appending(path: name))
    }
    for name in ["weights.pth", "label_schema.json"] { try copy(name, to: models) }
    for name in ["performance.json", "report.html"] { try copy(name, to: root) }
    return models.appending(path: "weights.pth")
  }
}
