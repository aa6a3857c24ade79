public import Foundation
import OTXCore
import OTXData
import OTXRecipe
import OTXTuning

extension Engine {
  /// Searches for the best hyper-parameters as the recipe's `search:` says.
  ///
  /// Trials run in child processes where the program answers for them (``runWorkerIfAsked()``), else
  /// in this one, one at a time. The first trial has the recipe's own values.
  ///
  /// ```swift
  /// let engine = try Engine(dataRoot: URL(filePath: "BCCD"))
  /// let found = try await engine.search()
  /// let run = try await found.train()
  /// ```
  ///
  /// - Parameters:
  ///   - fixedKeys: Recipe keys that are not searched unless the recipe's own space names them.
  ///   - environment: The process's environment; it names the cache folder.
  ///   - observe: Told what happens, on any thread.
  /// - Returns: What was found; its folder is in the workspace's `search`.
  /// - Throws: `CancellationError`, after which ``SearchResult/resume(_:library:environment:observe:)``
  ///   goes on; ``EngineError`` where every trial failed; `TuningError`, ``ConfigurationError``.
  public func search(
    fixedKeys: Set<String> = [],
    environment: [String: String] = ProcessInfo.processInfo.environment,
    observe: @escaping @Sendable (SearchEvent) -> Void = { _ in }
  ) async throws -> SearchResult {
    let folder = try await beginSearch(fixedKeys: fixedKeys)
    return try await SearchResult.resume(folder, environment: environment, observe: observe)
  }

  /// Makes the folder of a search that has not begun.
  ///
  /// - Returns: The folder.
  package func beginSearch(
    fixedKeys: Set<String> = [],
    modelDirectory: URL? = nil,
    allowsPartialWeights: Bool = false,
    at date: Date = Date()
  ) async throws -> URL {
    try await job.checkTraining()
    guard let dataset, location != nil else {
      throw ConfigurationError.invalid("a search needs data that can be read again: name a folder")
    }
    let imageCount = dataset.items[.train]?.count ?? 0
    var share: Double?
    if case .value(let given) = recipe.search.proxy { share = given }
    var data = RunRecord(location)
    data.memoryLimit = memoryLimit
    data.decisions = decisions
    var record = SearchRecord(
      data: data,
      imageCount: imageCount,
      trialImageCount: Dataset.proxyCount(of: imageCount, share: share)
    )
    record.jobs = recipe.search.jobs > 0 ? recipe.search.jobs : Engine.searchJobCount()
    record.allowsPartialWeights = allowsPartialWeights
    record.models = modelDirectory?.standardizedFileURL.path
    let plan = try SearchPlan(
      recipe,
      stepsPerEpoch: record.trialImageCount / max(recipe.training.batchSize, 1)
    )
    let space = try recipe.searchSpace(imageCount: imageCount, fixedKeys: fixedKeys)
    let study = try plan.study(space, seed: recipe.training.seed)
    let folder = try workspace.searches.newRun(at: date)
    try recipe.keep(in: folder.appending(path: SearchRecord.recipeName), decisions: decisions)
    try StudyStore(folder.appending(path: SearchRecord.storeName)).save(study)
    // Last: with it the folder is a search that can be gone on with.
    try record.write(to: folder)
    return folder
  }

  /// Trials at a time that this machine has room for: four cores and two GiB each.
  private static func searchJobCount() -> Int {
    let cores = Processor.current.computeThreadCount / 4
    let memory = (SystemMemory.availableBytes() ?? 0) >> 31
    return max(1, min(cores, memory))
  }

  /// Trains the trial of a search in whose folder this engine goes on.
  func trainTrial(
    until epoch: Int,
    observers: [any TrainingObserver],
    environment: [String: String]
  ) async throws -> TrainingResult {
    guard let stoppedRun else {
      throw ConfigurationError.invalid("a trial goes on in its own folder")
    }
    try Task.checkCancellation()
    return try await goOn(
      with: stoppedRun,
      nil,
      observers,
      at: Date(),
      since: .now,
      cache: Workspace.cacheDirectory(environment: environment),
      pauseEpoch: epoch
    ).result
  }
}
