public import Foundation
public import OTXCore
import Yams

/// A recipe that can be named: one of ours, or one of the user's workspace.
public struct RecipeEntry: Sendable, Equatable {
  public var name: String
  public var recipe: Recipe
  /// The file of a user's recipe; `nil` for ours.
  public var file: URL?

  public init(name: String, recipe: Recipe, file: URL? = nil) {
    (self.name, self.recipe, self.file) = (name, recipe, file)
  }
}

/// The recipes there are, found by whatever users call them.
public struct RecipeLibrary: Sendable {
  /// The recipes that come with the program.
  public static let builtIn = RecipeLibrary()

  /// Read once; that each can be read is tested.
  private static let ours = entries(installed: installedDirectory)

  /// Those that `make install` put beside the program: `../share/otx/recipes`.
  ///
  /// Where the folder is there, it is what counts, so that recipes can be read, changed and added
  /// without building; what it lacks, and all of them where there is no folder, comes from inside
  /// the program. Both are made from the folder `Recipes` of the sources.
  private static let installedDirectory = Bundle.main.executableURL.map {
    $0.resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "share/otx/recipes", directoryHint: .isDirectory)
  }

  /// The recipes inside the program, each replaced by a file of its name in `directory`, then what
  /// else is there.
  static func entries(installed directory: URL?) -> [RecipeEntry] {
    let files = directory.map { RecipeFolder($0).files } ?? []
    var entries: [RecipeEntry] = []
    for text in BuiltInRecipes.texts {
      if let file = files.first(where: { $0.name == text.name })?.file,
        let recipes = try? Recipe.all(in: file, name: text.name, among: [])
      {
        entries += recipes.map { RecipeEntry(name: $0.name, recipe: $0, file: file) }
        continue
      }
      let source = "Recipes/\(text.name).yaml"
      let recipes = try? Recipe.all(yaml: text.text, source: source, name: text.name, among: [])
      entries += (recipes ?? []).map { RecipeEntry(name: $0.name, recipe: $0) }
    }
    let known = Set(BuiltInRecipes.texts.map(\.name))
    entries += read(files.filter { !known.contains($0.name) }, among: entries).recipes
    return entries
  }

  /// The recipes of files, each of which may stand on `entries` and on those before it, and the
  /// files that are none.
  private static func read(
    _ files: [RecipeFolder.NamedFile],
    among entries: [RecipeEntry]
  ) -> (recipes: [RecipeEntry], problems: [RecipeProblem]) {
    var found: [RecipeEntry] = []
    var problems: [RecipeProblem] = []
    for (name, file) in files {
      if let twin = files.first(where: { $0.name == name })?.file, twin != file {
        problems.append(
          RecipeProblem(file: file, reason: "\(twin.lastPathComponent) has the same name")
        )
        continue
      }
      do {
        let recipes = try Recipe.all(in: file, name: name, among: entries + found)
        found += recipes.map { RecipeEntry(name: $0.name, recipe: $0, file: file) }
      } catch {
        problems.append(RecipeProblem(file: file, error: error))
      }
    }
    return (found, problems)
  }

  /// Ours, then the user's.
  public let entries: [RecipeEntry]
  /// Files of the workspace that are no recipe, each with what is wrong.
  public let problems: [RecipeProblem]
  private let userDirectory: URL?
  /// What the workspace looked like when it was read.
  private let stamp: WorkspaceStamp

  /// The recipes that come with the program, and those of a workspace.
  ///
  /// - Parameter userDirectory: A folder of recipe files, those of its folders included; it need
  ///   not exist. A file that is no recipe is left out and stands in ``problems``.
  public init(userDirectory: URL? = nil) {
    let ours = RecipeLibrary.ours
    self.userDirectory = userDirectory
    stamp = WorkspaceStamp(userDirectory)
    var (found, problems) = RecipeLibrary.read(stamp.files, among: ours)
    if let problem = stamp.problem { problems.insert(problem, at: 0) }
    for index in found.indices {
      let same = ours.contains { $0.name == found[index].name }
      guard same, let file = found[index].file else { continue }
      problems.append(
        RecipeProblem(
          file: file,
          reason: "hides the recipe '\(found[index].name)' that comes with the program",
          isNote: true
        )
      )
    }
    entries = ours + found
    self.problems = problems
  }

  /// The library as the workspace is now: files that came, changed or went are noticed.
  ///
  /// Cheap where nothing has: one look at the folder, and nothing is read.
  public func refreshed() -> RecipeLibrary {
    stamp == WorkspaceStamp(userDirectory) ? self : RecipeLibrary(userDirectory: userDirectory)
  }

  /// The recipe for the model of `task` called `model`: its own, else that of another model of the
  /// task, with this one in it.
  public func recipe(ofModel model: String, task: TaskType) -> Recipe {
    if let own = ownRecipe(ofModel: model, task: task) { return own }
    let fitting = entries.filter { $0.recipe.task == task }
    let usual = fitting.first { $0.name.hasSuffix($0.recipe.model.name) } ?? fitting.first
    guard task != .detection, var recipe = usual?.recipe else {
      return Recipe(name: model, task: task, model: ModelOptions(model))
    }
    recipe.name = model
    recipe.model = ModelOptions(model)
    recipe.inputSize = .auto
    return recipe
  }

  /// The recipe for a model: the one called after it, since others (`cls_da_semisl`) are for
  /// something special, else the first.
  func ownRecipe(ofModel model: String, task: TaskType) -> Recipe? {
    let own = entries.filter { $0.recipe.task == task && $0.recipe.model.name == model }
    return (own.first { $0.name.hasSuffix(model) } ?? own.first)?.recipe
  }

  /// The recipe that users call `reference`, for a task where they named one.
  ///
  /// - Parameters:
  ///   - reference: As in ``recipe(_:)``; of a task also without its folder, `mobilenet_v3_large`
  ///     for `multi_label/mobilenet_v3_large`.
  ///   - task: Recipes of this task come first.
  /// - Returns: The recipe; where none of the task is called so, it may be another's.
  /// - Throws: As ``recipe(_:)``.
  public func recipe(_ reference: String, task: TaskType?) throws -> Recipe {
    let own = entries.last { entry in
      entry.recipe.task == task
        && (entry.name == reference || entry.name.hasSuffix("/\(reference)"))
    }
    return try own?.recipe ?? recipe(reference)
  }

  /// The recipe that users call `reference`.
  ///
  /// - Parameter reference: A name (`atss_mobilenetv2`), the path of a YAML file, or the id or
  ///   path of a template of earlier versions (`Custom_Object_Detection_Gen3_ATSS`,
  ///   `otx/…/mobilenetv2_atss/template.yaml`).
  /// - Returns: The recipe, every key filled.
  /// - Throws: ``ConfigurationError`` where there is none, or its file is wrong.
  public func recipe(_ reference: String) throws -> Recipe {
    if let entry = entries.last(where: { $0.name == reference }) { return entry.recipe }
    if let entry = own(reference) { return entry.recipe }
    let file = URL(filePath: reference)
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: file.path, isDirectory: &isDirectory)
    if exists && !isDirectory.boolValue { return try recipe(at: file) }
    if let template = LegacyTemplate.template(for: reference) {
      return try recipe(of: template)
    }
    if RecipeFile.isNamed(file) {
      throw ConfigurationError.invalid("\(reference): no such recipe file")
    }
    let known = entries.map(\.name)
    let ids = LegacyTemplate.all.map(\.id)
    if Suggestion.nearest(to: reference, among: known) == nil,
      let id = Suggestion.nearest(to: reference, among: ids)
    {
      throw ConfigurationError.invalid(
        "unknown recipe '\(reference)', did you mean the template '\(id)'?"
      )
    }
    throw ConfigurationError.unknownName(reference, kind: "recipe", known: known)
  }

  /// The recipe that a file's name or path would be, where no such file lies here: `mine.yaml` of
  /// the workspace, `recipes/cls_da_semisl.yaml` of the program.
  private func own(_ reference: String) -> RecipeEntry? {
    let file = URL(filePath: reference)
    guard RecipeFile.isNamed(file), !FileManager.default.fileExists(atPath: reference) else {
      return nil
    }
    if let entry = entries.last(where: { $0.file?.lastPathComponent == reference }) { return entry }
    var parts = reference.split(separator: "/").drop { $0 == "." }
    if parts.first?.lowercased() == "recipes" { parts = parts.dropFirst() }
    let path = parts.joined(separator: "/")
    return entries.last { path == "\($0.name).\(file.pathExtension)" }
  }

  /// Whether there is a recipe, a template or a file that `reference` names.
  func exists(_ reference: String) -> Bool {
    names(reference) || FileManager.default.fileExists(atPath: reference)
  }

  /// Whether `reference` looks like the name of a recipe rather than of data or a checkpoint.
  public func names(_ reference: String) -> Bool {
    if entries.contains(where: { $0.name == reference }) || own(reference) != nil { return true }
    return LegacyTemplate.template(for: reference) != nil
  }

  /// Whether `reference` is the name of a recipe that comes with the program, or a template of
  /// earlier versions by its name, rather than a file of the user's.
  public func isOurs(_ reference: String) -> Bool {
    if let entry = entries.last(where: { $0.name == reference }) {
      return RecipeLibrary.ours.contains(entry)
    }
    return !FileManager.default.fileExists(atPath: reference)
      && LegacyTemplate.template(for: reference) != nil
  }

  /// Templates of earlier versions that have a recipe here.
  public var templates: [LegacyTemplate] {
    LegacyTemplate.all.filter { template in entries.contains { $0.name == template.recipe } }
  }

  private func recipe(at file: URL) throws -> Recipe {
    if let overrides = try LegacyTemplate.overrides(in: file) {
      guard let template = LegacyTemplate.template(for: overrides.id) else {
        throw ConfigurationError.unknownName(
          overrides.id,
          kind: "template",
          known: templates.map(\.id)
        )
      }
      return try recipe(of: template).applying(overrides.values)
    }
    return try Recipe(contentsOf: file, among: entries)
  }

  private func recipe(of template: LegacyTemplate) throws -> Recipe {
    guard let entry = entries.last(where: { $0.name == template.recipe }) else {
      throw ConfigurationError.invalid(
        "the template \(template.id) needs the model \(template.recipe), "
          + "which this version does not have yet"
      )
    }
    return entry.recipe
  }
}

extension Recipe {
  /// Reads a recipe file.
  ///
  /// - Parameters:
  ///   - file: YAML, JSON or XML. It stands on the recipe that its key `base` names, else on that of
  ///     its model, and says what differs.
  ///   - name: The recipe's name where the file gives none; `nil`: the file's.
  ///   - entries: The recipes it may stand on.
  /// - Throws: ``ConfigurationError`` with file and line.
  public init(
    contentsOf file: URL,
    name: String? = nil,
    among entries: [RecipeEntry] = RecipeLibrary.builtIn.entries
  ) throws {
    let name = name ?? file.deletingPathExtension().lastPathComponent
    try self.init(
      yaml: RecipeFile.text(of: file),
      source: file.relativePath,
      name: name,
      among: entries
    )
  }

  /// The recipes of a file of a library: one, or where it lists `models`, one for each of them,
  /// called after it, below the folder of `name`.
  static func all(in file: URL, name: String, among entries: [RecipeEntry]) throws -> [Recipe] {
    try all(yaml: RecipeFile.text(of: file), source: file.relativePath, name: name, among: entries)
  }

  /// As ``all(in:name:among:)``, of a file's text.
  static func all(
    yaml: String,
    source: String,
    name: String,
    among entries: [RecipeEntry]
  ) throws -> [Recipe] {
    let mapping = try parseYAML(yaml, source: source)?.mapping
    guard let mapping, let models = mapping["models"]?.sequence else {
      return [try Recipe(yaml: yaml, source: source, name: name, among: entries)]
    }
    guard let task = mapping["task"]?.string.flatMap(TaskType.init(rawValue:)) else {
      throw ConfigurationError.invalid("\(source): a recipe for several `models` needs a `task`")
    }
    let entry = RecipeOverride(text: yaml, source: source, ignoredKeys: ["models"])
    let folder = name.lastIndex(of: "/").map { String(name[...$0]) } ?? ""
    // Read once: only names differ.
    let common = try Recipe(name: "", task: task, model: ModelOptions("")).applying([entry])
    return models.compactMap(\.string).map { model in
      var recipe = common
      recipe.name = folder + model
      recipe.model.name = model
      return recipe
    }
  }

  /// The backbone that a file names under `backbone` or `name`, or as a recipe does.
  ///
  /// - Throws: ``ConfigurationError`` for a file that names none.
  public static func backboneName(in file: URL) throws -> String {
    let root = try parseYAML(RecipeFile.text(of: file), source: file.relativePath)?.mapping
    let nested = root?["model"]?.mapping?["backbone"] ?? root?["backbone"]?.mapping?["name"]
    guard let name = (nested ?? root?["backbone"] ?? root?["name"])?.string else {
      throw ConfigurationError.invalid(
        "\(file.relativePath): names no backbone; write `backbone: NAME`"
      )
    }
    return name
  }

  /// Reads the text of a recipe file.
  ///
  /// - Parameters:
  ///   - yaml: The text.
  ///   - source: Its file, for messages.
  ///   - name: The recipe's name where the text gives none.
  ///   - entries: The recipes it may stand on.
  /// - Throws: ``ConfigurationError`` with source and line.
  public init(
    yaml: String,
    source: String,
    name: String = "recipe",
    among entries: [RecipeEntry] = RecipeLibrary.builtIn.entries
  ) throws {
    guard let root = try parseYAML(yaml, source: source), let mapping = root.mapping else {
      throw ConfigurationError.invalid("\(source): empty; a recipe needs at least `model: NAME`")
    }
    if let models = mapping["models"]?.sequence {
      let names = models.compactMap(\.string).joined(separator: ", ")
      throw ConfigurationError.invalid(
        "\(source): holds recipes for several models; name one of them: \(names)"
      )
    }
    let model = mapping["model"]?.mapping?["name"]?.string ?? mapping["model"]?.string
    // Several tasks may have a model of this name; the first one's where none is named.
    let task =
      mapping["task"]?.string
      ?? entries.first { $0.recipe.model.name == model }?
      .recipe.task.rawValue
    let isSame: (RecipeEntry) -> Bool = {
      $0.recipe.model.name == model && $0.recipe.task.rawValue == task
    }
    var start: Recipe
    if let base = mapping["base"]?.string {
      guard let entry = entries.last(where: { $0.name == base }) else {
        let position = mapping["base"]?.mark.map { ":\($0.line)" } ?? ""
        throw ConfigurationError.invalid(
          "\(source)\(position): \(ConfigurationError.unknownName(base, kind: "recipe", known: entries.map(\.name)))"
        )
      }
      start = entry.recipe
    } else if let entry = entries.last(where: isSame) {
      start = entry.recipe
    } else if let task, let model {
      start = Recipe(
        name: name,
        task: TaskType(rawValue: task) ?? .detection,
        model: ModelOptions(model)
      )
    } else {
      throw ConfigurationError.invalid(
        "\(source): a recipe needs `model: NAME` (of \(entries.map(\.name).joined(separator: ", "))), "
          + "`base: RECIPE`, or both `task` and `model`"
      )
    }
    start.name = name
    let entry = RecipeOverride(text: yaml, source: source, ignoredKeys: ["base"])
    self = try start.applying([entry])
  }

  /// This recipe with what a user wrote laid over it.
  ///
  /// - Parameter overrides: Later ones win.
  /// - Returns: The changed recipe.
  /// - Throws: ``ConfigurationError``: unknown keys and wrong values, with the nearest key.
  public func applying(_ overrides: [RecipeOverride]) throws -> Recipe {
    let plain = Recipe(name: name, task: task, model: model)
    let written = self == plain ? Recipe.plainTree(plain) : nil
    var changed =
      try written.map { try overlay(overrides, on: self, written: $0) }
      ?? overlay(overrides, on: self)
    try changed.checkLimits(overrides)
    try changed.settleStages(overrides)
    return changed
  }

  /// A recipe at its defaults as a tree; most recipes start from one, and writing it takes longer
  /// than all else.
  private static func plainTree(_ recipe: Recipe) -> Node? {
    guard var tree = plain?.mapping else { return nil }
    tree["name"] = Node(recipe.name)
    tree["task"] = Node(recipe.task.rawValue)
    tree["model"] = [
      "name": Node(recipe.model.name), "backbone": Node(recipe.model.backbone),
    ]
    return .mapping(tree)
  }

  // Never changed; `Node` is a value that has not been declared `Sendable`.
  nonisolated(unsafe) private static let plain: Node? = {
    let recipe = Recipe(name: "", task: .detection, model: ModelOptions(""))
    return try? Yams.compose(yaml: YAMLEncoder().encode(recipe))
  }()
}
