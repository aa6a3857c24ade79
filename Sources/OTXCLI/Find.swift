import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct Find: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "find",
    abstract: "List tasks, recipes, models and backbones.",
    usage: "otx find [options]",
    discussion: """
      otx find                                every model
      otx find --task                         the tasks
      otx find --task DETECTION               models of a task
      otx find --recipe DETECTION             recipes for a task
      otx find --model atss_mobilenetv2       models that a recipe can train
      otx find --backbone atss_mobilenetv2    backbones that a model can have
      otx find --template --task DETECTION    templates of OTX 1.x
      """
  )

  @Option(
    help: .init("The task to list models of; alone: list the tasks.", valueName: "task"),
    completion: .tasks
  )
  var task: String?

  @Option(help: .init("List the recipes for a task.", valueName: "task"), completion: .tasks)
  var recipe: String?

  @Option(
    help: .init("List the models that a recipe can train.", valueName: "recipe"),
    completion: .recipes
  )
  var model: String?

  @Option(
    help: .init("List the backbones that a model can have.", valueName: "model"),
    completion: .models
  )
  var backbone: String?

  @Flag(help: "List the templates of OTX 1.x.")
  var template = false

  @Flag(help: "List everything: tasks, their recipes, their models, their backbones.")
  var all = false

  @OptionGroup(title: "Output") var output: OutputArguments
  @OptionGroup var workspace: WorkspaceArguments

  func run() throws {
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let registry = Registry(
      models: CurrentJobs.value.models,
      backbones: CurrentJobs.value.backbones,
      library: library
    )
    let listing = try listing(registry)
    let console = Console.current
    let log = ProgressReporter(console: console, level: output.level)
    for problem in library.problems { log.observe(.warning(problem.description)) }
    if all, !template, !output.json {
      console.output(try tree(registry))
    } else if output.json {
      let items = listing.table.rows.map { row in
        JSONText.members(
          zip(listing.keys, row).map { key, cell in
            let isNumber = Find.numericKeys.contains(key)
            return (key, isNumber ? cell.isEmpty ? .null : .verbatim(cell) : .string(cell))
          }
        )
      }
      let problems = library.problems.map { problem in
        JSONText.object([
          "file": .string(problem.file.path),
          "line": problem.line.map { .integer($0) } ?? .null,
          "reason": .string(problem.reason),
        ])
      }
      console.print(JSONText.object(["items": .array(items), "warnings": .array(problems)]))
    } else if listing.table.rows.isEmpty {
      console.print("nothing found")
    } else {
      console.print(listing.table.rendered(width: console.outputWidth))
    }
  }

  /// A table, and what its columns are called in JSON.
  struct Listing {
    var keys: [String]
    var table: TextTable
  }

  private static let numericKeys: Set<String> = ["parametersInMillions", "gigaMultiplyAdds"]

  func listing(_ registry: Registry) throws -> Listing {
    let given = [recipe, model, backbone].compactMap(\.self)
    guard given.count <= 1 else {
      throw UsageError("name one of --recipe, --model and --backbone")
    }
    let named = try task.flatMap { $0.isEmpty ? nil : try TaskType(named: $0) }
    if template { return templates(registry, task: named) }
    if all { return everything(registry, task: named) }
    if let recipe {
      let tasks = try recipe.isEmpty ? registry.tasks() : [TaskType(named: recipe)]
      return recipes(registry, tasks: named.map { [$0] } ?? tasks)
    }
    if let model {
      guard !model.isEmpty else { return models(registry.models) }
      return models(registry.models(for: try registry.library.recipe(model, task: named)))
    }
    if let backbone {
      guard !backbone.isEmpty else {
        return backbones(registry.models.filter { named == nil || $0.task == named }, registry)
      }
      return backbones(
        try registry.models(called: ModelFile.choice(backbone, registry).name, task: named),
        registry
      )
    }
    if let named { return models(registry.models(for: named)) }
    if task != nil {
      return Listing(
        keys: ["task", "title"],
        table: TextTable(
          columns: ["TASK", "MEANING"],
          rows: registry.tasks().map { [$0.rawValue, $0.kind.title] }
        )
      )
    }
    return models(registry.models)
  }

  /// Everything, indented: tasks, their recipes, and their models with the backbones that fit.
  private func tree(_ registry: Registry) throws -> String {
    let named = try task.flatMap { $0.isEmpty ? nil : try TaskType(named: $0) }
    var text = ""
    for task in named.map({ [$0] }) ?? registry.tasks() {
      text += "\(task.rawValue)  \(task.kind.title)\n"
      text += "  recipes, each for any model below\n"
      for entry in registry.recipes(for: task) {
        let place = entry.file.map { "  (\($0.relativePath))" } ?? ""
        text += "    \(entry.name): \(entry.recipe.model.name)\(place)\n"
      }
      text += "  models, and the backbones they can have\n"
      for model in registry.models(for: task) {
        text += "    \(model.name): \(registry.backbones(for: model).joined(separator: ", "))\n"
      }
    }
    return text.isEmpty ? "nothing found\n" : text
  }

  private func models(_ models: [ModelDescriptor]) -> Listing {
    Listing(
      keys: [
        "task", "name", "title", "inputSize", "parametersInMillions", "gigaMultiplyAdds",
      ],
      table: TextTable(
        columns: ["TASK", "NAME", "TITLE", "INPUT", "PARAMETERS (M)", "MULTIPLY-ADDS (G)"],
        rows: models.map {
          [
            $0.task.rawValue, $0.name, $0.title, $0.preprocessing.inputSize.description,
            String(format: "%.1f", Double($0.parameterCount) / 1e6),
            String(format: "%.2f", $0.gigaMultiplyAdds),
          ]
        }
      )
    )
  }

  private func recipes(_ registry: Registry, tasks: [TaskType]) -> Listing {
    let entries = tasks.flatMap(registry.recipes(for:))
    return Listing(
      keys: ["task", "name", "model", "method", "file"],
      table: TextTable(
        columns: ["TASK", "RECIPE", "MODEL", "METHOD", "FILE"],
        rows: entries.map { entry in
          [
            entry.recipe.task.rawValue, entry.name, entry.recipe.model.name,
            entry.recipe.method.rawValue, entry.file?.relativePath ?? "built in",
          ]
        }
      )
    )
  }

  private func backbones(_ models: [ModelDescriptor], _ registry: Registry) -> Listing {
    let known = Dictionary(
      registry.backbones.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first }
    )
    return Listing(
      keys: ["model", "backbone", "title", "parametersInMillions", "strides"],
      table: TextTable(
        columns: ["MODEL", "BACKBONE", "TITLE", "PARAMETERS (M)", "STRIDES"],
        // A classifier of several tasks is listed once.
        rows: models.flatMap { model in
          model.backbones.map { name in
            let backbone = known[name]
            return [
              model.name, name, backbone?.title ?? "",
              backbone.map { String(format: "%.1f", Double($0.parameterCount) / 1e6) } ?? "",
              backbone?.levels.map { "\($0.stride)" }.joined(separator: " ") ?? "",
            ]
          }
        }.uniqued()
      )
    )
  }

  private func everything(_ registry: Registry, task: TaskType?) -> Listing {
    var rows: [[String]] = []
    for task in task.map({ [$0] }) ?? registry.tasks() {
      for entry in registry.recipes(for: task) {
        for model in registry.models(for: entry.recipe) {
          rows += registry.backbones(for: model).map {
            [task.rawValue, entry.name, model.name, $0]
          }
        }
      }
    }
    return Listing(
      keys: ["task", "recipe", "model", "backbone"],
      table: TextTable(columns: ["TASK", "RECIPE", "MODEL", "BACKBONE"], rows: rows)
    )
  }

  private func templates(_ registry: Registry, task: TaskType?) -> Listing {
    let templates = registry.templates(for: task)
    return Listing(
      keys: ["task", "id", "name", "path"],
      table: TextTable(
        columns: ["TASK", "ID", "NAME", "PATH"],
        rows: templates.map { [$0.task.rawValue, $0.id, $0.name, $0.path] },
        alignment: .center
      )
    )
  }
}

extension WorkspaceArguments {
  /// The folder of the user's own recipes.
  var recipes: URL { url.appending(path: "recipes") }
}

extension [[String]] {
  /// Without what came before.
  fileprivate func uniqued() -> [[String]] {
    var known: Set<[String]> = []
    return filter { known.insert($0).inserted }
  }
}
