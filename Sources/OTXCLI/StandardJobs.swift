import Foundation
import OTXCore
import OTXRecipe

/// The jobs as the library does them.
struct StandardJobs: Jobs {
  private var missing: ConfigurationError { .invalid("this build has no engine") }

  var models: [ModelDescriptor] { [] }

  func train(
    _ request: TrainRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome { throw missing }

  func evaluate(
    _ request: EvaluateRequest,
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> EvaluateOutcome { throw missing }

  func predict(
    _ request: PredictRequest,
    body: (PredictedImage) throws -> Void
  ) async throws { throw missing }

  func export(_ request: ExportRequest) async throws -> ExportOutcome { throw missing }
}

/// Training's events as lines of a log.
enum EventText {
  static func line(_ event: TrainingEvent) -> String? { nil }
  static func line(_ step: TrainingStep) -> String { "" }
  static func clockTime(_ seconds: Double) -> String { "" }
}
