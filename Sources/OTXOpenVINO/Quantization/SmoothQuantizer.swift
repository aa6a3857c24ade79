import Foundation

/// Moves large values from activations into the weights they are multiplied with, so that both
/// round well.
///
/// SmoothQuant (Xiao and others, 2023), with NNCF 3.4's constants.
struct SmoothQuantizer {
  let graph: OperationGraph

  /// How much of the range goes into the weights.
  private static let strength: Float = 0.95
  private static let least: Float = 1e-5
  private static let largestScale: Float = 100
  private static let epsilon: Float = 1.1920929e-7

  /// The end of the names of what is inserted.
  static let suffix = "/nncf_smooth_quant"

  /// Products with weights that take the same values.
  struct Group: Equatable {
    var source: OperationGraph.Source
    var axis: Int
    var members: [Member]

    struct Member: Equatable {
      var node: Int
      var weightInput: Int
    }

    /// The largest magnitude of each channel of the values.
    var statistic: StatisticKey {
      StatisticKey(source: source, measure: .absoluteMaximum, axis: axis)
    }
  }

  /// What can be smoothed.
  var groups: [Group] {
    let variable = graph.variableNodes
    var groups: [Group] = []
    for node in graph.nodes.indices where graph.nodes[node].type == "MatMul" {
      let inputs = graph.weightInputs(of: node, variable: variable)
      guard inputs.count == 1, let input = inputs.first,
        let axis = graph.inputChannelAxis(of: node, input: 1 - input),
        // Weights that others use too cannot change for one.
        graph.takers[graph.nodes[node].inputs[input].node].count == 1
      else { continue }
      let source = graph.nodes[node].inputs[1 - input]
      let member = Group.Member(node: node, weightInput: input)
      if let index = groups.firstIndex(where: { $0.source == source && $0.axis == axis }) {
        groups[index].members.append(member)
      } else {
        groups.append(Group(source: source, axis: axis, members: [member]))
      }
    }
    return groups
  }

  /// Smooths every group of `nodes`' model.
  ///
  /// - Parameters:
  ///   - nodes: Its operations are ``graph``'s.
  ///   - statistics: ``Group/statistic`` of each group; one without is left as it is.
  /// - Throws: ``OpenVINOError``.
  func apply(to nodes: ModelGraph, _ statistics: [StatisticKey: Statistic]) throws {
    for group in groups {
      guard let largest = statistics[group.statistic]?.maximum else { continue }
      let weights = try group.members.map { try Weights($0, graph, nodes) }
      var best: (scales: [Float], ratio: Float)?
      for weight in weights where weight.largest.count == largest.count {
        let found = scales(largest, weight.largest)
        if found.ratio > best?.ratio ?? 0 { best = found }
      }
      guard let scales = best?.scales,
        let rank = graph.nodes[group.source.node].outputs[group.source.port].shape?.count
      else { continue }
      for (member, weight) in zip(group.members, weights) {
        try nodes.setConstant(
          weight.scaled(by: scales),
          shape: weight.shape,
          of: member.node,
          input: member.weightInput,
          named: weight.name
        )
      }
      var shape = [Int](repeating: 1, count: rank)
      shape[group.axis] = scales.count
      let first = group.members[0]
      try nodes.insertMultiply(
        scales.map { 1 / $0 },
        shape: shape,
        at: .input(first.node, 1 - first.weightInput),
        named:
          "\(graph.nodes[group.source.node].name)_\(group.source.port)_\(first.node)\(Self.suffix)"
      )
      for member in group.members.dropFirst() {
        try nodes.shareInput(
          of: member.node,
          input: 1 - member.weightInput,
          with: first.node,
          input: 1 - first.weightInput
        )
      }
    }
  }

  private func scales(_ values: [Float], _ weights: [Float]) -> (scales: [Float], ratio: Float) {
    let raw = zip(values, weights).map { value, weight in
      pow(max(value, Self.least), Self.strength)
        / (pow(max(weight, Self.least), 1 - Self.strength) + Self.epsilon)
    }
    let lowest = SmoothQuantizer.quantile(raw, 0.1)
    let scales = raw.map { min(max($0, lowest), Self.largestScale) }
    let ratio = (scales.min() ?? 0) / ((scales.max() ?? 0) + Self.epsilon)
    return (scales, ratio)
  }

  /// Between the sorted values, in proportion.
  static func quantile(_ values: [Float], _ part: Float) -> Float {
    let sorted = values.sorted()
    guard let last = sorted.indices.last else { return 0 }
    let place = part * Float(last)
    let below = Int(place)
    let above = min(below + 1, last)
    return sorted[below] + (sorted[above] - sorted[below]) * (place - Float(below))
  }

  /// The weights of one member.
  private struct Weights {
    let name: String
    let shape: [Int]
    let values: [Float]
    /// The axis of the input's channels.
    let axis: Int
    /// The largest magnitude of each.
    let largest: [Float]

    init(_ member: Group.Member, _ graph: OperationGraph, _ nodes: ModelGraph) throws {
      let constant = graph.constant(of: member.node, input: member.weightInput) ?? 0
      let shape =
        graph.value(at: .input(member.node, member.weightInput)).shape?.compactMap(\.self) ?? []
      let values = try nodes.constant(constant)
      (name, self.shape, self.values) = (graph.nodes[constant].name, shape, values)
      let outputs = graph.weightChannelAxes(of: member.node, input: member.weightInput)
      let axis = shape.indices.last { !outputs.contains($0) } ?? 0
      self.axis = axis
      let channel = ChannelIndex(shape: shape, channels: [axis])
      var largest = [Float](repeating: 0, count: channel.count)
      channel.visit { largest[$1] = max(largest[$1], abs(values[$0])) }
      self.largest = largest
    }

    func scaled(by scales: [Float]) -> [Float] {
      var result = values
      ChannelIndex(shape: shape, channels: [axis]).visit { result[$0] *= scales[$1] }
      return result
    }
  }
}
