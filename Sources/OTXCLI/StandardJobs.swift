import Foundation
import OTX
import OTXCore
import OTXModels
import OTXOpenVINO
import OTXRecipe
import OTXTensor

/// The jobs as the library does them.
struct StandardJobs: Jobs {
  /// `nil`: the backends this package ships.
  var ownRegistry: EngineRegistry?

  /// The backends there are.
  private var registry: EngineRegistry { ownRegistry ?? .standard }

  // The zoo's are known without making a backend.
  var models: [ModelDescriptor] { ownRegistry?.models ?? ModelZoo.descriptors }
  var backbones: [BackboneDescriptor] { ModelZoo.backbones.map(\.descriptor) }

  func benchmark(
    _ request: BenchmarkRequest,
    observe: @escaping @Sendable (ModelBenchmark.Event) -> Void
  ) async throws -> [BenchmarkRow] {
    try await ModelBenchmark.run(request.models, options: request.options, observe: observe)
  }

  func train(
    _ request: TrainRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome {
    if let recipe = try request.recipe.recipe?.applying(request.recipe.overrides),
      !recipe.stages.isEmpty
    {
      let workflow = try Workflow(
        data: request.data,
        recipe: request.recipe,
        memoryLimit: request.engine.memoryLimit,
        workspace: Workspace(root: request.workDirectory),
        library: request.library,
        registry: registry,
        weights: request.weights
      )
      return try await run(workflow, request.modelDirectory, observers, since: request.start)
    }
    let engine = try Engine(
      data: request.data,
      recipe: request.recipe,
      memoryLimit: request.engine.memoryLimit,
      workspace: Workspace(root: request.workDirectory),
      library: request.library,
      registry: registry,
      weights: request.weights
    )
    return try await train(engine, request.modelDirectory, observers, since: request.start)
  }

  func resume(
    _ request: ResumeRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome {
    let workspace = Workspace(root: request.workDirectory)
    guard let run = request.run ?? workspace.newestUnfinishedRun else {
      let newest = workspace.latestRun.map {
        " (the newest is at its end; to train it further, name it: --resume \($0.relativePath))"
      }
      throw ConfigurationError.invalid(
        "\(workspace.root.relativePath) holds no run to go on with\(newest ?? ""); train anew, or name the folder of runs with --work-dir"
      )
    }
    if Workflow.isRun(run) {
      guard request.overrides.isEmpty else {
        throw UsageError(
          "--resume: the stages of \(run.relativePath) go on as they are; to change one, name its folder"
        )
      }
      let workflow = try Workflow(
        resuming: run,
        data: request.data,
        library: request.library,
        registry: registry,
        weights: request.weights
      )
      return try await self.run(workflow, request.modelDirectory, observers, since: request.start)
    }
    let engine = try Engine(
      resuming: run,
      data: request.data,
      overrides: request.overrides,
      allowsChangedData: request.allowsChangedData,
      memoryLimit: request.memoryLimit,
      library: request.library,
      registry: registry,
      weights: request.weights
    )
    return try await train(engine, request.modelDirectory, observers, since: request.start)
  }

  private func run(
    _ workflow: Workflow,
    _ modelDirectory: URL?,
    _ observers: [any TrainingObserver],
    since start: ContinuousClock.Instant
  ) async throws -> TrainOutcome {
    let run = try await workflow.run(
      modelDirectory: modelDirectory,
      observers: observers,
      since: start
    )
    return TrainOutcome(run, decisions: [])
  }

  private func train(
    _ engine: Engine,
    _ modelDirectory: URL?,
    _ observers: [any TrainingObserver],
    since start: ContinuousClock.Instant
  ) async throws -> TrainOutcome {
    for event in engine.dataEvents { observers.tell(event) }
    for decision in engine.decisions { observers.tell(.message(decision.summary)) }
    let run = try await engine.train(
      modelDirectory: modelDirectory,
      observers: observers,
      since: start
    )
    return TrainOutcome(run, decisions: engine.decisions)
  }

  func evaluate(
    _ request: EvaluateRequest,
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> EvaluateOutcome {
    guard let data = request.data ?? Engine.dataLocation(ofRunThatLeft: request.model.model) else {
      throw UsageError("no data: name a folder or a data.yaml, or pictures to predict on")
    }
    var overrides: [RecipeOverride] = []
    if request.isStrict {
      overrides.append(RecipeOverride(key: "data.strict", value: "true", source: "--strict"))
    }
    let engine = try engine(request.model, data: data, overrides: overrides)
    let result = try await engine.evaluate(
      on: request.subset,
      confidenceThreshold: request.confidenceThreshold,
      report: request.report,
      progress: progress
    )
    return EvaluateOutcome(
      report: result.report,
      subset: result.subset,
      performanceMetric: result.performanceMetric,
      performance: result.performance,
      itemCount: result.itemCount,
      secondsPerImage: result.secondsPerImage,
      // That there is no test subset is said by the result, once.
      notes: engine.dataProblems.filter { $0.kind != "no test subset" }.summary + result.notes
    )
  }

  func predict(
    _ request: PredictRequest,
    onDamage: @escaping @Sendable (DatasetProblem) -> Void,
    body: (PredictedImage) throws -> Void
  ) async throws {
    let engine = try engine(request.model)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try await engine.predict(
      request.images,
      confidenceThreshold: request.confidenceThreshold,
      onDamage: request.isStrict ? nil : onDamage
    ) { prediction in
      try body(
        PredictedImage(
          image: prediction.image,
          size: prediction.size,
          json: try encoder.encode(prediction.findings),
          marks: prediction.marks,
          summary: prediction.summary
        )
      )
    }
  }

  func export(_ request: ExportRequest) async throws -> ExportOutcome {
    let data = request.data ?? Engine.dataLocation(ofRunThatLeft: request.model.model)
    var options = ExportOptions()
    options.halfPrecision = request.halfPrecision
    options.explains = request.explains
    let engine = try engine(request.model, data: data)
    switch request.format {
    case .openvino:
      let result = try await engine.export(to: request.directory, options: options)
      return ExportOutcome(
        [("xml", "model", result.model.xml), ("bin", "weights", result.model.bin)],
        try result.parity.described()
      )
    case .onnx:
      let result = try await engine.exportONNX(to: request.directory, options: options)
      let names = [("onnx", "model"), ("data", "weights")]
      return ExportOutcome(
        zip(names, result.files).map { ($0.0, $0.1, $1) },
        try result.parity.described()
      )
    case .pytorch:
      let files = try await engine.exportPyTorch(to: request.directory)
      return ExportOutcome(files: [
        .init(key: "program", title: "program", url: files.program),
        .init(key: "weights", title: "weights", url: files.weights),
      ])
    }
  }

  func explain(
    _ request: ExplainRequest,
    onDamage: @escaping @Sendable (DatasetProblem) -> Void,
    body: (PictureExplanation) throws -> Void
  ) async throws {
    try await engine(request.model).explain(
      request.images,
      options: request.options,
      onDamage: request.isStrict ? nil : onDamage,
      body: body
    )
  }

  func optimize(
    _ request: OptimizeRequest,
    observers: [any TrainingObserver]
  ) async throws -> OptimizationResult {
    guard let data = request.data ?? Engine.dataLocation(ofRunThatLeft: request.model.model) else {
      throw UsageError("no data: name the folder or the data.yaml that the model was trained on")
    }
    var model = request.model
    var copy: URL?
    defer { if let copy { try? FileManager.default.removeItem(at: copy) } }
    if request.task != nil || request.labels != nil {
      let folder = FileManager.default.temporaryDirectory.appending(
        path: "otx-\(UUID().uuidString)",
        directoryHint: .isDirectory
      )
      copy = folder
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let described = folder.appending(path: model.model.lastPathComponent)
      try Engine.describe(
        model.model,
        task: request.task,
        labels: request.labels,
        to: described
      )
      model.model = described
    }
    let engine: Engine
    do {
      engine = try self.engine(model, data: data)
    } catch ModelError.unreadableCheckpoint(_, let reason) {
      // Not the copy's name: nobody knows that file.
      throw ModelError.unreadableCheckpoint(file: request.model.model.path, reason: reason)
    }
    for event in engine.dataEvents { observers.tell(event) }
    return try await engine.optimize(
      to: request.directory,
      options: request.options,
      observers: observers
    )
  }

  func libraries() -> [NativeLibraryReport] {
    var torch = report("libtorch", "libotx_torch.so", "libtorch_cpu.so") { try Torch.version() }
    torch.kernels = (try? Torch.instructionSet()).map {
      "ours on the CPU (\($0)), libtorch's for the rest; --set kernels=torch: libtorch's alone"
    }
    return [
      torch,
      report("OpenVINO", "libotx_openvino.so", "libopenvino.so") { try OpenVINO.version() },
    ]
  }

  /// What there is of one library; `loaded` is its own file, whose folder is told.
  private func report(
    _ name: String,
    _ shim: String,
    _ loaded: String,
    version: () throws -> String
  ) -> NativeLibraryReport {
    var report = NativeLibraryReport(name: name)
    report.shim = (try? NativeLibrarySearch(fileName: shim).find())?.path
    do {
      report.version = try version()
    } catch {
      report.problem = "\(error)"
      return report
    }
    // The kernel knows which file it was, whatever the search path.
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    report.directory = maps.split(separator: "\n").lazy
      .compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
      .first { $0.split(separator: "/").last?.hasPrefix(loaded) == true }
      .map { URL(filePath: $0).deletingLastPathComponent().path }
    return report
  }

  func weightShapes(
    ofNetwork name: String,
    labelCount: Int
  ) throws -> [(name: String, shape: [Int])] {
    try NetworkWeights.shapes(of: name, labelCount: labelCount)
  }

  func writeReport(ofRun run: URL, to file: URL?) throws -> URL {
    try Engine.writeReport(ofRun: run, to: file)
  }

  func engine(
    _ request: ModelRequest,
    data: DataLocation? = nil,
    overrides: [RecipeOverride] = []
  ) throws -> Engine {
    let engine = try Engine(
      model: request.model,
      data: data,
      overrides: overrides,
      options: request.engine,
      registry: registry
    )
    if let expected = request.expectedModel, expected != engine.recipe.model.name {
      throw ModelError.mismatch(
        "\(request.model.relativePath) is a \(engine.recipe.model.name), "
          + "but the recipe on the command line is for \(expected); leave the recipe out"
      )
    }
    return engine
  }
}

extension ExportOutcome {
  fileprivate init(
    _ files: [(key: String, title: String, url: URL)],
    _ parity: (report: ParityReport, json: Data)
  ) {
    self.init(
      files: files.map { File(key: $0.key, title: $0.title, url: $0.url) },
      maxAbsoluteDifference: parity.report.maxAbsoluteDifference,
      metricDifference: parity.report.metricDifference,
      parity: parity.json
    )
  }
}

extension ParityReport {
  fileprivate func described() throws -> (report: ParityReport, json: Data) {
    (self, try JSONEncoder().encode(self))
  }
}
