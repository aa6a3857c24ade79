public import Foundation
public import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// One model on libtorch: trains it, predicts with it and writes its graph down.
///
/// An actor whose executor is an operating-system thread of its own: every tensor of the model
/// lives and dies there.
public actor TorchEngine<Kind: VisionTask>: TrainingEngine, GraphRecordingEngine,
  MemoryMeasuringEngine
{
  private let thread: ComputeThread
  /// What the model is made of when it is needed and not there; a training that succeeds moves it.
  private var weights: InitialWeights
  let options: EngineOptions
  let models: [any ModelEntry]
  private var loaded: Loaded?
  public private(set) var info: ModelInfo

  /// The network and what was said when its weights came in.
  private struct Loaded {
    var model: any TaskModel<Kind>
    var weights: InitialWeights.Report
  }

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// - Parameters:
  ///   - info: The model to build.
  ///   - weights: What it starts with.
  ///   - options: How the model is run.
  ///   - models: The lines to build it from.
  /// - Throws: `SystemThread.Refusal` when the system has no thread for it.
  init(
    info: ModelInfo,
    weights: InitialWeights,
    options: EngineOptions,
    models: [any ModelEntry] = ModelZoo.models
  ) throws {
    self.info = info
    self.weights = weights
    self.options = options
    self.models = models
    thread = try ComputeThread(name: "otx.torch")
  }

  public func predict(_ batch: Kind.Batch) throws -> [Kind.Prediction] {
    let model = try evaluated()
    return try OTXTorch.predict(model, info: info, input: input(), batch: batch)
  }

  public func predict(
    _ batches: any BatchStream<Kind.Batch>,
    _ receive: @Sendable (Kind.Batch, [Kind.Prediction]) throws -> Void
  ) async throws {
    // Nothing here suspends; it is `async` so that no caller gets the protocol's own loop instead.
    let model = try evaluated()
    let input = try input()
    while let batch = try batches.next() {
      try receive(batch, OTXTorch.predict(model, info: info, input: input, batch: batch))
    }
  }

  public func prepare() throws {
    // A network of the zoo fits what it was asked for; a file may hold anything.
    if info.model == ModelDescriptor.torchScriptName { _ = try reportingMemory { try model() } }
  }

  public func settle(
    _ options: TrainOptions,
    on data: any DataSource<Kind>,
    cache: URL
  ) async throws -> (options: TrainOptions, decisions: [Decision]) {
    // As above: `async` although nothing suspends.
    try reportingMemory {
      var (settled, decisions) = (options, [Decision]())
      let model = try model().model
      let make: (ModelInfo) throws -> any TaskModel<Kind> = { [models] info in
        try ModelZoo.make(info, Kind.self, among: models)
      }
      if options.precision == .auto {
        let decision = try PrecisionTrial(info: info, cache: cache)
          .decide(model: model, data: data, seed: options.seed, make: make)
        settled.precision = decision.precision
        decisions.append(
          Decision(
            setting: "precision",
            value: decision.precision.rawValue,
            reason: decision.reason
          )
        )
      }
      let fitting = try BatchTrial.settle(
        settled,
        info: info,
        model: model,
        data: data,
        limit: self.options.memoryLimit,
        make: make
      )
      if let fitting {
        settled = fitting.options
        decisions.append(fitting.decision)
      }
      // Whoever runs the run's recipe again measures nothing.
      settled.adaptiveBatchSize = .none
      return (settled, decisions)
    }
  }

  public func memory(
    of options: TrainOptions,
    on data: any DataSource<Kind>,
    steps: Int,
    scratch: URL
  ) async throws -> Int? {
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer {
      loaded = nil
      try? FileManager.default.removeItem(at: scratch)
    }
    do {
      try Torch.resetMemoryPeak()
      let trainer = try Trainer(
        model: try model().model,
        info: info,
        data: data,
        options: options,
        confidenceThreshold: nil,
        directory: RunDirectory(root: scratch, models: scratch, cache: scratch),
        observers: []
      )
      try trainer.trainBriefly(steps: steps)
      // The tensors' most, and what the process has besides.
      let memory = try Torch.memory()
      let rest = ProcessMemory.residentBytes() - memory.inUse - memory.cached
      return max(rest, 0) + memory.peak
    } catch TensorError.outOfMemory {
      return nil
    }
  }

  public func plan(
    _ options: TrainOptions,
    on data: any DataSource<Kind>,
    run: RunDirectory,
    choices: TimeChoices
  ) async throws -> (options: TrainOptions, decisions: [Decision], plan: TimePlan) {
    guard let limit = run.timeLimit else {
      throw ConfigurationError.invalid("a plan was asked for without a time")
    }
    return try reportingMemory {
      var scratch = run
      scratch.root = run.root.appending(path: ".time-trial", directoryHint: .isDirectory)
      scratch.models = scratch.root
      try FileManager.default.createDirectory(at: scratch.root, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: scratch.root) }
      // Training begins with the weights that this one began with.
      defer { loaded = nil }
      let trainer = try Trainer(
        model: try model().model,
        info: info,
        data: data,
        options: options,
        confidenceThreshold: nil,
        directory: scratch,
        observers: []
      )
      let pace = try trainer.measurePace(limit: limit, writesReport: choices.writesReport)
      let (settled, decisions) = try TimeTrial(limit: limit, pace: pace, info: info).decide(
        options,
        maySetSchedule: choices.maySetSchedule,
        remaining: limit.remaining
      )
      return (
        settled, decisions,
        TimePlan(limit: limit, pace: pace, mostEpochs: options.maxEpochs)
      )
    }
  }

  public func train(
    on data: any DataSource<Kind>,
    options: TrainOptions,
    confidenceThreshold: Float?,
    run: RunDirectory,
    observers: [any TrainingObserver]
  ) throws -> TrainingResult {
    do {
      return try reportingMemory {
        let start = try model()
        if run.start == .fresh { try tellWeights(of: start, observers, in: run) }
        if run.start == .fresh, start.weights.isHeadRandom,
          let count = try adaptAnchors(of: start.model, to: data)
        {
          let text = "Anchors: fitted to the sizes of \(count) training objects"
          for observer in observers { observer.observe(.message(text)) }
        }
        let trainer = try Trainer(
          model: start.model,
          info: info,
          data: data,
          options: options,
          confidenceThreshold: confidenceThreshold,
          directory: run,
          observers: observers
        )
        let result = try trainer.run()
        info = result.info
        try Checkpoints.load(run.bestCheckpoint, into: start.model.module)
        weights = .all(of: run.bestCheckpoint)
        loaded = Loaded(model: start.model, weights: weights.report)
        return result
      }
    } catch {
      // Half-trained or broken weights are nobody's wish: the next job starts as this one did, with
      // the best weights where a run before has left some.
      loaded = nil
      if case .all(let url) = weights, let known = try? Checkpoints.info(of: url) { info = known }
      try? Torch.emptyMemoryCache()
      throw error
    }
  }

  public func recordGraph() throws -> OperatorGraph {
    try record { model, images in try model.outputs(images) }
  }

  public func recordRawGraph() throws -> OperatorGraph {
    try record { model, images in try model.rawOutputs(images) }
  }

  public func rawOutputs(_ batch: Kind.Batch) throws -> [String: ModelOutput] {
    let model = try evaluated()
    return try noGrad { try modelOutputs(model.rawOutputs(input().tensor(batch.images))) }
  }

  public func layerOutputs(
    _ batch: Kind.Batch,
    named wanted: Set<String>?
  ) throws -> [(name: String, output: ModelOutput)] {
    let model = try evaluated()
    return try noGrad {
      let images = try input().tensor(batch.images)
      let (graph, values) = try recordWithValues(
        inputs: [("image", images)],
        parameters: model.module.namedTensors
      ) {
        try model.rawOutputs(images).map { ($0.name, $0.value) }
      }
      let names = graph.nodeNames
      return try values.compactMap { value in
        guard let name = names[value.id], wanted?.contains(name) ?? true,
          value.tensor.dtype == .float32
        else { return nil }
        return (
          name, ModelOutput(shape: value.tensor.shape, values: try value.tensor.floats())
        )
      }
    }
  }

  /// Says, and writes down, what training starts from.
  private func tellWeights(
    of start: Loaded,
    _ observers: [any TrainingObserver],
    in run: RunDirectory
  ) throws {
    for observer in observers { observer.observe(start.weights.event) }
    guard let table = start.weights.table else { return }
    for observer in observers { observer.observe(.weights(table)) }
    try AtomicFile.write(table.csv(), to: run.initialWeights)
  }

  /// Fits a detector's anchors to the objects that it is to learn, where it has such anchors.
  ///
  /// - Returns: The number of objects; `nil` where nothing was fitted.
  private func adaptAnchors(
    of model: any TaskModel<Kind>,
    to data: any DataSource<Kind>
  ) throws -> Int? {
    guard let detector = model as? any AnchorAdapting else { return nil }
    let sizes = data.annotatedBoxes(.train).map {
      ImageExtent(height: Double($0.height), width: Double($0.width))
    }
    guard !sizes.isEmpty else { return nil }
    try detector.adaptAnchors(to: sizes)
    return sizes.count
  }

  func input() throws -> InputNormalizer { try InputNormalizer(info.preprocessing) }

  /// The model in evaluation mode.
  func evaluated() throws -> any TaskModel<Kind> {
    let model = try model().model
    model.module.setTraining(false)
    return model
  }

  /// The model, built and loaded at first use, on this engine's thread.
  private func model() throws -> Loaded {
    if let loaded { return loaded }
    try TorchSettings.apply(options)
    let model = try TorchGenerator.seeded(UInt64(bitPattern: Int64(options.seed))) {
      try ModelZoo.make(info, Kind.self, among: models)
    }
    let report = try weights.load(
      into: model.module,
      model: info.model,
      labels: info.labels,
      layers: (model as? any LabelScoring)?.labelLayers
    )
    try model.module.useChannelsLast()
    let new = Loaded(model: model, weights: report)
    loaded = new
    return new
  }

  func record(
    _ forward: (any TaskModel<Kind>, Tensor) throws -> [NamedTensor]
  ) throws -> OperatorGraph {
    let model = try evaluated()
    // Two pictures: a graph recorded at batch 1 could hide a batch size that was baked in.
    let size = info.preprocessing.inputSize
    let images = try Tensor.zeros([2, 3, size.height, size.width])
    return try noGrad {
      try OTXTensor.record(
        inputs: [("image", images)],
        parameters: model.module.namedTensors
      ) {
        try forward(model, images).map { ($0.name, $0.value) }
      }
    }
  }
}

extension ParameterTree {
  /// Parameters and buffers by path.
  var namedTensors: [(name: String, value: Tensor)] {
    parameters().map { ($0.name, $0.parameter.value) }
      + buffers().map { ($0.name, $0.buffer.value) }
  }
}

/// Runs `body` and says of memory that ran out what a user can do about it.
private func reportingMemory<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as TensorError {
    guard case .outOfMemory(let requested, let inUse, let limit) = error else { throw error }
    let figures =
      limit > 0
      ? ": \(max(requested >> 20, 1)) MiB more were needed, with \(inUse >> 20) of \(limit >> 20) MiB in use"
      : ""
    throw EngineError.trainingFailed(
      "memory ran out in training\(figures)",
      advice: "Lower --batch-size or --input-size, or raise --memory-limit."
    )
  }
}

/// Predictions of `model`, in evaluation mode, for one batch.
func predict<Kind: VisionTask>(
  _ model: any TaskModel<Kind>,
  info: ModelInfo,
  input: InputNormalizer,
  batch: Kind.Batch
) throws -> [Kind.Prediction] {
  let outputs = try noGrad { try modelOutputs(model.outputs(input.tensor(batch.images))) }
  return try Kind.predictions(from: outputs, frames: batch.frames, info: info)
}

/// The numbers of a network's outputs.
func modelOutputs(_ tensors: [NamedTensor]) throws -> [String: ModelOutput] {
  var outputs: [String: ModelOutput] = [:]
  for output in tensors {
    outputs[output.name] = ModelOutput(
      shape: output.value.shape,
      values: try output.value.floats()
    )
  }
  return outputs
}
