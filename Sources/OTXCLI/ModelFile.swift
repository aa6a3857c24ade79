import Foundation
import OTXCore
import OTXRecipe

/// A model that users name: one of the zoo, a TorchScript file, or a file that `otx build` wrote.
enum ModelFile {
  /// What `--model` says.
  struct Choice: Equatable {
    var name: String
    /// `nil`: the model's own.
    var backbone: String?
    /// The task of the file that names the model.
    var task: TaskType?

    /// The backbone as a value of a recipe; to stand before what the user gives beside it.
    var overrides: [RecipeOverride] {
      backbone.map { [RecipeOverride(key: "model.backbone", value: $0, source: "--model")] } ?? []
    }
  }

  /// What `reference` means: a recipe's file, a model, or a recipe of the workspace by its name
  /// (`resnet18_model`), of which model and backbone count.
  ///
  /// - Throws: ``ConfigurationError`` for a file that is no recipe.
  static func choice(_ reference: String, _ registry: Registry) throws -> Choice {
    let file = URL(filePath: reference)
    let exists = FileManager.default.fileExists(atPath: file.path)
    if RecipeFile.isNamed(file), exists {
      return Choice(try Recipe(contentsOf: file, among: registry.library.entries))
    }
    let isModel = registry.models.contains { $0.name == reference }
    if !ModelOptions(reference).isFile, !isModel, let own = own(reference, registry.library) {
      return Choice(own.recipe)
    }
    if RecipeFile.isNamed(file) {
      throw ConfigurationError.invalid("\(reference): there is no such file of a model")
    }
    return Choice(name: reference)
  }

  /// The recipe of the workspace that is called `reference`, or whose file is.
  private static func own(_ reference: String, _ library: RecipeLibrary) -> RecipeEntry? {
    library.entries.last {
      $0.file != nil && ($0.name == reference || $0.file?.lastPathComponent == reference)
    }
  }
}

extension ModelFile.Choice {
  fileprivate init(_ recipe: Recipe) {
    name = recipe.model.name
    backbone = recipe.model.backbone == "auto" ? nil : recipe.model.backbone
    task = recipe.task
  }
}
