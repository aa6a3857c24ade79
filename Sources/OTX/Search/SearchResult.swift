public import Foundation
public import OTXCore
public import OTXRecipe
public import OTXTuning

/// What a search for hyper-parameters found.
public struct SearchResult: Sendable {
  /// With the state of the search, its trials and their logs.
  public let folder: URL
  /// Every trial, and how it did.
  public let study: Study
  /// The trial that did best.
  public let best: Trial
  /// The recipe that was searched, with the best trial's values.
  public let recipe: Recipe
  /// One for each value that was searched.
  public let decisions: [Decision]
  private let library: RecipeLibrary

  /// Goes on with a search, from its beginning or wherever it was stopped; no rung that a trial has
  /// reached is done again.
  ///
  /// - Parameters:
  ///   - folder: As ``Workspace/newestUnfinishedSearch`` finds it.
  ///   - library: The recipes that its recipe may stand on.
  ///   - environment: The process's environment; it names the cache folder.
  ///   - observe: Told what happens, on any thread.
  /// - Returns: What was found.
  /// - Throws: As ``Engine/search(fixedKeys:environment:observe:)``.
  public static func resume(
    _ folder: URL,
    library: RecipeLibrary = .builtIn,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    observe: @escaping @Sendable (SearchEvent) -> Void = { _ in }
  ) async throws -> SearchResult {
    let folder = folder.resolvingSymlinksInPath()
    let record = try SearchRecord(in: folder)
    let lock = try RunLock(folder)
    let recipe = try Recipe(contentsOf: folder.appending(path: SearchRecord.recipeName))
    let store = try StudyStore(folder.appending(path: SearchRecord.storeName))
    guard var study = try store.load() else {
      throw TuningError.unusableStore(
        folder.appending(path: SearchRecord.storeName).path,
        reason: "it holds no search; put a copy of it back, or begin a new search"
      )
    }
    let session = SearchSession(
      folder: folder,
      record: record,
      recipe: recipe,
      plan: try SearchPlan(
        recipe,
        stepsPerEpoch: record.trialImageCount / max(recipe.training.batchSize, 1)
      ),
      cache: Workspace.cacheDirectory(environment: environment),
      usesProcesses: WorkerProcess<TrialJob>.isAvailable,
      observe: observe
    )
    if !record.isSearched {
      for line in notes(record, study) { session.tell(.message(line)) }
      study = try await session.run(study, store: store)
    }
    withExtendedLifetime(lock) {}
    return try SearchResult(folder: folder, study: study, recipe: recipe, library: library)
  }

  /// What is searched, for people.
  private static func notes(_ record: SearchRecord, _ study: Study) -> [String] {
    var lines: [String] = []
    let names = study.space.parameters.map { "\($0.name) \($0.distribution.text)" }
    lines.append("Searching \(names.joined(separator: ", "))")
    let rungs = study.halving.rungs.map { "\($0.resource)" }.joined(separator: ", ")
    lines.append("Rungs after epochs \(rungs); the first trial has the recipe's own values")
    if record.trialImageCount < record.imageCount {
      lines.append(
        "Trials learn from \(record.trialImageCount) of \(record.imageCount) training pictures, as many of each label as there are (search.proxy)"
      )
    }
    if !WorkerProcess<TrialJob>.isAvailable {
      lines.append(
        "Trials run in this process, one at a time: the program does not call OTX.runWorkerIfAsked()"
      )
    }
    let done = study.trials.reduce(0) { $0 + $1.scores.count }
    if done > 0 { lines.append("Going on after \(study.trials.count) trials and \(done) rungs") }
    return lines
  }

  private init(folder: URL, study: Study, recipe: Recipe, library: RecipeLibrary) throws {
    guard let best = study.best else {
      throw TuningError.noResult(study.trials.first?.failure ?? "there was room for none")
    }
    self.folder = folder
    self.study = study
    self.best = best
    self.library = library
    self.recipe = try recipe.applying(best.values)
    let score = String(format: "%.4f", best.scores.last ?? 0)
    let epochs = study.halving.rungs[best.scores.count - 1].resource
    let name = "search/\(folder.lastPathComponent)"
    decisions = study.space.parameters.compactMap { parameter in
      guard let value = best.values[parameter.name] else { return nil }
      let isOwn = value == parameter.initial
      let own = parameter.initial.map { isOwn ? ", the recipe's own" : "; the recipe had \($0)" }
      return Decision(
        setting: parameter.name,
        value: "\(value)",
        reason:
          "the best of \(study.trials.count) trials (\(name)): \(score) after \(epochs) epoch\(epochs == 1 ? "" : "s")\(own ?? "")"
      )
    }
  }

  /// Trains with the best trial's values, going on from its weights, and leaves an ordinary run in the
  /// workspace.
  ///
  /// A training that was interrupted is gone on with.
  ///
  /// - Parameters:
  ///   - observers: Told what happens.
  ///   - environment: The process's environment; it names the cache folder.
  /// - Returns: What the run left.
  /// - Throws: As ``Engine/train(modelDirectory:observers:at:environment:)``.
  @discardableResult
  public func train(
    observers: [any TrainingObserver] = [],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) async throws -> TrainingRun {
    let (engine, models) = try finalEngine()
    for decision in decisions { observers.tell(.message(decision.description)) }
    let run = try await engine.train(
      modelDirectory: models,
      observers: observers,
      environment: environment
    )
    if !run.result.isInterrupted {
      // What the run has is of no more use here.
      for name in ["last.pth", "weights.pth"] {
        _ = unlink(trialFolder.appending(path: name).path)
      }
    }
    return run
  }

  private var trialFolder: URL { folder.appending(path: "trial-\(best.id)") }

  /// The engine of the final training, in a folder that is a run of its own.
  package func finalEngine() throws -> (Engine, modelDirectory: URL?) {
    var record = try SearchRecord(in: folder)
    let workspace = Workspace(
      root: folder.deletingLastPathComponent().deletingLastPathComponent()
    )
    let models = record.models.map { URL(filePath: $0, directoryHint: .isDirectory) }
    let place: URL
    if let name = record.finalRun {
      place = workspace.root.appending(path: name, directoryHint: .isDirectory)
    } else {
      place = try workspace.newRun(at: Date())
      record.finalRun = place.lastPathComponent
      try record.write(to: folder)
    }
    if (try? RunRecord(in: place)) == nil { try handOver(to: place, record, models) }
    let threads = RecipeOverride(
      key: "threads",
      value: "\(recipe.training.threads)",
      source: "search"
    )
    let engine = try Engine(
      resuming: place,
      overrides: [threads],
      library: library,
      registry: WorkerEntry.currentRegistry,
      weights: WeightSource(allowsPartialWeights: record.allowsPartialWeights)
    )
    return (engine, models)
  }

  /// Puts what the best trial has into a run's folder; its record comes last.
  private func handOver(to place: URL, _ record: SearchRecord, _ models: URL?) throws {
    try Folder.make(place)
    var settled = try Recipe(contentsOf: trialFolder.appending(path: SearchRecord.recipeName))
    settled.training.threads = recipe.training.threads
    var run = record.data
    run.decisions =
      (record.data.decisions ?? []).filter { decision in
        !decisions.contains { $0.setting == decision.setting }
      } + decisions
    run.process = getpid()
    run.models = models?.path
    if record.trialImageCount < record.imageCount {
      // Trained on a part of the data: its weights are a start, and no more.
      let weights = folder.appending(path: "best_weights.pth")
      try AtomicFile.copy(trialFolder.appending(path: "weights.pth"), to: weights)
      settled.weights = weights.path
    } else {
      let files = FileManager.default
      for name in try files.contentsOfDirectory(atPath: trialFolder.path) {
        let isOwn = [
          RunRecord.fileName, TrialLedger.fileName, SearchRecord.recipeName, "worker",
          "weights.pth",
        ].contains(name)
        if isOwn || name.hasPrefix(".") { continue }
        try AtomicFile.copy(trialFolder.appending(path: name), to: place.appending(path: name))
      }
      if let models { try Folder.make(models) }
      try AtomicFile.copy(
        trialFolder.appending(path: "weights.pth"),
        to: (models ?? place).appending(path: "weights.pth")
      )
    }
    try settled.keep(
      in: place.appending(path: SearchRecord.recipeName),
      decisions: run.decisions ?? []
    )
    try run.write(to: place)
  }
}

extension Distribution {
  /// For people: `0.001…0.1`, `sgd, adamw`.
  package var text: String {
    func number(_ value: Double) -> String { ParameterValue.number(value).description }
    return switch self {
    case .choice(let values): "of \(values.map(\.description).joined(separator: ", "))"
    case .uniform(let low, let high), .logUniform(let low, let high):
      "\(number(low))…\(number(high))"
    case .quantizedUniform(let low, let high, let step),
      .quantizedLogUniform(let low, let high, let step):
      "\(number(low))…\(number(high)) by \(number(step))"
    }
  }
}
