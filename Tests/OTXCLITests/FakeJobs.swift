import Foundation
import OTXCore
import OTXImage
import OTXInference
import OTXRecipe
import Synchronization

@testable import OTX
@testable import OTXCLI

/// Stands in for the library: remembers what was asked and answers with made-up results.
final class FakeJobs: Jobs {
  /// What was found of the libraries underneath.
  let reports: [NativeLibraryReport]

  init(
    libraries: [NativeLibraryReport] = [
      NativeLibraryReport(
        name: "libtorch",
        shim: "/lib/otx/libotx_torch.so",
        version: "2.15.0",
        directory: "/lib/torch",
        kernels: "ours"
      )
    ]
  ) {
    reports = libraries
  }

  func libraries() -> [NativeLibraryReport] { reports }

  let models = [
    descriptor("atss_mobilenetv2", "ATSS", .detection, "mobilenet_v2", 800, 992, 2_339_000, 10.3),
    descriptor("ssd_mobilenetv2", "SSD", .detection, "mobilenet_v2", 864, 864, 1_900_000, 4.7),
    descriptor(
      "mobilenet_v3_large",
      "MobileNetV3-large",
      .multiClassClassification,
      "mobilenet_v3_large",
      224,
      224,
      4_290_000,
      0.22
    ),
    descriptor(
      "resnet18",
      "ResNet-18",
      .multiClassClassification,
      "resnet18",
      224,
      224,
      11_178_000,
      1.8
    ),
  ]

  let backbones = [
    BackboneDescriptor(
      name: "mobilenet_v2",
      title: "MobileNetV2",
      levels: [],
      parameterCount: 2_200_000,
      gigaMultiplyAdds: 0.3
    )
  ]

  private static func descriptor(
    _ name: String,
    _ title: String,
    _ task: TaskType,
    _ backbone: String,
    _ height: Int,
    _ width: Int,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> ModelDescriptor {
    ModelDescriptor(
      name: name,
      title: title,
      task: task,
      backbones: [backbone],
      preprocessing: Preprocessing(inputSize: ImageSize(height: height, width: width)),
      hasDynamicSize: false,
      parameterCount: parameterCount,
      gigaMultiplyAdds: gigaMultiplyAdds
    )
  }

  static let info = ModelInfo(
    model: "atss_mobilenetv2",
    backbone: "mobilenet_v2",
    task: .detection,
    labels: LabelInfo(names: ["RBC", "WBC"]),
    preprocessing: Preprocessing(inputSize: ImageSize(height: 416, width: 416)),
    confidenceThreshold: 0.325
  )

  static let report = MetricReport(
    primary: "map_50",
    values: ["map_50": 0.929, "f-measure": 0.8315],
    perClass: [
      ClassScore(
        label: "RBC",
        groundTruthCount: 819,
        detectionCount: 4070,
        values: ["recall": 0.994, "ap": 0.903]
      ),
      ClassScore(
        label: "WBC",
        groundTruthCount: 72,
        detectionCount: 516,
        values: ["recall": 1, "ap": 0.988]
      ),
    ],
    confidenceThreshold: 0.325,
    itemCount: 73
  )

  func train(
    _ request: TrainRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome {
    for observer in observers { observer.observe(.message("Update Lr patience: 3")) }
    let result = TrainingResult(
      checkpoint: URL(filePath: "/runs/1/weights.pth"),
      info: FakeJobs.info,
      epochs: 3,
      stepCount: 78,
      best: FakeJobs.report,
      bestEpoch: 2,
      imagesPerSecond: 12.5,
      secondsPerEpoch: 16.4,
      peakMemoryBytes: 1 << 30,
      precision: .fp32,
      stopReason: "all epochs"
    )
    let run = TrainingRun(
      directory: URL(filePath: "/runs/1"),
      recipe: URL(filePath: "/runs/1/recipe.yaml"),
      result: result
    )
    let size = Decision(setting: "inputSize", value: "416x416", reason: "pictures are small")
    return TrainOutcome(run, decisions: [size])
  }

  func resume(
    _ request: ResumeRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome {
    let run = request.run?.relativePath ?? "the newest"
    for observer in observers {
      observer.observe(.message("resuming \(run) with \(request.overrides.count) changes"))
    }
    return try await train(
      TrainRequest(
        recipe: RecipeRequest(),
        data: .root(request.workDirectory, format: nil),
        workDirectory: request.workDirectory,
        engine: EngineOptions()
      ),
      observers: []
    )
  }

  func search(
    _ request: SearchRequest,
    observers: [any TrainingObserver],
    observe: @escaping @Sendable (SearchEvent) -> Void
  ) async throws -> TrainOutcome {
    var progress = SearchProgress(trialCount: 2, rungCount: 3, epochs: 4, epochCount: 40)
    (progress.best, progress.eta) = (0.75, 90)
    observe(.progress(progress))
    switch request {
    case .begin(let request, let fixedKeys):
      observe(.message("searching, but for \(fixedKeys.sorted())"))
      var outcome = try await train(request, observers: observers)
      outcome.search = URL(filePath: "/runs/search/1")
      return outcome
    case .resume(let folder, _, _):
      throw InterruptedSearch(folder: folder ?? URL(filePath: "/runs/search/1"))
    }
  }

  func evaluate(
    _ request: EvaluateRequest,
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> EvaluateOutcome {
    EvaluateOutcome(
      report: FakeJobs.report,
      subset: .test,
      performanceMetric: "f-measure",
      performance: 0.8315842078960519,
      itemCount: 73,
      secondsPerImage: 0.05
    )
  }

  func predict(
    _ request: PredictRequest,
    onDamage: @escaping @Sendable (DatasetProblem) -> Void,
    body: (PredictedImage) throws -> Void
  ) async throws {
    for image in request.images {
      if image.lastPathComponent.hasPrefix("damaged") {
        guard !request.isStrict else {
          throw DataError.unreadable(file: image.path, reason: "is damaged")
        }
        onDamage(
          DatasetProblem(
            kind: "unreadable picture",
            location: image.path,
            message: "the picture is damaged; it is left out",
            remedy: .leftOut
          )
        )
        continue
      }
      try body(
        PredictedImage(
          image: image,
          size: ImageSize(height: 8, width: 8),
          json: Data(#"{"objects":[]}"#.utf8),
          marks: [],
          summary: "nothing"
        )
      )
    }
  }

  func explain(
    _ request: ExplainRequest,
    onDamage: @escaping @Sendable (DatasetProblem) -> Void,
    body: (PictureExplanation) throws -> Void
  ) async throws {
    for image in request.images {
      let size = try ImageFile.read(image).size
      let frame = ImageFrame(itemID: "", originalSize: size)
      let map = SaliencyMap(
        label: request.options.target == .image ? nil : "red/cell",
        score: 0.75,
        size: ImageSize(height: 1, width: 2),
        values: [0, 255],
        judgement: request.options.judges
          ? SaliencyJudgement(deletion: 0.25, insertion: 0.5) : nil,
        frame: frame,
        inputSize: size
      )
      try body(PictureExplanation(image: image, size: size, maps: [map], featureVector: [1, 2]))
    }
  }

  func weightShapes(
    ofNetwork name: String,
    labelCount: Int
  ) throws -> [(name: String, shape: [Int])] {
    [("conv1.weight", [64, 3, 7, 7]), ("bn1.num_batches_tracked", []), ("fc.bias", [labelCount])]
  }

  func writeReport(ofRun run: URL, to file: URL?) throws -> URL {
    file ?? run.appending(path: "report.html")
  }

  func benchmark(
    _ request: BenchmarkRequest,
    observe: @escaping @Sendable (ModelBenchmark.Event) -> Void
  ) async throws -> [BenchmarkRow] {
    request.models.enumerated().map { index, model in
      observe(.turn(done: index + 1, of: request.models.count))
      return BenchmarkRow(
        model: model,
        backend: "openvino",
        setting: BenchmarkSetting(precision: .auto, threads: 0, streams: 1),
        arithmetic: "bf16",
        threads: 2,
        requestCount: 1,
        batchSize: request.options.batchSize,
        latency: Percentiles([0.003, 0.001, 0.002]),
        picturesPerSecond: 500,
        slowestTurn: 490,
        quickestTurn: 515,
        loadSeconds: 0.25,
        peakMemoryBytes: 120_000_000,
        runCount: 3,
        byteCount: 10_400_000,
        parameterCount: 5_480_000,
        multiplyAddCount: 216_600_000
      )
    }
  }

  func optimize(
    _ request: OptimizeRequest,
    observers: [any TrainingObserver]
  ) async throws -> OptimizationResult {
    var result = OptimizationResult(
      model: ExportedModel(
        xml: request.directory.appending(path: "openvino.xml"),
        bin: request.directory.appending(path: "openvino.bin"),
        info: FakeJobs.info
      ),
      type: request.options.type,
      metric: "f-measure",
      calibrationItemCount: request.options.subsetSize,
      validationItemCount: 73,
      quantizedOperationCount: 52,
      byteCountBefore: 9_800_000,
      byteCountAfter: 2_900_000
    )
    (result.before, result.after) = (0.8315, 0.8302)
    result.revertedForScore = ["head.conv"]
    if request.options.prunedShare > 0 {
      result.checkpoint = request.directory.appending(path: "weights.pth")
      result.pruning = PruningResult(
        multiplyAddsBefore: 200_000_000,
        multiplyAddsAfter: 140_000_000,
        parametersBefore: 4_000_000,
        parametersAfter: 3_000_000,
        layers: [.init(name: "conv1", filtersBefore: 64, filtersAfter: 48)]
      )
    }
    result.latencies = [
      ModelLatency(name: "fp32", milliseconds: 12.5), ModelLatency(name: "int8", milliseconds: 5),
    ]
    return result
  }

  func deploy(_ request: DeployRequest) async throws -> DeploymentPackage {
    DeploymentPackage(
      archive: request.archive,
      byteCount: 70_000_000,
      unpackedByteCount: 180_000_000,
      files: ["otx-run", "model/openvino.xml"]
    )
  }

  func serve(_ request: DemoRequest, log: @escaping @Sendable (String) -> Void) async throws {
    log("serving \(request.models.count + request.compared.count) models")
  }

  func demo(
    _ request: DemoRequest,
    log: @escaping @Sendable (String) -> Void,
    onDamage: @escaping @Sendable (SourceEvent) throws -> Void,
    onResult: @escaping @Sendable (FrameResult) throws -> Void
  ) async throws -> RunSummary {
    let origin = FrameOrigin(kind: .image, name: "one.jpg")
    let box = BoundingBox(x1: 1, y1: 2, x2: 11, y2: 12)
    let findings = PictureFindings(
      findings: [Finding(label: "RBC", score: 0.9, box: box)],
      marks: [.box(box, caption: "RBC 90%", colorIndex: 0)],
      summary: "1 RBC"
    )
    let image = Image(size: ImageSize(height: 20, width: 30))
    let frame = SourceFrame(origin: origin, image: image)
    try onResult(FrameResult(frame: frame, findings: findings, seconds: 0.0125))
    var summary = RunSummary()
    (summary.frameCount, summary.seconds, summary.latencies) = (1, 0.02, [0.0125])
    return summary
  }

  func export(_ request: ExportRequest) async throws -> ExportOutcome {
    let files =
      switch request.format {
      case .openvino: [("xml", "openvino.xml"), ("bin", "openvino.bin")]
      case .onnx: [("onnx", "model.onnx")]
      case .pytorch: [("program", "model.py"), ("weights", "weights.pth")]
      }
    return ExportOutcome(
      files: files.map {
        ExportOutcome.File(key: $0, title: $0, url: request.directory.appending(path: $1))
      },
      maxAbsoluteDifference: 1e-6,
      metricDifference: 0,
      parity: Data("{}".utf8)
    )
  }
}

/// What a command printed and how it ended.
struct CommandResult {
  var output: String
  var errors: String
  var status: Int32
}

/// Runs a command line in this process, with ``FakeJobs`` below it.
func otx(
  _ arguments: [String],
  width: Int? = nil,
  errorWidth: Int? = nil,
  jobs: FakeJobs = FakeJobs()
) async -> CommandResult {
  let texts = Mutex((output: "", errors: ""))
  let console = Console(
    output: { text in texts.withLock { $0.output += text } },
    errors: { text in texts.withLock { $0.errors += text } },
    outputWidth: width,
    errorWidth: errorWidth
  )
  let status = await CurrentJobs.$value.withValue(jobs) {
    await Program.run(arguments, console: console)
  }
  let (output, errors) = texts.withLock { $0 }
  return CommandResult(output: output, errors: errors, status: status)
}

/// A command line as a user types it, split at spaces.
func otx(_ line: String, width: Int? = nil) async -> CommandResult {
  await otx(line.split(separator: " ").map(String.init), width: width)
}

/// A folder for one test, with a small tree of empty files in it.
struct Playground {
  let root = FileManager.default.temporaryDirectory.appending(path: "otx-cli-\(UUID().uuidString)")

  init(_ files: [String] = []) throws {
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    for file in files { try write("", to: file) }
  }

  func write(_ text: String, to file: String) throws {
    let url = root.appending(path: file)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(),
      withIntermediateDirectories: true
    )
    try Data(text.utf8).write(to: url)
  }

  func path(_ file: String) -> String { root.appending(path: file).path }

  func remove() { try? FileManager.default.removeItem(at: root) }
}
