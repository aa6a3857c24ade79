public import Foundation

/// A framework that can run models.
///
/// One value of it stands in the engine registry.
public protocol Backend: Sendable {
  var name: String { get }
  /// Whether this framework runs `source`; looks at names and files only, loads nothing.
  func supports(_ source: ModelSource) -> Bool
  /// - Throws: ``ModelError`` when the model is unknown or its file cannot be used.
  func makeEngine<Kind: VisionTask>(
    _ kind: Kind.Type,
    from source: ModelSource,
    options: EngineOptions
  ) throws -> any SubEngine<Kind>
}

/// Where a model comes from.
public enum ModelSource: Sendable, Equatable {
  /// A network of the zoo with random weights, or those of `weights`.
  case zoo(ModelInfo)
  case checkpoint(URL)
  /// An OpenVINO model, `.xml` with its `.bin` beside it.
  case ir(URL)
}

/// How a backend runs its model, whatever it does with it.
public struct EngineOptions: Sendable, Equatable {
  public var device = "auto"
  public var threads = 0
  public var precision = Precision.auto
  public var seed = 0
  public var deterministic = Determinism.on
  /// Bytes the backend may use; 0: 0.9 of what there is.
  public var memoryLimit = 0
  public init() {}
}

/// One model running on one framework.
///
/// It conforms, beside this, to the jobs it can do.
public protocol SubEngine<Kind>: AnyObject, Sendable {
  associatedtype Kind: VisionTask
  var info: ModelInfo { get async }
  /// Predictions in coordinates of the original pictures; not cut at the confidence threshold.
  func predict(_ batch: Kind.Batch) async throws -> [Kind.Prediction]
}

/// A sub-engine that can train its model.
public protocol TrainingEngine<Kind>: SubEngine {
  /// Trains, keeping the best and the last weights in `directory`.
  func train(
    on data: any DataSource<Kind>,
    options: TrainOptions,
    run: RunDirectory,
    observers: [any TrainingObserver]
  ) async throws -> TrainingResult
}

/// A sub-engine that can write its model down as a graph of operators.
public protocol GraphRecordingEngine<Kind>: SubEngine {
  /// The network from normalised pictures `[N, 3, H, W]` to its named outputs.
  func recordGraph() async throws -> OperatorGraph
  /// The same as far as ``rawOutputs(_:)`` goes.
  func recordRawGraph() async throws -> OperatorGraph
  /// Outputs before non-maximum suppression for `batch`, to compare backends with.
  func rawOutputs(_ batch: Kind.Batch) async throws -> [String: ModelOutput]
}

/// An ordered list of backends; the first that supports a source runs it.
public struct EngineRegistry: Sendable {
  public let backends: [any Backend]
  public init(_ backends: [any Backend]) { self.backends = backends }

  /// This registry with one more backend, asked before the others.
  public func adding(_ backend: any Backend) -> EngineRegistry {
    EngineRegistry([backend] + backends)
  }

  /// - Throws: ``EngineError/noBackend(for:tried:)``.
  public func backend(for source: ModelSource) throws -> any Backend {
    guard let backend = backends.first(where: { $0.supports(source) }) else {
      throw EngineError.noBackend(for: "\(source)", tried: backends.map(\.name))
    }
    return backend
  }
}

public enum EngineError: Error, Equatable, Sendable {
  case noBackend(for: String, tried: [String])
  case jobNotSupported(String, by: String)
  /// Training cannot go on; `advice` says what to do.
  case trainingFailed(String, advice: String)
}

extension EngineError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .noBackend(let source, let tried):
      "no backend runs \(source) (there are: \(tried.joined(separator: ", ")))"
    case .jobNotSupported(let job, let name): "the \(name) backend cannot \(job)"
    case .trainingFailed(let what, let advice): "\(what). \(advice)"
    }
  }
}
