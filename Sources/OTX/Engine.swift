public import Foundation
public import OTXCore
import OTXData
public import OTXRecipe

/// One model and its data, from training to deployment, whatever the task.
///
/// The task is known when the data or the checkpoint has been looked at; ``typed(as:)`` gives the
/// typed engine inside. Every member may be called from any actor.
///
/// ```swift
/// let engine = try Engine(dataRoot: URL(filePath: "BCCD"))
/// let result = try await engine.train()
/// let scores = try await engine.evaluate(on: .test)
/// let model = try await engine.export(to: URL(filePath: "openvino"))
/// ```
public final class Engine: Sendable {
  /// The task that the model solves.
  public let task: TaskType
  /// Every value that a training run uses.
  public let recipe: Recipe
  /// What was decided for the user, and why.
  public let decisions: [Decision]
  public let workspace: Workspace
  let dataset: Dataset?
  let location: DataLocation?
  let memoryLimit: Int
  /// The run that ``train(modelDirectory:observers:at:environment:)`` goes on with, if not a new one.
  let stoppedRun: StoppedRun?
  /// What the registry's backends build by name.
  let models: [ModelDescriptor]
  let job: any EngineJobs
  /// What the model is made of.
  let source: ModelSource

  /// An engine for a folder of pictures: format, task, model and settings are found.
  ///
  /// - Parameters:
  ///   - dataRoot: The dataset's folder.
  ///   - request: What the user wants; the rest is decided.
  ///   - workspace: Where runs are written.
  /// - Throws: ``DataError`` when the folder cannot be used, ``ConfigurationError`` when a choice
  ///   is the user's alone.
  public convenience init(
    dataRoot: URL,
    recipe request: RecipeRequest = RecipeRequest(),
    workspace: Workspace = Workspace()
  ) throws {
    try self.init(
      data: .root(dataRoot, format: nil),
      recipe: request,
      workspace: workspace
    )
  }

  /// An engine that will train on `data`.
  ///
  /// - Parameters:
  ///   - data: A folder in any known format, or named files for each subset.
  ///   - request: What the user wants; the rest is decided.
  ///   - memoryLimit: Bytes that training may take; 0: what the machine has.
  ///   - workspace: Where runs are written.
  ///   - library: The recipes there are.
  ///   - registry: The backends there are.
  ///   - weights: Where weights to start from come from. Where the recipe says `weights: download`,
  ///     they are downloaded here, in this thread, unless the store has them.
  /// - Throws: ``DataError``, ``ConfigurationError``, as ``init(dataRoot:recipe:workspace:)`` does.
  public convenience init(
    data: DataLocation,
    recipe request: RecipeRequest = RecipeRequest(),
    memoryLimit: Int = 0,
    workspace: Workspace = Workspace(),
    library: RecipeLibrary = .builtIn,
    registry: EngineRegistry = .standard,
    weights: WeightSource = WeightSource()
  ) throws {
    let reading = try request.dataOptions()
    var dataset = try DatasetReader.read(
      data,
      strict: reading.strict,
      labels: reading.labels,
      headerCache: .user
    )
    let configurator = AutoConfigurator(
      models: registry.models,
      library: library,
      memoryLimit: memoryLimit > 0 ? memoryLimit : .max,
      // Two cores get through about 10 (`Benchmarks/README.md`, whole trainings).
      computeRate: 5 * Double(Processor.current.computeThreadCount),
      coreCount: Processor.current.coreCount,
      computeThreadCount: Processor.current.computeThreadCount,
      hasWeights: { weights.store.weights(named: $0) != nil }
    )
    let (recipe, decisions) = try configurator.configure(
      profile: dataset.profile(),
      request: request.knowingWeights()
    )
    if recipe.task == .multiClassClassification { dataset.problems += dataset.contradictions() }
    try self.init(
      recipe: recipe,
      decisions: decisions,
      dataset: dataset,
      location: data,
      memoryLimit: memoryLimit,
      workspace: workspace,
      registry: registry,
      weights: weights
    )
  }

  /// An engine that trains `recipe`, with every value settled, on `dataset`.
  ///
  /// - Parameters:
  ///   - recipe: Its weights may still be `auto`.
  ///   - decisions: What was decided for the user on the way to `recipe`.
  ///   - dataset: Its labels become the model's.
  ///   - location: Where the data was read from; a run remembers it.
  ///   - memoryLimit: Bytes that training may take; 0: what the machine has.
  ///   - workspace: Where runs are written.
  ///   - registry: The backends there are.
  ///   - weights: Where weights to start from come from.
  /// - Throws: ``ModelError`` for a model or a file of weights that there is not,
  ///   ``WeightStoreError``, ``EngineError/noBackend(for:tried:)``.
  public convenience init(
    recipe: Recipe,
    decisions: [Decision] = [],
    dataset: Dataset,
    location: DataLocation? = nil,
    memoryLimit: Int = 0,
    workspace: Workspace = Workspace(),
    registry: EngineRegistry = .standard,
    weights: WeightSource = WeightSource()
  ) throws {
    let info = try recipe.modelInfo(for: dataset, models: registry.models)
    var (recipe, decisions) = (recipe, decisions)
    let network = try recipe.settleNetwork()
    let file = try recipe.settleWeights(&decisions, for: info, from: weights)
    var training = Engine.trainingOptions(recipe, dataset, memoryLimit: memoryLimit)
    training.options.allowsPartialWeights = weights.allowsPartialWeights
    try self.init(
      info.task,
      source: ModelSource(info, weights: file, network: network),
      recipe: recipe,
      decisions: decisions,
      dataset: dataset,
      location: location,
      options: training.options,
      memoryLimit: memoryLimit,
      cacheByteLimit: training.cacheByteLimit,
      workspace: workspace,
      registry: registry
    )
  }

  /// An engine that goes on with a run that stopped before its end.
  ///
  /// ``train(modelDirectory:observers:at:environment:)`` then goes on in the run's folder after the
  /// step that its `last.pth` was written at, bit by bit as if it had not stopped; a run that has no
  /// `last.pth` yet starts again with its recipe.
  ///
  /// - Parameters:
  ///   - run: The run's folder, as ``Workspace/newestUnfinishedRun`` finds it.
  ///   - data: Where its data is now; `nil` for where it was.
  ///   - overrides: Values of its recipe to change: more epochs, another patience.
  ///   - allowsChangedData: Whether to go on although the data changed meanwhile.
  ///   - memoryLimit: Bytes that training may take; 0: as much as it was allowed before.
  ///   - library: The recipes that its recipe may stand on.
  ///   - registry: The backends there are.
  ///   - weights: Where weights to start from come from, for a run that has no checkpoint yet.
  /// - Throws: ``ConfigurationError`` for a folder that is no run, a run that is finished, or a value
  ///   that cannot change any more; ``DataError`` for data that cannot be read.
  public convenience init(
    resuming run: URL,
    data: DataLocation? = nil,
    overrides: [RecipeOverride] = [],
    allowsChangedData: Bool = false,
    memoryLimit: Int = 0,
    library: RecipeLibrary = .builtIn,
    registry: EngineRegistry = .standard,
    weights: WeightSource = WeightSource()
  ) throws {
    var stopped = try StoppedRun(run, overrides: overrides, library: library)
    stopped.allowsChangedData = allowsChangedData
    guard let location = data ?? stopped.record.location else {
      throw ConfigurationError.invalid(
        "the data of \(stopped.root.relativePath) is no longer where it was (\(stopped.record.root ?? "files of its own")); say where it is now, for example --data-root FOLDER"
      )
    }
    let reading = stopped.recipe.data
    var dataset = try DatasetReader.read(
      location,
      strict: reading.strict,
      labels: reading.labels,
      headerCache: .user
    )
    if let count = stopped.record.trainingItemCount {
      dataset = dataset.proxy(trainingItemCount: count, seed: stopped.recipe.training.seed)
    }
    var recipe = stopped.recipe
    var decisions: [Decision] = stopped.record.decisions ?? []
    let info =
      try stopped.info ?? recipe.modelInfo(for: dataset, models: registry.models)
    // A checkpoint has all weights; the file that they began with may be gone.
    let file =
      stopped.info == nil
      ? try recipe.settleWeights(&decisions, for: info, from: weights) : nil
    let limit = memoryLimit > 0 ? memoryLimit : stopped.record.memoryLimit ?? 0
    var training = Engine.trainingOptions(recipe, dataset, memoryLimit: limit)
    training.options.allowsPartialWeights = weights.allowsPartialWeights
    try self.init(
      info.task,
      // The run's own copy: the file it began with may be gone.
      source: ModelSource(
        info,
        weights: file,
        network: recipe.model.isFile ? stopped.network : nil
      ),
      recipe: recipe,
      decisions: decisions,
      dataset: dataset,
      location: location,
      options: training.options,
      memoryLimit: limit,
      cacheByteLimit: training.cacheByteLimit,
      workspace: Workspace(root: stopped.root.deletingLastPathComponent()),
      registry: registry,
      stoppedRun: stopped
    )
  }

  /// An engine for a model that exists: `weights.pth`, a run's folder, or an `.xml`.
  ///
  /// - Parameters:
  ///   - url: The model's file, or the folder it lies in.
  ///   - data: Needed to evaluate; not to predict or export.
  ///   - overrides: Values of the model's recipe to change.
  ///   - options: How the model is run.
  ///   - workspace: Where runs are written.
  ///   - library: The recipes that the model's may stand on.
  ///   - registry: The backends there are.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a file that is no model.
  public convenience init(
    model url: URL,
    data: DataLocation? = nil,
    overrides: [RecipeOverride] = [],
    options: EngineOptions = EngineOptions(),
    workspace: Workspace = Workspace(),
    library: RecipeLibrary = .builtIn,
    registry: EngineRegistry = .standard
  ) throws {
    let artifact = try ModelArtifact(url, library: library)
    let recipe = try artifact.recipe.applying(overrides)
    try self.init(
      artifact.info.task,
      source: artifact.source,
      recipe: recipe,
      decisions: artifact.decisions,
      dataset: try data.map {
        try DatasetReader.read(
          $0,
          strict: recipe.data.strict,
          labels: recipe.data.labels,
          headerCache: .user
        )
      },
      location: data,
      options: options,
      workspace: workspace,
      registry: registry
    )
  }

  private init(
    _ task: TaskType,
    source: ModelSource,
    recipe: Recipe,
    decisions: [Decision],
    dataset: Dataset?,
    location: DataLocation?,
    options: EngineOptions,
    memoryLimit: Int = 0,
    cacheByteLimit: Int = 0,
    workspace: Workspace,
    registry: EngineRegistry,
    stoppedRun: StoppedRun? = nil
  ) throws {
    self.task = task
    self.recipe = recipe
    self.decisions = decisions
    self.dataset = dataset
    self.location = location
    self.workspace = workspace
    self.stoppedRun = stoppedRun
    self.memoryLimit = memoryLimit
    models = registry.models
    self.source = source
    job = try Engine.open(
      task,
      source: source,
      dataset: dataset,
      recipe: recipe,
      options: options,
      cacheByteLimit: cacheByteLimit,
      batchTrials: BatchTrialSource(location: location, memoryLimit: memoryLimit),
      registry: registry
    )
  }

  /// How an engine that trains runs, and the memory that decoded pictures may take beside it.
  private static func trainingOptions(
    _ recipe: Recipe,
    _ dataset: Dataset,
    memoryLimit: Int
  ) -> (options: EngineOptions, cacheByteLimit: Int) {
    let cache = PictureCache.byteLimit(recipe.data.cache, for: dataset, memoryLimit: memoryLimit)
    let rest = PictureCache.memoryLimit(memoryLimit, lessCache: cache)
    return (EngineOptions(recipe.training, memoryLimit: rest), cache)
  }

  /// Where the data of the run that left `model` was, if it is still there.
  public static func dataLocation(ofRunThatLeft model: URL) -> DataLocation? {
    RunRecord.beside(model)?.location
  }

  /// What was wrong with the data and what was done about it.
  public var dataProblems: [DatasetProblem] { dataset?.problems ?? [] }

  /// ``dataProblems`` as lines of a log: what was lost is a warning, what was noticed is news.
  public var dataEvents: [TrainingEvent] {
    let (noted, damage) = (
      dataProblems.filter { $0.remedy == .noted }, dataProblems.filter { $0.remedy != .noted }
    )
    return damage.summary.map { .warning($0) } + noted.summary.map { .message($0) }
  }

  /// The labels, preprocessing and threshold that travel with the model.
  public var info: ModelInfo { get async { await job.info } }

  /// The typed engine inside.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` when this engine's task is another.
  public func typed<Kind: VisionTask>(as kind: Kind.Type) throws -> TaskEngine<Kind> {
    guard let engine = job as? TaskEngine<Kind> else {
      throw ModelError.mismatch(
        "this engine is for \(task.rawValue), not \(Kind.taskType.rawValue)"
      )
    }
    return engine
  }

  private static func open(
    _ task: TaskType,
    source: ModelSource,
    dataset: Dataset?,
    recipe: Recipe,
    options: EngineOptions,
    cacheByteLimit: Int = 0,
    batchTrials: BatchTrialSource,
    registry: EngineRegistry
  ) throws -> any EngineJobs {
    func make<Kind: VisionTask>(_ kind: Kind.Type) throws -> any EngineJobs {
      let backend = try registry.backend(for: source)
      let sub = try backend.makeEngine(kind, from: source, options: options)
      return TaskEngine<Kind>(
        sub: sub,
        backend: backend.name,
        dataset: dataset,
        recipe: recipe,
        cacheByteLimit: cacheByteLimit,
        batchTrials: batchTrials
      )
    }
    return try make(task.kind)
  }
}
