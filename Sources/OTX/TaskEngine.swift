public import Foundation
public import OTXCore
import OTXData
import OTXImage
import OTXOpenVINO
import OTXRecipe

/// One model of one task, from training to deployment.
///
/// ``Engine`` holds one of these for whatever task the data or the checkpoint has; code that knows
/// its task takes it out with ``Engine/typed(as:)`` and gets typed predictions.
public final class TaskEngine<Kind: VisionTask>: Sendable {
  let sub: any SubEngine<Kind>
  let dataset: Dataset?
  let recipe: Recipe

  init(sub: any SubEngine<Kind>, dataset: Dataset?, recipe: Recipe) {
    self.sub = sub
    self.dataset = dataset
    self.recipe = recipe
  }

  /// What travels with the model: labels, preprocessing, threshold.
  public var info: ModelInfo { get async { await sub.info } }

  /// Trains and leaves the best weights in `run`.
  ///
  /// - Throws: ``EngineError/jobNotSupported(_:by:)`` when the model's framework cannot train.
  public func train(
    run: RunDirectory,
    observers: [any TrainingObserver] = []
  ) async throws -> TrainingResult {
    guard let trainer = sub as? any TrainingEngine<Kind> else {
      throw EngineError.jobNotSupported("train", by: "\(type(of: sub))")
    }
    let data = try await dataModule()
    return try await trainer.train(
      on: data,
      options: recipe.training,
      run: run,
      observers: observers
    )
  }

  /// Scores the model on a subset.
  ///
  /// - Parameters:
  ///   - subset: Which items.
  ///   - threshold: The confidence threshold to score at; `nil` takes the model's own.
  ///   - progress: Told how many items are done, and of how many.
  /// - Returns: The scores, and how long it took.
  /// - Throws: ``DataError`` for data that cannot be read, ``ModelError/mismatch(_:)`` for labels
  ///   that the model does not know.
  public func evaluate(
    on subset: Subset,
    confidenceThreshold threshold: Float? = nil,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> Evaluation {
    let info = await sub.info
    let data = try await dataModule()
    let count = data.itemCount(subset)
    var metric = Kind.Score(labels: info.labels)
    let start = ContinuousClock.now
    var done = 0
    let batches = try data.batches(subset, mode: .evaluation)
    while let batch = try batches.next() {
      metric.update(try await sub.predict(batch), batch.entities)
      done += batch.count
      progress(done, count)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return Evaluation(
      report: metric.compute(confidenceThreshold: threshold ?? info.effectiveConfidenceThreshold),
      subset: subset,
      performanceMetric: Kind.performanceMetric,
      itemCount: done,
      secondsPerImage: done > 0 ? seconds / Double(done) : 0
    )
  }

  /// Predictions for picture files, in their order, cut at a confidence threshold.
  ///
  /// - Parameters:
  ///   - images: The files.
  ///   - threshold: The confidence threshold; `nil` takes the model's own.
  ///   - body: Gets each file, its size and what the model says of it.
  /// - Throws: ``DataError`` naming the file that cannot be read.
  public func predict(
    _ images: [URL],
    confidenceThreshold threshold: Float? = nil,
    body: (URL, ImageSize, Kind.Prediction) throws -> Void
  ) async throws {
    var info = await sub.info
    if let threshold { info.confidenceThreshold = threshold }
    let items = images.map { DatasetItem(id: $0.path, image: .file($0), annotations: []) }
    let pictures = Dataset(
      format: "pictures",
      root: URL(filePath: "/"),
      labels: info.labels,
      items: [.unlabeled: items]
    )
    let data = try DataModule<Kind>(
      dataset: pictures,
      labels: info.labels,
      preprocessing: info.preprocessing,
      batchSize: 1,
      strict: true
    )
    let batches = try data.batches(.unlabeled, mode: .evaluation)
    var index = 0
    while let batch = try batches.next() {
      for (prediction, frame) in zip(try await sub.predict(batch), batch.frames) {
        try body(images[index], frame.originalSize, Kind.confident(prediction, info: info))
        index += 1
      }
    }
  }

  /// The dataset as this model wants it.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` when the data has labels that the model does not know.
  func dataModule() async throws -> DataModule<Kind> {
    guard let dataset else {
      throw ConfigurationError.invalid("this job needs data: name a folder or data.yaml")
    }
    let info = await sub.info
    let unknown = dataset.labels.names.filter { info.labels.index(of: $0) == nil }
    guard unknown.isEmpty else {
      throw ModelError.mismatch(
        "the data has labels that the model does not know: \(unknown.joined(separator: ", ")). The model's labels are \(info.labels.names.joined(separator: ", ")). Evaluate on data with the same labels, or train anew."
      )
    }
    return try DataModule<Kind>(
      dataset: dataset,
      labels: info.labels,
      preprocessing: info.preprocessing,
      augmentations: recipe.augmentations,
      batchSize: recipe.training.batchSize,
      seed: recipe.training.seed,
      workerCount: recipe.data.workerCount > 0 ? recipe.data.workerCount : nil,
      strict: recipe.data.strict
    )
  }
}

extension TaskEngine: EngineJobs {
  func describePredictions(
    for images: [URL],
    confidenceThreshold threshold: Float?,
    body: (PicturePrediction) throws -> Void
  ) async throws {
    let labels = await sub.info.labels
    try await predict(images, confidenceThreshold: threshold) { image, size, prediction in
      try body(
        PicturePrediction(
          image: image,
          size: size,
          findings: Kind.findings(prediction, labels: labels),
          marks: Kind.overlay(prediction, labels: labels)
        )
      )
    }
  }
}
