import OTXCore
import OTXTensor

/// A layer that knows how many channels it has, and learns it anew from its weights.
package protocol ChannelCounting: ParameterTree {
  /// Takes the counts over from the weights.
  func adoptShape()
}

extension Conv2d: ChannelCounting {}
extension ConvTranspose2d: ChannelCounting {}
extension Linear: ChannelCounting {}

extension ParameterTree {
  /// Makes weights smaller, as those of a pruned network are; what they hold is of no use then.
  ///
  /// - Parameter extents: By weight; an axis of 0 stays as it is.
  /// - Throws: ``ModelError/mismatch(_:)`` for weights that this network does not have, or that are smaller
  ///   than asked for; nothing is changed then. `TensorError`.
  package func shrink(to extents: [String: [Int]]) throws {
    var holders: [(entry: StateEntry, extents: [Int])] = []
    var names: Set<String> = []
    for (name, entry) in stateEntries() {
      guard let wanted = extents[name] else { continue }
      let shape = entry.value.shape
      guard wanted.count == shape.count,
        zip(wanted, shape).allSatisfy({ $0 == 0 || ($0 > 0 && $0 <= $1) })
      else {
        throw ModelError.mismatch(
          "the pruning of another network: '\(name)' is \(shape) here and cannot become \(wanted)"
        )
      }
      names.insert(name)
      holders.append((entry, wanted))
    }
    if let stranger = extents.keys.filter({ !names.contains($0) }).min() {
      throw ModelError.mismatch("the pruning of another network: there is no '\(stranger)' here")
    }
    for (entry, extents) in holders { try entry.shrink(to: extents) }
    for (_, module) in modules() { (module as? any ChannelCounting)?.adoptShape() }
  }
}

extension StateEntry {
  fileprivate func shrink(to extents: [Int]) throws(TensorError) {
    var value = try value.detach()
    for (axis, extent) in extents.enumerated() where extent > 0 && extent < value.size(axis) {
      value = try value.narrow(dim: axis, start: 0, length: extent)
    }
    guard value.shape != self.value.shape else { return }
    // A copy: the rest of the memory is let go.
    value = try value.clone()
    switch self {
    case .parameter(let parameter):
      let isTrainable = parameter.isTrainable
      parameter.value = value
      try parameter.setTrainable(isTrainable)
    case .buffer(let buffer): buffer.value = value
    }
  }
}
