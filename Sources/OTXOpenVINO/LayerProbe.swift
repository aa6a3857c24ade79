package import Foundation
package import OTXCore

/// The results of a model's layers, to find the one where two models part.
///
/// Used from one thread at a time.
package final class LayerProbe {
  /// An operation whose only result is numbers that depend on the picture.
  package struct Layer: Sendable, Hashable {
    package var name: String
    package var type: String
    /// Its place among the model's operations.
    fileprivate var node: Int
    /// Numbers a picture, as far as they are known.
    fileprivate var elementCount: Int
  }

  private let model: ConvertedModel
  private let preprocessing: Preprocessing
  private let threads: Int
  /// In topological order.
  package let layers: [Layer]
  /// Those with weights behind which there is none with weights: what comes then is post-processing.
  package let heads: [Layer]
  /// Layers with weights, each with the sum with its bias, which OpenVINO computes with it.
  package let weighted: [Layer]

  /// Reads a model of bytes of pictures.
  ///
  /// - Parameters:
  ///   - url: The `.xml` or `.onnx`.
  ///   - preprocessing: What comes before it.
  ///   - threads: 0: as many as OpenVINO takes.
  ///   - simplifies: Whether its layers are to be those that quantisation starts from: with the
  ///     normalisation behind them in their weights.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  package convenience init(
    reading url: URL,
    preprocessing: Preprocessing,
    threads: Int = 0,
    simplifies: Bool = false
  ) throws {
    let model = try ConvertedModel(reading: url)
    if simplifies { try model.simplify() }
    try self.init(model, preprocessing, threads)
  }

  /// Converts a recorded graph.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)``.
  package convenience init(converting graph: OperatorGraph, preprocessing: Preprocessing) throws {
    try self.init(ConvertedModel(converting: graph, name: "graph"), preprocessing, 0)
  }

  private init(_ model: ConvertedModel, _ preprocessing: Preprocessing, _ threads: Int) throws {
    self.model = model
    self.preprocessing = preprocessing
    self.threads = threads
    let graph = try ModelGraph(model.clone()).graph
    let variable = graph.variableNodes
    layers = graph.nodes.indices.compactMap { index in
      let node = graph.nodes[index]
      guard variable.contains(index), !LayerProbe.passive.contains(node.type),
        node.outputs.count == 1, node.outputs[0].isFloating
      else { return nil }
      let known = (node.outputs[0].shape ?? []).compactMap(\.self).reduce(1, *)
      return Layer(name: node.name, type: node.type, node: index, elementCount: known)
    }
    let last = Set(graph.headNodes.map { graph.wholeOperator($0) })
    heads = layers.filter { last.contains($0.node) }
    let places = Dictionary(uniqueKeysWithValues: layers.map { ($0.node, $0) })
    weighted = layers.filter { LayerProbe.weightedTypes.contains($0.type) }.map { layer in
      var whole = layer
      whole.node = graph.sumWithBias(layer.node, variable: variable)
      whole.elementCount = places[whole.node]?.elementCount ?? layer.elementCount
      return whole
    }
  }

  /// Operations that are no layers.
  private static let passive: Set<String> = ["Parameter", "Result", "FakeQuantize", "Convert"]

  private static let weightedTypes: Set<String> = [
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData",
    "MatMul",
  ]

  /// The results of some layers.
  ///
  /// - Parameters:
  ///   - layers: Of ``layers``.
  ///   - pictures: What the model is run on.
  ///   - precision: The arithmetic.
  /// - Returns: One array a layer, in their order.
  /// - Throws: What OpenVINO says.
  package func results(
    of layers: [Layer],
    for pictures: ImageBatch,
    precision: Precision = .fp32
  ) throws -> [ModelOutput] {
    let copy = try model.clone()
    let graph = try ModelGraph(copy)
    try graph.dropOutputs()
    for (index, layer) in layers.enumerated() {
      try graph.addOutput(.output(layer.node, 0), named: "otx_layer_\(index)")
    }
    try copy.takeBytes(preprocessing)
    var options = OpenVINOModel.Options()
    options.precision = precision
    options.threads = threads
    let compiled = try OpenVINOModel(copy, options: options, takesBytes: true)
    let outputs = try compiled.outputs(for: pictures)
    // One that was an output goes by that name, too.
    return try compiled.outputs.map { try outputs.output($0.name) }
  }

  /// How far layers are from what another framework has computed for layers of the same names.
  ///
  /// A layer that is used several times is compared with the nearest results of its name.
  ///
  /// - Parameters:
  ///   - layers: Those to compare; `nil`: all.
  ///   - expected: Results by layers' names, in the order they were computed.
  ///   - pictures: What they were computed for.
  ///   - isLast: Ends the comparison after a layer.
  /// - Returns: In the order of `expected`, as far as names and shapes are known.
  /// - Throws: What OpenVINO says.
  package func differences(
    of layers: [Layer]? = nil,
    from expected: [(name: String, output: ModelOutput)],
    on pictures: ImageBatch,
    until isLast: (LayerDifference) -> Bool = { _ in false }
  ) throws -> [LayerDifference] {
    let known = Dictionary(grouping: layers ?? self.layers, by: \.name)
    var found: [LayerDifference] = []
    let weight = { (entry: (name: String, output: ModelOutput)) in
      (known[entry.name] ?? []).map(\.elementCount).reduce(0, +) * pictures.count
    }
    for part in expected.filter({ known[$0.name] != nil }).parts(weight: weight) {
      let names = Set(part.map(\.name))
      let own = names.sorted().flatMap { known[$0] ?? [] }
      let results = Dictionary(
        grouping: zip(own, try results(of: own, for: pictures)),
        by: \.0.name
      )
      for (name, output) in part {
        let alike = (results[name] ?? []).filter { $0.1.shape == output.shape }
        guard let type = alike.first?.0.type else { continue }
        let nearest = alike.map { LayerProbe.difference($0.1, output, name) }
          .min { $0.maxRelative < $1.maxRelative }
        let layer = LayerDifference(layer: name, type: type, difference: nearest ?? .infinite)
        found.append(layer)
        if isLast(layer) { return found }
      }
    }
    return found
  }

  private static func difference(
    _ output: ModelOutput,
    _ expected: ModelOutput,
    _ name: String
  ) -> OutputDifference {
    // Numbers beside what is none are as far away as can be.
    (try? OutputDifference(of: output, from: expected, named: name)) ?? .infinite
  }

  /// How far layers of this model are from those of the same names of another.
  ///
  /// - Parameters:
  ///   - layers: Those to compare, by name; ones that `reference` lacks are left out.
  ///   - reference: The model that is right.
  ///   - pictures: What both are run on.
  /// - Returns: In the order of the layers; one that is used several times comes once.
  /// - Throws: What OpenVINO says.
  package func differences(
    of layers: [Layer],
    from reference: LayerProbe,
    on pictures: ImageBatch
  ) throws -> [LayerDifference] {
    let weighted = Set(reference.weighted.map(\.name))
    let others = reference.layers.filter { !weighted.contains($0.name) }
    var rest = Dictionary(grouping: reference.weighted + others, by: \.name)
    var pairs: [(own: Layer, other: Layer)] = []
    for layer in layers {
      guard let other = rest[layer.name]?.first else { continue }
      rest[layer.name]?.removeFirst()
      pairs.append((layer, other))
    }
    var order: [String] = []
    var found: [String: LayerDifference] = [:]
    for part in pairs.parts(weight: { $0.own.elementCount * pictures.count }) {
      let results = try results(of: part.map(\.own), for: pictures)
      let wanted = try reference.results(of: part.map(\.other), for: pictures)
      for (index, pair) in part.enumerated() where results[index].shape == wanted[index].shape {
        let name = pair.own.name
        let difference = try OutputDifference(of: results[index], from: wanted[index], named: name)
        if found[name] == nil {
          order.append(name)
          found[name] = LayerDifference(
            layer: name,
            type: pair.own.type,
            difference: OutputDifference()
          )
        }
        found[name]?.difference.add(difference)
      }
    }
    return order.compactMap { found[$0] }
  }
}

extension OutputDifference {
  /// Of numbers that are none.
  fileprivate static var infinite: OutputDifference {
    var difference = OutputDifference()
    difference.maxAbsolute = .infinity
    difference.maxRelative = .infinity
    difference.relativeError = .infinity
    return difference
  }
}

extension Array {
  /// Parts of at most 32 million numbers, so that what is kept of a network stays small.
  fileprivate func parts(weight: (Element) -> Int) -> [[Element]] {
    var parts: [[Element]] = []
    var sum = 0
    for element in self {
      let next = weight(element)
      if parts.isEmpty || sum + next > 32 << 20 {
        parts.append([])
        sum = 0
      }
      parts[parts.count - 1].append(element)
      sum += next
    }
    return parts
  }
}

extension OperationGraph {
  /// The last operation of the operator that `node` is a part of: of a linear layer, the sum with
  /// its bias, which has the operator's name; its product has the name and a number.
  fileprivate func wholeOperator(_ node: Int) -> Int {
    guard let match = nodes[node].name.wholeMatch(of: /(.+)_[0-9]+/) else { return node }
    let name = String(match.1)
    let taker = takers[node].first { nodes[$0.taker.node].name == name }
    return taker?.taker.node ?? node
  }

  /// The sum with a constant that alone takes what `node` gives; else the node itself.
  fileprivate func sumWithBias(_ node: Int, variable: Set<Int>) -> Int {
    guard takers[node].count == 1, let taker = takers[node].first?.taker.node,
      nodes[taker].type == "Add",
      nodes[taker].inputs.contains(where: { !variable.contains($0.node) })
    else { return node }
    return taker
  }

  /// The last layers with weights: everything behind them is post-processing.
  var headNodes: [Int] {
    let variable = variableNodes
    let weighted = nodes.indices.filter { !weightInputs(of: $0, variable: variable).isEmpty }
    let isWeighted = Set(weighted)
    // Whether a node's values come to another layer with weights.
    var feeds = [Bool](repeating: false, count: nodes.count)
    for node in nodes.indices.reversed() {
      feeds[node] = takers[node].contains { taker in
        feeds[taker.taker.node] || isWeighted.contains(taker.taker.node)
      }
    }
    return weighted.filter { !feeds[$0] }
  }
}
