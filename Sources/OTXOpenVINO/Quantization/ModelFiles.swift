package import Foundation
package import OTXCore

/// The files of an optimised model.
package enum ModelFiles {
  /// Stores the weights of `url` as numbers of 16 bits.
  package static func writeHalf(_ url: URL, to target: URL) throws {
    try ConvertedModel(reading: url).save(to: target, halfPrecision: true)
  }

  /// Stores the weights of `url` as whole numbers of 8 bits with a scale for each output channel.
  ///
  /// - Returns: The layers whose weights are stored so.
  /// - Throws: ``ModelError/alreadyQuantized(file:reason:)``.
  package static func writeCompressed(_ url: URL, to target: URL) throws -> Int {
    let model = try ConvertedModel(reading: url)
    let nodes = try ModelGraph(model)
    let graph = nodes.graph
    if let reason = graph.quantizedAlready {
      throw ModelError.alreadyQuantized(file: url.path, reason: reason)
    }
    let variable = graph.variableNodes
    var done: [OperationGraph.Source: (node: Int, input: Int)] = [:]
    var count = 0
    for node in graph.nodes.indices {
      for input in graph.weightInputs(of: node, variable: variable) {
        guard let constant = graph.constant(of: node, input: input),
          let shape = graph.value(at: .input(node, input)).shape?.compactMap(\.self), !shape.isEmpty
        else { continue }
        count += 1
        let source = graph.nodes[node].inputs[input]
        if let other = done[source] {
          try nodes.shareInput(of: node, input: input, with: other.node, input: other.input)
          continue
        }
        try nodes.setWeights(
          QuantizedWeights(
            try nodes.constant(constant),
            shape: shape,
            channels: graph.weightChannelAxes(of: node, input: input)
          ),
          of: node,
          input: input,
          named: graph.nodes[constant].name
        )
        done[source] = (node, input)
      }
    }
    try model.setRuntimeInfo("int8_sym", at: ["nncf", "weight_compression", "mode"])
    try model.save(to: target, halfPrecision: false)
    return count
  }

  /// Makes sure that a model was written whole: OpenVINO does not notice a full disk.
  package static func verify(_ url: URL) throws {
    do {
      _ = try ConvertedModel(reading: url)
      for file in [url, url.deletingPathExtension().appendingPathExtension("bin")] {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        guard fsync(handle.fileDescriptor) == 0 else {
          throw FileError.cannotWrite(file.path, reason: String(cString: strerror(errno)))
        }
      }
    } catch ModelError.unreadableCheckpoint(_, let reason) {
      throw FileError.cannotWrite(
        url.deletingLastPathComponent().path,
        reason: "what was written cannot be read back (is the disk full?): \(reason)"
      )
    }
  }

  /// One entry of a model's `rt_info`; `nil` where there is none.
  package static func runtimeInfo(of url: URL, at path: [String]) throws -> String? {
    try IRDocument(reading: url).runtimeInfo[path.joined(separator: "/")]
  }

  /// A copy of `url` that says what it is: its task and labels, for models of other programs.
  package static func describe(
    _ url: URL,
    task: TaskType?,
    labels: [String]?,
    to target: URL
  ) throws {
    let model = try ConvertedModel(reading: url)
    if let task {
      for (key, value) in task.kind.exportedEntries {
        try model.setRuntimeInfo(value, at: [RuntimeInfo.element, key])
      }
      try model.setRuntimeInfo(task.kind.exportedTaskName, at: [RuntimeInfo.element, "task_type"])
    }
    if let labels {
      let encoded = try JSONEncoder().encode(
        ExportedLabels(names: labels, identifiers: [], groups: [])
      )
      try model.setRuntimeInfo(
        String(decoding: encoded, as: UTF8.self),
        at: [RuntimeInfo.element, "label_info"]
      )
    }
    try model.save(to: target, halfPrecision: false)
  }
}
