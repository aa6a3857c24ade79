public import Foundation
public import OTXCore
import OTXData
import OTXOpenVINO
import OTXRecipe

extension TaskEngine {
  /// Makes a model smaller and quicker, and shows that it still finds what it found.
  ///
  /// A checkpoint is fine-tuned with layers that are rounded to 8 bits on the way
  /// (``LearningMethod/quantizationAware``), exported and quantised: `directory` gets `weights.pth`, too.
  /// Where `options.prunedShare` says so, it loses filters before. An exported model is quantised as it
  /// is.
  ///
  /// Ranges come from training pictures without augmentation; the score is compared on the
  /// validation subset, in fp32. Where quantisation costs more than `options.maxDrop`, the layers
  /// that cost most go back to real numbers until it does not.
  ///
  /// - Parameters:
  ///   - directory: Where `openvino.xml` and what belongs to it go; written aside and renamed.
  ///   - options: What is made of it.
  ///   - observers: Told what happens.
  /// - Returns: The model, its score before and after, and its speed.
  /// - Throws: ``EngineError/jobNotSupported(_:by:)`` when the engine's model is neither an exported one
  ///   nor one that can be trained, ``ModelError/alreadyQuantized(file:reason:)``,
  ///   ``ModelError/cannotPrune(_:)`` where too few filters can be taken away,
  ///   ``ModelError/exportFailed(_:)`` when the score drops further; nothing is left in `directory`
  ///   then. ``DataError``, ``FileError``.
  @concurrent
  public func optimize(
    to directory: URL,
    options: OptimizeOptions = OptimizeOptions(),
    observers: [any TrainingObserver] = []
  ) async throws -> OptimizationResult {
    try options.validate()
    guard let source = sub as? any OptimizableEngine<Kind> else {
      guard sub is any TrainingEngine<Kind>, sub is any GraphRecordingEngine<Kind> else {
        throw EngineError.jobNotSupported("optimize", by: backend)
      }
      guard options.type == .ptq else {
        throw ConfigurationError.invalid(
          "\(options.type.rawValue) is for exported models: otx export the checkpoint, then optimise its .xml"
        )
      }
      let job = QuantizationAwareJob(
        engine: self,
        info: await sub.info,
        options: options,
        observers: observers
      )
      return try await job.run(to: directory)
    }
    guard options.prunedShare == 0 else {
      throw ConfigurationError.invalid(
        "\(source.modelFile.path) is an exported model; pruning needs the checkpoint that it was made of"
      )
    }
    let job = OptimizationJob<Kind>(
      engine: self,
      source: source.modelFile,
      info: await sub.info,
      options: options,
      observers: observers
    )
    return try await job.run(to: directory)
  }

  /// Trains the engine's model further, by another recipe, without the records of a run.
  func fineTuned(
    by recipe: Recipe,
    in run: RunDirectory,
    observers: [any TrainingObserver]
  ) async throws -> TrainingResult {
    guard let trainer = sub as? any TrainingEngine<Kind> else {
      throw EngineError.jobNotSupported("train", by: backend)
    }
    let data = try await dataModule(
      batchSize: recipe.training.batchSize,
      epochCount: recipe.training.maxEpochs
    ) { observers.tell(.warning("\($0.location): \($0.message)")) }
    var run = run
    run.recipeText = try recipe.yaml()
    var threshold: Float?
    if case .value(let given) = recipe.postprocessing.confidenceThreshold { threshold = given }
    return try await trainer.train(
      on: data,
      options: recipe.training,
      confidenceThreshold: threshold,
      run: run,
      observers: observers
    )
  }

  /// This engine's data and recipe with another exported model.
  func sibling(for model: URL, precision: Precision, threads: Int) throws -> TaskEngine<Kind> {
    var options = EngineOptions()
    options.precision = precision
    options.threads = threads
    let engine = try OpenVINOBackend().makeEngine(Kind.self, from: .ir(model), options: options)
    return TaskEngine<Kind>(sub: engine, backend: backend, dataset: dataset, recipe: recipe)
  }

  /// Training pictures that were left out because they cannot be read.
  var damagedTrainingPictureCount: Int {
    (dataset?.problems ?? []).count { problem in
      problem.kind == "unreadable picture"
        && problem.location.lowercased().split(separator: "/").contains { $0.hasPrefix("train") }
    }
  }

  /// Training pictures to take ranges from, one a batch, spread over the subset.
  func calibrationData(
    count: Int,
    onProblem: @escaping @Sendable (DatasetProblem) -> Void
  ) async throws -> (data: DataModule<Kind>, subset: Subset) {
    guard let dataset else {
      throw ConfigurationError.invalid(
        "quantisation needs data: name the folder or data.yaml that the model was trained on"
      )
    }
    let subset = [Subset.train, .unlabeled, .val, .test].first {
      dataset.items[$0]?.isEmpty == false
    }
    guard let subset, let items = dataset.items[subset] else {
      throw DataError.emptySubset(.train, reason: "there is no picture to take ranges from")
    }
    var part = dataset
    if items.count > count {
      part.items[subset] = (0..<count).map { items[$0 * items.count / count] }
    }
    let data = try await dataModule(batchSize: 1, dataset: part, onProblem: onProblem)
    guard data.itemCount(subset) > 0 else {
      throw DataError.emptySubset(subset, reason: "there is no picture to take ranges from")
    }
    return (data, subset)
  }
}
