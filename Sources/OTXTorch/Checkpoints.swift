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
    try load(CheckpointFile.read(url).state, of: url, into: module)
  }

  /// Loads `state`, which was read from `url`.
  static func load(_ state: StateDictionary, of url: URL, into module: any ParameterTree) throws {
    do {
      try module.loadStateDictionary(tensors(of: state))
    } catch let error as StateDictionaryError {
      throw ModelError.mismatch("\(url.path): \(error.description)")
    }
  }

  /// The weights of a network as plain numbers.
  static func state(of module: any ParameterTree) throws -> StateDictionary {
    try dictionary(module.stateDictionary())
  }

  /// Tensors as plain numbers.
  static func dictionary(
    _ tensors: [(name: String, value: Tensor)]
  ) throws -> StateDictionary {
    StateDictionary(try tensors.map { .init(name: $0.name, value: try $0.value.arrayBuffer()) })
  }

  /// Plain numbers as tensors.
  static func tensors(of state: StateDictionary) throws -> [(name: String, value: Tensor)] {
    try state.map { ($0.name, try Tensor($0.value)) }
  }
}
