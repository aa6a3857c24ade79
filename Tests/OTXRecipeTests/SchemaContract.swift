import Foundation
import OTXCore
import Testing
import Yams

@testable import OTXRecipe

/// The schema that `otx recipe schema` prints knows every key, and every recipe there is obeys it.
@Suite struct SchemaContract {
  private static func schema() throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(RecipeSchema.json().utf8)) as? [String: Any]
    )
  }

  @Test func everyKeyIsExplained() {
    let keys = Recipe(name: "", task: .detection, model: ModelOptions("")).keys
    #expect(keys.count > 80)
    for key in keys { #expect(!key.meaning.isEmpty, "\(key.path) needs a doc comment") }
    let rate = keys.first { $0.path == "gradientClip" }
    #expect(rate?.meaning.hasPrefix("Longest allowed gradient norm") == true)
    #expect(rate?.value == "0.0")
  }

  @Test func everyRecipeObeysIt() throws {
    let schema = try SchemaContract.schema()
    for text in BuiltInRecipes.texts {
      let value = try #require(try Yams.load(yaml: text.text))
      #expect(Validator.problems(value, schema, text.name) == [])
    }
    for entry in RecipeLibrary.builtIn.entries {
      let value = try #require(try Yams.load(yaml: entry.recipe.yaml()))
      #expect(Validator.problems(value, schema, entry.name) == [])
    }
    var staged = try RecipeLibrary.builtIn.recipe("resnet18")
    staged.stages = [
      RecipeStage("one", changes: try RecipeChanges(yaml: "{maxEpochs: 2}")),
      RecipeStage("export", type: .export),
    ]
    #expect(Validator.problems(try #require(try Yams.load(yaml: staged.yaml())), schema, "") == [])
  }

  @Test(arguments: [
    "model: resnet18\nmaxEpoch: 3", "model: resnet18\nmaxEpochs: many",
    "model: resnet18\nprecision: fp8", "model: resnet18\noptimizer: {lerningRate: 1}",
    "model: resnet18\nstages: [{maxEpoch: 3}]", "model: resnet18\nstages: [trian]",
    "model: resnet18\naugmentations: [horizontalFlop]",
  ])
  func itRefusesWhatARecipeCannotSay(text: String) throws {
    let value = try #require(try Yams.load(yaml: text))
    #expect(Validator.problems(value, try SchemaContract.schema(), "") != [])
  }
}

/// The part of JSON Schema that the schema uses.
private enum Validator {
  static func problems(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
    var found: [String] = []
    if let type = schema["type"] {
      let types = (type as? [String]) ?? [type as? String ?? ""]
      if !types.contains(where: { isA($0, value) }) { return ["\(path): \(value) is no \(types)"] }
    }
    if let options = schema["anyOf"] as? [[String: Any]] {
      let tried = options.map { problems(value, $0, path) }
      if !tried.contains([]) { found += tried.last ?? [] }
    }
    if let constant = schema["const"] as? String, value as? String != constant {
      found.append("\(path): \(value) is not \(constant)")
    }
    if let words = schema["enum"] as? [Any] {
      let isThere = words.contains {
        "\($0)" == "\(value)" || ($0 as? Bool) == (value as? Bool) && value is Bool
      }
      if !isThere { found.append("\(path): \(value) is none of \(words)") }
    }
    if let object = value as? [String: Any] {
      let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
      for (key, child) in object {
        if let inner = properties[key] {
          found += problems(child, inner, "\(path).\(key)")
        } else if schema["additionalProperties"] as? Bool == false {
          found.append("\(path): unknown key \(key)")
        }
      }
    }
    if let list = value as? [Any], let items = schema["items"] as? [String: Any] {
      for (index, element) in list.enumerated() {
        found += problems(element, items, "\(path)[\(index)]")
      }
    }
    return found
  }

  private static func isA(_ type: String, _ value: Any) -> Bool {
    switch type {
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "string": value is String
    case "boolean": value is Bool
    case "integer": value is Int
    case "number": value is Int || value is Double
    default: false
    }
  }
}
