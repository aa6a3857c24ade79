import Foundation
public import OTXCore
import OTXData
import OTXImage
import OTXRecipe
public import OTXReport
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
    let model = engine.models.first { $0.name == engine.recipe.model.name }
    summary = RunSummary(
      data: engine.dataset?.root.path ?? "",
      task: engine.task,
      model: engine.recipe.model.name,
      modelTitle: model?.title ?? engine.recipe.model.name,
      parameterCount: model?.parameterCount ?? 0,
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
  ///   - observers: Told of what goes wrong, and of the evaluation's progress.
  func finish(_ result: TrainingResult?, observers: [any TrainingObserver]) async {
    do {
      var summary = summary
      summary.result = result
      try summary.write(to: run)
      // Who interrupts a training does not want to wait for an evaluation.
      if result != nil, !Task.isCancelled {
        let evaluation = try await engine.evaluationReport(on: .test) { done, count in
          for observer in observers { observer.observe(.validating(done: done, of: count)) }
        }
        try evaluation.write(to: run)
      }
      let report = try RunReport(directory: run).page()
      try report.write(to: run.appending(path: RunReport.fileName))
    } catch {
      for observer in observers {
        observer.observe(.warning("\(RunReport.fileName) could not be written: \(error)"))
      }
    }
  }
}

extension Engine {
  /// Scores the model as ``evaluate(on:confidenceThreshold:progress:)`` does, with what a report
  /// shows beyond the scores: curves, confusion, pictures.
  public func evaluationReport(
    on subset: Subset = .test,
    confidenceThreshold threshold: Float? = nil,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> EvaluationReport {
    let (evaluation, found) = try await job.evaluateInDetail(
      on: subset,
      confidenceThreshold: threshold,
      progress: progress
    )
    var details = found
    let items = dataset?.items[evaluation.subset] ?? []
    let known = Dictionary(items.map { ($0.id, $0) }) { first, _ in first }
    func illustrated(_ picture: ReportPicture) -> ReportPicture {
      var picture = picture
      picture.encoded = known[picture.name].flatMap { try? Thumbnail.jpeg(of: $0) } ?? Data()
      return picture
    }
    details.samples = details.samples.map(illustrated)
    details.worst = details.worst.map(illustrated)
    return EvaluationReport(
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
