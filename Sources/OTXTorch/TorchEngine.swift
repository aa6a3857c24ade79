import Foundation
public import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// One model on libtorch: trains it, predicts with it and writes its graph down.
///
/// An actor whose executor is an operating-system thread of its own: every tensor of the model
/// lives and dies there.
public actor TorchEngine<Kind: VisionTask>: TrainingEngine, GraphRecordingEngine {
  private let thread: ComputeThread
  private let weights: URL?
  private let options: EngineOptions
  private var loaded: (any TaskModel<Kind>)?
  public private(set) var info: ModelInfo

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// - Parameters:
  ///   - info: The model to build.
  ///   - weights: The checkpoint to load into it; `nil` leaves random weights.
  ///   - options: How the model is run.
  init(info: ModelInfo, weights: URL?, options: EngineOptions) {
    self.info = info
    self.weights = weights
    self.options = options
    thread = ComputeThread(name: "otx.torch")
  }

  public func predict(_ batch: Kind.Batch) throws -> [Kind.Prediction] {
    let model = try model()
    model.module.setTraining(false)
    return try OTXTorch.predict(model, info: info, input: input(), batch: batch)
  }

  public func train(
    on data: any DataSource<Kind>,
    options: TrainOptions,
    run: RunDirectory,
    observers: [any TrainingObserver]
  ) throws -> TrainingResult {
    let model = try model()
    let trial = try PrecisionTrial(info: info, cache: run.cache)
    let decision = try trial.decide(
      options.precision,
      model: model,
      data: data,
      seed: options.seed
    )
    for observer in observers { observer.observe(.message(decision.message)) }
    if weights == nil, let count = try adaptAnchors(of: model, to: data) {
      let text = "Anchors: fitted to the sizes of \(count) training objects"
      for observer in observers { observer.observe(.message(text)) }
    }
    let trainer = try Trainer(
      model: model,
      info: info,
      data: data,
      options: options,
      precision: decision.precision,
      directory: run,
      observers: observers
    )
    let result = try trainer.run()
    info = result.info
    try Checkpoints.load(run.bestCheckpoint, into: model.module)
    return result
  }

  public func recordGraph() throws -> OperatorGraph {
    try record { model, images in try model.outputs(images) }
  }

  public func recordRawGraph() throws -> OperatorGraph {
    try record { model, images in try model.rawOutputs(images) }
  }

  public func rawOutputs(_ batch: Kind.Batch) throws -> [String: ModelOutput] {
    let model = try model()
    model.module.setTraining(false)
    return try noGrad { try modelOutputs(model.rawOutputs(input().tensor(batch.images))) }
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

  private func input() throws -> InputNormalizer { try InputNormalizer(info.preprocessing) }

  /// The model, built and loaded at first use, on this engine's thread.
  private func model() throws -> any TaskModel<Kind> {
    if let loaded { return loaded }
    try TorchSettings.apply(options)
    let model = try ModelZoo.make(info, Kind.self)
    if let weights { try Checkpoints.load(weights, into: model.module) }
    try model.module.useChannelsLast()
    loaded = model
    return model
  }

  private func record(
    _ forward: (any TaskModel<Kind>, Tensor) throws -> [NamedTensor]
  ) throws -> OperatorGraph {
    let model = try model()
    model.module.setTraining(false)
    // Two pictures: a graph recorded at batch 1 could hide a batch size that was baked in.
    let size = info.preprocessing.inputSize
    let images = try Tensor.zeros([2, 3, size.height, size.width])
    let module = model.module
    let weights =
      module.parameters().map { ($0.name, $0.parameter.value) }
      + module.buffers().map { ($0.name, $0.buffer.value) }
    return try noGrad {
      try OTXTensor.record(inputs: [("image", images)], parameters: weights) {
        try forward(model, images).map { ($0.name, $0.value) }
      }
    }
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
