import OTXCore

/// How long the layers of a compiled model take.
struct LayerTimes {
  struct Layer: Equatable {
    var name: String
    var type: String
    var kernel: String
    var microseconds: Double
  }

  var layers: [Layer]

  /// Runs a model a few times and takes each layer's time.
  ///
  /// OpenVINO tells means over all runs of a compiled model, which one interruption spoils: so it is
  /// compiled several times, and the quickest mean counts.
  ///
  /// - Parameters:
  ///   - model: Stays as it is.
  ///   - preprocessing: What its pictures are like.
  ///   - threads: 0: as many as OpenVINO takes.
  ///   - compileCount: How often it is compiled.
  ///   - runCount: Runs of each.
  /// - Throws: ``OpenVINOError``.
  init(
    _ model: ConvertedModel,
    preprocessing: Preprocessing,
    threads: Int,
    compileCount: Int = 4,
    runCount: Int = 8
  ) throws {
    var options = OpenVINOModel.Options()
    options.precision = .auto
    options.threads = threads
    options.countsTime = true
    let picture = try ImageBatch(stacking: [.noise(preprocessing.inputSize, seed: 1)])
    layers = []
    for _ in 0..<compileCount {
      let copy = try model.clone()
      try copy.takeBytes(preprocessing)
      let compiled = try OpenVINOModel(copy, options: options, takesBytes: true)
      for _ in 0..<runCount { _ = try compiled.outputs(for: picture) }
      let found = try compiled.request(0).profile()
      let best = Dictionary(layers.map { ($0.name, $0.microseconds) }) { min($0, $1) }
      layers = found
      for index in layers.indices {
        layers[index].microseconds = min(
          layers[index].microseconds,
          best[layers[index].name] ?? .infinity
        )
      }
    }
  }
}

extension InferenceRequest {
  /// What the last run spent on each layer.
  func profile() throws -> [LayerTimes.Layer] {
    try profileText().split(separator: "\n").compactMap { line in
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 4, let time = Double(parts[3]) else { return nil }
      return LayerTimes.Layer(name: parts[0], type: parts[1], kernel: parts[2], microseconds: time)
    }
  }
}

extension PostTrainingQuantizer {
  /// The quantised layers that take longer in whole numbers than in the original's arithmetic,
  /// those that lose most first.
  ///
  /// A layer's time is that of its kernel and of the quantisers that stand for it alone.
  ///
  /// Ranges must be known (``calibrate(without:_:progress:)``).
  ///
  /// - Returns: None where all gain.
  /// - Throws: ``OpenVINOError``.
  package func slowLayers() throws -> [Layer] {
    let plan = plan()
    // Both as they are after simplification: only there a layer has the same name in both.
    let (after, before) = (try layerTimes(try quantizedModel(plan)), try layerTimes(try cloned()))
    let graph = currentGraph
    func time(_ times: LayerTimes, _ names: Set<String>) -> Double {
      times.layers.filter { names.contains($0.name) }.reduce(0) { $0 + $1.microseconds }
    }
    var lost: [(node: Int, time: Double)] = []
    for node in Set(plan.weights.map(\.node)).union(plan.activations.flatMap(\.sinks)).sorted() {
      var names: Set = [graph.nodes[node].name]
      // What runs as one with it may give it its name.
      var next = node
      while graph.takers[next].count == 1, let taker = graph.takers[next].first?.taker.node,
        OperatorTraits.activations.union(OperatorTraits.arithmetic).contains(
          graph.nodes[taker].type
        )
      {
        names.insert(graph.nodes[taker].name)
        next = taker
      }
      let originalTime = time(before, names)
      guard originalTime > 0 else { continue }
      for activation in plan.activations where activation.sinks == [node] {
        names.insert(quantizerName(activation.place))
      }
      let loss = time(after, names) - originalTime
      // Clearly slower: what is near is noise.
      if loss > max(0.1 * originalTime, 3) { lost.append((node, loss)) }
    }
    return lost.sorted { $0.time > $1.time }.map {
      Layer(name: graph.nodes[$0.node].name, type: graph.nodes[$0.node].type)
    }
  }
  private func layerTimes(_ model: ConvertedModel) throws -> LayerTimes {
    try LayerTimes(model, preprocessing: preprocessing, threads: options.threads)
  }
}
