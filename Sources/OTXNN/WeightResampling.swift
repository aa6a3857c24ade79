public import OTXTensor

/// A module some of whose weights depend on the size of its input, as learned positions do.
public protocol WeightResampling: ParameterTree {
  /// A published entry of another input size in the shape of the module's own.
  ///
  /// - Parameters:
  ///   - value: The published entry.
  ///   - name: Its name below this module.
  /// - Returns: `nil` for an entry that does not depend on the size, or cannot be brought to it.
  /// - Throws: `TensorError`.
  func resample(_ value: Tensor, named name: String) throws(TensorError) -> Tensor?
}

extension ParameterTree {
  /// A state dictionary whose entries of another input size are brought to this network's.
  ///
  /// - Parameter state: By this network's names; entries that have its shapes stay as they are.
  /// - Returns: The dictionary, and the names of the entries that were changed.
  /// - Throws: `TensorError`.
  public func resampling(
    _ state: [(name: String, value: Tensor)]
  ) throws(TensorError) -> (state: [(name: String, value: Tensor)], changed: [String]) {
    let resamplers = modules().compactMap { path, module in
      (module as? any WeightResampling).map { (path: path.isEmpty ? "" : path + ".", module: $0) }
    }
    guard !resamplers.isEmpty else { return (state, []) }
    let own = Dictionary(stateDictionary().map { ($0.name, $0.value.shape) }) { first, _ in first }
    var (state, changed) = (state, [String]())
    for (index, (name, value)) in state.enumerated() {
      guard let shape = own[name], shape != value.shape else { continue }
      for (path, module) in resamplers where name.hasPrefix(path) {
        guard
          let resampled = try module.resample(value, named: String(name.dropFirst(path.count))),
          resampled.shape == shape
        else { continue }
        state[index].value = resampled
        changed.append(name)
        break
      }
    }
    return (state, changed)
  }
}
