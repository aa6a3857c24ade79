extension OperatorGraph {
  /// Names for the results of operators that a reader of the model can place.
  ///
  /// An operator with a parameter (`backbone.conv1.weight`) is called by the parameter's layer
  /// (`backbone.conv1/conv2d`), another by itself and its number (`hardswish_12`).
  package var nodeNames: [ValueID: String] {
    var layers: [ValueID: String] = [:]
    let frozen = Set(frozenConstants)
    for node in nodes {
      guard case .tensor? = node.constant, let value = node.outputs.first,
        values.indices.contains(value)
      else { continue }
      let path = values[value].name
      if let end = path.lastIndex(of: "."), !frozen.contains(path) {
        layers[value] = String(path[..<end])
      }
    }
    var names: [ValueID: String] = [:]
    for node in nodes where node.constant == nil {
      let name = node.operatorName.split(separator: ":").last.map(String.init) ?? ""
      let layer = node.inputs.lazy.compactMap { layers[$0] }.first
      for value in node.outputs {
        names[value] = layer.map { "\($0)/\(name)" } ?? "\(name)_\(value)"
      }
    }
    return names
  }
}
