import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import OTXWeights
import Synchronization
import Testing

/// Everything that runs libtorch: one test after the other.
@Suite("Engine", .serialized) enum Facade {}

/// Drawn pictures and a workspace in a folder of their own.
struct Playground {
  let folder: TemporaryFolder
  var data: URL { folder.url.appending(path: "data") }
  var workspace: Workspace { Workspace(root: folder.url.appending(path: "work")) }
  /// Measurements are remembered here, not in the user's cache.
  var environment: [String: String] { ["XDG_CACHE_HOME": folder.url.appending(path: "cache").path] }
  var location: DataLocation { .root(data, format: nil) }

  /// Three labels in pictures of 64 x 64, a folder for each label.
  static func classification(
    _ counts: [Subset: Int] = [.train: 12, .val: 6, .test: 3]
  ) throws -> Playground {
    let playground = Playground(folder: try TemporaryFolder())
    try SampleDataset(counts: counts, size: ImageSize(height: 64, width: 64))
      .drawClassification(at: playground.data)
    return playground
  }

  /// Three labels in pictures of 96 x 128, as COCO.
  static func detection(
    _ counts: [Subset: Int] = [.train: 8, .val: 4, .test: 2]
  ) throws -> Playground {
    let playground = Playground(folder: try TemporaryFolder())
    try SampleDataset(counts: counts, size: ImageSize(height: 96, width: 128))
      .drawDetection(at: playground.data)
    return playground
  }

  func engine(
    _ request: RecipeRequest,
    registry: EngineRegistry = .standard
  ) throws -> Engine {
    try Engine(
      data: location,
      recipe: request,
      workspace: workspace,
      registry: registry,
      weights: WeightSource(store: store)
    )
  }

  /// A store in this folder, not the user's; it downloads nothing.
  var store: WeightStore {
    WeightStore(cache: folder.url.appending(path: "cache/otx"), isOffline: true)
  }

  /// Trains as `request` says, remembering measurements in this folder.
  @discardableResult
  func train(
    _ request: RecipeRequest,
    registry: EngineRegistry = .standard,
    observers: [any TrainingObserver] = []
  ) async throws -> TrainingRun {
    try await engine(request, registry: registry)
      .train(observers: observers, environment: environment)
  }
}

/// A request for a few steps of a small network at a small size.
func tinyRequest(
  _ model: String?,
  size: Int = 64,
  epochs: Int = 1,
  _ assignments: String...
) throws -> RecipeRequest {
  let common = [
    "inputSize=\(size)x\(size)", "batchSize=4", "maxEpochs=\(epochs)", "precision=fp32",
    "data.workerCount=1",
  ]
  return RecipeRequest(
    model: model,
    overrides: try (common + assignments).map {
      try RecipeOverride(assignment: $0, source: "test")
    }
  )
}

/// The weights that a run left.
func weights(of run: TrainingRun) throws -> StateDictionary {
  try CheckpointFile.read(run.result.checkpoint).state
}

/// Remembers what it was told.
final class Listener: TrainingObserver {
  private let heard = Mutex<[TrainingEvent]>([])
  func observe(_ event: TrainingEvent) { heard.withLock { $0.append(event) } }
  var events: [TrainingEvent] { heard.withLock { $0 } }
  var lines: [String] { events.compactMap(\.logLine) }
  var messages: [String] {
    events.compactMap { if case .message(let text) = $0 { text } else { nil } }
  }
  var warnings: [String] {
    events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
  }
}
