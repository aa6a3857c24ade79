import Foundation
import OTX
import OTXCore
import OTXInference
import OTXRecipe

/// The work that commands ask for; the library does it, tests stand in for it.
protocol Jobs: Sendable {
  /// The models there are. Loads no framework.
  var models: [ModelDescriptor] { get }

  /// Times models.
  func benchmark(
    _ request: BenchmarkRequest,
    observe: @escaping @Sendable (ModelBenchmark.Event) -> Void
  ) async throws -> [BenchmarkRow]

  /// The backbones there are. Loads no framework.
  var backbones: [BackboneDescriptor] { get }

  func train(
    _ request: TrainRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome

  /// Goes on with a run that stopped.
  func resume(
    _ request: ResumeRequest,
    observers: [any TrainingObserver]
  ) async throws -> TrainOutcome

  /// Searches for hyper-parameters, and trains with the best.
  func search(
    _ request: SearchRequest,
    observers: [any TrainingObserver],
    observe: @escaping @Sendable (SearchEvent) -> Void
  ) async throws -> TrainOutcome

  func evaluate(
    _ request: EvaluateRequest,
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> EvaluateOutcome

  /// Predicts; damaged pictures are left out and told of, unless the request is strict.
  func predict(
    _ request: PredictRequest,
    onDamage: @escaping @Sendable (DatasetProblem) -> Void,
    body: (PredictedImage) throws -> Void
  ) async throws

  func export(_ request: ExportRequest) async throws -> ExportOutcome

  /// Makes an exported model smaller and quicker.
  func optimize(
    _ request: OptimizeRequest,
    observers: [any TrainingObserver]
  ) async throws -> OptimizationResult

  /// Packs models with everything that running them takes.
  func deploy(_ request: DeployRequest) async throws -> DeploymentPackage

  /// Runs models on pictures, videos, cameras; hands results out in order.
  func demo(
    _ request: DemoRequest,
    log: @escaping @Sendable (String) -> Void,
    onDamage: @escaping @Sendable (SourceEvent) throws -> Void,
    onResult: @escaping @Sendable (FrameResult) throws -> Void
  ) async throws -> RunSummary

  /// Serves models until the task is cancelled, or the program is asked to stop.
  func serve(_ request: DemoRequest, log: @escaping @Sendable (String) -> Void) async throws

  /// Finds out what a model looks at; damaged pictures are left out and told of, unless the request
  /// is strict.
  func explain(
    _ request: ExplainRequest,
    onDamage: @escaping @Sendable (DatasetProblem) -> Void,
    body: (PictureExplanation) throws -> Void
  ) async throws

  /// Opens libtorch and OpenVINO, and says what was found.
  func libraries() -> [NativeLibraryReport]

  /// Names and shapes of the weights of a model or a backbone; builds it.
  func weightShapes(
    ofNetwork name: String,
    labelCount: Int
  ) throws -> [(name: String, shape: [Int])]

  /// Writes the report of a run from its files; `nil`: into the run's folder.
  func writeReport(ofRun run: URL, to file: URL?) throws -> URL
}

/// The jobs of the command that runs.
enum CurrentJobs {
  @TaskLocal static var value: any Jobs = StandardJobs()
}

struct BenchmarkRequest: Sendable, Equatable {
  var models: [URL]
  var options: BenchmarkOptions
}

struct TrainRequest: Sendable {
  var recipe: RecipeRequest
  /// The recipes there are.
  var library = RecipeLibrary.builtIn
  var data: DataLocation
  var workDirectory: URL
  /// Where model files go; `nil`: the run's folder.
  var modelDirectory: URL?
  var engine: EngineOptions
  /// Where weights to start from come from.
  var weights = WeightSource()
  /// When the command began.
  var start = ContinuousClock.now
}

struct ResumeRequest: Sendable {
  /// The run's folder; `nil`: the newest that has not come to its end.
  var run: URL?
  var workDirectory: URL
  /// `nil`: where it was.
  var data: DataLocation?
  var overrides: [RecipeOverride]
  var allowsChangedData: Bool
  var library = RecipeLibrary.builtIn
  /// `nil`: where it is.
  var modelDirectory: URL?
  /// Bytes that training may take; 0: as before.
  var memoryLimit: Int
  /// Where weights to start from come from, for a run without a checkpoint.
  var weights = WeightSource()
  /// When the command began.
  var start = ContinuousClock.now
}

struct TrainOutcome: Sendable {
  var runDirectory: URL
  var recipeFile: URL
  var decisions: [Decision]
  var result: TrainingResult
  /// The folder of the search that came before, if any.
  var search: URL?

  init(_ run: TrainingRun, decisions: [Decision], search: URL? = nil) {
    (runDirectory, recipeFile, result) = (run.directory, run.recipe, run.result)
    (self.decisions, self.search) = (decisions, search)
  }
}

/// Which model, and on what it is computed.
struct ModelRequest: Sendable, Equatable {
  /// A checkpoint, an exported model, or a folder of either.
  var model: URL
  var engine: EngineOptions
  /// The model that a recipe on the command line names; it must agree.
  var expectedModel: String?
}

struct EvaluateRequest: Sendable, Equatable {
  var model: ModelRequest
  /// `nil`: the data the model was trained on.
  var data: DataLocation?
  var subset: Subset
  /// `nil`: the model's own.
  var confidenceThreshold: Float?
  var isStrict: Bool
  /// Where a page about the scores goes; `nil`: nowhere.
  var report: URL?
}

struct EvaluateOutcome: Sendable {
  var report: MetricReport
  var subset: Subset
  /// The word users know the score by: `f-measure`.
  var performanceMetric: String
  var performance: Double
  var itemCount: Int
  var secondsPerImage: Double
  /// What was noticed of the data.
  var notes: [String] = []
}

struct PredictRequest: Sendable, Equatable {
  var model: ModelRequest
  var images: [URL]
  var confidenceThreshold: Float?
  var isStrict: Bool
}

struct PredictedImage: Sendable {
  var image: URL
  var size: ImageSize
  /// The prediction as JSON.
  var json: Data
  var marks: [OverlayMark]
  /// One line for people.
  var summary: String
}

struct ExportRequest: Sendable, Equatable {
  var model: ModelRequest
  var data: DataLocation?
  var directory: URL
  var format = ExportFormat.openvino
  var halfPrecision: Bool
  /// Whether saliency maps and features are outputs, too.
  var explains = false
}

struct ExplainRequest: Sendable, Equatable {
  var model: ModelRequest
  var images: [URL]
  var options: ExplainOptions
  var isStrict: Bool
}

/// What a model can be exported as.
enum ExportFormat: String, Sendable, CaseIterable {
  case openvino, onnx, pytorch
}

struct ExportOutcome: Sendable {
  /// A file, by its key in the JSON result and its name in the table.
  struct File: Sendable {
    var key: String
    var title: String
    var url: URL
  }

  var files: [File]
  /// `nil` for what is not run before it is handed over.
  var maxAbsoluteDifference: Double?
  var metricDifference: Double?
  /// Everything that was compared, as JSON.
  var parity: Data?
}

struct OptimizeRequest: Sendable, Equatable {
  var model: ModelRequest
  /// `nil`: the data the model was trained on.
  var data: DataLocation?
  var directory: URL
  var options: OptimizeOptions
  /// Of a model of another program that does not say it.
  var task: TaskType?
  var labels: [String]?
}

struct DeployRequest: Sendable, Equatable {
  /// The first looks at pictures, each further one at what the one before it found.
  var models: [ModelRequest]
  /// `nil`: the data the first model was trained on.
  var data: DataLocation?
  var archive: URL
  var sample: URL?
  var halfPrecision: Bool
}

struct DemoRequest: Sendable, Equatable {
  /// The first looks at pictures, each further one at what the one before it found.
  var models: [ModelRequest]
  /// Inputs and outputs; the models in it are filled in when they are exported or unpacked.
  var options: RunOptions
  /// How to serve them; `nil`: they run here.
  var server: ServerOptions?
  /// Models that the page shows beside the others.
  var compared: [ModelRequest] = []

  init(models: [ModelRequest], options: RunOptions) {
    (self.models, self.options) = (models, options)
  }
}
