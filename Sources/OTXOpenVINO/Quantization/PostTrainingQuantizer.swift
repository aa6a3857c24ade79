package import Foundation
package import OTXCore

/// Makes a model of real numbers one of whole numbers of 8 bits, going by what calibration pictures
/// show of its values.
///
/// The behaviour is that of NNCF 3.4 by default: the same places, ranges and weights. Used from one
/// thread at a time.
package final class PostTrainingQuantizer {
  /// How a model is quantised.
  package struct Options: Sendable, Equatable {
    /// Activations around zero (`performance`), or each in its own range (`mixed`).
    package var isSymmetric = true
    /// Attention and what is around it is left in real numbers.
    package var isTransformer = false
    package var correctsBiases = true
    /// Layers that stay as they are.
    package var ignored = IgnoredOperations()
    package var threads = 0
    package init() {}
  }

  /// An operation that computes with whole numbers.
  package struct Layer: Sendable, Hashable {
    package var name: String
    package var type: String
  }

  let options: Options
  let preprocessing: Preprocessing
  private var model: ConvertedModel
  private var graph: OperationGraph
  /// Nodes that the user leaves out.
  private var ignored: Set<Int>
  private var isSmooth: Bool
  private var statistics: [StatisticKey: Statistic] = [:]

  /// Reads and prepares a model.
  ///
  /// - Throws: ``ModelError/alreadyQuantized(file:)``, ``ModelError/unreadableCheckpoint(file:reason:)``.
  package init(reading url: URL, preprocessing: Preprocessing, options: Options) throws {
    model = try ConvertedModel(reading: url)
    try model.simplify()
    graph = try ModelGraph(model).graph
    self.options = options
    self.preprocessing = preprocessing
    if let reason = graph.quantizedAlready {
      throw ModelError.alreadyQuantized(file: url.path, reason: reason)
    }
    ignored = try options.ignored.nodes(of: graph)
    isSmooth = !options.isTransformer
  }

  /// The model's operations as they are now.
  var currentGraph: OperationGraph { graph }

  /// A copy of the model before it is quantised.
  func cloned() throws -> ConvertedModel { try model.clone() }

  /// The plan that leaves `layers` out.
  func plan(without layers: Set<Layer> = []) -> QuantizationPlan {
    var choices = QuantizationPlan.Choices()
    choices.isSymmetric = options.isSymmetric && !options.isTransformer
    choices.isTransformer = options.isTransformer
    choices.leftOut = ignored.union(
      graph.nodes.indices.filter {
        layers.contains(Layer(name: graph.nodes[$0].name, type: graph.nodes[$0].type))
          || graph.nodes[$0].name.hasSuffix(SmoothQuantizer.suffix)
      }
    )
    return QuantizationPlan(graph, choices)
  }

  /// The operations that are quantised unless `layers` are left out, in their order.
  package func quantizedLayers(without layers: Set<Layer> = []) -> [Layer] {
    let plan = plan(without: layers)
    let nodes = Set(plan.weights.map(\.node)).union(plan.activations.flatMap(\.sinks))
    return nodes.sorted().map { Layer(name: graph.nodes[$0].name, type: graph.nodes[$0].type) }
  }

  /// The names of all quantisers, of activations and of weights, as NNCF names them.
  package func quantizerNames(without layers: Set<Layer> = []) -> [String] {
    let plan = plan(without: layers)
    return plan.activations.map { quantizerName($0.place) }
      + plan.weights.map { weightName($0) }
  }

  private func weightName(_ weight: QuantizationPlan.Weight) -> String {
    "\(graph.nodes[weight.node].name)/fq_weights_\(weight.input)"
  }

  /// Gathers statistics of calibration pictures, as far as they are not known yet.
  ///
  /// A transformer's activations are smoothed first, which takes the pictures once more.
  ///
  /// - Parameters:
  ///   - choices: Sets of layers, each of which is to be left out some time.
  ///   - pictures: Makes a new pass over the pictures: gives the next, and `nil` after the last.
  ///   - progress: Told how many pictures are done.
  /// - Throws: What `pictures` and `progress` throw, and ``OpenVINOError``.
  package func calibrate(
    without choices: [Set<Layer>] = [[]],
    _ pictures: () throws -> () throws -> ImageBatch?,
    progress: (Int) throws -> Void = { _ in }
  ) throws {
    if !isSmooth { try smooth(try pictures(), progress: progress) }
    let missing = choices.reduce(into: Set<StatisticKey>()) { keys, layers in
      keys.formUnion(missingStatistics(plan(without: layers)))
    }
    guard !missing.isEmpty else { return }
    let found = try collector.collect(missing, try pictures(), progress: progress)
    statistics.merge(found) { $1 }
  }

  private var collector: StatisticsCollector {
    StatisticsCollector(model: model, preprocessing: preprocessing, threads: options.threads)
  }

  private func smooth(
    _ next: () throws -> ImageBatch?,
    progress: (Int) throws -> Void
  ) throws {
    let smoother = SmoothQuantizer(graph: graph)
    let keys = Set(smoother.groups.map(\.statistic))
    isSmooth = true
    guard !keys.isEmpty else { return }
    let found = try collector.collect(keys, next, progress: progress)
    let names = Set(ignored.map { graph.nodes[$0].name })
    let smoothed = try model.clone()
    try smoother.apply(to: try ModelGraph(smoothed), found)
    model = smoothed
    graph = try ModelGraph(smoothed).graph
    ignored = Set(graph.nodes.indices.filter { names.contains(graph.nodes[$0].name) })
  }

  /// Whether the model can be written without further pictures.
  package func isCalibrated(without choices: [Set<Layer>] = [[]]) -> Bool {
    isSmooth && choices.allSatisfy { missingStatistics(plan(without: $0)).isEmpty }
  }

  private func missingStatistics(_ plan: QuantizationPlan) -> Set<StatisticKey> {
    var keys = graph.statistics(for: plan)
    if options.correctsBiases {
      let correction = BiasCorrection(graph)
      keys.formUnion(correction.statistics(for: plan.weights.compactMap(correction.layer)))
    }
    return keys.filter { key in
      statistics[key] == nil && graph.nodes[key.source.node].outputs[key.source.port].shape != nil
    }
  }

  /// Writes the quantised model.
  ///
  /// - Parameters:
  ///   - url: The `.xml`; the `.bin` gets the same name.
  ///   - layers: What is left out.
  ///   - entries: What to add to its `rt_info`, by path.
  /// - Returns: The layers that are quantised.
  /// - Throws: ``OpenVINOError``.
  @discardableResult
  package func write(
    to url: URL,
    without layers: Set<Layer> = [],
    entries: [(path: [String], value: String)] = []
  ) throws -> [Layer] {
    let plan = plan(without: layers)
    let quantized = try quantizedModel(plan)
    for entry in entries { try quantized.setRuntimeInfo(entry.value, at: entry.path) }
    try quantized.save(to: url, halfPrecision: false)
    return quantizedLayers(without: layers)
  }

  /// The model with its quantisers.
  func quantizedModel(_ plan: QuantizationPlan) throws -> ConvertedModel {
    let copy = try model.clone()
    let nodes = try ModelGraph(copy)
    let ranges = activationRanges(plan)
    for (activation, range) in zip(plan.activations, ranges) {
      guard let range else { continue }
      let channelCount = range.low.count
      let rank = graph.value(at: activation.place).shape?.count ?? 0
      var shape: [Int] = []
      if activation.choice.isPerChannel {
        shape = [Int](repeating: 1, count: rank)
        shape[1] = channelCount
      }
      try nodes.insertFakeQuantize(
        at: activation.place,
        named: quantizerName(activation.place),
        levels: range.levels,
        low: range.low,
        high: range.high,
        shape: shape
      )
    }
    try quantizeWeights(plan, nodes)
    return copy
  }

  /// A name for a quantiser, as NNCF gives it.
  func quantizerName(_ place: GraphPlace) -> String {
    switch place {
    case .output(let node, let port): "\(graph.nodes[node].name)/fq_output_\(port)"
    case .input(let node, let port): "\(graph.nodes[node].name)/fq_input_\(port)"
    }
  }

  /// The range of each quantiser of activations; `nil` where nothing is known of the values.
  func activationRanges(_ plan: QuantizationPlan) -> [QuantizerRange?] {
    let bounds = plan.activations.map { activation -> (minimum: [Float], maximum: [Float])? in
      let source = graph.source(at: activation.place)
      let isPerChannel = activation.choice.isPerChannel
      let axis = isPerChannel ? 1 : nil
      let top: StatisticKey.Measure = activation.choice.isSymmetric ? .absoluteMaximum : .maximum
      guard
        let low = statistics[StatisticKey(source: source, measure: .minimum, axis: axis)],
        let high = statistics[StatisticKey(source: source, measure: top, axis: axis)]
      else { return nil }
      // One range for all: the mean over the pictures, which a single odd one hardly changes.
      return isPerChannel ? (low.minimum, high.maximum) : (low.mean, high.mean)
    }
    var shared: [Int: (minimum: [Float], maximum: [Float])] = [:]
    for (activation, bound) in zip(plan.activations, bounds) {
      guard let group = activation.scaleGroup, let bound else { continue }
      guard let other = shared[group] else {
        shared[group] = bound
        continue
      }
      shared[group] = (
        zip(other.minimum, bound.minimum).map { min($0, $1) },
        zip(other.maximum, bound.maximum).map { max($0, $1) }
      )
    }
    return zip(plan.activations, bounds).map { activation, bound in
      guard let bound = activation.scaleGroup.flatMap({ shared[$0] }) ?? bound,
        bound.minimum.allSatisfy(\.isFinite), bound.maximum.allSatisfy(\.isFinite)
      else { return nil }
      return QuantizerRange.activations(
        minimum: bound.minimum,
        maximum: bound.maximum,
        isSymmetric: activation.choice.isSymmetric
      )
    }
  }

  private func quantizeWeights(_ plan: QuantizationPlan, _ nodes: ModelGraph) throws {
    let correction = BiasCorrection(graph)
    // Layers may share weights: the head of a detector runs on every level.
    var done: [SharedWeights: (weight: QuantizationPlan.Weight, quantized: QuantizedWeights)] = [:]
    for weight in plan.weights {
      guard let constant = graph.constant(of: weight.node, input: weight.input),
        let shape = graph.value(at: .input(weight.node, weight.input)).shape?.compactMap(\.self),
        !shape.isEmpty
      else { continue }
      let original = try nodes.constant(constant)
      let key = SharedWeights(
        source: graph.nodes[weight.node].inputs[weight.input],
        channels: graph.weightChannelAxes(of: weight.node, input: weight.input)
      )
      let quantized: QuantizedWeights
      if let other = done[key] {
        quantized = other.quantized
        try nodes.shareInput(
          of: weight.node,
          input: weight.input,
          with: other.weight.node,
          input: other.weight.input
        )
      } else {
        quantized = QuantizedWeights(
          original,
          shape: shape,
          channels: key.channels,
          usesHalf: plan.halfRange.contains(weight.node)
        )
        try nodes.setWeights(
          quantized,
          of: weight.node,
          input: weight.input,
          named: weightName(weight)
        )
        done[key] = (weight, quantized)
      }
      guard options.correctsBiases, let layer = correction.layer(weight) else { continue }
      try correct(layer, (original, quantized), correction, nodes)
    }
  }

  private struct SharedWeights: Hashable {
    var source: OperationGraph.Source
    var channels: [Int]
  }

  private func correct(
    _ layer: BiasCorrection.Layer,
    _ weights: (original: [Float], quantized: QuantizedWeights),
    _ correction: BiasCorrection,
    _ nodes: ModelGraph
  ) throws {
    let bias = try layer.bias.map { try nodes.constant($0.constant) }
    guard
      let shift = correction.shift(
        of: layer,
        weights: weights,
        bias: bias,
        statistics: statistics
      ), shift.contains(where: { $0 != 0 })
    else { return }
    if let place = layer.bias, let bias, bias.count == shift.count,
      let shape = graph.nodes[place.constant].outputs[0].shape?.compactMap(\.self)
    {
      try nodes.setConstant(
        zip(bias, shift).map { $0 + $1 },
        shape: shape,
        of: place.node,
        input: place.input,
        named: graph.nodes[place.constant].name
      )
    } else if let axis = correction.graph.outputChannelAxis(of: layer.node),
      let rank = graph.nodes[layer.node].outputs[0].shape?.count
    {
      var shape = [Int](repeating: 1, count: rank)
      shape[axis] = shift.count
      try nodes.insertAdd(
        shift,
        shape: shape,
        at: .output(layer.node, 0),
        named: "\(graph.nodes[layer.node].name)/bias_correction"
      )
    }
  }
}

extension OperationGraph {
  /// Why a model is one of whole numbers already; `nil` for one of real numbers.
  var quantizedAlready: String? {
    let count = nodes.count { $0.type == "FakeQuantize" }
    if count > 0 { return "it has \(count) FakeQuantize operations" }
    let isPacked = nodes.contains { node in
      OperatorTraits.weighted.contains(node.type)
        && node.inputs.indices.contains { input in
          let source = nodes[node.inputs[input].node]
          guard source.type == "Multiply", let inner = source.inputs.first else { return false }
          return nodes[inner.node].type == "Convert"
            && nodes[inner.node].inputs.first.map {
              [.int8, .uint8].contains(nodes[$0.node].outputs.first?.elementType)
            } == true
        }
    }
    return isPacked ? "its weights are whole numbers" : nil
  }
}
