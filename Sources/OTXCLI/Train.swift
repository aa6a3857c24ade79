import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct Train: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "train",
      abstract: "Train a model on data.",
      usage: """
        otx train [RECIPE] DATA [options]
        otx train [RECIPE] DATA [options] params --group.name VALUE ...
        otx train [RECIPE] DATA --hpo [--budget 1h]
        otx train --resume [RUN] | --hpo --resume [SEARCH]
        """,
      discussion: """
        Without a recipe the data decides, and every choice is printed with its reason.
        DATA is a folder or a data.yaml.

        Ctrl-C ends training after the step under way. Whatever stopped a run - Ctrl-C, a crash, a
        power cut - 'otx train --resume' goes on with it as if it had not stopped.

        The models (--model; more on one by --model.help NAME):
        \(modelList)
        """
    )
  }

  /// The models there are, those of a user's own among them.
  private static var modelList: String {
    let models = CurrentJobs.value.models
    // Tasks that have the same models share a line.
    var lines: [(tasks: String, names: [String])] = []
    for task in TaskType.allCases {
      let names = models.names(of: task)
      if let index = lines.firstIndex(where: { $0.names == names }) {
        lines[index].tasks += ", \(task.rawValue)"
      } else if !names.isEmpty {
        lines.append((task.rawValue, names))
      }
    }
    return lines.map { "  \($0.tasks): \($0.names.joined(separator: ", "))" }
      .joined(separator: "\n")
  }

  @Argument(
    help: .init("The recipe and the data, in any order.", valueName: "recipe|data"),
    completion: .recipesAndFiles
  )
  var inputs: [String] = []

  @OptionGroup(title: "Recipe") var recipe: RecipeArguments
  @OptionGroup(title: "Data") var data: DataArguments
  @OptionGroup(title: "Training") var training: TrainingArguments
  @OptionGroup(title: "Training") var budget: BudgetArguments
  @OptionGroup(title: "Training") var resumption: ResumptionArguments
  @OptionGroup(title: "Hyper-parameters") var search: SearchArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Results") var models: ModelOutputArguments
  @OptionGroup(title: "Output") var output: OutputArguments

  func run() async throws {
    if let name = training.modelHelp { return try describeModel(name) }
    let reporter = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { reporter.observe(.warning(warning)) }
    let outcome = try await outcome(reporter)
    reporter.end()
    reporter.report(outcome.result)
    if output.json {
      Console.current.print(try json(outcome))
    } else {
      Console.current.print(summary(outcome))
    }
    if outcome.result.isInterrupted {
      reporter.log("interrupted; to go on: otx train --resume \(outcome.runDirectory.relativePath)")
    }
  }

  private func outcome(_ reporter: ProgressReporter) async throws -> TrainOutcome {
    if let request = try UsageError.unless({ try searchRequest(reporter) }) {
      do {
        return try await CurrentJobs.value.search(request, observers: [reporter]) { event in
          reporter.follow(event)
        }
      } catch let stopped as InterruptedSearch {
        reporter.end()
        reporter.log(
          "interrupted; to go on: otx train --hpo --resume \(stopped.folder.relativePath)"
        )
        throw Interruption.Saved()
      }
    }
    if resumption.run != nil {
      var request = try UsageError.unless { try resumeRequest() }
      request.tell(reporter)
      return try await CurrentJobs.value.resume(request, observers: [reporter])
    }
    var request = try UsageError.unless { try self.request() }
    request.tell(reporter)
    return try await CurrentJobs.value.train(request, observers: [reporter])
  }

  /// The search that is asked for; `nil` where a plain training is.
  private func searchRequest(_ reporter: ProgressReporter) throws -> SearchRequest? {
    let folder = try resumption.folder(below: workspace.url)
    guard search.isSearch || folder?.isSearch == true else { return nil }
    guard budget.time == nil else {
      throw UsageError(
        "--time is how long one training may take; a search ends by --budget, for example --budget 1h"
      )
    }
    guard resumption.run != nil else {
      var request = try self.request()
      request.tell(reporter)
      var fixedKeys: Set<String> = []
      for entry in training.overrides { fixedKeys.formUnion(try entry.keys()) }
      return .begin(request, fixedKeys: fixedKeys)
    }
    if let folder, !folder.isSearch {
      throw UsageError("--hpo --resume: '\(folder.relativePath)' is not the folder of a search")
    }
    let (ours, others) = (try search.overrides(), try recipe.changes.overrides())
    guard ours.isEmpty, others.isEmpty, training.overrides.isEmpty, inputs.isEmpty else {
      throw UsageError("a search goes on as it began; leave everything but --hpo --resume out")
    }
    return .resume(
      folder,
      workDirectory: workspace.url,
      RecipeLibrary(userDirectory: workspace.recipes)
    )
  }

  /// Which run to go on with, and what may differ.
  func resumeRequest() throws -> ResumeRequest {
    guard recipe.reference == nil, recipe.model == nil, recipe.task == nil else {
      throw UsageError("--resume goes on with the run's own recipe; leave the recipe out")
    }
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let inputs = try Inputs(self.inputs, library: library, takesModel: false)
    guard inputs.images.isEmpty, inputs.recipe == nil else {
      throw UsageError("--resume goes on with the run's own recipe; leave '\(self.inputs[0])' out")
    }
    return ResumeRequest(
      run: try resumption.folder(below: workspace.url),
      workDirectory: workspace.url,
      data: try data.location(positional: inputs.data),
      overrides: try recipe.changes.overrides() + training.overrides + budget.overrides
        + compute.overrides,
      allowsChangedData: resumption.allowChangedData,
      library: library,
      modelDirectory: models.url,
      memoryLimit: try compute.engineOptions().memoryLimit,
      weights: training.weightSource,
      start: Program.start
    )
  }

  /// What the command line asks for.
  func request() throws -> TrainRequest {
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let inputs = try Inputs(self.inputs, library: library, takesModel: false)
    guard inputs.images.isEmpty else {
      throw UsageError("'\(inputs.images[0])' is one picture; training needs a folder of them")
    }
    if let positional = inputs.recipe, let option = recipe.reference {
      throw UsageError("two recipes: '\(positional)' and '\(option)'; name one")
    }
    guard let location = try data.location(positional: inputs.data) else {
      throw UsageError("no data: name a folder or a data.yaml, for example --data-root FOLDER")
    }
    let reference = inputs.recipe ?? recipe.reference
    let registry = Registry(models: CurrentJobs.value.models, library: library)
    let task = try recipe.taskType()
    let chosen = try reference.map { try registry.recipe(called: $0, task: task) }
    var request = RecipeRequest(
      recipe: chosen?.recipe,
      recipeIsOurs: chosen?.isOurs ?? false,
      task: task,
      overrides: try search.overrides() + recipe.changes.overrides() + training.overrides
        + budget.overrides
        + compute.overrides
    )
    if let model = try recipe.model.map({ try ModelFile.choice($0, registry) }) {
      request.task = request.task ?? (chosen == nil ? model.task : nil)
      let name =
        ModelOptions(model.name).isFile
        ? model.name
        : try registry.model(called: model.name, task: chosen?.recipe.task ?? request.task).name
      request.overrides = model.overrides + request.overrides
      if let chosen = request.recipe {
        request.recipe = try Builder(registry: registry).buildRecipe(chosen, model: name)
      } else {
        request.model = name
      }
    }
    try check(&request, library)
    return TrainRequest(
      recipe: request,
      library: library,
      data: location,
      workDirectory: workspace.url,
      modelDirectory: models.url,
      engine: try compute.engineOptions(),
      weights: training.weightSource,
      start: Program.start
    )
  }

  /// Wrong values are said before the data is read.
  private func check(_ request: inout RecipeRequest, _ library: RecipeLibrary) throws {
    try request.checkAgreement()
    let models = CurrentJobs.value.models
    if let name = request.model, !ModelOptions(name).isFile,
      models.model(named: name, task: request.task) == nil
    {
      throw ModelError.unknownModel(name, known: models.names(of: request.task))
    }
    if let recipe = request.recipe, let task = request.task, recipe.task != task,
      models.model(named: recipe.model.name, task: task) != nil
    {
      // The model serves that task, too.
      request.recipe = library.recipe(ofModel: recipe.model.name, task: task)
    }
    let start = request.recipe ?? Recipe(name: "", task: .detection, model: ModelOptions(""))
    let changed = try start.applying(request.overrides)
    if let recipe = request.recipe, let task = request.task, recipe.task != task {
      throw UsageError(
        "the recipe \(recipe.name) is for \(recipe.task.rawValue), not \(task.rawValue)"
      )
    }
    if changed.method == .linearProbe, (request.recipe?.task ?? request.task) == .detection {
      throw UsageError(
        "the method linear_probe is for classifiers, not for DETECTION; leave --method out"
      )
    }
    let file = request.model.map { ModelOptions($0) } ?? changed.model
    if file.isFile { try TorchScriptFile.verify(URL(filePath: file.name)) }
    try training.check(weights: changed.weights)
  }

  private func describeModel(_ name: String) throws {
    let text = try ModelHelp(named: name, task: recipe.taskType(), workspace: workspace.recipes)
    if output.json {
      Console.current.print(text.json)
    } else {
      Console.current.output(text.text)
    }
  }

  private func json(_ outcome: TrainOutcome) throws -> JSONText {
    let result = outcome.result
    let object = JSONText.object([
      "checkpoint": .string(result.checkpoint.path),
      "workDirectory": .string(outcome.runDirectory.path),
      "recipe": .string(outcome.recipeFile.path),
      "epochs": .integer(result.epochs),
      "metrics": .numbers(result.best.values),
      "confidenceThreshold": result.info.confidenceThreshold.map { .number(Double("\($0)") ?? 0) }
        ?? .null,
      "imagesPerSecond": .number(result.imagesPerSecond),
      "secondsPerEpoch": .number(result.secondsPerEpoch),
      "peakMemoryBytes": .integer(result.peakMemoryBytes),
      "bestEpoch": .integer(result.bestEpoch),
      "precision": .string(result.precision.rawValue),
      "stopReason": .string(result.stopReason),
      "decisions": try .encoding(outcome.decisions),
    ])
    guard let search = outcome.search, case .members(let members) = object else { return object }
    return .members(members + [("search", .string(search.path))])
  }

  private func summary(_ outcome: TrainOutcome) -> String {
    let result = outcome.result
    let rows = [
      ["checkpoint", result.checkpoint.relativePath],
      ["run", outcome.runDirectory.relativePath],
      ["epochs", "\(result.epochs) (best: \(result.bestEpoch); \(result.stopReason))"],
      [result.best.primary, String(format: "%.4f", result.best.primaryValue)],
      ["images/s", String(format: "%.1f", result.imagesPerSecond)],
      ["peak memory", String(format: "%.2f GiB", Double(result.peakMemoryBytes) / 0x1p30)],
    ]
    return TextTable(columns: ["RESULT", "VALUE"], rows: rows).rendered(
      width: Console.current.outputWidth
    )
  }
}

/// Going on with a run that stopped.
struct ResumptionArguments: ParsableArguments {
  @Option(
    name: [.customLong("resume"), .customLong("resume-from")],
    help: .init(
      "Go on with a run that stopped: its folder; the newest that has not come to its end if none is "
        + "named. More --max-epochs are allowed.",
      valueName: "run"
    )
  )
  var run: String?

  @Flag(help: "With --resume: go on although the data changed.")
  var allowChangedData = false

  func validate() throws {
    if allowChangedData, run == nil {
      throw ValidationError("--allow-changed-data is for --resume only")
    }
  }

  /// The run's folder; `nil` where the user named none.
  ///
  /// Runs in `workDirectory` may be named by their folder's name alone.
  func folder(below workDirectory: URL) throws -> URL? {
    guard let run, !run.isEmpty else { return nil }
    let candidates = [URL(filePath: run), workDirectory.appending(path: run)]
    guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) })
    else { throw UsageError("--resume: there is no run at '\(run)'") }
    // A file of the run stands for it.
    return found.isDirectory ? found : found.deletingLastPathComponent()
  }
}

/// Options that are keys of a recipe.
struct TrainingArguments: ParsableArguments {
  @Option(help: .init("Epochs to train at most.", valueName: "count"))
  var maxEpochs: String?

  @Option(help: .init("Pictures a step; never lowered.", valueName: "count"))
  var batchSize: String?

  @Option(help: .init("Size of the network's input: HEIGHTxWIDTH, or auto.", valueName: "size"))
  var inputSize: String?

  @Option(
    name: [.customLong("weights"), .customLong("load-weights"), .customLong("checkpoint")],
    help: .init(
      "Weights to start from: a file, a network of the weight store (otx weights list), auto (the "
        + "store's, else random), download (fetched, where the store has none), or none.",
      valueName: "file"
    ),
    completion: .weights
  )
  var weights: String?

  @Option(
    help: .init(
      "How to learn: auto, supervised or linear_probe (the last layer alone, in seconds).",
      valueName: "name"
    ),
    completion: .list(LearningMethod.allCases.map(\.rawValue))
  )
  var method: String?

  @Option(
    help: .init("Whether the run repeats bit by bit: true, false or warn.", valueName: "choice")
  )
  var deterministic: String?

  @Option(help: .init("Validate every so many epochs.", valueName: "epochs"))
  var valCheckInterval: String?

  @Option(help: .init("The score that picks the best weights.", valueName: "name"))
  var metric: String?

  @Option(
    help: .init("The page about the run: html (report.html) or none.", valueName: "format")
  )
  var report: String?

  @Flag(help: "Make damaged items an error instead of leaving them out.")
  var strict = false

  @Flag(help: "Download nothing, whatever the recipe says.")
  var offline = false

  @Flag(help: "Train although the file of --weights has less than half of what the network wants.")
  var force = false

  @Option(
    name: .customLong("model.help"),
    help: .init("Describe a model and its settings, and stop.", valueName: "name"),
    completion: .models
  )
  var modelHelp: String?

  var overrides: [RecipeOverride] {
    var given = [
      ("maxEpochs", "max-epochs", maxEpochs), ("batchSize", "batch-size", batchSize),
      ("inputSize", "input-size", inputSize), ("weights", "weights", weights),
      ("method", "method", method), ("deterministic", "deterministic", deterministic),
      ("validationInterval", "val-check-interval", valCheckInterval), ("metric", "metric", metric),
      ("report", "report", report),
    ]
    if strict { given.append(("data.strict", "strict", "true")) }
    return given.compactMap { key, option, value in
      value.map { RecipeOverride(key: key, value: $0, source: "--\(option)") }
    }
  }
}
