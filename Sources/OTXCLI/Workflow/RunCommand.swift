import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

/// The command of the Model Preparation Algorithm: one line for every job of a recipe.
///
/// It says the same as another command does in other words, and that command does the work.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a recipe, or one stage of it, in the words of the Model Preparation Algorithm.",
    usage: "otx run RECIPE [--mode MODE] [--data-cfg FILE] [options]",
    discussion: """
      otx run recipes/cls_da_semisl.yaml --model-cfg mobilenet_v2.yaml --data-cfg data.yaml \\
        --recipe-hparams lr=0.01 batch_size=8 --mode train

      The stage types:
      \(StageKind.help)

      Results go to 'logs/<time>/', and 'logs/latest' is a link to the newest.
      """
  )

  @Argument(
    help: .init("The recipe, or a single stage's: a name or a file.", valueName: "recipe"),
    completion: .recipesAndFiles
  )
  var recipe: String

  @Option(
    help: .init("The model: its name, or a file that names it.", valueName: "file"),
    completion: .models
  )
  var modelCfg: String?

  @Option(
    help: .init(
      "A model of the Open Model Zoo to train on (not yet in this version).",
      valueName: "file"
    )
  )
  var irPath: String?

  @Option(
    name: [.customLong("model-ckpt"), .customLong("checkpoint")],
    help: .init(
      "The checkpoint to load: to start from, to score, to predict with or to export.",
      valueName: "file"
    ),
    completion: .file()
  )
  var modelCkpt: String?

  @Option(
    name: [.customLong("data-cfg"), .customLong("data"), .customLong("data-root")],
    help: .init(
      "A data.yaml with root, file and type of train, val, test and unlabeled; or a folder.",
      valueName: "path"
    ),
    completion: .file(extensions: ["yaml"])
  )
  var dataCfg: String?

  @Option(
    help: .init(
      "The folder for model files, or the file for scores and predictions.",
      valueName: "path"
    ),
    completion: .directory
  )
  var outputPath: String?

  @Option(
    help: .init("train (the default), eval, infer or export.", valueName: "mode"),
    completion: .list(RunCommand.modes)
  )
  var mode: String?

  @Option(
    help: .init("What a recipe of a single stage does; the list is above.", valueName: "type"),
    completion: .list(StageKind.all.map(\.name))
  )
  var stageType: String?

  @Option(help: .init("What random numbers start from.", valueName: "number"))
  var seed: String?

  @OptionGroup var changes: OverrideArguments

  @Option(
    name: [.customLong("work-dir"), .customLong("workspace")],
    help: .init("The folder of runs.", valueName: "folder"),
    completion: .directory
  )
  var workDirectory = "logs"

  @OptionGroup(title: "Output") var output: OutputArguments

  static let modes = ["train", "eval", "infer", "export"]

  func run() async throws {
    if irPath != nil {
      throw ConfigurationError.invalid(
        "--ir-path: this version cannot train a model of the Open Model Zoo yet"
      )
    }
    let kind = try stageType.map { try StageKind.named($0) }
    let job = try UsageError.unless { try self.job(kind) }
    let chosen = try UsageError.unless { try self.chosen() }
    if let kind, !kind.tasks.isEmpty, !kind.tasks.contains(chosen.task) {
      throw ConfigurationError.invalid(
        "--stage-type \(kind.name) is not for \(chosen.task.rawValue), "
          + "the task of the recipe \(chosen.name)"
      )
    }
    let log = ProgressReporter(console: .current, level: output.level)
    for line in try notices(chosen, job) { log.observe(.warning(line)) }
    if job == .infer { return try await infer() }
    try await RunCommand.run(arguments(job))
  }

  /// What is to be done.
  func job(_ kind: StageKind?) throws -> StageKind.Job {
    guard let mode else { return kind?.job ?? .train }
    guard RunCommand.modes.contains(mode), let job = StageKind.Job(rawValue: mode) else {
      throw ConfigurationError.unknownName(mode, kind: "mode", known: RunCommand.modes)
    }
    if let kind, kind.job != job {
      throw UsageError("--mode \(mode) contradicts --stage-type \(kind.name)")
    }
    return job
  }

  private var library: RecipeLibrary {
    RecipeLibrary(userDirectory: URL(filePath: "otx-workspace/recipes"))
  }

  private func chosen() throws -> Recipe {
    try Registry(models: CurrentJobs.value.models, library: library)
      .recipe(called: recipe).recipe
  }

  /// What will not be done as the recipe's writer, or the data's, may think.
  private func notices(_ recipe: Recipe, _ job: StageKind.Job) throws -> [String] {
    guard job == .train else { return [] }
    let data = try UsageError.unless { try location() }
    var hasUnlabeled = false
    if case .subsets(let subsets, _) = data { hasUnlabeled = subsets[.unlabeled] != nil }
    let isSemiSupervised = recipe.name.hasSuffix("_semisl")
    guard hasUnlabeled || isSemiSupervised else { return [] }
    return [
      "this version has no semi-supervised learning (FixMatch) yet: "
        + "training learns from the labelled pictures alone"
    ]
  }

  private func location() throws -> DataLocation? {
    try dataCfg.flatMap { try DataArguments.parse(["--data", $0]).location() }
  }

  // MARK: - The same in the words of other commands

  /// The command line that does `job`.
  func arguments(_ job: StageKind.Job) throws -> [String] {
    switch job {
    case .train, .hpo: try training() + (job == .hpo ? ["--hpo"] : [])
    case .eval: ["eval"] + trained() + (outputPath.map { ["--save-performance", score($0)] } ?? [])
    case .export: ["export"] + trained() + (outputPath.map { ["--save-model-to", $0] } ?? [])
    case .infer: ["eval", "--predict"] + trained(withData: false)
    case .analyze: try analysis()
    }
  }

  private func training() throws -> [String] {
    var words = ["train", try reference()]
    func add(_ option: String, _ value: String?) {
      if let value { words += ["--\(option)", value] }
    }
    add("data", dataCfg)
    add("model", try modelCfg.map { try ModelFile.modelName($0) })
    add("weights", modelCkpt)
    add("save-model-to", outputPath)
    add("seed", seed)
    add("recipe-json", changes.recipeJson)
    for assignment in changes.assignments { add("set", HyperParameter.key(in: assignment)) }
    for parameter in changes.parameters { add("parameter", parameter) }
    return words + shared
  }

  private func trained(withData: Bool = true) -> [String] {
    var words = modelCkpt.map { [$0] } ?? []
    if withData, let dataCfg { words += ["--data", dataCfg] }
    for assignment in changes.assignments {
      words += ["--set", HyperParameter.key(in: assignment)]
    }
    return words + (seed.map { ["--seed", $0] } ?? []) + shared
  }

  private func analysis() throws -> [String] {
    guard let dataCfg else { throw UsageError("no data: name it with --data-cfg") }
    let path = outputPath ?? workDirectory + "/mda"
    let file = path.hasSuffix(".yaml") ? path : path + "/recipe.yaml"
    return ["build", "--recipe", dataCfg, "--output", file, "--force"] + shared
  }

  private var shared: [String] {
    ["--work-dir", workDirectory, "--log-level", output.logLevel]
      + (output.json ? ["--json"] : []) + (output.quiet ? ["--quiet"] : [])
  }

  /// The recipe as `otx train` finds it, whatever the folder of runs.
  private func reference() throws -> String {
    library.entries.last { $0.name == recipe }?.file?.path ?? recipe
  }

  private func score(_ path: String) -> String {
    path.hasSuffix(".json") ? path : path + "/performance.json"
  }

  private static func run(_ arguments: [String]) async throws {
    var command = try OTXCommand.parseAsRoot(arguments)
    if var job = command as? any AsyncParsableCommand {
      try await job.run()
    } else {
      try command.run()
    }
  }

  // MARK: - Predicting

  /// Predicts on the pictures of the data; with `--output-path` into a file.
  private func infer() async throws {
    let words = try arguments(.infer) + UsageError.unless { try pictures() }.flatMap { ["-i", $0] }
    guard let outputPath else { return try await RunCommand.run(words) }
    let file = outputPath.hasSuffix(".json") ? outputPath : outputPath + "/predictions.json"
    try ResultFile.check(file)
    let printed = Printed()
    var console = Console.current
    console.output = { printed.add($0) }
    try await Console.$current.withValue(console) {
      try await RunCommand.run(words.contains("--json") ? words : words + ["--json"])
    }
    try ResultFile.write(printed.text, to: file)
    if output.json {
      Console.current.print(JSONText.object(["path": .string(URL(filePath: file).path)]))
    } else {
      Console.current.print(file)
    }
  }

  /// The pictures of the test subset, else of what there is without labels, else all.
  private func pictures() throws -> [String] {
    guard let location = try location() else {
      throw UsageError("no pictures: name them with --data-cfg")
    }
    let folders: [URL] =
      switch location {
      case .root(let url, _):
        [url.appending(path: "test"), url].filter(\.isDirectory)
      case .subsets(let subsets, _):
        [Subset.test, .unlabeled, .val].compactMap { subsets[$0]?.root }
      }
    for folder in folders {
      let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
      let found = names.sorted().filter {
        Inputs.imageExtensions.contains(URL(filePath: $0).pathExtension.lowercased())
      }
      if !found.isEmpty { return found.map { folder.appending(path: $0).path } }
    }
    throw UsageError("--data-cfg: no pictures to predict on")
  }
}

/// What a command printed.
private final class Printed: @unchecked Sendable {
  // Guarded by `lock`, hence the unchecked conformance.
  private let lock = NSLock()
  private var pieces = ""
  var text: String { lock.withLock { pieces } }
  func add(_ piece: String) { lock.withLock { pieces += piece } }
}

/// Names of hyper-parameters that are common elsewhere, and the keys they are here.
enum HyperParameter {
  private static let keys = [
    "lr": "optimizer.learningRate", "learning_rate": "optimizer.learningRate",
    "momentum": "optimizer.momentum", "weight_decay": "optimizer.weightDecay",
    "optimizer": "optimizer.name", "batch_size": "batchSize", "bs": "batchSize",
    "epochs": "maxEpochs", "max_epochs": "maxEpochs", "num_epochs": "maxEpochs",
    "input_size": "inputSize", "img_size": "inputSize", "warmup_iters": "schedule.warmupSteps",
    "patience": "earlyStopping.patience",
  ]

  /// `optimizer.learningRate=0.01` for `lr=0.01`.
  static func key(in assignment: String) -> String {
    guard let end = assignment.firstIndex(of: "="), let key = keys[String(assignment[..<end])]
    else { return assignment }
    return key + assignment[end...]
  }
}

extension ModelFile {
  /// What `otx train --model` is to be given: a recipe's file as it is, since it may name a backbone,
  /// too; of another file the name in it; a file that is not there stands for its name.
  static func modelName(_ reference: String) throws -> String {
    let url = URL(filePath: reference)
    guard RecipeFile.isNamed(url) else { return reference }
    guard FileManager.default.fileExists(atPath: url.path) else {
      return url.deletingPathExtension().lastPathComponent
    }
    do {
      _ = try Recipe(contentsOf: url)
      return reference
    } catch {
      return try Recipe.backboneName(in: url)
    }
  }
}
