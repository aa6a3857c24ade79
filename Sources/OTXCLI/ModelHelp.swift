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
    weights = CurrentWeights.publishedNames.filter(networks.contains)
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

  func text(width: Int?) -> String {
    let about = TextTable(columns: ["KEY", "VALUE"], rows: facts.map { [$0.key, $0.value] })
    let table = TextTable(
      columns: ["SETTING", "DEFAULT", "MEANING"],
      rows: settings.map { [$0.path, $0.value, $0.meaning] }
    )
    return about.rendered(width: width) + "\n\nSettings (--set KEY=VALUE):\n"
      + table.rendered(width: width) + "\n"
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
