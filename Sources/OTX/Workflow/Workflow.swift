public import Foundation
public import OTXCore
import OTXData
public import OTXRecipe

/// Does the stages of a recipe in a row, each with the weights that the one before it left.
///
/// A run of stages has a folder as any run does, with a folder in it for each stage (`1-warm_up`,
/// `2-fine_tune`), which is a run of its own. When all are done, the weights and the report of the
/// last training stand at the top. A run that stopped, in a stage or between two, goes on with
/// ``init(resuming:data:library:registry:weights:)``.
///
/// ```swift
/// let recipe = try Recipe(contentsOf: URL(filePath: "two_stages.yaml"))
/// let workflow = try Workflow(
///   data: .root(URL(filePath: "BCCD"), format: nil),
///   recipe: RecipeRequest(recipe: recipe)
/// )
/// let run = try await workflow.run()
/// ```
public struct Workflow: Sendable {
  /// The recipe with its stages, as the user gave it; what is open is decided stage by stage.
  public let recipe: Recipe
  let overrides: [RecipeOverride]
  let recipeIsOurs: Bool
  let location: DataLocation
  let memoryLimit: Int
  let workspace: Workspace
  let library: RecipeLibrary
  let registry: EngineRegistry
  let weights: WeightSource
  /// The run to go on with.
  let stopped: URL?

  /// A new run.
  ///
  /// - Parameters:
  ///   - data: What all stages work on.
  ///   - request: A recipe with stages, and what the user changed in it.
  ///   - memoryLimit: Bytes that training may take; 0: what the machine has.
  ///   - workspace: Where runs are written.
  ///   - library: The recipes there are.
  ///   - registry: The backends there are.
  ///   - weights: Where weights to start from come from.
  /// - Throws: ``ConfigurationError`` for a recipe without stages, for a stage of a type that cannot
  ///   be done, and for a row in which a stage has no weights to work with.
  public init(
    data: DataLocation,
    recipe request: RecipeRequest,
    memoryLimit: Int = 0,
    workspace: Workspace = Workspace(),
    library: RecipeLibrary = .builtIn,
    registry: EngineRegistry = .standard,
    weights: WeightSource = WeightSource()
  ) throws {
    guard let start = request.recipe else {
      throw ConfigurationError.invalid("a row of stages needs a recipe that has some")
    }
    try self.init(
      recipe: try start.applying(request.overrides),
      overrides: request.overrides,
      recipeIsOurs: request.recipeIsOurs,
      location: data,
      memoryLimit: memoryLimit,
      workspace: workspace,
      library: library,
      registry: registry,
      weights: weights,
      stopped: nil
    )
  }

  /// A run that stopped before its end.
  ///
  /// - Parameters:
  ///   - run: Its folder.
  ///   - data: Where its data is now; `nil` for where it was.
  ///   - library: The recipes that its recipe may stand on.
  ///   - registry: The backends there are.
  ///   - weights: Where weights to start from come from.
  /// - Throws: ``ConfigurationError`` for a folder that is no run of stages, or a run that is
  ///   finished.
  public init(
    resuming run: URL,
    data: DataLocation? = nil,
    library: RecipeLibrary = .builtIn,
    registry: EngineRegistry = .standard,
    weights: WeightSource = WeightSource()
  ) throws {
    let root = run.resolvingSymlinksInPath()
    guard Workflow.isRun(root), let record = try? RunRecord(in: root) else {
      throw ConfigurationError.invalid("\(root.relativePath) is not the folder of a run of stages")
    }
    if let reason = record.stopReason {
      throw ConfigurationError.invalid(
        "\(root.relativePath) is finished (\(reason)). To train a stage further, name its folder"
      )
    }
    guard let location = data ?? record.location else {
      throw ConfigurationError.invalid(
        "the data of \(root.relativePath) is no longer where it was (\(record.root ?? "files of its own")); say where it is now, for example --data-root FOLDER"
      )
    }
    let file = root.appending(path: "recipe.yaml")
    let recipe = try Recipe(
      yaml: try String(contentsOf: file, encoding: .utf8),
      source: file.relativePath,
      name: root.lastPathComponent,
      among: library.entries
    )
    try self.init(
      recipe: recipe,
      overrides: [],
      recipeIsOurs: false,
      location: location,
      memoryLimit: record.memoryLimit ?? 0,
      workspace: Workspace(root: root.deletingLastPathComponent()),
      library: library,
      registry: registry,
      weights: weights,
      stopped: root
    )
  }

  private init(
    recipe: Recipe,
    overrides: [RecipeOverride],
    recipeIsOurs: Bool,
    location: DataLocation,
    memoryLimit: Int,
    workspace: Workspace,
    library: RecipeLibrary,
    registry: EngineRegistry,
    weights: WeightSource,
    stopped: URL?
  ) throws {
    self.recipe = recipe
    self.overrides = overrides
    self.recipeIsOurs = recipeIsOurs
    self.location = location
    self.memoryLimit = memoryLimit
    self.workspace = workspace
    self.library = library
    self.registry = registry
    self.weights = weights
    self.stopped = stopped
    try Workflow.check(recipe)
  }

  /// Whether a folder is that of a run of stages.
  public static func isRun(_ folder: URL) -> Bool {
    (try? RunRecord(in: folder.resolvingSymlinksInPath()))?.stages != nil
  }

  /// Refuses before anything begins what would end the row in its middle.
  private static func check(_ recipe: Recipe) throws {
    guard !recipe.stages.isEmpty else {
      throw ConfigurationError.invalid("\(recipe.name) has no stages")
    }
    var hasWeights = false
    for stage in recipe.stages {
      switch stage.type {
      case .train: hasWeights = true
      case .evaluate, .export:
        guard hasWeights else {
          throw ConfigurationError.invalid(
            "stage '\(stage.name)': \(stage.type.rawValue) needs the weights of a stage that trains before it"
          )
        }
      case .hpo, .analyze, .infer:
        throw ConfigurationError.invalid(
          "stage '\(stage.name)': a stage of the type \(stage.type.rawValue) cannot be one of a row yet; there are: train, evaluate, export"
        )
      }
      guard stage.name.wholeMatch(of: /[\p{L}\p{N}_. -]{1,100}/) != nil,
        !stage.name.hasPrefix(".")
      else {
        throw ConfigurationError.invalid(
          "stage '\(stage.name)' cannot be the name of a folder; take letters, digits, '_' and '-'"
        )
      }
      _ = try recipe.recipe(of: stage)
    }
    guard hasWeights else {
      throw ConfigurationError.invalid("\(recipe.name) has no stage that trains")
    }
  }

  /// The folder of each stage in the run's, in order.
  var folderNames: [String] {
    recipe.stages.enumerated().map { "\($0.offset + 1)-\($0.element.name)" }
  }
}
