public import OTXCore

/// What there is to build from.
///
/// A value: made from lists, changed by making another.
public struct Registry: Sendable {
  /// Every model, in the order of `otx find`.
  public let models: [ModelDescriptor]
  /// What is known of each backbone.
  public let backbones: [BackboneDescriptor]
  public let library: RecipeLibrary

  /// - Parameters:
  ///   - models: Descriptors of the model zoo.
  ///   - backbones: Those of its backbones.
  ///   - library: Recipes, ours and those of a workspace.
  public init(
    models: [ModelDescriptor],
    backbones: [BackboneDescriptor] = [],
    library: RecipeLibrary
  ) {
    (self.models, self.backbones, self.library) = (models, backbones, library)
  }

  /// The registry with the recipes that the workspace has now; a look at its folder where it has not
  /// changed.
  public func refreshed() -> Registry {
    Registry(models: models, backbones: backbones, library: library.refreshed())
  }

  /// Tasks with at least one model.
  public func tasks() -> [TaskType] {
    TaskType.allCases.filter { task in models.contains { $0.task == task } }
  }

  /// Recipes of `task` whose model there is, ours first.
  public func recipes(for task: TaskType) -> [RecipeEntry] {
    library.entries.filter { entry in
      entry.recipe.task == task
        && models.model(named: entry.recipe.model.name, task: task) != nil
    }
  }

  /// Models of a task.
  public func models(for task: TaskType) -> [ModelDescriptor] {
    models.filter { $0.task == task }
  }

  /// Models that `recipe` could train, its own first.
  public func models(for recipe: Recipe) -> [ModelDescriptor] {
    let fitting = models(for: recipe.task)
    return fitting.filter { $0.name == recipe.model.name }
      + fitting.filter { $0.name != recipe.model.name }
  }

  /// The model called `name`; of several tasks' the one of `task`, or the first that ``models`` lists.
  ///
  /// - Throws: ``ModelError/unknownModel(_:known:)`` with the nearest name.
  public func model(named name: String, task: TaskType? = nil) throws -> ModelDescriptor {
    guard let model = models.model(named: name, task: task) else {
      throw ModelError.unknownModel(name, known: models.names(of: task))
    }
    return model
  }

  /// The models that `word` may mean: the one of that name, else all that begin with it, as `atss`
  /// does `atss_mobilenetv2`; of several tasks' of one name those of `task`, or the first.
  ///
  /// - Throws: ``ModelError/unknownModel(_:known:)`` with the nearest name.
  public func models(called word: String, task: TaskType? = nil) throws -> [ModelDescriptor] {
    if let model = models.model(named: word, task: task) { return [model] }
    let names = models.names(of: task)
    let family = names.filter { $0.hasPrefix(word + "_") }
      .compactMap { models.model(named: $0, task: task) }
    guard family.isEmpty else { return family }
    // A slip in the word that a family begins with.
    let families = names.map { String($0.prefix { $0 != "_" }) }
    if Suggestion.nearest(to: word, among: names) == nil,
      let meant = Suggestion.nearest(to: word, among: families),
      let index = families.firstIndex(of: meant)
    {
      throw ConfigurationError.invalid("unknown model '\(word)', did you mean '\(names[index])'?")
    }
    return [try model(named: word, task: task)]
  }

  /// The model that `word` means.
  ///
  /// - Throws: ``ModelError/unknownModel(_:known:)``; ``ConfigurationError/ambiguous(_:choices:)``
  ///   where several begin with it.
  public func model(called word: String, task: TaskType? = nil) throws -> ModelDescriptor {
    let found = try models(called: word, task: task)
    guard found.count == 1 else {
      throw ConfigurationError.ambiguous(
        "Several models begin with '\(word)'.",
        choices: found.map(\.name)
      )
    }
    return found[0]
  }

  /// The recipe that users call `reference`: one of the library, or a pairing.
  ///
  /// - Returns: The recipe, and whether its values are ours rather than those of a user's file.
  /// - Parameters:
  ///   - reference: Several tasks may have a recipe of this name.
  ///   - task: Which of them is meant; `nil`: the first.
  /// - Throws: As ``RecipeLibrary/recipe(_:)`` and ``pairing(called:)``.
  public func recipe(
    called reference: String,
    task: TaskType? = nil
  ) throws -> (recipe: Recipe, isOurs: Bool) {
    if !library.exists(reference), let recipe = try pairing(called: reference) {
      return (recipe, true)
    }
    return (try library.recipe(reference, task: task), library.isOurs(reference))
  }

  /// The recipe of a model with another backbone, by both names: `resnet18_atss`.
  ///
  /// - Parameter name: A backbone's name, `_` and a model's, or how the model's begins; `.yaml` after
  ///   it changes nothing.
  /// - Returns: `nil` for what is no such name.
  /// - Throws: ``ConfigurationError/ambiguous(_:choices:)`` where several models are meant.
  public func pairing(called name: String) throws -> Recipe? {
    let word = name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name
    guard !library.names(word) else { return nil }
    let pairs = Set(models.flatMap(\.backbones)).filter { word.hasPrefix($0 + "_") }
      .sorted { $0.count > $1.count }
    for backbone in pairs {
      let rest = word.dropFirst(backbone.count + 1)
      guard !rest.isEmpty,
        models.contains(where: { $0.name == rest || $0.name.hasPrefix(rest + "_") })
      else { continue }
      let found = try models(called: String(rest)).filter { $0.backbones.contains(backbone) }
      guard let model = found.first else { continue }
      guard found.count == 1 else {
        throw ConfigurationError.ambiguous(
          "'\(word)' means several models.",
          choices: found.map { "\(backbone)_\($0.name)" }
        )
      }
      var recipe = try Builder(registry: self).buildModel(model.name, backbone: backbone)
      recipe.name = word
      return recipe
    }
    return nil
  }

  /// Templates of earlier versions whose model there is; of one task where it is given.
  public func templates(for task: TaskType?) -> [LegacyTemplate] {
    library.templates.filter { template in
      (task == nil || template.task == task)
        && recipes(for: template.task).contains { $0.name == template.recipe }
    }
  }

  /// Backbones that fit `model`, its own first.
  public func backbones(for model: ModelDescriptor) -> [String] { model.backbones }
}

/// Makes new recipes out of what the registry lists.
public struct Builder: Sendable {
  let registry: Registry
  public init(registry: Registry) { self.registry = registry }

  /// The best recipe for data.
  ///
  /// - Returns: The recipe, and the reason for each choice.
  /// - Throws: ``ConfigurationError`` where the data allows no choice.
  public func buildRecipe(
    for profile: DatasetProfile
  ) throws -> (recipe: Recipe, decisions: [Decision]) {
    try AutoConfigurator(models: registry.models, library: registry.library)
      .configure(profile: profile)
  }

  /// The recipe of a model with its backbone exchanged.
  ///
  /// - Parameters:
  ///   - name: A model.
  ///   - backbone: One that fits it.
  /// - Returns: The recipe, called after the backbone: `resnet18_model`.
  /// - Throws: ``ModelError/unknownModel(_:known:)``; ``ConfigurationError/unknownName(_:kind:known:)``
  ///   with the backbones that fit.
  public func buildModel(_ name: String, backbone: String) throws -> Recipe {
    let model = try registry.model(called: name)
    guard model.backbones.contains(backbone) else {
      let exists = registry.backbones.contains { $0.name == backbone }
      guard exists else {
        throw ConfigurationError.unknownName(
          backbone,
          kind: "backbone of \(model.name)",
          known: model.backbones
        )
      }
      throw ConfigurationError.invalid(
        "the backbone \(backbone) does not fit \(model.name): it has not the levels of features that "
          + "the model takes; these do: \(model.backbones.joined(separator: ", "))"
      )
    }
    let own = registry.library.ownRecipe(ofModel: model.name, task: model.task)
    var recipe = own ?? Recipe(name: "", task: model.task, model: ModelOptions(model.name))
    recipe.name = "\(backbone)_model"
    recipe.model = ModelOptions(model.name, backbone: backbone)
    return recipe
  }

  /// `recipe` with its model exchanged.
  ///
  /// - Parameters:
  ///   - recipe: The recipe to start from.
  ///   - name: A model of the same task, or a TorchScript file.
  /// - Returns: The new recipe, called after its model.
  /// - Throws: ``ModelError/unknownModel(_:known:)``, with the models of the recipe's task.
  public func buildRecipe(_ recipe: Recipe, model name: String) throws -> Recipe {
    let models = registry.models(for: recipe)
    guard ModelOptions(name).isFile || models.contains(where: { $0.name == name }) else {
      throw ModelError.unknownModel(name, known: models.map(\.name))
    }
    var result = recipe
    result.name = ModelOptions(name).isFile ? ModelDescriptor.torchScriptName : "\(name)_recipe"
    result.model = ModelOptions(name)
    return result
  }
}
