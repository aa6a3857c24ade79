import Foundation
import OTXCore
import OTXData

/// One quantisation-aware optimisation of a checkpoint: fine-tuned with rounded layers, exported,
/// quantised and scored.
struct QuantizationAwareJob<Kind: VisionTask> {
  let engine: TaskEngine<Kind>
  let info: ModelInfo
  let options: OptimizeOptions
  let observers: [any TrainingObserver]

  // `directory` gets `weights.pth` and the files of the quantised model, or nothing.
  func run(to directory: URL) async throws -> OptimizationResult {
    try Folder.make(directory)
    let aside = directory.appending(path: ".qat-\(getpid())", directoryHint: .isDirectory)
    try Folder.make(aside)
    defer { try? FileManager.default.removeItem(at: aside) }
    guard let subset = try scoredSubset() else {
      throw DataError.emptySubset(
        .val,
        reason:
          "fine-tuning needs annotated pictures to pick the best weights; quantise the exported model instead: otx optimize openvino.xml DATA"
      )
    }
    let before = try await engine.evaluate(on: subset, progress: tellValidation)
    tell("Original \(before.performanceMetric): \(OptimizationJob<Kind>.text(before.performance))")

    let pruned =
      options.prunedShare > 0 ? try await prune(in: aside.appending(path: "pruned")) : nil
    let engine = pruned?.engine ?? engine
    let trained = try await fineTune(engine, in: aside.appending(path: "training")) {
      $0.prepareForQuantization(
        epochs: options.epochs,
        learningRateFactor: options.learningRateFactor
      )
    }
    try Task.checkCancellation()
    let plain = try await exported(engine, to: aside.appending(path: "float"))
    var own = options
    // The drop that counts is that from the checkpoint, below.
    own.force = true
    own.prunedShare = 0
    let sibling = try engine.sibling(
      for: plain.model.xml,
      precision: .fp32,
      threads: options.threads
    )
    var result = try await sibling.optimize(
      to: aside.appending(path: "int8", directoryHint: .isDirectory),
      options: own,
      observers: observers
    )
    result.before = before.performance
    if let pruned { try compare(&result, with: pruned, pruned: plain.model.xml) }
    tellScores(result)
    if let drop = result.drop { try job.checkDrop(drop) }
    let folder = result.model.xml.deletingLastPathComponent()
    var parity = try OptimizationParity(readingFrom: folder)
    parity.update(result, source: plain.parity)
    try parity.write(to: folder)
    try Task.checkCancellation()
    result.checkpoint = try move(trained.checkpoint, to: directory)
    result.model = try result.model.moved(from: folder, to: directory)
    return result
  }

  /// What is the same for a model that is exported already.
  private var job: OptimizationJob<Kind> {
    OptimizationJob(
      engine: engine,
      source: URL(filePath: "/"),
      info: info,
      options: options,
      observers: observers
    )
  }

  private func scoredSubset() throws -> Subset? {
    let found = try job.scoredSubset()
    // Best weights are picked on it.
    return found == .val ? found : nil
  }

  /// Trains an engine's model from the weights that it has.
  func fineTune(
    _ engine: TaskEngine<Kind>,
    in folder: URL,
    prepare: (inout TrainOptions) -> Void
  ) async throws -> TrainingResult {
    try Folder.make(folder)
    var recipe = engine.recipe
    recipe.weights = "none"
    prepare(&recipe.training)
    let run = RunDirectory(
      root: folder,
      models: folder,
      cache: folder.appending(path: "cache", directoryHint: .isDirectory)
    )
    return try await engine.fineTuned(by: recipe, in: run, observers: observers)
  }

  /// The model as numbers of 32 bits.
  func exported(_ engine: TaskEngine<Kind>, to folder: URL) async throws -> ExportResult {
    var export = ExportOptions()
    // Scores are compared on the whole subset, by who asks for it.
    export.sampleCount = 0
    return try await engine.export(to: folder, options: export)
  }

  private func tellScores(_ result: OptimizationResult) {
    guard let before = result.before, let after = result.after else { return }
    let drop = before - after
    let relative = before != 0 ? 100 * drop / before : 0
    for line in [
      "Original \(result.metric): \(OptimizationJob<Kind>.text(before))",
      "Compressed \(result.metric): \(OptimizationJob<Kind>.text(after))",
      "Absolute drop: \(OptimizationJob<Kind>.text(drop))",
      String(format: "Relative drop: %.2f %%", relative),
      "Allowed drop: \(OptimizationJob<Kind>.text(options.maxDrop))",
    ] { tell(line) }
  }

  private func move(_ file: URL, to directory: URL) throws -> URL {
    let target = directory.appending(path: file.lastPathComponent)
    guard rename(file.path, target.path) == 0 else {
      throw FileError.cannotWrite(target.path, reason: String(cString: strerror(errno)))
    }
    return target
  }

  func tell(_ text: String) { observers.tell(.message(text)) }

  var tellValidation: @Sendable (Int, Int) -> Void {
    { [observers] done, count in observers.tell(.validating(done: done, of: count)) }
  }
}

extension TrainOptions {
  /// Few epochs at a small rate that falls to nothing; everything that starts a network from scratch
  /// is off.
  ///
  /// - Parameters:
  ///   - epochs: 0: five.
  ///   - factor: Of the learning rate that the model was trained with.
  mutating func prepareForQuantization(epochs: Int, learningRateFactor factor: Double) {
    prepareForFineTuning(epochs: epochs > 0 ? epochs : 5, learningRateFactor: factor)
    method = .quantizationAware
    precision = .fp32
    batchNormMomentum = 0
  }

  /// As ``prepareForQuantization(epochs:learningRateFactor:)`` without rounding.
  mutating func prepareForFineTuning(epochs: Int, learningRateFactor factor: Double) {
    method = .supervised
    maxEpochs = epochs
    timeBudget = .none
    optimizer.learningRate *= factor
    schedule = ScheduleOptions()
    schedule.name = .cosine
    schedule.warmupSteps = 0
    earlyStopping.enabled = false
    frozenBackboneEpochs = 0
    emaDecay = 0
    validationInterval = 1
    adaptiveScheduling = false
    checkpoint.intervalMinutes = 1e6
  }
}
