public import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXRecipe
import OTXReport
import OTXTensor

/// Leaves in a run's folder what its report is made of, and the report.
///
/// A report that cannot be written is a warning: it must not cost the training it describes.
struct RunReporter {
  let engine: Engine
  let run: URL
  /// Writes TensorBoard's events.
  let events: EventLog
  private var summary: RunSummary

  /// Writes down what is known before the training.
  init(engine: Engine, run: URL, date: Date) {
    self.engine = engine
    self.run = run
    events = EventLog(in: run)
    let model = try? engine.recipe.descriptor(among: engine.models)
    let file = URL(filePath: engine.recipe.model.name)
    let isFile = engine.recipe.model.isFile
    summary = RunSummary(
      data: engine.dataset?.root.path ?? "",
      task: engine.task,
      model: isFile ? file.lastPathComponent : engine.recipe.model.name,
      modelTitle: model?.title ?? engine.recipe.model.name,
      // Of a file it is told when the network is opened.
      parameterCount: isFile ? 0 : model?.parameterCount ?? 0,
      // A run that goes on began when it began.
      started: RunSummary(directory: run)?.started ?? date,
      seed: engine.recipe.training.seed,
      profile: engine.dataset?.profile(),
      machine: Machine.facts(),
      versions: [
        ReportFact("OTX", OTXVersion.current),
        ReportFact("libtorch", (try? Torch.version()) ?? "-"),
      ]
    )
    try? summary.write(to: run)
  }

  /// Scores the best weights in detail and writes the report.
  ///
  /// - Parameters:
  ///   - result: `nil` for a training that failed: the report shows what is there.
  ///   - limit: The time of the command; where that is over, nothing is scored.
  ///   - observers: Told of what goes wrong, and of the evaluation's progress.
  func finish(
    _ result: TrainingResult?,
    within limit: TimeLimit? = nil,
    observers: [any TrainingObserver]
  ) async {
    do {
      var summary = summary
      summary.result = result
      try summary.write(to: run)
      guard engine.recipe.report == .html else { return }
      // Who interrupts a training does not want to wait for an evaluation.
      let isLate = limit.map { $0.remaining < -0.02 * $0.seconds } ?? false
      if isLate {
        observers.tell(.warning("no time was left to score the test subset for the report"))
      }
      if result?.isInterrupted == false, !Task.isCancelled, !isLate {
        let (evaluation, details) = try await engine.evaluateInDetail(on: .test) { done, count in
          for observer in observers { observer.observe(.validating(done: done, of: count)) }
        }
        try EvaluationReport(evaluation, details).write(to: run)
      }
      try Engine.writeReport(ofRun: run)
    } catch {
      for observer in observers {
        observer.observe(.warning("\(RunReport.fileName) could not be written: \(error)"))
      }
    }
  }
}

extension Engine {
  /// Writes the report of a run from the files in its folder, whatever became of the run.
  ///
  /// - Parameters:
  ///   - run: The run's folder.
  ///   - file: Where to; `nil`: `report.html` in the run's folder.
  /// - Returns: The file.
  /// - Throws: ``ConfigurationError/invalid(_:)`` for a folder that holds no run, ``FileError``.
  @discardableResult
  public static func writeReport(ofRun run: URL, to file: URL? = nil) throws -> URL {
    let file = file ?? run.appending(path: RunReport.fileName)
    try RunReport(directory: run).page().write(to: file)
    return file
  }

  /// Writes the report of the run in whose folder `directory` is anew, where it has one.
  static func refreshReport(above directory: URL) {
    let run = directory.absoluteURL.standardizedFileURL.deletingLastPathComponent()
    let file = run.appending(path: RunReport.fileName)
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    // The models are there, whatever becomes of the page about them.
    _ = try? writeReport(ofRun: run)
  }

  /// Scores the model with what a report shows beyond the scores: curves, confusion, pictures.
  func evaluateInDetail(
    on subset: Subset,
    confidenceThreshold threshold: Float? = nil,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> (Evaluation, EvaluationDetails) {
    let (evaluation, found) = try await job.evaluateInDetail(
      on: subset,
      confidenceThreshold: threshold,
      progress: progress
    )
    var details = found
    let wanted = Set((details.samples + details.worst).map(\.name))
    var thumbnails: [String: Data] = [:]
    for item in dataset?.items[evaluation.subset] ?? [] where wanted.contains(item.id) {
      // A picture that is gone by now is left out; its marks are shown.
      thumbnails[item.id] = try? Thumbnail.jpeg(of: item)
    }
    for index in details.samples.indices {
      details.samples[index].encoded = thumbnails[details.samples[index].name] ?? Data()
    }
    for index in details.worst.indices {
      details.worst[index].encoded = thumbnails[details.worst[index].name] ?? Data()
    }
    return (evaluation, details)
  }

  /// Writes a page about an evaluation alone.
  func writePage(
    _ evaluation: Evaluation,
    _ details: EvaluationDetails,
    to file: URL
  ) async throws {
    let info = await info
    let page = EvaluationReport(evaluation, details).page(
      model: models.model(named: info.model, task: info.task)?.title ?? info.model,
      data: dataset?.root.lastPathComponent ?? "",
      date: Date(),
      decisions: decisions
    )
    try page.write(to: file)
  }
}

extension EvaluationReport {
  init(_ evaluation: Evaluation, _ details: EvaluationDetails) {
    self.init(
      subset: evaluation.subset,
      scores: evaluation.report,
      performanceMetric: evaluation.performanceMetric,
      itemCount: evaluation.itemCount,
      secondsPerImage: evaluation.secondsPerImage,
      notes: evaluation.notes,
      details: details
    )
  }
}

/// Pictures small enough for a report.
private enum Thumbnail {
  /// Pixels of the longer side.
  static let longerSide = 560
  static let quality = 80

  static func jpeg(of item: DatasetItem) throws -> Data {
    let image = try item.picture()
    let scale = min(1, Double(longerSide) / Double(max(image.height, image.width, 1)))
    let size = ImageSize(
      height: max(1, Int((Double(image.height) * scale).rounded())),
      width: max(1, Int((Double(image.width) * scale).rounded()))
    )
    let small = size == image.size ? image : try image.resized(to: size, interpolation: .area)
    return Data(try ImageFile.jpeg(small, quality: quality))
  }
}
