public import Foundation

/// A framework that can run models.
///
/// One value of it stands in the engine registry.
public protocol Backend: Sendable {
  var name: String { get }
  /// Models that this framework builds by name; what recipes and the auto-configurator choose among.
  ///
  /// None unless given. Reading them loads nothing.
  var models: [ModelDescriptor] { get }
  /// Whether this framework runs `source`; looks at names and files only, loads nothing.
  func supports(_ source: ModelSource) -> Bool
  /// - Throws: ``ModelError`` when the model is unknown or its file cannot be used.
  func makeEngine<Kind: VisionTask>(
    _ kind: Kind.Type,
    from source: ModelSource,
    options: EngineOptions
  ) throws -> any SubEngine<Kind>
}

extension Backend {
  public var models: [ModelDescriptor] { [] }
}

/// Where a model comes from.
public enum ModelSource: Sendable, Equatable {
  /// A network that a backend builds by name: with random weights, or with those of the file
  /// `weights` that fit it by name and shape.
  case zoo(ModelInfo, weights: URL? = nil)
  /// A TorchScript file, with its own weights or those of the file `weights` that fit it.
  case torchScript(URL, ModelInfo, weights: URL? = nil)
  case checkpoint(URL)
  /// An OpenVINO model, `.xml` with its `.bin` beside it.
  case ir(URL)
}

extension ModelSource: CustomStringConvertible {
  public var description: String {
    switch self {
    case .zoo(let info, _): "the model '\(info.model)'"
    case .torchScript(let url, _, _): "the TorchScript network \(url.path)"
    case .checkpoint(let url): "the checkpoint \(url.path)"
    case .ir(let url): "the OpenVINO model \(url.path)"
    }
  }
}

/// How a backend runs its model, whatever it does with it.
public struct EngineOptions: Sendable, Equatable {
  public var device = "auto"
  public var threads = 0
  /// Whether libtorch's threads stay each on a core of its own; for the whole process, and to be
  /// chosen before its first engine.
  public var pinThreads = false
  /// `fp32` gives the same scores everywhere; `auto` leaves the arithmetic to the backend.
  public var precision = Precision.fp32
  public var kernels = TrainingKernels.auto
  public var seed = 0
  public var deterministic = Determinism.on
  /// Bytes the backend may use; 0: 0.9 of what there is.
  public var memoryLimit = 0
  /// Whether training may start from a file that has less than half of the weights that the network
  /// (a detector's backbone) wants; else that is an error.
  public var allowsPartialWeights = false
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
  /// Predictions for every batch of a stream, handed over in order with their batch.
  ///
  /// A backend that computes on a thread of its own pulls the batches there, so that the caller
  /// never waits for a picture to be decoded, and may have several batches under way. Unless given,
  /// one ``predict(_:)`` after the other.
  ///
  /// - Parameters:
  ///   - batches: Pulled until its end.
  ///   - receive: Called once for each batch, on any thread, never twice at once.
  /// - Throws: What the stream, the model and `receive` throw.
  func predict(
    _ batches: any BatchStream<Kind.Batch>,
    _ receive: @Sendable (Kind.Batch, [Kind.Prediction]) throws -> Void
  ) async throws
}

extension SubEngine {
  public func predict(
    _ batches: any BatchStream<Kind.Batch>,
    _ receive: @Sendable (Kind.Batch, [Kind.Prediction]) throws -> Void
  ) async throws {
    while let batch = try batches.next() { try receive(batch, try await predict(batch)) }
  }
}

/// A sub-engine that can train its model.
public protocol TrainingEngine<Kind>: SubEngine {
  /// Decides what `options` leave to a measurement on this machine, as ``Precision/auto``.
  ///
  /// Asked once before a run. The answer is written into the run's recipe, so that whoever runs
  /// that recipe again measures nothing and gets the same weights. Unless given, nothing is decided.
  ///
  /// - Parameters:
  ///   - options: As the recipe has them.
  ///   - data: What will be trained on.
  ///   - cache: Where measurements are remembered between runs.
  /// - Returns: The options to train with, and a reason for each that was decided.
  /// - Throws: As ``train(on:options:confidenceThreshold:run:observers:)`` does.
  func settle(
    _ options: TrainOptions,
    on data: any DataSource<Kind>,
    cache: URL
  ) async throws -> (options: TrainOptions, decisions: [Decision])

  /// Measures how long training takes here, and chooses the epochs that fill the run's time.
  ///
  /// Asked after ``settle(_:on:cache:)``, where ``RunDirectory/timeLimit`` is set. Unless given, a
  /// training within a time is refused.
  ///
  /// - Parameters:
  ///   - options: Settled ones; their epochs are the upper bound.
  ///   - data: What will be trained on.
  ///   - run: Where files go; measurements leave nothing there.
  ///   - choices: What else there is to know and to choose.
  /// - Returns: Options without a time budget, the decisions, and what training is to go by.
  /// - Throws: ``ConfigurationError/invalid(_:)`` for a time that is too short for an epoch.
  func plan(
    _ options: TrainOptions,
    on data: any DataSource<Kind>,
    run: RunDirectory,
    choices: TimeChoices
  ) async throws -> (options: TrainOptions, decisions: [Decision], plan: TimePlan)

  /// Throws what is known to be wrong with the model before a run begins; unless given, nothing.
  func prepare() async throws

  /// Trains, keeping the best and the last weights in `run`.
  ///
  /// - Parameters:
  ///   - data: Its `train` subset is learned, its `val` subset picks the best weights.
  ///   - options: Settled ones; where something is left open it is decided without a measurement.
  ///   - confidenceThreshold: The threshold that the user set; `nil` lets validation choose it.
  ///   - run: Where files go.
  ///   - observers: Told what happens.
  /// - Returns: The result; the engine has the best weights from then on.
  /// - Throws: ``EngineError/trainingFailed(_:advice:)``, ``DataError``; the engine is as it was
  ///   before then, and the best weights so far stay in `run`.
  func train(
    on data: any DataSource<Kind>,
    options: TrainOptions,
    confidenceThreshold: Float?,
    run: RunDirectory,
    observers: [any TrainingObserver]
  ) async throws -> TrainingResult
}

extension TrainingEngine {
  public func prepare() async throws {}

  public func settle(
    _ options: TrainOptions,
    on data: any DataSource<Kind>,
    cache: URL
  ) async throws -> (options: TrainOptions, decisions: [Decision]) { (options, []) }

  public func plan(
    _ options: TrainOptions,
    on data: any DataSource<Kind>,
    run: RunDirectory,
    choices: TimeChoices
  ) async throws -> (options: TrainOptions, decisions: [Decision], plan: TimePlan) {
    throw ConfigurationError.invalid(
      "timeBudget: the backend of \(await info.model) cannot plan a training within a time; give --max-epochs instead"
    )
  }
}

/// A sub-engine that can write its model down as a graph of operators.
public protocol GraphRecordingEngine<Kind>: SubEngine {
  /// The network from normalised pictures `[N, 3, H, W]` to its named outputs.
  func recordGraph() async throws -> OperatorGraph
  /// The same as far as ``rawOutputs(_:)`` goes.
  func recordRawGraph() async throws -> OperatorGraph
  /// Outputs before non-maximum suppression for `batch`, to compare backends with.
  func rawOutputs(_ batch: Kind.Batch) async throws -> [String: ModelOutput]
  /// The results of every layer on the way to ``rawOutputs(_:)``, in their order, by the names that
  /// they have in an exported model; of all where `names` is `nil`. `batch` has two pictures or more.
  func layerOutputs(
    _ batch: Kind.Batch,
    named names: Set<String>?
  ) async throws -> [(name: String, output: ModelOutput)]
}

/// An ordered list of backends; the first that supports a source runs it.
public struct EngineRegistry: Sendable {
  public let backends: [any Backend]
  public init(_ backends: [any Backend]) { self.backends = backends }

  /// This registry with one more backend, asked before the others.
  public func adding(_ backend: any Backend) -> EngineRegistry {
    EngineRegistry([backend] + backends)
  }

  /// What the backends build by name; of two models of one name and task, the first backend's.
  public var models: [ModelDescriptor] {
    var names: Set<[String]> = []
    return backends.flatMap(\.models).filter {
      names.insert([$0.task.rawValue, $0.name]).inserted
    }
  }

  /// The first backend that supports `source`.
  ///
  /// - Throws: ``EngineError/noBackend(for:tried:)``.
  public func backend(for source: ModelSource) throws -> any Backend {
    guard let backend = backends.first(where: { $0.supports(source) }) else {
      throw EngineError.noBackend(for: source.description, tried: backends.map(\.name))
    }
    return backend
  }
}

/// A job that no backend does, or that cannot go on.
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
      tried.isEmpty
        ? "no backend runs \(source): the registry is empty"
        : "no backend runs \(source) (asked: \(tried.joined(separator: ", ")))"
    case .jobNotSupported(let job, let name): "the \(name) backend cannot \(job)"
    case .trainingFailed(let what, let advice): "\(what). \(advice)"
    }
  }
}
