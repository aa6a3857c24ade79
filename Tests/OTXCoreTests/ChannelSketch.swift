import OTXCore

/// A recorded network written by hand.
struct ChannelSketch {
  private(set) var graph = OperatorGraph()
  private(set) var shapes: [Int: [Int]] = [:]
  private var number = 1.0

  var recording: ShapedGraph { ShapedGraph(graph: graph, shapes: shapes) }

  private mutating func value(_ name: String, rank: Int?) -> Int {
    graph.values.append(
      .init(name: name, type: rank.map { .tensor(.float32, rank: $0) } ?? .int)
    )
    return graph.values.count - 1
  }

  mutating func input(_ shape: [Int]) -> Int {
    let id = value("image", rank: shape.count)
    graph.inputs.append(.init(name: "image", value: id, shape: shape))
    shapes[id] = shape
    return id
  }

  mutating func constant(_ constant: OperatorGraph.Constant) -> Int {
    let id = value("value\(graph.values.count)", rank: nil)
    graph.nodes.append(
      .init(operatorName: "prim::Constant", inputs: [], outputs: [id], constant: constant)
    )
    return id
  }

  /// Numbers that differ from channel to channel.
  mutating func parameter(_ name: String, _ shape: [Int]) -> Int {
    let id = value(name, rank: shape.count)
    var bytes: [UInt8] = []
    for index in 0..<shape.reduce(1, *) {
      number = (number * 1.37 + Double(index % 7)).truncatingRemainder(dividingBy: 2) + 0.1
      withUnsafeBytes(of: Float(number)) { bytes += Array($0) }
    }
    let buffer = ArrayBuffer(elementType: .float32, shape: shape, bytes: bytes)
    graph.nodes.append(
      .init(operatorName: "prim::Constant", inputs: [], outputs: [id], constant: .tensor(buffer))
    )
    return id
  }

  mutating func call(_ name: String, _ inputs: [Int], _ shape: [Int]) -> Int {
    let id = value("value\(graph.values.count)", rank: shape.count)
    graph.nodes.append(.init(operatorName: "aten::\(name)", inputs: inputs, outputs: [id]))
    shapes[id] = shape
    return id
  }

  mutating func list(_ members: [Int]) -> Int {
    let id = value("value\(graph.values.count)", rank: nil)
    graph.values[id].type = .tensorList
    graph.nodes.append(
      .init(operatorName: "prim::ListConstruct", inputs: members, outputs: [id])
    )
    return id
  }

  mutating func unpack(_ name: String, _ inputs: [Int], _ shapes: [[Int]]) -> [Int] {
    let list = value("value\(graph.values.count)", rank: nil)
    graph.values[list].type = .tensorList
    graph.nodes.append(.init(operatorName: "aten::\(name)", inputs: inputs, outputs: [list]))
    let parts = shapes.map { shape in
      let id = value("value\(graph.values.count)", rank: shape.count)
      self.shapes[id] = shape
      return id
    }
    graph.nodes.append(
      .init(operatorName: "prim::ListUnpack", inputs: [list], outputs: parts)
    )
    return parts
  }

  mutating func output(_ name: String, _ id: Int) {
    graph.outputs.append(.init(name: name, value: id, shape: shapes[id] ?? []))
  }

  /// A convolution of 1 × 1; one that was there before is used again.
  mutating func convolution(
    _ input: Int,
    _ name: String,
    _ channels: Int,
    groups: Int = 1,
    hasBias: Bool = false
  ) -> Int {
    let shape = shapes[input] ?? []
    let known = graph.values.firstIndex { $0.name == "\(name).weight" }
    let weight =
      known ?? parameter("\(name).weight", [channels, shape[1] / groups, 1, 1])
    let bias = hasBias ? parameter("\(name).bias", [channels]) : constant(.none)
    let ones = constant(.intList([1, 1]))
    let zeros = constant(.intList([0, 0]))
    let count = constant(.int(groups))
    return call(
      "conv2d",
      [input, weight, bias, ones, zeros, ones, count],
      [shape[0], channels, shape[2], shape[3]]
    )
  }

  mutating func normalization(_ input: Int, _ name: String) -> Int {
    let shape = shapes[input] ?? []
    let weights = ["weight", "bias", "running_mean", "running_var"].map {
      parameter("\(name).\($0)", [shape[1]])
    }
    let flag = constant(.bool(false))
    return call("batch_norm", [input] + weights + [flag], shape)
  }

  mutating func unary(_ name: String, _ input: Int) -> Int {
    call(name, [input], shapes[input] ?? [])
  }

  mutating func binary(_ name: String, _ first: Int, _ second: Int) -> Int {
    call(name, [first, second], shapes[first] ?? [])
  }

  mutating func linear(_ input: Int, _ name: String, _ features: Int) -> Int {
    let shape = shapes[input] ?? []
    let weight = parameter("\(name).weight", [features, shape[shape.count - 1]])
    let bias = parameter("\(name).bias", [features])
    return call("linear", [input, weight, bias], Array(shape.dropLast()) + [features])
  }
}

extension ChannelDependencies.Group {
  /// The slices that go with one of its channels: `conv1.weight[0] 3`.
  func places(_ channel: Int, in network: ChannelDependencies) -> Set<String> {
    Set(
      channels[channel].places.map {
        "\(network.parameters[$0.parameter].name)[\($0.axis)] \($0.index)"
      }
    )
  }
}
