public import Foundation
import OTXCore
import OTXRecipe

/// Times models on this machine: checkpoints in the framework they train in, exported ones in OpenVINO.
///
/// Each turn runs in a child process of its own (``runWorkerIfAsked(registry:)``), so that memory is that
/// of the one model; without child processes turns run in this one, and memory is not told.
///
/// ```swift
/// let rows = try await ModelBenchmark.run([URL(filePath: "openvino.xml")])
/// print(rows[0].latency.median, rows[0].picturesPerSecond)
/// ```
public enum ModelBenchmark {
  /// What happens, in order.
  public enum Event: Sendable {
    /// So many turns of all are done.
    case turn(done: Int, of: Int)
    /// What is left out, and why.
    case leftOut(String)
  }

  /// - Parameters:
  ///   - models: Checkpoints, exported models, or folders of either.
  ///   - options: How they are run.
  ///   - observe: Told what happens.
  /// - Returns: A row for each model and each way to run it, in the order of `models`.
  /// - Throws: ``ConfigurationError``, ``ModelError`` for a file that is no model, the framework's own
  ///   errors.
  public static func run(
    _ models: [URL],
    options: BenchmarkOptions = BenchmarkOptions(),
    observe: @escaping @Sendable (Event) -> Void = { _ in }
  ) async throws -> [BenchmarkRow] {
    try options.validate()
    var plans: [Plan] = []
    for model in models {
      let artifact = try ModelArtifact(model, library: .builtIn)
      var settings = options.combinations
      if case .ir = artifact.source {
      } else if settings.contains(where: { $0.streams != 1 }) {
        // A checkpoint is run one batch after the other.
        settings = settings.filter { $0.streams == 1 }
        if settings.isEmpty {
          settings = options.precisions.flatMap { precision in
            options.threads.map { .init(precision: precision, threads: $0, streams: 1) }
          }
        }
        observe(
          .leftOut(
            "\(model.lastPathComponent) is a checkpoint: it runs one request at a time; several at once are for exported models"
          )
        )
      }
      plans += settings.map { Plan(file: artifact.file, artifact: artifact, setting: $0) }
    }
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "otx-benchmark-\(UUID().uuidString)", directoryHint: .isDirectory)
    try Folder.make(scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let total = plans.count * options.turns
    for turn in 0..<options.turns {
      for index in plans.indices {
        try Task.checkCancellation()
        let input = BenchmarkJob.Input(
          model: plans[index].file,
          setting: plans[index].setting,
          device: options.device,
          batchSize: options.batchSize,
          seconds: options.seconds
        )
        let (output, memory) = try await turnOutput(input, in: scratch)
        plans[index].outputs.append(output)
        if let memory { plans[index].memory = max(plans[index].memory ?? 0, memory) }
        observe(.turn(done: turn * plans.count + index + 1, of: total))
      }
    }
    return plans.compactMap { $0.row(batchSize: options.batchSize) }
  }

  private static func turnOutput(
    _ input: BenchmarkJob.Input,
    in scratch: URL
  ) async throws -> (output: BenchmarkJob.Output, peakMemoryBytes: Int?) {
    guard WorkerProcess<BenchmarkJob>.isAvailable else {
      return (try await BenchmarkJob.run(input) { _ in }, nil)
    }
    let worker = WorkerProcess<BenchmarkJob>(in: scratch)
    let (output, memory) = try await worker.run(input)
    return (output, memory)
  }

  /// One model in one setting, and what its turns gave.
  private struct Plan {
    let file: URL
    let artifact: ModelArtifact
    let setting: BenchmarkSetting
    var outputs: [BenchmarkJob.Output] = []
    var memory: Int?

    func row(batchSize: Int) -> BenchmarkRow? {
      guard let first = outputs.first else { return nil }
      let rates = outputs.map { Double($0.latencies.count * batchSize) / $0.elapsed }.sorted()
      return BenchmarkRow(
        model: file,
        backend: first.backend,
        setting: setting,
        arithmetic: first.arithmetic,
        threads: first.threads,
        requestCount: first.requestCount,
        batchSize: batchSize,
        latency: Percentiles(outputs.flatMap(\.latencies)),
        picturesPerSecond: rates[rates.count / 2],
        slowestTurn: rates[0],
        quickestTurn: rates[rates.count - 1],
        loadSeconds: outputs.map(\.loadSeconds).sorted()[outputs.count / 2],
        peakMemoryBytes: memory,
        runCount: outputs.reduce(0) { $0 + $1.latencies.count },
        byteCount: artifact.byteCount,
        parameterCount: first.weightCount,
        multiplyAddCount: first.multiplyAddCount
      )
    }
  }
}

extension ModelArtifact {
  /// The model's file: `weights.pth`, `openvino.xml`.
  var file: URL {
    switch source {
    case .checkpoint(let url), .ir(let url), .torchScript(let url, _, _): url
    case .zoo: URL(filePath: "/")
    }
  }

  /// Of all files that the model needs.
  var byteCount: Int {
    if case .ir(let xml) = source { return ExportedModel.byteCount(of: xml) }
    return (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
  }
}
