/// What was taken out of a network, as its files remember it: the extents that its weights have left.
public struct PruningRecord: Codable, Sendable, Equatable {
  /// By weight; an axis of 0 is as long as the model is built with.
  public var extents: [String: [Int]]

  public init(extents: [String: [Int]]) { self.extents = extents }
}

extension CheckpointFile {
  /// The same network without some of its channels.
  ///
  /// - Throws: ``ModelError/cannotPrune(_:)`` where the weights are not the network's that was planned for, or the
  ///   checkpoint carries its network with it.
  package func pruned(by plan: PruningPlan) throws -> CheckpointFile {
    guard script == nil, var info else {
      throw ModelError.cannotPrune(
        "a TorchScript network's sizes stand in its program; prune a network of the zoo"
      )
    }
    var file = self
    var extents = info.pruning?.extents ?? [:]
    for (name, axes) in plan.removed.sorted(by: { $0.key < $1.key }) {
      guard var value = state[name] else { continue }
      var record = extents[name] ?? value.shape.map { _ in 0 }
      for (axis, indices) in axes.sorted(by: { $0.key < $1.key }) {
        guard value.shape.indices.contains(axis), record.count == value.shape.count,
          indices.allSatisfy({ (0..<value.shape[axis]).contains($0) })
        else { throw ModelError.cannotPrune("the weight '\(name)' has another shape") }
        value = value.removing(indices, along: axis)
        record[axis] = value.shape[axis]
      }
      extents[name] = record
      file.state[name] = value
    }
    info.pruning = PruningRecord(extents: extents)
    file.info = info
    return file
  }
}
