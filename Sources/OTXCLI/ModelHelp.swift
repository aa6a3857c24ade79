import Foundation
import OTXCore
import OTXRecipe

/// What `otx train --model.help NAME` says: what a model is, what it takes, and every setting of its
/// recipe with its default and its meaning.
struct ModelHelp {
  private let model: ModelDescriptor
  private let recipe: Recipe
  private let weights: [String]

  /// - Throws: ``ModelError/unknownModel(_:known:)`` with the nearest name.
  init(named name: String, task: TaskType?, workspace: URL) throws {
    let library = RecipeLibrary(userDirectory: workspace)
    let registry = Registry(models: CurrentJobs.value.models, library: library)
    model = try registry.model(called: name, task: task)
    recipe = library.recipe(ofModel: model.name, task: model.task)
    let networks = [model.name] + model.backbones
    weights = CurrentWeights.publishedNames.filter(networks.contains).sorted { left, right in
      networks.firstIndex(of: left) ?? 0 < networks.firstIndex(of: right) ?? 0
    }
  }

  private var facts: [(key: String, value: String)] {
    [
      ("name", model.name), ("title", model.title), ("task", model.task.rawValue),
      ("recipe", recipe.name), ("backbones", model.backbones.joined(separator: ", ")),
      ("weights", weights.isEmpty ? "none are published" : weights.joined(separator: ", ")),
      ("input size", model.preprocessing.inputSize.description),
      ("size multiple", "\(model.sizeMultiple)"),
      ("any input size", model.hasDynamicSize ? "yes" : "fixed when training begins"),
      ("parameters", "\(model.parameterCount)"),
      ("multiply-adds (G)", "\(model.gigaMultiplyAdds)"),
    ]
  }

  private var settings: [Recipe.Key] {
    recipe.keys.filter { !["name", "task", "stages"].contains($0.path) }
  }

  /// Facts in a line each, then each setting with what it means below it.
  var text: String {
    let about = facts.map { "\($0.key): \($0.value)\n" }.joined()
    let lines = settings.map { key in
      let value = key.value.isEmpty ? "" : " = \(key.value)"
      return "  \(key.path)\(value)\n      \(key.meaning)\n"
    }
    return about + "\nsettings, each a key of a recipe and of --set:\n" + lines.joined()
  }

  var json: JSONText {
    let members = facts.map { ($0.key, JSONText.string($0.value)) }
    let items = settings.map { key in
      JSONText.object([
        "key": .string(key.path), "default": .string(key.value),
        "expected": .string(key.expected), "meaning": .string(key.meaning),
      ])
    }
    return .object(["model": .members(members), "settings": .array(items)])
  }
}
