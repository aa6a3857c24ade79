public import Foundation
public import OTXCore

/// A deployed model: an OpenVINO IR compiled for a device.
///
/// Pictures go in as bytes; the compiled model normalises them. Everything runs on a thread of the
/// engine's own, beside the threads that OpenVINO computes on.
public actor OpenVINOEngine<Kind: VisionTask>: SubEngine, OptimizableEngine {
  public let info: ModelInfo
  public nonisolated let modelFile: URL
  private let thread: ComputeThread
  private let model: OpenVINOModel

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    thread.asUnownedSerialExecutor()
  }

  /// Compiles the model at `url`.
  ///
  /// - Parameters:
  ///   - url: The `.xml`; the `.bin` stands beside it.
  ///   - options: `precision` `auto` leaves the arithmetic to the device (bf16 on a CPU with AMX).
  /// - Throws: ``ModelError`` when the files cannot be used or hold a model of another task,
  ///   ``OpenVINOError`` when OpenVINO cannot run it.
  public init(reading url: URL, options: EngineOptions) throws {
    try self.init(reading: url, info: ModelInfo(readingIR: url), options: options)
  }

  /// The same for a file whose description is known, as an `.onnx` that was just written.
  package init(reading url: URL, info: ModelInfo, options: EngineOptions) throws {
    guard info.task == Kind.taskType else {
      throw ModelError.mismatch(
        "\(url.path) is a model for \(info.task.kind.title), not for \(Kind.title)"
      )
    }
    var compileOptions = OpenVINOModel.Options()
    compileOptions.device = options.device
    compileOptions.precision = options.precision
    compileOptions.threads = options.threads
    self.info = info
    modelFile = url
    thread = try ComputeThread(name: "otx.openvino")
    model = try OpenVINOModel(
      reading: url,
      preprocessing: info.preprocessing,
      options: compileOptions
    )
  }

  public func predict(_ batch: Kind.Batch) throws -> [Kind.Prediction] {
    try Kind.predictions(from: outputs(batch), frames: batch.frames, info: info)
  }

  /// Predicts every batch of `batches`, several at once, and hands the predictions out in order.
  ///
  /// Quicker than one ``predict(_:)`` after the other: the next pictures go in while the last ones
  /// are computed.
  ///
  /// - Parameters:
  ///   - batches: Pulled on the engine's thread.
  ///   - receive: Gets each batch with its predictions, on the engine's thread.
  /// - Throws: What the stream and `receive` throw, ``ModelError``, ``OpenVINOError``.
  public func predict(
    _ batches: any BatchStream<Kind.Batch>,
    _ receive: @Sendable (Kind.Batch, [Kind.Prediction]) throws -> Void
  ) async throws {
    // Nothing here suspends; it is `async` so that no caller gets the protocol's own loop instead.
    try model.run {
      try batches.next()
    } images: {
      $0.images
    } _: { batch, outputs in
      try receive(batch, Kind.predictions(from: outputs, frames: batch.frames, info: info))
    }
  }

  /// The outputs of the model for `batch`, by name.
  public func outputs(_ batch: Kind.Batch) throws -> [String: ModelOutput] {
    try model.outputs(for: batch.images)
  }
}

extension OpenVINOEngine: ExplainingEngine {
  /// - Throws: ``ModelError/mismatch(_:)`` for a model that was exported without explanations, or with
  ///   others than `method`.
  public func explain(
    _ batch: Kind.Batch,
    method: ExplainMethod
  ) throws -> [String: ModelOutput] {
    let outputs = try outputs(batch)
    guard let maps = outputs[ExplainOutput.saliencyMap] else {
      throw ModelError.mismatch(
        "the model has no output '\(ExplainOutput.saliencyMap)'; explain its checkpoint, or export it with --explain"
      )
    }
    if method == .activationMap, maps.shape.count != 3 {
      throw ModelError.mismatch(
        "the model was exported with one map a label; for activation maps explain its checkpoint"
      )
    }
    return outputs
  }
}
