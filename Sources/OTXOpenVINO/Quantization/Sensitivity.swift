package import OTXCore

extension PostTrainingQuantizer {
  /// How much each quantised layer changes what the model's last layers say.
  ///
  /// The whole quantised model is run without one layer's quantisation after the other; what that
  /// brings the last layers nearer to the original's is the layer's part of the error.
  ///
  /// - Parameters:
  ///   - pictures: To run it on; a few are enough.
  ///   - leftOut: Layers that stay in real numbers in any case.
  ///   - progress: Told how many layers are done, and of how many.
  /// - Returns: The layers, those that cost most first, with their part of the error.
  /// - Throws: What `progress` throws, and ``OpenVINOError``.
  package func sensitivities(
    on pictures: [ImageBatch],
    without leftOut: Set<Layer> = [],
    progress: (_ done: Int, _ of: Int) throws -> Void
  ) throws -> [(layer: Layer, error: Double)] {
    let layers = quantizedLayers(without: leftOut)
    let heads = headNames
    let reference = try headOutputs(try cloned(), heads, pictures)
    let whole = try headOutputs(try quantizedModel(plan(without: leftOut)), heads, pictures)
    let all = Self.error(whole, reference)
    var found: [(layer: Layer, error: Double)] = []
    for (index, layer) in layers.enumerated() {
      let model = try quantizedModel(plan(without: leftOut.union([layer])))
      let error = Self.error(try headOutputs(model, heads, pictures), reference)
      found.append((layer, all - error))
      try progress(index + 1, layers.count)
    }
    return found.enumerated()
      .sorted { (-$0.element.error, $0.offset) < (-$1.element.error, $1.offset) }
      .map(\.element)
  }

  /// The names of ``OperationGraph/headNodes``.
  private var headNames: [String] {
    let graph = currentGraph
    return graph.headNodes.map { graph.nodes[$0].name }
  }

  private func headOutputs(
    _ model: ConvertedModel,
    _ heads: [String],
    _ pictures: [ImageBatch]
  ) throws -> [[Float]] {
    let nodes = try ModelGraph(model)
    var names: [String] = []
    for (index, node) in nodes.graph.nodes.enumerated() where heads.contains(node.name) {
      let name = "otx_head_\(names.count)"
      try nodes.addOutput(.output(index, 0), named: name)
      names.append(name)
    }
    try model.takeBytes(preprocessing)
    var options = OpenVINOModel.Options()
    options.threads = self.options.threads
    let compiled = try OpenVINOModel(model, options: options, takesBytes: true)
    return try pictures.map { picture in
      let outputs = try compiled.outputs(for: picture)
      return names.flatMap { outputs[$0]?.values ?? [] }
    }
  }

  /// The mean squared difference, relative to the mean square.
  static func error(_ values: [[Float]], _ reference: [[Float]]) -> Double {
    var (difference, size) = (0.0, 0.0)
    for (values, reference) in zip(values, reference) {
      for (value, wanted) in zip(values, reference) {
        difference += Double((value - wanted) * (value - wanted))
        size += Double(wanted * wanted)
      }
    }
    return size > 0 ? difference / size : difference
  }
}
