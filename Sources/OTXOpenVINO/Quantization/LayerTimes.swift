import COpenVINO
package import Foundation
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

  /// Runs the model at `url` a few times and takes each layer's median.
  init(_ url: URL, preprocessing: Preprocessing, threads: Int, runCount: Int = 15) throws {
    var options = OpenVINOModel.Options()
    options.precision = .auto
    options.threads = threads
    options.countsTime = true
    let model = try OpenVINOModel(reading: url, preprocessing: preprocessing, options: options)
    let picture = try ImageBatch(stacking: [
      Image(size: preprocessing.inputSize, red: 90, green: 120, blue: 60)
    ])
    var times: [String: [Double]] = [:]
    var found: [Layer] = []
    for run in 0..<(runCount + 2) {
      _ = try model.outputs(for: picture)
      guard run >= 2 else { continue }
      let layers = try model.request(0).profile()
      if found.isEmpty { found = layers }
      for layer in layers { times[layer.name, default: []].append(layer.microseconds) }
    }
    for index in found.indices {
      let own = (times[found[index].name] ?? [0]).sorted()
      found[index].microseconds = own[own.count / 2]
    }
    layers = found
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
  /// - Parameters:
  ///   - quantized: The quantised model, everything quantised that is planned to be.
  ///   - original: The model that it was made of.
  ///   - threads: 0: as many as OpenVINO takes.
  /// - Returns: None where all gain.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``, ``OpenVINOError``.
  package func slowLayers(quantized: URL, original: URL, threads: Int) throws -> [Layer] {
    let after = try LayerTimes(quantized, preprocessing: preprocessing, threads: threads)
    let before = try LayerTimes(original, preprocessing: preprocessing, threads: threads)
    let plan = plan()
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
}
