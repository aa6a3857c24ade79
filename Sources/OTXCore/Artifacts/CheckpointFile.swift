public import Foundation

/// The weights of a network in a file: `weights.pth`.
///
/// A flat state dictionary that Python opens with `torch.load(path, weights_only=True)` and
/// `load_state_dict`. ``ModelInfo`` and the filled recipe are extra records of the same zip
/// archive, which PyTorch ignores. Files of plain PyTorch are read too: they have no `info`.
public struct CheckpointFile: Sendable, Equatable {
  public var state: StateDictionary
  /// What is needed to run the model; `nil` for a file that this program did not write.
  public var info: ModelInfo?
  /// The filled recipe, as YAML.
  public var recipe: String?
  /// What was decided for the user before training, and why.
  public var decisions: [Decision] = []
  /// The network where it is none of the zoo: TorchScript, weights as their shapes alone.
  public var script: Data?
  /// Where in a training checkpoint the weights stood: `state_dict`, `ema.module`; empty where the
  /// file is a state dictionary itself.
  package var place = ""

  private static let infoRecord = "otx/model_info.json"
  private static let recipeRecord = "otx/recipe.yaml"
  private static let scriptRecord = "otx/network.pt"
  private static let decisionsRecord = "otx/decisions.json"

  public init(
    state: StateDictionary,
    info: ModelInfo? = nil,
    recipe: String? = nil,
    decisions: [Decision] = [],
    script: Data? = nil
  ) {
    self.state = state
    self.decisions = decisions
    self.script = script
    self.info = info
    self.recipe = recipe
  }

  /// Reads a checkpoint: ours, `torch.save(model.state_dict(), …)` of any version since 0.1.10, a
  /// training checkpoint, or a `.safetensors` file.
  ///
  /// In a training checkpoint the weights are looked for at the usual places, averaged ones first:
  /// `ema_state_dict`, `state_dict_ema`, `model_ema`, `ema`, `params_ema`, `state_dict`,
  /// `model_state_dict`, `model`, `module`, `net`, `params`, `teacher` and the like; else the only
  /// dictionary of tensors in it is taken.
  ///
  /// A pickle can hold programs; nothing of it is ever executed, whatever the file says.
  ///
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a file that is missing,
  ///   damaged, of another kind, or written by a newer version of this program.
  public static func read(_ url: URL) throws -> CheckpointFile {
    if SafeTensorsFile.isOne(url) {
      return CheckpointFile(state: try SafeTensorsFile.read(url).state)
    }
    return try readingCheckpoint(url) {
      if let legacy = try LegacyTorchFile(url) {
        let (state, place) = try legacy.contents.stateDictionary()
        var file = CheckpointFile(state: state)
        file.place = place
        return file
      }
      let archive = try TorchArchive(url)
      let (state, place) = try archive.contents.stateDictionary()
      var file = CheckpointFile(
        state: state,
        info: try archive.record(infoRecord).map { try ModelInfo(json: $0) },
        recipe: try archive.record(recipeRecord).map { String(decoding: $0, as: UTF8.self) },
        decisions: try archive.record(decisionsRecord).flatMap(DecisionFile.decisions) ?? [],
        script: try archive.record(scriptRecord)
      )
      file.place = place
      return file
    }
  }

  /// What a checkpoint says about itself, without reading its weights: takes milliseconds.
  ///
  /// - Returns: `nil` for a file of weights that this program did not write.
  /// - Throws: As ``read(_:)``.
  public static func readInfo(_ url: URL) throws -> ModelInfo? {
    if SafeTensorsFile.isOne(url) {
      _ = try readingCheckpoint(url) { try SafeTensorsHeader(RandomAccessFile(url)) }
      return nil
    }
    return try readingCheckpoint(url) {
      if try LegacyTorchFile(url) != nil { return nil }
      return try TorchArchive.record(infoRecord, of: url).map { try ModelInfo(json: $0) }
    }
  }

  /// The filled recipe in a checkpoint, without reading its weights; `nil` where it has none.
  ///
  /// - Throws: As ``read(_:)``.
  public static func readRecipe(_ url: URL) throws -> String? {
    if SafeTensorsFile.isOne(url) { return nil }
    return try readingCheckpoint(url) {
      if try LegacyTorchFile(url) != nil { return nil }
      return try TorchArchive.record(recipeRecord, of: url).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
  }

  /// What was decided before training, without reading the weights; empty where the file does not say.
  ///
  /// - Throws: As ``read(_:)``.
  public static func readDecisions(_ url: URL) throws -> [Decision] {
    if SafeTensorsFile.isOne(url) { return [] }
    return try readingCheckpoint(url) {
      if try LegacyTorchFile(url) != nil { return [] }
      return try TorchArchive.record(decisionsRecord, of: url).flatMap(DecisionFile.decisions) ?? []
    }
  }

  /// The network in a checkpoint, without reading its weights; `nil` where it is one of the zoo.
  ///
  /// - Throws: As ``read(_:)``.
  public static func readScript(_ url: URL) throws -> Data? {
    if SafeTensorsFile.isOne(url) { return nil }
    return try readingCheckpoint(url) { try TorchArchive.record(scriptRecord, of: url) }
  }

  /// Writes the checkpoint, replacing what is at `url` in one step.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``; the file that was there is untouched then.
  public func write(to url: URL) throws {
    var records = try CheckpointFile.records(info: info, recipe: recipe)
    if !decisions.isEmpty {
      records.append((CheckpointFile.decisionsRecord, try DecisionFile.data(decisions)))
    }
    if let script { records.append((CheckpointFile.scriptRecord, script)) }
    try TorchArchive.write(PickleValue(state), ordered: true, records: records, to: url)
  }

  /// What a file of ours says of its model, beside the weights.
  fileprivate static func records(
    info: ModelInfo?,
    recipe: String?
  ) throws -> [(name: String, contents: Data)] {
    var records: [(name: String, contents: Data)] = []
    if let info { records.append((infoRecord, try info.jsonData())) }
    if let recipe { records.append((recipeRecord, Data(recipe.utf8))) }
    return records
  }
}

/// A tree of values and tensors in a file: `last.pth`, from which training goes on.
///
/// Python opens it with `torch.load(path, weights_only=True)`.
public enum PickleFile {
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  public static func read(_ url: URL) throws -> PickleValue {
    try readingCheckpoint(url) {
      try LegacyTorchFile(url)?.contents.tree() ?? TorchArchive(url).contents.tree()
    }
  }

  /// An extra record of the archive, without reading the tree; `nil` where it has none.
  ///
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  public static func record(_ name: String, of url: URL) throws -> Data? {
    try readingCheckpoint(url) { try TorchArchive.record(name, of: url) }
  }

  /// Writes `value`, replacing what is at `url` in one step.
  ///
  /// - Parameters:
  ///   - value: The tree.
  ///   - info: What ``CheckpointFile/readInfo(_:)`` will say of the file.
  ///   - recipe: What ``CheckpointFile/readRecipe(_:)`` will.
  ///   - records: Extra records of the archive by name; PyTorch ignores them.
  ///   - url: The file.
  /// - Throws: ``FileError/cannotWrite(_:reason:)``; the file that was there is untouched then.
  public static func write(
    _ value: PickleValue,
    info: ModelInfo? = nil,
    recipe: String? = nil,
    records: [(name: String, contents: Data)] = [],
    to url: URL
  ) throws {
    let own = try CheckpointFile.records(info: info, recipe: recipe)
    try TorchArchive.write(value, ordered: false, records: own + records, to: url)
  }
}

/// Runs `body` and says of its errors which file they are about.
func readingCheckpoint<Result>(_ url: URL, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as FormatError {
    throw ModelError.unreadableCheckpoint(file: url.path, reason: error.reason)
  }
}
