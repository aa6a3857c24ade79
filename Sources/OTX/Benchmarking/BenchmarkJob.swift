import Foundation
import OTXCore
import OTXOpenVINO
import OTXRecipe

/// One turn of one model in one setting, in a process of its own where it is done as a job: its memory
/// is that of this alone.
enum BenchmarkJob: WorkerJob {
  struct Input: Codable, Sendable {
    var model: URL
    var setting: BenchmarkSetting
    var device: String
    var batchSize: Int
    var seconds: Double
  }

  struct Output: Codable, Sendable {
    var backend: String
    var arithmetic: String
    var threads: Int
    var requestCount: Int
    var loadSeconds: Double
    /// Of each run, in seconds.
    var latencies: [Double]
    /// Of all runs, from the first start to the last end.
    var elapsed: Double
    var weightCount: Int?
    var multiplyAddCount: Int?
  }

  static let name = "benchmark"

  static func run(
    _ input: Input,
    tell: @escaping @Sendable (String) -> Void
  ) async throws -> Output {
    let artifact = try ModelArtifact(input.model, library: .builtIn)
    switch artifact.source {
    case .ir(let file): return try run(input, file, artifact.info)
    default: return try await run(input, artifact)
    }
  }

  /// An exported model, as OpenVINO runs it: without reading pictures or understanding outputs.
  private static func run(_ input: Input, _ file: URL, _ info: ModelInfo) throws -> Output {
    var options = OpenVINOModel.Options()
    options.device = input.device
    options.precision = input.setting.precision
    options.threads = input.setting.threads
    options.hasManyRequests = input.setting.streams != 1
    options.streams = input.setting.streams > 1 ? input.setting.streams : 0
    options.countsOperations = true
    let start = ContinuousClock.now
    let model = try OpenVINOModel(
      reading: file,
      preprocessing: info.preprocessing,
      options: options
    )
    let loaded = ContinuousClock.now
    let requestCount = input.setting.streams == 1 ? 1 : model.bestRequestCount
    let array = try ImageBatch(
      stacking: images(input.batchSize, info.preprocessing.inputSize)
    ).array
    _ = try model.timed([array], requestCount: requestCount, seconds: input.seconds / 5)
    let figures = try model.timed([array], requestCount: requestCount, seconds: input.seconds)
    return Output(
      backend: "openvino",
      arithmetic: (try? model.property("INFERENCE_PRECISION_HINT")) ?? "",
      threads: Int((try? model.property("INFERENCE_NUM_THREADS")) ?? "") ?? input.setting.threads,
      requestCount: requestCount,
      loadSeconds: (loaded - start) / .seconds(1),
      latencies: figures.latencies,
      elapsed: figures.elapsed,
      weightCount: model.statistics?.weightCount,
      multiplyAddCount: model.statistics?.multiplyAddCount
    )
  }

  /// A checkpoint, as its framework predicts with it; one request at a time, outputs understood.
  private static func run(_ input: Input, _ artifact: ModelArtifact) async throws -> Output {
    func timed<Kind: VisionTask>(_ kind: Kind.Type) async throws -> Output {
      var options = EngineOptions()
      options.device = input.device
      options.precision = input.setting.precision
      options.threads = input.setting.threads
      let start = ContinuousClock.now
      let backend = try WorkerEntry.currentRegistry.backend(for: artifact.source)
      let engine = try backend.makeEngine(kind, from: artifact.source, options: options)
      let size = artifact.info.preprocessing.inputSize
      let entities = images(input.batchSize, size).map {
        Kind.unlabeled($0, frame: ImageFrame(itemID: "noise", originalSize: size))
      }
      let batch = try Kind.Batch(collating: entities)
      _ = try await engine.predict(batch)
      let loaded = ContinuousClock.now
      var latencies: [Double] = []
      var first: ContinuousClock.Instant?
      let warmUp = input.seconds / 5
      while true {
        let begin = ContinuousClock.now
        if first == nil, (begin - loaded) / .seconds(1) >= warmUp { first = begin }
        _ = try await engine.predict(batch)
        let end = ContinuousClock.now
        guard let first else { continue }
        latencies.append((end - begin) / .seconds(1))
        let elapsed = (end - first) / .seconds(1)
        if elapsed >= input.seconds, latencies.count >= 3 {
          return Output(
            backend: backend.name,
            arithmetic: input.setting.precision == .bf16 ? "bf16" : "f32",
            threads: input.setting.threads > 0
              ? input.setting.threads : Processor.current.computeThreadCount,
            requestCount: 1,
            loadSeconds: (loaded - start) / .seconds(1),
            latencies: latencies,
            elapsed: elapsed
          )
        }
      }
    }
    return try await timed(artifact.info.task.kind)
  }

  /// Noise: what is timed depends on sizes alone, but for suppression, of which noise has little.
  private static func images(_ count: Int, _ size: ImageSize) -> [Image] {
    (0..<count).map { .noise(size, seed: UInt64($0)) }
  }
}
