import ArgumentParser
import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXWeights

struct Build: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Make a recipe: another backbone, another model, or the best for your data.",
    usage: """
      otx build --model MODEL --backbone BACKBONE
      otx build --recipe DATA
      otx build --recipe RECIPE --model MODEL
      """,
    discussion: """
      Put a backbone under a model (otx find --backbone lists what fits):
        otx build --model atss --backbone resnet18
      Look at the data and write down the best recipe, with the reason for each choice:
        otx build --recipe FOLDER
      Train another model with the values of a recipe:
        otx build --recipe atss_mobilenetv2 --model ssd_mobilenetv2

      The file goes to the folder 'recipes' of the work directory; 'otx train' finds it there by its
      name.
      """
  )

  @Option(
    help: .init("The model, by name, or a model's file.", valueName: "model"),
    completion: .models
  )
  var model: String?

  @Option(
    help: .init("The backbone, by name, or a backbone's file.", valueName: "backbone"),
    completion: .backbones
  )
  var backbone: String?

  @Option(
    help: .init("A recipe, or data (a folder, an archive, a data.yaml).", valueName: "recipe|data"),
    completion: .recipes
  )
  var recipe: String?

  @Option(
    help: .init("The task, where the data allows several.", valueName: "task"),
    completion: .tasks
  )
  var task: String?

  @OptionGroup var changes: OverrideArguments

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: .init("The file to write.", valueName: "file"),
    completion: .file(extensions: ["yaml"])
  )
  var outputFile: String?

  @Flag(
    name: [.customLong("overwrite"), .customLong("force")],
    help: "Write over a file that says something else."
  )
  var force = false

  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Output") var output: OutputArguments

  func run() throws {
    let log = ProgressReporter(console: .current, level: output.level)
    let built = try UsageError.unless { try self.built(log) }
    let file =
      outputFile.map { URL(filePath: $0) }
      ?? workspace.recipes.appending(path: "\(built.recipe.name).yaml")
    try keep(built.text, at: file)
    if output.json {
      Console.current.print(
        .object([
          "path": .string(file.path), "decisions": try .encoding(built.decisions),
          "recipe": try .encoding(built.recipe),
        ])
      )
      return
    }
    var rows = built.decisions.map {
      [$0.setting, $0.value, $0.reason, $0.alternatives.map(\.value).joined(separator: ", ")]
    }
    if rows.isEmpty {
      rows = [
        ["model", built.recipe.model.name, "", ""],
        ["backbone", built.recipe.model.backbone, "", ""],
      ]
    }
    Console.current.print(
      TextTable(columns: ["SETTING", "VALUE", "REASON", "NOT TAKEN"], rows: rows)
        .rendered(width: Console.current.outputWidth)
    )
    Console.current.print("\n\(file.relativePath)\nNext: otx train \(file.relativePath) \(next)")
  }

  /// What the data is called in the line that follows.
  private var next: String {
    guard let recipe, (try? isData(recipe)) == true else { return "DATA" }
    return recipe
  }

  /// A recipe, its file's text, and why it is as it is.
  private struct Built {
    var recipe: Recipe
    var text: String
    var decisions: [Decision] = []
  }

  private func built(_ log: ProgressReporter) throws -> Built {
    let jobs = CurrentJobs.value
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let registry = Registry(models: jobs.models, backbones: jobs.backbones, library: library)
    let choice = try model.map { try ModelFile.choice($0, registry) }
    let model = choice?.name
    let changes = try (choice?.overrides ?? []) + self.changes.overrides()
    switch (recipe, model, backbone) {
    case (nil, let model?, let backbone?):
      return try paired(model, BackboneFile.resolve(backbone), registry)
    case (let reference?, let model, nil) where try isData(reference):
      return try best(for: reference, model: model, changes, registry, log)
    case (let reference?, let model?, nil):
      let start = try library.recipe(reference)
      let recipe = try Builder(registry: registry)
        .buildRecipe(start, model: registry.model(called: model).name)
        .applying(changes)
      let header = ["The values of \(start.name) with the model \(recipe.model.name)."]
      return Built(recipe: recipe, text: try recipe.yaml(header: header))
    case (let reference?, nil, nil):
      // Where there is neither data nor a recipe of that name, this says so.
      let name = try library.recipe(reference).name
      throw UsageError(
        "--recipe \(reference): \(name) is a recipe; say which --model to put into it, or name data"
      )
    case (nil, .some, nil):
      throw UsageError("--model alone builds nothing; name a --backbone or a --recipe too")
    case (nil, nil, .some):
      throw UsageError("--backbone needs the --model to put it under")
    case (.some, _, .some):
      throw UsageError(
        "--recipe and --backbone do not go together; name --model and --backbone, "
          + "then train the file that this writes"
      )
    case (nil, nil, nil):
      throw UsageError(
        "nothing to build: name --model and --backbone, --recipe DATA, or --recipe and --model"
      )
    }
  }

  private func isData(_ reference: String) throws -> Bool {
    let url = URL(filePath: reference)
    guard FileManager.default.fileExists(atPath: url.path) else { return false }
    let isText = ["yaml", "yml", "json"].contains(url.pathExtension.lowercased())
    return url.isDirectory || !isText || DataFile.isDataFile(url)
  }

  private func paired(_ model: String, _ backbone: String, _ registry: Registry) throws -> Built {
    let recipe = try Builder(registry: registry).buildModel(model, backbone: backbone)
      .applying(changes.overrides())
    let descriptor = try registry.model(called: model)
    var lines = [
      "# \(descriptor.title) on \(backbone); all else as in the recipe of \(descriptor.name).",
      "task: \(recipe.task.rawValue)", "model:", "  name: \(descriptor.name)",
      "  backbone: \(backbone)",
    ]
    guard try changes.overrides().isEmpty else {
      return Built(recipe: recipe, text: try recipe.yaml(header: [String(lines[0].dropFirst(2))]))
    }
    lines.append("")
    return Built(recipe: recipe, text: lines.joined(separator: "\n"))
  }

  /// The best recipe for data, called after its folder.
  private func best(
    for path: String,
    model: String?,
    _ changes: [RecipeOverride],
    _ registry: Registry,
    _ log: ProgressReporter
  ) throws -> Built {
    guard let location = try DataArguments.parse([]).location(positional: path) else {
      throw UsageError("no data at '\(path)'")
    }
    let request = RecipeRequest(
      task: try task.map(TaskType.init(named:)),
      model: try model.map { try registry.model(called: $0).name },
      overrides: changes
    )
    let reading = try request.dataOptions()
    let dataset = try DatasetReader.read(
      location,
      strict: reading.strict,
      labels: reading.labels,
      headerCache: CurrentCache.headers
    )
    for line in dataset.problems.summary { log.observe(.warning(line)) }
    let store = CurrentWeights.store()
    var (recipe, decisions) = try AutoConfigurator(
      models: registry.models,
      library: registry.library,
      computeRate: 5 * Double(Processor.current.computeThreadCount),
      coreCount: Processor.current.coreCount,
      computeThreadCount: Processor.current.computeThreadCount,
      hasWeights: { store.weights(named: $0) != nil }
    )
    .configure(profile: dataset.profile(), request: request.knowingWeights())
    let name = URL(filePath: path).standardizedFileURL.deletingPathExtension().lastPathComponent
    recipe.name = "\(name)_recipe"
    let header = ["The best recipe for \(path)."]
    let text = try recipe.yaml(header: header, decisions: decisions)
    return Built(recipe: recipe, text: text, decisions: decisions)
  }

  /// Writes the file, unless there is one that says something else.
  private func keep(_ text: String, at file: URL) throws {
    if !force, let old = try? String(contentsOf: file, encoding: .utf8), old != text {
      throw FileError.cannotWrite(
        file.relativePath,
        reason:
          "there is another recipe of this name; name another file with --output, or add --overwrite"
      )
    }
    try ResultFile.write(text, to: file.path)
  }
}

/// A backbone that users name by a file, or by its name.
enum BackboneFile {
  /// The name of the backbone; a file says it under `backbone` or `name`.
  static func resolve(_ reference: String) throws -> String {
    guard reference.hasSuffix(".yaml") || reference.hasSuffix(".yml") else { return reference }
    let url = URL(filePath: reference)
    guard FileManager.default.fileExists(atPath: url.path) else {
      return url.deletingPathExtension().lastPathComponent
    }
    return try Recipe.backboneName(in: url)
  }
}
