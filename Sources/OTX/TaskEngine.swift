public import Foundation
public import OTXCore
import OTXData
import OTXImage
import OTXRecipe
import Synchronization

/// One model of one task, from training to deployment.
///
/// ``Engine`` holds one of these for whatever task the data or the checkpoint has; code that knows
/// its task takes it out with ``Engine/typed(as:)`` and gets typed predictions.
public final class TaskEngine<Kind: VisionTask>: Sendable {
  let sub: any SubEngine<Kind>
  /// The name of the backend that runs the model.
  let backend: String
  let dataset: Dataset?
  let recipe: Recipe
  /// Memory that pictures may take between epochs of training.
  let cacheByteLimit: Int
  /// What trials of a batch size go by.
  let batchTrials: BatchTrialSource

  init(
    sub: any SubEngine<Kind>,
    backend: String,
    dataset: Dataset?,
    recipe: Recipe,
    cacheByteLimit: Int = 0,
    batchTrials: BatchTrialSource = BatchTrialSource(memoryLimit: 0)
  ) {
    self.cacheByteLimit = cacheByteLimit
    self.batchTrials = batchTrials
    self.sub = sub
    self.backend = backend
    self.dataset = dataset
    self.recipe = recipe
  }

  /// What travels with the model: labels, preprocessing, threshold.
  public var info: ModelInfo { get async { await sub.info } }

  /// Trains and leaves the best weights in `run`.
  ///
  /// What the recipe leaves to a measurement is decided first; then `recipe.yaml` in the run's folder
  /// and the recipe inside its checkpoints hold the values that were used, and run again as they are.
  ///
  /// - Parameters:
  ///   - run: Where files go.
  ///   - decisions: What was decided before; written into `recipe.yaml` with what is decided here.
  ///   - observers: Told what happens.
  /// - Returns: The result; this engine has the best weights from then on.
  /// - Throws: ``EngineError/jobNotSupported(_:by:)`` when the model's framework cannot train,
  ///   ``EngineError/trainingFailed(_:advice:)``, ``DataError``, ``ModelError``.
  public func train(
    run: RunDirectory,
    decisions: [Decision] = [],
    observers: [any TrainingObserver] = []
  ) async throws -> TrainingResult {
    guard let trainer = sub as? any TrainingEngine<Kind> else {
      throw EngineError.jobNotSupported("train", by: backend)
    }
    let damage = Notes()
    let pictures = cacheByteLimit > 0 ? PictureCache(byteLimit: cacheByteLimit) : nil
    let onProblem: @Sendable (DatasetProblem) -> Void = { problem in
      let line = "\(problem.location): \(problem.message)"
      if damage.add(line) { observers.tell(.warning(line)) }
    }
    var data = try await dataModule(cache: pictures, onProblem: onProblem)
    for line in data.problems.summary { observers.tell(.warning(line)) }
    var (recipe, run) = (recipe, run)
    // Written before and after, so that a run that fails between has left its recipe, too.
    try recipe.keep(in: run.recipe, decisions: decisions)
    run.decisions = decisions
    if run.start != .fresh {
      // The run's own file knows what was measured, too.
      run.decisions = DecisionFile.read(in: run.root) ?? decisions
    } else {
      let settled = try await trainer.settle(recipe.training, on: data, cache: run.cache)
      for decision in settled.decisions { observers.tell(.message(decision.summary)) }
      let wish = recipe.training.adaptiveBatchSize
      recipe.training = settled.options
      var made = settled.decisions
      if wish == .safe || wish == .full, recipe.method != .linearProbe {
        let decision = try await settleBatchSize(
          &recipe,
          wish,
          itemCount: data.itemCount(.train),
          run: run,
          observers: observers
        )
        observers.tell(.message(decision.summary))
        made.append(decision)
      }
      if data.batchSize != recipe.training.batchSize {
        let size = recipe.training.batchSize
        data = try await dataModule(batchSize: size, cache: pictures, onProblem: onProblem)
      }
      if run.timeLimit != nil {
        try recipe.keep(in: run.recipe, decisions: run.decisions)
        let planned = try await plan(&recipe, &run, on: data, with: trainer, decisions)
        for decision in planned { observers.tell(.message(decision.summary)) }
        made += planned
        // The last epochs of another number begin elsewhere.
        data = try await dataModule(
          batchSize: recipe.training.batchSize,
          epochCount: recipe.training.maxEpochs,
          cache: pictures,
          onProblem: onProblem
        )
      }
      run.decisions += made
      try recipe.keep(in: run.recipe, decisions: run.decisions)
    }
    try DecisionFile.write(run.decisions, in: run.root)
    run.recipeText = try recipe.yaml()
    try Task.checkCancellation()
    var threshold: Float?
    if case .value(let given) = recipe.postprocessing.confidenceThreshold { threshold = given }
    let result = try await trainer.train(
      on: data,
      options: recipe.training,
      confidenceThreshold: threshold,
      run: run,
      observers: observers
    )
    if !damage.lines.isEmpty {
      observers.tell(
        .warning(
          "\(damage.lines.count) picture\(damage.lines.count == 1 ? "" : "s") could not be read; named above and in train.log"
        )
      )
    }
    if let line = pictures?.summary { observers.tell(.detail(line)) }
    return result
  }

  /// Chooses the epochs that fill the run's time.
  private func plan(
    _ recipe: inout Recipe,
    _ run: inout RunDirectory,
    on data: DataModule<Kind>,
    with trainer: any TrainingEngine<Kind>,
    _ decisions: [Decision]
  ) async throws -> [Decision] {
    guard recipe.method != .linearProbe else {
      recipe.training.timeBudget = .none
      let reason = "linear_probe goes through the pictures once; the time changes nothing"
      return [Decision(setting: "timeBudget", value: "none", reason: reason)]
    }
    let planned = try await trainer.plan(
      recipe.training,
      on: data,
      run: run,
      choices: TimeChoices(
        maySetSchedule: decisions.contains { $0.setting == "schedule" },
        writesReport: recipe.report == .html
      )
    )
    recipe.training = planned.options
    run.timePlan = planned.plan
    return planned.decisions
  }

  /// Predictions for picture files, in their order, cut at a confidence threshold.
  ///
  /// - Parameters:
  ///   - images: The files.
  ///   - threshold: The confidence threshold; `nil` takes the model's own.
  ///   - onDamage: Told of each file that cannot be read, which is left out then; `nil` makes it an
  ///     error. Called on a thread of the loader.
  ///   - body: Gets each file, its size and what the model says of it.
  /// - Throws: ``DataError`` naming the file that cannot be read, unless `onDamage` takes it.
  public func predict(
    _ images: [URL],
    confidenceThreshold threshold: Float? = nil,
    onDamage: (@Sendable (DatasetProblem) -> Void)? = nil,
    body: (URL, ImageSize, Kind.Prediction) throws -> Void
  ) async throws {
    var info = await sub.info
    if let threshold { (info.confidenceThreshold, info.labelThresholds) = (threshold, nil) }
    let items = images.map { DatasetItem(id: $0.path, image: .file($0), annotations: []) }
    let pictures = Dataset(
      format: "pictures",
      root: URL(filePath: "/"),
      labels: info.labels,
      items: [.unlabeled: items]
    )
    let tiling = recipe.data.tiling.settled
    let data = try DataModule<Kind>(
      dataset: pictures,
      labels: info.labels,
      preprocessing: info.preprocessing,
      batchSize: tiling == nil ? 1 : TaskEngine.tileBatchSize,
      strict: onDamage == nil,
      tiling: tiling,
      onProblem: onDamage
    )
    let files = Dictionary(images.map { ($0.path, $0) }) { first, _ in first }
    var gatherer = TileGatherer<Kind>(tiling)
    let batches = try data.batches(.unlabeled, mode: .evaluation)
    while let batch = try batches.next() {
      try Task.checkCancellation()
      let whole = gatherer.add(try await sub.predict(batch), batch.entities)
      for (prediction, frame) in zip(whole.predictions, whole.entities.map(\.frame)) {
        let file = files[frame.itemID] ?? URL(filePath: frame.itemID)
        try body(file, frame.originalSize, Kind.confident(prediction, info: info))
      }
    }
  }

  /// Tiles of a picture that are predicted on at once.
  private static var tileBatchSize: Int { 8 }

  /// The dataset as this model wants it.
  ///
  /// - Parameters:
  ///   - batchSize: Items of a batch; `nil`: the recipe's.
  ///   - epochCount: Epochs that training has; `nil`: the recipe's.
  ///   - cache: Where decoded pictures are kept; worth it where pictures are used several times.
  ///   - part: Items to take instead of the engine's own.
  ///   - onProblem: Told once of each picture that turns out damaged while it is decoded.
  /// - Returns: Its subsets, in batches.
  /// - Throws: ``ModelError/mismatch(_:)`` when the data has labels that the model does not know.
  func dataModule(
    batchSize: Int? = nil,
    epochCount: Int? = nil,
    cache: PictureCache? = nil,
    dataset part: Dataset? = nil,
    onProblem: (@Sendable (DatasetProblem) -> Void)? = nil
  ) async throws -> DataModule<Kind> {
    guard let dataset = part ?? dataset else {
      throw ConfigurationError.invalid("this job needs data: name a folder or data.yaml")
    }
    let info = await sub.info
    let unknown = dataset.labels.names.filter { info.labels.index(of: $0) == nil }
    guard unknown.isEmpty || !Kind.usesLabels else {
      throw ModelError.mismatch(
        "the data has labels that the model does not know: \(unknown.joined(separator: ", ")). The model's labels are \(info.labels.names.joined(separator: ", ")). Evaluate on data with the same labels, or train anew."
      )
    }
    return try DataModule<Kind>(
      dataset: dataset,
      labels: info.labels,
      preprocessing: info.preprocessing,
      augmentations: recipe.augmentations,
      epochCount: epochCount ?? recipe.training.maxEpochs,
      multiScale: recipe.data.multiScale,
      batchSize: batchSize ?? recipe.training.batchSize,
      seed: recipe.training.seed,
      workerCount: recipe.data.workerCount > 0 ? recipe.data.workerCount : nil,
      strict: recipe.data.strict,
      sampler: recipe.data.sampler,
      reducedDecoding: recipe.data.reducedDecoding,
      cache: cache,
      tiling: recipe.data.tiling.settled,
      tileSamplingRatio: recipe.data.tiling.samplingRatio,
      onProblem: onProblem
    )
  }
}

extension TaskEngine: EngineJobs {
  func checkTraining() async throws {
    try await (sub as? any TrainingEngine<Kind>)?.prepare()
    let data = try await dataModule()
    try data.check(.train, mode: .training(epoch: 0))
    try data.check(.val, mode: .evaluation)
  }

  func describePredictions(
    for images: [URL],
    confidenceThreshold threshold: Float?,
    onDamage: (@Sendable (DatasetProblem) -> Void)?,
    body: (PicturePrediction) throws -> Void
  ) async throws {
    let labels = await sub.info.labels
    try await predict(
      images,
      confidenceThreshold: threshold,
      onDamage: onDamage
    ) { image, size, prediction in
      let findings = Kind.findings(prediction, labels: labels)
      try body(
        PicturePrediction(
          image: image,
          size: size,
          findings: findings,
          marks: Kind.overlay(prediction, labels: labels),
          summary: Kind.summary(of: findings)
        )
      )
    }
  }
}
