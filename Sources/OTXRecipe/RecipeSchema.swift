import Foundation
import OTXCore

/// The JSON schema of recipe files, made of the recipe type itself.
public enum RecipeSchema {
  /// The schema as indented JSON (draft 2020-12).
  ///
  /// - Returns: One JSON object.
  /// - Throws: Whatever encoding throws.
  public static func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(schema()), as: UTF8.self)
  }

  private static func schema() throws -> Value {
    let example = Recipe(name: "", task: .detection, model: ModelOptions(""))
    var root = Section()
    for key in keyExpectations(of: example) { root.insert(key.path[...], try property(key)) }
    root.properties["base"] = .object([
      "type": .string("string"),
      "description": .string("the recipe this one stands on; otherwise that of its model"),
    ])
    root.properties["stages"] = stages(of: root)
    root.properties["models"] = .object([
      "type": .string("array"), "items": .object(["type": .string("string")]),
      "description": .string("several models of the task: a recipe for each, called after it"),
    ])
    guard case .object(var members) = root.value else { return root.value }
    members["$schema"] = .string("https://json-schema.org/draft/2020-12/schema")
    members["title"] = .string("Recipe of OTX for Swift")
    return .object(members)
  }

  /// Stages: what a recipe has, but for what is the whole recipe's.
  private static func stages(of recipe: Section) -> Value {
    let types = Value.object(["enum": .array(StageType.allCases.map { .string($0.rawValue) })])
    var stage = recipe
    for key in RecipeStage.fixedKeys {
      stage.properties[key] = nil
      stage.sections[key] = nil
    }
    stage.properties["type"] = types
    return .object([
      "type": .string("array"), "items": .object(["anyOf": .array([types, stage.value])]),
      "description": .string(expectationText(of: [RecipeStage].self) ?? ""),
    ])
  }

  private static func property(_ key: KeyExpectation) throws -> Value {
    var members: [String: Value] = [:]
    let words = [key.meaning, expectationText(of: key.type).map { "(\($0))" }].compactMap(\.self)
    if !words.isEmpty { members["description"] = .string(words.joined(separator: " ")) }
    // Names are whatever the recipe's writer calls it.
    if !["name", "task", "model.name"].contains(key.path.joined(separator: ".")) {
      members["default"] = Value(key.value)
    }
    if let setting = key.type as? any OpenSetting.Type {
      members["anyOf"] = .array([
        .object(["const": .string("auto")]), .object(try shape(of: setting.valueType)),
      ])
    } else {
      members.merge(try shape(of: key.type)) { old, _ in old }
    }
    return .object(members)
  }

  private static func shape(of type: any Decodable.Type) throws -> [String: Value] {
    if let choices = choices(of: type) {
      // `true` and `false` may stand without quotes.
      let words = choices.map(Value.string)
      let flags = choices.contains("true") ? [Value.bool(true), .bool(false)] : []
      return ["enum": .array(words + flags)]
    }
    return switch type {
    case is Bool.Type: ["type": .string("boolean")]
    case is Int.Type: ["type": .string("integer")]
    case is Double.Type, is Float.Type: ["type": .string("number")]
    case is String.Type, is TimeBudget.Type: ["type": .string("string")]
    case is [Float].Type:
      ["type": .string("array"), "items": .object(["type": .string("number")])]
    case is [String].Type:
      ["type": .string("array"), "items": .object(["type": .string("string")])]
    case is [Int].Type:
      ["type": .string("array"), "items": .object(["type": .string("integer")])]
    case is [OptimizerGroup].Type:
      [
        "type": .string("array"),
        "items": .object([
          "type": .string("object"), "additionalProperties": .bool(false),
          "required": .array([.string("parameters")]),
          "properties": .object([
            "parameters": .object(["type": .string("string")]),
            "learningRateScale": .object(["type": .string("number")]),
            "weightDecayScale": .object(["type": .string("number")]),
          ]),
        ]),
      ]
    case is SearchBudget.Type: ["type": .string("string")]
    case is SpaceOptions.Type: ["type": .array([.string("string"), .string("object")])]
    case is ImageSize.Type, is CacheLimit.Type, is TileSize.Type:
      ["type": .array([.string("string"), .string("integer")])]
    case is [Augmentation].Type:
      [
        "type": .string("array"),
        "items": .object([
          "anyOf": .array([
            .object(["enum": .array(Augmentation.names.map(Value.string))]),
            .object([
              "type": .string("object"),
              "properties": .object(
                Dictionary(
                  uniqueKeysWithValues: try Augmentation.all.map {
                    ($0.name, try parameters(of: $0.step))
                  }
                )
              ),
              "additionalProperties": .bool(false),
              "minProperties": .integer(1),
              "maxProperties": .integer(1),
            ]),
          ])
        ]),
      ]
    default: [:]
    }
  }

  /// The parameters of one augmentation, with their limits and defaults.
  private static func parameters<Step: AugmentationStep>(of step: Step) throws -> Value {
    var properties: [String: Value] = [:]
    let text = try JSONEncoder().encode(step.augmentation)
    let defaults = try JSONDecoder().decode([String: [String: Value]].self, from: text)[Step.name]
    for parameter in Step.parameters {
      var members = shape(of: parameter.form)
      members["description"] = .string(parameter.summary)
      members["default"] = defaults?[parameter.key]
      properties[parameter.key] = .object(members)
    }
    return .object([
      "type": .string("object"), "properties": .object(properties),
      "additionalProperties": .bool(false),
    ])
  }

  private static func shape(of form: ParameterForm) -> [String: Value] {
    func number(_ bounds: ClosedRange<Float>) -> [String: Value] {
      [
        "type": .string("number"), "minimum": .number(bounds.lowerBound),
        "maximum": .number(bounds.upperBound),
      ]
    }
    func integer(_ bounds: ClosedRange<Int>) -> [String: Value] {
      [
        "type": .string("integer"), "minimum": .integer(bounds.lowerBound),
        "maximum": .integer(bounds.upperBound),
      ]
    }
    switch form {
    case .number(let bounds): return number(bounds)
    case .integer(let bounds): return integer(bounds)
    case .numbers(let bounds, let count):
      var members: [String: Value] = ["type": .string("array"), "items": .object(number(bounds))]
      if let count {
        members["minItems"] = .integer(count)
        members["maxItems"] = .integer(count)
      }
      return members
    case .flag: return ["type": .string("boolean")]
    case .choice(let words): return ["enum": .array(words.map(Value.string))]
    case .color:
      let level = Value.object(integer(0...255))
      let levels: [String: Value] = [
        "type": .string("array"), "items": level, "minItems": .integer(3), "maxItems": .integer(3),
      ]
      return ["anyOf": .array([level, .object(levels)])]
    }
  }

  /// An object of the schema while it is put together.
  private struct Section {
    var properties: [String: Value] = [:]
    var sections: [String: Section] = [:]

    mutating func insert(_ path: ArraySlice<String>, _ property: Value) {
      guard let first = path.first else { return }
      if path.count == 1 {
        properties[first] = property
      } else {
        sections[first, default: Section()].insert(path.dropFirst(), property)
      }
    }

    var value: Value {
      var all = properties
      for (name, section) in sections {
        // A scalar stands for the section's name: `schedule: cosine`.
        all[name] =
          section.properties["name"].map { .object(["anyOf": .array([section.value, $0])]) }
          ?? section.value
      }
      return .object([
        "type": .string("object"), "properties": .object(all),
        "additionalProperties": .bool(false),
      ])
    }
  }

  /// A value of JSON.
  private enum Value: Codable {
    case string(String)
    case bool(Bool)
    case integer(Int)
    case number(Float)
    case array([Value])
    case object([String: Value])

    init(_ tree: SettingTree) {
      self =
        switch tree {
        case .text(let text): .string(text)
        case .integer(let value): .integer(value)
        case .number(let value): .number(Float(value))
        case .flag(let value): .bool(value)
        case .list(let values): .array(values.map { Value($0) })
        case .mapping(let members):
          .object(
            Dictionary(
              members.map { ($0.key, Value($0.value)) },
              uniquingKeysWith: { first, _ in first }
            )
          )
        }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let value = try? container.decode(Bool.self) {
        self = .bool(value)
      } else if let value = try? container.decode(Int.self) {
        self = .integer(value)
      } else if let value = try? container.decode(Float.self) {
        self = .number(value)
      } else if let value = try? container.decode(String.self) {
        self = .string(value)
      } else if let value = try? container.decode([Value].self) {
        self = .array(value)
      } else {
        self = .object(try container.decode([String: Value].self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .string(let value): try container.encode(value)
      case .bool(let value): try container.encode(value)
      case .integer(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .array(let value): try container.encode(value)
      case .object(let value): try container.encode(value)
      }
    }
  }
}
