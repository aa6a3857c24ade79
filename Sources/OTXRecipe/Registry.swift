public import OTXCore

/// What there is to build from.
///
/// A value: made from lists, changed by making another.
public struct Registry: Sendable {
  /// Every model, in the order of `otx find`.
  public let models: [ModelDescriptor]
  public let library: RecipeLibrary

  /// - Parameters:
  ///   - models: Descriptors of the model zoo.
  ///   - library: Recipes, ours and those of a workspace.
  public init(models: [ModelDescriptor], library: RecipeLibrary) {
    (self.models, self.library) = (models, library)
  }

  /// Tasks with at least one model.
  public func tasks() -> [TaskType] {
    TaskType.allCases.filter { task in models.contains { $0.task == task } }
  }

  /// Recipes of `task` whose model there is, ours first.
  public func recipes(for task: TaskType) -> [RecipeEntry] {
    library.entries.filter { entry in
      entry.recipe.task == task && models.contains { $0.name == entry.recipe.model.name }
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

  /// The model called `name`.
  ///
  /// - Throws: ``ModelError/unknownModel(_:known:)`` with the nearest name.
  public func model(named name: String) throws -> ModelDescriptor {
    guard let model = models.first(where: { $0.name == name }) else {
      throw ModelError.unknownModel(name, known: models.map(\.name))
    }
    return model
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

  /// `recipe` with its model exchanged.
  ///
  /// - Parameters:
  ///   - recipe: The recipe to start from.
  ///   - name: A model of the same task.
  /// - Returns: The new recipe, called after its model.
  /// - Throws: ``ModelError/unknownModel(_:known:)``, with the models of the recipe's task.
  public func buildRecipe(_ recipe: Recipe, model name: String) throws -> Recipe {
    let models = registry.models(for: recipe)
    guard models.contains(where: { $0.name == name }) else {
      throw ModelError.unknownModel(name, known: models.map(\.name))
    }
    var result = recipe
    result.name = "\(name)_recipe"
    result.model = ModelOptions(name)
    return result
  }
}
