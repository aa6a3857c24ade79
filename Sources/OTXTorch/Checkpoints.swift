import Foundation
import OTXCore
import OTXNN
import OTXTensor

/// Moves weights between a network and its files.
enum Checkpoints {
  /// What `url` says of its model.
  ///
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a file of bare weights too:
  ///   nobody could say which network they belong to.
  static func info(of url: URL) throws -> ModelInfo {
    guard let info = try CheckpointFile.readInfo(url) else {
      throw ModelError.unreadableCheckpoint(
        file: url.path,
        reason: "holds weights, but not which model they belong to"
      )
    }
    return info
  }

  /// Loads every weight of `url` into `module`.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` when a weight is missing, left over or of another shape;
  ///   the module is unchanged then.
  static func load(_ url: URL, into module: any ParameterTree) throws {
    let state = try CheckpointFile.read(url).state
    do {
      try module.loadStateDictionary(tensors(of: state))
    } catch let error as StateDictionaryError {
      throw ModelError.mismatch("\(url.path): \(error.description)")
    }
  }

  /// Writes `weights.pth`.
  static func write(
    _ module: any ParameterTree,
    info: ModelInfo,
    recipe: String,
    to url: URL
  ) throws {
    try CheckpointFile(state: state(of: module), info: info, recipe: recipe).write(to: url)
  }

  /// Writes `last.pth`: everything that training needs to go on.
  ///
  /// Beside the weights of `module` that is the state of `optimizer`, the `averaged` weights where
  /// they are kept, and `counters`: whole numbers by name, as epoch and iteration.
  static func writeLast(
    _ module: any ParameterTree,
    optimizer: any Optimizer,
    averaged: WeightAverage?,
    counters: [String: Int],
    info: ModelInfo,
    recipe: String,
    to url: URL
  ) throws {
    var entries: [PickleValue.Entry] = [
      .init(key: "format_version", value: .int(ModelInfo.currentFormatVersion)),
      .init(key: "state_dict", value: PickleValue(try state(of: module))),
      .init(key: "optimizer", value: PickleValue(try dictionary(optimizer.state()))),
      .init(
        key: "model_info",
        value: .string(String(decoding: try info.jsonData(), as: UTF8.self))
      ),
      .init(key: "recipe", value: .string(recipe)),
    ]
    if let averaged {
      entries.append(
        .init(key: "averaged", value: PickleValue(try dictionary(averaged.stateDictionary())))
      )
    }
    entries += counters.sorted { $0.key < $1.key }
      .map { .init(key: .string($0.key), value: .int($0.value)) }
    try PickleFile.write(.dictionary(entries), to: url)
  }

  private static func state(of module: any ParameterTree) throws -> StateDictionary {
    try dictionary(module.stateDictionary())
  }

  private static func dictionary(
    _ tensors: [(name: String, value: Tensor)]
  ) throws -> StateDictionary {
    StateDictionary(try tensors.map { .init(name: $0.name, value: try $0.value.arrayBuffer()) })
  }

  private static func tensors(of state: StateDictionary) throws -> [(name: String, value: Tensor)] {
    try state.map { ($0.name, try Tensor($0.value)) }
  }
}
