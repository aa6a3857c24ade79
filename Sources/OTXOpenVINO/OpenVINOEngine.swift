public import Foundation
public import OTXCore

/// A deployed model: an OpenVINO IR compiled for a device.
///
/// Pictures go in as bytes; the compiled model normalises them. Everything runs on a thread of the
/// engine's own, beside the threads that OpenVINO computes on.
public actor OpenVINOEngine<Kind: VisionTask>: SubEngine {
  public let info: ModelInfo
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
    let info = try ModelInfo(readingIR: url)
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
    thread = ComputeThread(name: "otx.openvino")
    model = try OpenVINOModel(
      reading: url,
      preprocessing: info.preprocessing,
      options: compileOptions
    )
  }

  public func predict(_ batch: Kind.Batch) throws -> [Kind.Prediction] {
    try Kind.predictions(from: outputs(batch), frames: batch.frames, info: info)
  }

  /// The outputs of the model for `batch`, by name.
  public func outputs(_ batch: Kind.Batch) throws -> [String: ModelOutput] {
    try model.outputs(for: batch.images)
  }
}
