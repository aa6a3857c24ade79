import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXModels
import OTXNN
import OTXTensor
import OTXTorch
import Synchronization

/// What validation costs beyond the network: decoding, post-processing, the metric.
struct Validation: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validation",
    abstract: "The time of a detector's whole validation, as a ratio to its network's own time."
  )

  @Option(help: "A detector of the zoo, with random weights: many boxes, none of them sure.")
  var model = "ssd_mobilenetv2"
  @Option(help: "Pictures a batch.")
  var batchSize = 8
  @Option(help: "Height and width of the input; the model's default.")
  var height: Int?
  @Option(help: "See height.")
  var width: Int?
  @Option(help: "Pictures, drawn at 480 by 640.")
  var pictures = 64
  @Option(help: "A dataset to take instead; its validation subset is used.")
  var dataRoot: String?
  @Option(help: "Compute threads.")
  var threads = 2

  func run() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "otx-bench-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let dataset = try dataset(in: folder)
    let info = try info(dataset.labels)
    let data = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: info.preprocessing,
      batchSize: batchSize
    )
    var options = EngineOptions()
    options.threads = threads
    let engine = try TorchBackend()
      .makeEngine(Detection.self, from: .zoo(info), options: options)
    // Libraries are loaded and memory is fetched in the first pass, which does not count.
    _ = try await validation(engine, data, info)
    let whole = try await validation(engine, data, info)
    let parts = try Parts(info, batchSize: batchSize, threads: threads)
      .seconds(batches: data.batchCount(.val, mode: .evaluation))
    report(info, data.itemCount(.val), whole, parts)
  }

  private func dataset(in folder: URL) throws -> Dataset {
    if let dataRoot { return try DatasetReader.read(.root(URL(filePath: dataRoot), format: nil)) }
    try SampleDataset(
      counts: [.train: 1, .val: pictures],
      size: ImageSize(height: 480, width: 640)
    ).drawDetection(at: folder)
    return try DatasetReader.read(.root(folder, format: nil))
  }

  private func info(_ labels: LabelInfo) throws -> ModelInfo {
    let detectors = ModelZoo.descriptors.filter { $0.task == .detection }
    guard let descriptor = detectors.first(where: { $0.name == model }) else {
      throw ModelError.unknownModel(model, known: detectors.map(\.name))
    }
    var preprocessing = descriptor.preprocessing
    preprocessing.inputSize = ImageSize(
      height: height ?? preprocessing.inputSize.height,
      width: width ?? preprocessing.inputSize.width
    )
    return ModelInfo(
      model: model,
      backbone: descriptor.backbones.first ?? model,
      task: .detection,
      labels: labels,
      preprocessing: preprocessing
    )
  }

  /// Seconds of one validation, and of its metric alone.
  private func validation(
    _ engine: any SubEngine<Detection>,
    _ data: DataModule<Detection>,
    _ info: ModelInfo
  ) async throws -> (whole: Double, metric: Double, detectionCount: Int) {
    let state = Mutex((metric: DetectionScore(labels: info.labels), seconds: 0.0, count: 0))
    let clock = ContinuousClock()
    let start = clock.now
    try await engine.predict(data.batches(.val, mode: .evaluation)) { batch, predictions in
      state.withLock { state in
        state.seconds +=
          clock.measure { state.metric.update(predictions, batch.entities) } / .seconds(1)
        state.count += predictions.reduce(0) { $0 + $1.objects.count }
      }
    }
    let (metric, updating, count) = state.withLock { ($0.metric, $0.seconds, $0.count) }
    let computing = clock.measure { _ = metric.compute(confidenceThreshold: nil) } / .seconds(1)
    return ((clock.now - start) / .seconds(1), updating + computing, count)
  }

  private func report(
    _ info: ModelInfo,
    _ count: Int,
    _ whole: (whole: Double, metric: Double, detectionCount: Int),
    _ parts: (network: Double, outputs: Double)
  ) {
    func line(_ name: String, _ seconds: Double) {
      print("  \(name): \(fixed(seconds * 1000 / Double(max(count, 1)), 2)) ms a picture")
    }
    print(
      "\(info.model) \(info.preprocessing.inputSize), \(count) pictures in batches of "
        + "\(batchSize), \(threads) threads, \(whole.detectionCount) detections"
    )
    line("network alone", parts.network)
    line("network with post-processing", parts.outputs)
    line("metric", whole.metric)
    line("whole validation", whole.whole)
    print(
      "whole validation to the network's own time: \(fixed(whole.whole / parts.network, 2))"
    )
  }
}

/// A detector's network by itself and with what makes detections of its output.
private struct Parts {
  private let model: any TaskModel<Detection>
  private let images: Tensor
  private let network: () throws -> Void

  init(_ info: ModelInfo, batchSize: Int, threads: Int) throws {
    try Torch.setThreadCount(threads)
    try Torch.seed(0)
    model = try ModelZoo.make(info, Detection.self)
    model.module.setTraining(false)
    try model.module.useChannelsLast()
    let size = info.preprocessing.inputSize
    let images = try Tensor.rand([batchSize, 3, size.height, size.width]).to(.channelsLast)
    self.images = images
    guard let adapted = model as? any AdaptedModel<Detection> else {
      throw ModelError.mismatch("\(info.model) has no network of its own to time")
    }
    network = Parts.forward(adapted, images)
  }

  private static func forward(
    _ model: some AdaptedModel<Detection>,
    _ images: Tensor
  ) -> () throws -> Void {
    { _ = try model.network(model.networkInput(images)) }
  }

  /// Seconds of as many batches as validation has.
  func seconds(batches: Int) throws -> (network: Double, outputs: Double) {
    let clock = ContinuousClock()
    func time(_ body: () throws -> Void) throws -> Double {
      try noGrad {
        try body()
        return try clock.measure { for _ in 0..<batches { try body() } } / .seconds(1)
      }
    }
    return (
      try time(network),
      try time { for output in try model.outputs(images) { _ = try output.value.floats() } }
    )
  }
}
