/// Corrects what rounding weights does to the mean of a layer's output, channel by channel.
///
/// Where NNCF 3.4's fast bias correction applies (a convolution or product with a constant of no
/// zeros added to it) the correction is the same: the layer's mean output as it was, less what the
/// rounded weights make of its mean input. Layers that have no such constant get the part of it that
/// the weights make: what they lost in rounding times the mean input.
struct BiasCorrection {
  let graph: OperationGraph
  private let variable: Set<Int>

  /// Corrections that change a bias by more than this, relative to the bias, are left out.
  private static let largestShift: Float = 2

  init(_ graph: OperationGraph) {
    self.graph = graph
    variable = graph.variableNodes
  }

  /// A layer that can be corrected.
  struct Layer: Equatable {
    var node: Int
    var weightInput: Int
    var activationInput: Int
    /// The `Add` behind it, the input of the constant, and the constant.
    var bias: Bias?

    struct Bias: Equatable {
      var node: Int
      var input: Int
      var constant: Int
    }
  }

  /// The layer of `weight`; `nil` for one that is never corrected.
  func layer(_ weight: QuantizationPlan.Weight) -> Layer? {
    let node = graph.nodes[weight.node]
    guard Self.correctable.contains(node.type), node.inputs.count >= 2, weight.input < 2 else {
      return nil
    }
    return Layer(
      node: weight.node,
      weightInput: weight.input,
      activationInput: 1 - weight.input,
      bias: bias(of: weight.node)
    )
  }

  private static let correctable: Set<String> = ["Convolution", "GroupConvolution", "MatMul"]

  /// Whether NNCF corrects a layer, as long as its bias has no zeros.
  func isMeasured(_ layer: Layer) -> Bool {
    layer.bias != nil && ["Convolution", "MatMul"].contains(graph.nodes[layer.node].type)
  }

  private func bias(of node: Int) -> Layer.Bias? {
    let takers = graph.takers[node]
    guard takers.count == 1, let add = takers.first?.taker, graph.nodes[add.node].type == "Add",
      let constant = graph.constant(of: add.node, input: 1 - add.input),
      !variable.contains(graph.nodes[add.node].inputs[1 - add.input].node),
      let channel = graph.outputChannelAxis(of: node),
      let shape = graph.nodes[constant].outputs[0].shape,
      let rank = graph.nodes[node].outputs[0].shape?.count,
      graph.nodes[constant].outputs[0].isFloating
    else { return nil }
    // One number for each channel, and nothing else.
    let aligned = [Int?](repeating: 1, count: max(rank - shape.count, 0)) + shape
    let others = aligned.indices.filter { $0 != channel }
    guard aligned.count == rank, others.allSatisfy({ aligned[$0] == 1 }) else { return nil }
    return Layer.Bias(node: add.node, input: 1 - add.input, constant: constant)
  }

  /// The statistics that the correction of `layers` needs.
  func statistics(for layers: [Layer]) -> Set<StatisticKey> {
    var keys: Set<StatisticKey> = []
    for layer in layers {
      keys.formUnion([inputKey(layer), outputKey(layer)].compactMap(\.self))
    }
    return keys
  }

  private func inputKey(_ layer: Layer) -> StatisticKey? {
    guard let axis = graph.inputChannelAxis(of: layer.node, input: layer.activationInput) else {
      return nil
    }
    return StatisticKey(
      source: graph.source(at: .input(layer.node, layer.activationInput)),
      measure: .mean,
      axis: axis
    )
  }

  private func outputKey(_ layer: Layer) -> StatisticKey? {
    guard isMeasured(layer), let axis = graph.outputChannelAxis(of: layer.node) else { return nil }
    return StatisticKey(
      source: OperationGraph.Source(node: layer.node, port: 0),
      measure: .mean,
      axis: axis
    )
  }

  /// What to add to each channel of a layer's output.
  ///
  /// - Parameters:
  ///   - layer: Which.
  ///   - weights: As they were, and as whole numbers.
  ///   - bias: The constant that is added to the output; `nil` where there is none.
  ///   - statistics: Those of ``statistics(for:)``.
  /// - Returns: `nil` where nothing is corrected.
  func shift(
    of layer: Layer,
    weights: (original: [Float], quantized: QuantizedWeights),
    bias: [Float]?,
    statistics: [StatisticKey: Statistic]
  ) -> [Float]? {
    guard let key = inputKey(layer), let means = statistics[key]?.mean,
      let product = MeanProduct(graph, layer, shape: weights.quantized.shape, inputs: means.count)
    else { return nil }
    let restored = weights.quantized.restored
    let after = product.outputs(restored, means)
    if let bias, let key = outputKey(layer), let measured = statistics[key]?.mean,
      measured.count == after.count, bias.count == after.count, !bias.contains(0)
    {
      let shift = zip(measured, after).map { $0 - $1 }
      let size = zip(shift, bias).map { abs($0 / $1) }.max() ?? 0
      return size < Self.largestShift ? shift : nil
    }
    let before = product.outputs(weights.original, means)
    let shift = zip(before, after).map { $0 - $1 }
    return shift.allSatisfy(\.isFinite) ? shift : nil
  }
}

/// What a layer makes of an input that is the same everywhere in each channel, averaged over places.
private struct MeanProduct {
  /// Of each place of a kernel: the part of the outputs for which it lies inside the input.
  private let coverage: [Float]
  private let outputCount: Int
  private let groupCount: Int
  private let inputCount: Int
  private let kernelCount: Int
  /// Of matrices: whether a row is an input channel.
  private let isInputFirst: Bool

  /// `nil` for shapes that it does not know.
  init?(_ graph: OperationGraph, _ layer: BiasCorrection.Layer, shape: [Int], inputs: Int) {
    let node = graph.nodes[layer.node]
    switch node.type {
    case "MatMul":
      guard shape.count == 2 else { return nil }
      let axes = graph.weightChannelAxes(of: layer.node, input: layer.weightInput)
      isInputFirst = axes == [1]
      outputCount = shape[axes[0]]
      inputCount = shape[1 - axes[0]]
      (groupCount, kernelCount, coverage) = (1, 1, [1])
    case "Convolution" where shape.count > 2:
      isInputFirst = false
      (groupCount, outputCount, inputCount) = (1, shape[0], shape[1])
      coverage = Self.coverage(graph, layer, kernel: Array(shape.dropFirst(2)))
      kernelCount = coverage.count
    case "GroupConvolution" where shape.count > 3:
      isInputFirst = false
      (groupCount, outputCount, inputCount) = (shape[0], shape[1], shape[2])
      coverage = Self.coverage(graph, layer, kernel: Array(shape.dropFirst(3)))
      kernelCount = coverage.count
    default: return nil
    }
    guard inputs == groupCount * inputCount else { return nil }
  }

  /// The mean of each output channel.
  func outputs(_ weights: [Float], _ means: [Float]) -> [Float] {
    var result = [Float](repeating: 0, count: groupCount * outputCount)
    guard !isInputFirst else {
      for input in 0..<inputCount {
        for output in 0..<outputCount {
          result[output] += weights[input * outputCount + output] * means[input]
        }
      }
      return result
    }
    var index = 0
    for group in 0..<groupCount {
      for output in 0..<outputCount {
        var sum: Float = 0
        for input in 0..<inputCount {
          var kernel: Float = 0
          for place in 0..<kernelCount {
            kernel += weights[index] * coverage[place]
            index += 1
          }
          sum += kernel * means[group * inputCount + input]
        }
        result[group * outputCount + output] = sum
      }
    }
    return result
  }

  private static func coverage(
    _ graph: OperationGraph,
    _ layer: BiasCorrection.Layer,
    kernel: [Int]
  ) -> [Float] {
    let node = graph.nodes[layer.node]
    let input = graph.value(at: .input(layer.node, layer.activationInput)).shape ?? []
    let output = node.outputs[0].shape ?? []
    func numbers(_ name: String) -> [Int] {
      (node.attributes[name] ?? "").split(separator: ",").compactMap { Int($0) }
    }
    let (strides, dilations) = (numbers("strides"), numbers("dilations"))
    let pads = numbers("pads_begin")
    var result: [Float] = [1]
    for (axis, size) in kernel.enumerated() {
      var parts = [Float](repeating: 1, count: size)
      if axis + 2 < input.count, axis + 2 < output.count, let length = input[axis + 2],
        let count = output[axis + 2], count > 0, axis < strides.count, axis < dilations.count,
        axis < pads.count
      {
        for place in 0..<size {
          let inside = (0..<count).count {
            (0..<length).contains($0 * strides[axis] - pads[axis] + place * dilations[axis])
          }
          parts[place] = Float(inside) / Float(count)
        }
      }
      result = result.flatMap { left in parts.map { left * $0 } }
    }
    return result
  }
}
