import Foundation
import OTXCore
import OTXData

/// The jobs of ``TaskEngine`` that can be named without its task.
protocol EngineJobs: Sendable {
  var info: ModelInfo { get async }
  /// Throws what would end a training for want of usable data, or of a network that fits it, before a
  /// run begins.
  func checkTraining() async throws
  /// Memory that some steps of training take; `nil` where it runs out.
  func trialMemory(in folder: URL) async throws -> Int?
  func train(
    run: RunDirectory,
    decisions: [Decision],
    observers: [any TrainingObserver]
  ) async throws -> TrainingResult
  func evaluate(
    on subset: Subset,
    confidenceThreshold threshold: Float?,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> Evaluation
  func evaluateInDetail(
    on subset: Subset,
    confidenceThreshold threshold: Float?,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> (evaluation: Evaluation, details: EvaluationDetails)
  func describePredictions(
    for images: [URL],
    confidenceThreshold: Float?,
    onDamage: (@Sendable (DatasetProblem) -> Void)?,
    body: (PicturePrediction) throws -> Void
  ) async throws
  func export(to directory: URL, options: ExportOptions) async throws -> ExportResult
  func optimize(
    to directory: URL,
    options: OptimizeOptions,
    observers: [any TrainingObserver]
  ) async throws -> OptimizationResult
  func exportONNX(to directory: URL, options: ExportOptions) async throws -> ONNXExport
  func exportPyTorch(to directory: URL) async throws -> (program: URL, weights: URL)
  func explain(
    _ images: [URL],
    options: ExplainOptions,
    onDamage: (@Sendable (DatasetProblem) -> Void)?,
    body: (PictureExplanation) throws -> Void
  ) async throws
}
