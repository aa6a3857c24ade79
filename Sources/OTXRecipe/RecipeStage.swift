import OTXCore
import Yams

/// What one stage of a recipe does.
public enum StageType: String, Codable, CaseIterable, Sendable {
  /// Trains, from the weights of the stage before it.
  case train
  /// Searches hyper-parameters; the stages after it train with the best ones.
  case hpo
  /// Looks at the data and fills in what the recipe leaves open.
  case analyze
  /// Scores the weights of the stage before it.
  case evaluate
  /// Predicts with them.
  case infer
  /// Writes them as an OpenVINO model.
  case export
}

/// One of the jobs that a recipe does in a row: its name, its kind, and what it does differently.
///
/// ```yaml
/// stages:
///   - {name: warm_up, method: linear_probe}
///   - {name: fine_tune, optimizer: {learningRate: 0.001}}
///   - export
/// ```
///
/// Each stage takes the weights that the one before it left.
public struct RecipeStage: Sendable, Equatable {
  /// What it is called in logs and files; no two stages of a recipe have the same.
  public var name: String
  public var type: StageType
  /// What differs from the recipe: keys and values as in a recipe file.
  public var changes: RecipeChanges

  public init(_ name: String, type: StageType = .train, changes: RecipeChanges = RecipeChanges()) {
    (self.name, self.type, self.changes) = (name, type, changes)
  }

  /// Keys of the stage itself; all others are those of a recipe.
  static let ownKeys = ["name", "type"]
  /// Keys of a recipe that a stage cannot change.
  static let fixedKeys = ["task", "stages", "base", "models"]
}

extension RecipeStage: Codable {
  public init(from decoder: any Decoder) throws {
    if let word = try? decoder.singleValueContainer().decode(String.self) {
      type = try decoder.singleValueContainer().decode(StageType.self)
      name = word
      changes = RecipeChanges()
      return
    }
    let container = try decoder.container(keyedBy: TreeKey.self)
    let typeKey = TreeKey("type")
    type =
      try container.contains(typeKey) ? container.decode(StageType.self, forKey: typeKey) : .train
    let nameKey = TreeKey("name")
    name =
      try container.contains(nameKey)
      ? container.decode(String.self, forKey: nameKey) : type.rawValue
    let given = try SettingTree(from: decoder)
    changes = RecipeChanges(tree: given.removing(RecipeStage.ownKeys))
  }

  public func encode(to encoder: any Encoder) throws {
    let own = SettingTree.mapping([
      .init("name", .text(name)), .init("type", .text(type.rawValue)),
    ])
    try own.merging(changes.tree).encode(to: encoder)
  }
}

/// What differs from a recipe: some of its keys, with their values.
public struct RecipeChanges: Sendable, Equatable {
  var tree: SettingTree

  /// Nothing differs.
  public init() { tree = .mapping([]) }

  init(tree: SettingTree) { self.tree = tree }

  /// What a piece of YAML or JSON says: `{maxEpochs: 5, optimizer: {learningRate: 0.001}}`.
  ///
  /// - Throws: ``ConfigurationError`` for a text that is no mapping. Keys are checked where the
  ///   changes are laid over a recipe.
  public init(yaml: String) throws {
    let source = "changes of a recipe"
    guard let node = try parseYAML(yaml, source: source) else {
      self.init()
      return
    }
    guard node.mapping != nil else {
      throw ConfigurationError.invalid("\(source): '\(yaml)' has no keys and values")
    }
    self.init(tree: SettingTree(node))
  }

  /// Whether nothing differs.
  public var isEmpty: Bool { tree == .mapping([]) }

  /// Paths of the values it gives: `optimizer.learningRate`.
  public var keys: [String] { tree.paths.map { $0.joined(separator: ".") } }

  /// These changes as they are laid over a recipe.
  package func override(source: String) -> RecipeOverride {
    RecipeOverride(text: tree.flowText, source: source, hasLines: false)
  }

  /// These changes without what later ones say.
  mutating func remove(_ keys: Set<String>) {
    for key in keys { tree = tree.removing(path: key.split(separator: ".").map(String.init)[...]) }
  }
}

extension Recipe {
  /// What `stage` of this recipe does: this recipe, with what differs laid over it.
  ///
  /// - Returns: A recipe without stages.
  /// - Throws: ``ConfigurationError`` for a key there is none of, or a value that it cannot have.
  public func recipe(of stage: RecipeStage) throws -> Recipe {
    var start = self
    start.stages = []
    guard !stage.changes.isEmpty else { return start }
    return try start.applying([stage.changes.override(source: "stage '\(stage.name)'")])
  }

  /// Gives what was laid over the recipe last the last word in its stages, too, and checks them.
  ///
  /// - Throws: ``ConfigurationError`` with the line of a key or a value that is wrong.
  mutating func settleStages(_ overrides: [RecipeOverride]) throws {
    guard !stages.isEmpty else { return }
    let writer = overrides.lastIndex { (try? $0.keyNode("stages")) != nil }
    let later = overrides[(writer.map { $0 + 1 } ?? 0)...]
    let keys = try later.reduce(into: Set<String>()) { try $0.formUnion($1.keys()) }
    for index in stages.indices { stages[index].changes.remove(keys) }
    nameStages()
    var start = self
    start.stages = []
    for (index, stage) in stages.enumerated() where !stage.changes.isEmpty {
      let entry = writer.map { overrides[$0].stage(index) }
      let text = entry ?? stage.changes.override(source: "stage '\(stage.name)'")
      for key in RecipeStage.fixedKeys where try text.keyNode(key) != nil {
        throw ConfigurationError.invalid(
          "\(text.position(of: key)): \(key) is the whole recipe's; a stage cannot change it"
        )
      }
      _ = try start.applying([text])
    }
    let names = stages.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      let position = writer.map { overrides[$0].position(of: "stages") } ?? name
      throw ConfigurationError.invalid("\(position): two stages are called '\(twice)'")
    }
  }

  /// Numbers stages that were not named and are of one kind: `train`, `train2`.
  private mutating func nameStages() {
    var known: Set<String> = []
    for index in stages.indices {
      let type = stages[index].type.rawValue
      var number = 2
      while stages[index].name.hasPrefix(type), known.contains(stages[index].name) {
        stages[index].name = "\(type)\(number)"
        number += 1
      }
      known.insert(stages[index].name)
    }
  }
}
