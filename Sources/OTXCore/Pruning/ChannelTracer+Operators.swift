extension ChannelTracer {
  /// Operators that treat every element alike.
  private static let elementwise: Set<String> = [
    "relu", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "mish", "hardswish", "hardsigmoid",
    "sigmoid", "tanh", "softplus", "log_sigmoid", "exp", "log", "sqrt", "rsqrt", "abs", "neg",
    "square", "clamp", "clamp_min", "clamp_max", "dropout", "contiguous", "to", "clone", "detach",
    "alias",
  ]
  /// Operators that treat every channel of `[N, C, H, W]` alike.
  private static let spatial: Set<String> = [
    "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "upsample_nearest2d",
    "upsample_bilinear2d", "_upsample_bicubic2d_aa",
  ]

  /// Follows the channels through one operator.
  mutating func follow(_ node: OperatorGraph.Node) {
    let name = node.operatorName.split(separator: ":").last.map(String.init) ?? ""
    let tensorCount = node.inputs.reduce(0) { $0 + tensors($1).count }
    switch name {
    case "conv2d": convolve(node)
    case "conv_transpose2d": convolveTransposed(node)
    case "linear": multiply(node)
    case "batch_norm": normalize(node)
    case "layer_norm", "group_norm", "instance_norm":
      // Its moments are those of all channels together.
      keepAll(node)
      carry(node)
    case "add", "sub", "mul", "div", "maximum", "minimum":
      tensorCount == 1 ? carry(node) : combine(node)
    case _ where tensorCount == 1 && Self.elementwise.contains(name): carry(node)
    case _ where tensorCount == 1 && Self.spatial.contains(name): carry(node, keeping: [2, 3])
    case "softmax", "log_softmax":
      carry(node, keeping: Set([axis(integer(node, 1), of: node.inputs[0])].compactMap(\.self)))
    case "matmul", "bmm", "scaled_dot_product_attention":
      keepAll(node)
      countProducts(node, name)
    default: move(node, name)
    }
  }

  // MARK: - Weights

  private mutating func convolve(_ node: OperatorGraph.Node) {
    guard node.inputs.count >= 7, let weight = parameters[node.inputs[1]],
      let groups = integer(node, 6), let output = node.outputs.first,
      let result = shapes[output], result.count == 4
    else { return keepAll(node) }
    let (input, own) = (layout(node.inputs[0]), layout(node.inputs[1]))
    let shape = found.parameters[weight].shape
    let place = title(node)
    for axis in [2, 3] { keep(input[axis], because: place) }
    if groups == 1 {
      meet(own[1], input[1], at: place)
      found.parameters[weight].filterAxis = 0
    } else if shape[1] == 1, shape[0] == groups {
      meet(own[0], input[1], at: place)
      found.parameters[weight].isDepthwise = true
    } else {
      // Equal shares of every group would have to go.
      found.parameters[weight].filterAxis = 0
      keep(own[0], because: "\(place) (in groups)")
      keep(input[1], because: "\(place) (in groups)")
    }
    addBias(node.inputs[2], to: own[0], at: place)
    layouts[output] = [1: own[0] ?? []]
    producers[output] = weight
    let kernel = shape[2] * shape[3]
    count(weight, positions: result[0] * result[2] * result[3] * kernel)
  }

  private mutating func convolveTransposed(_ node: OperatorGraph.Node) {
    guard node.inputs.count >= 7, let weight = parameters[node.inputs[1]],
      integer(node, 6) == 1, let output = node.outputs.first,
      let given = shapes[node.inputs[0]], given.count == 4
    else { return keepAll(node) }
    let (input, own) = (layout(node.inputs[0]), layout(node.inputs[1]))
    let shape = found.parameters[weight].shape
    let place = title(node)
    for axis in [2, 3] { keep(input[axis], because: place) }
    meet(own[0], input[1], at: place)
    addBias(node.inputs[2], to: own[1], at: place)
    found.parameters[weight].filterAxis = 1
    layouts[output] = [1: own[1] ?? []]
    producers[output] = weight
    count(weight, positions: given[0] * given[2] * given[3] * shape[2] * shape[3])
  }

  private mutating func multiply(_ node: OperatorGraph.Node) {
    guard node.inputs.count >= 3, let weight = parameters[node.inputs[1]],
      let output = node.outputs.first, let given = shapes[node.inputs[0]], !given.isEmpty
    else { return keepAll(node) }
    let last = given.count - 1
    var layout = layout(node.inputs[0])
    let own = self.layout(node.inputs[1])
    let place = title(node)
    meet(own[1], layout[last], at: place)
    addBias(node.inputs[2], to: own[0], at: place)
    found.parameters[weight].filterAxis = 0
    layout[last] = own[0]
    layouts[output] = layout
    producers[output] = weight
    count(weight, positions: given.dropLast().reduce(1, *))
  }

  private mutating func addBias(_ bias: ValueID, to channels: [Int32]?, at place: String) {
    guard !tensors(bias).isEmpty else { return }
    meet(layout(bias)[0], channels, at: place)
  }

  private mutating func normalize(_ node: OperatorGraph.Node) {
    guard node.inputs.count >= 5, let output = node.outputs.first else { return keepAll(node) }
    let channels = layout(node.inputs[0])[1]
    for input in node.inputs[1...4] where !tensors(input).isEmpty {
      meet(layout(input)[0], channels, at: title(node))
    }
    carry(node)
    if let producer = producers[node.inputs[0]], let scale = parameters[node.inputs[1]],
      let shift = parameters[node.inputs[2]]
    {
      found.parameters[producer].normalization = (scale, shift)
    }
    producers[output] = nil
  }

  /// Products of two activations: what they cost is there to stay.
  private mutating func countProducts(_ node: OperatorGraph.Node, _ name: String) {
    guard let output = node.outputs.first, let result = shapes[output],
      let first = shapes[node.inputs[0]], let inner = first.last
    else { return }
    let count = Double(result.reduce(1, *))
    if name == "scaled_dot_product_attention", node.inputs.count > 1,
      let keys = shapes[node.inputs[1]], keys.count >= 2
    {
      let queries = Double(first.dropLast().reduce(1, *))
      let scores = queries * Double(keys[keys.count - 2])
      let width = Double(result.last ?? 1)
      found.fixedMultiplications += scores * (Double(inner) + width) / batchSize
    } else {
      found.fixedMultiplications += count * Double(inner) / batchSize
    }
  }

  // MARK: - Several tensors

  /// Two tensors element by element, stretched where one has an extent of 1.
  private mutating func combine(_ node: OperatorGraph.Node) {
    guard node.inputs.count >= 2, let output = node.outputs.first, let result = shapes[output],
      node.inputs.dropFirst(2).allSatisfy({ tensors($0).isEmpty }),
      let first = shapes[node.inputs[0]], let second = shapes[node.inputs[1]]
    else { return keepAll(node) }
    let place = title(node)
    var joined: Layout = [:]
    for axis in result.indices {
      let (i, j) = (axis - result.count + first.count, axis - result.count + second.count)
      let one = i >= 0 ? layout(node.inputs[0])[i] : nil
      let other = j >= 0 ? layout(node.inputs[1])[j] : nil
      let (size, otherSize) = (i >= 0 ? first[i] : 1, j >= 0 ? second[j] : 1)
      if size == otherSize {
        meet(one, other, at: place)
        joined[axis] = one ?? other
      } else {
        // A single channel that is stretched is no channel of the others.
        keep(size == 1 ? one : other, because: place)
        joined[axis] = size == 1 ? other : one
      }
    }
    layouts[output] = joined
  }

  /// Tensors one after the other along an axis, or along a new one.
  mutating func concatenate(_ node: OperatorGraph.Node, isStack: Bool) {
    let members = node.inputs.first.map(tensors) ?? []
    guard let output = node.outputs.first, let first = members.first,
      let dim = axis(integer(node, 1) ?? 0, of: first, adding: isStack ? 1 : 0),
      members.allSatisfy({ shapes[$0]?.count == shapes[first]?.count }),
      let rank = shapes[first]?.count
    else { return keepAll(node) }
    let place = title(node)
    var joined: Layout = [:]
    for axis in 0..<rank {
      let own = members.map { layout($0)[axis] }
      let target = isStack && axis >= dim ? axis + 1 : axis
      if !isStack, axis == dim {
        guard own.contains(where: { $0 != nil }) else { continue }
        var channels: [Int32] = []
        for (member, known) in zip(members, own) {
          // What has no channels of its own stays.
          let list = known ?? sets.add(shapes[member]?[axis] ?? 0)
          if known == nil { sets.keep(list, because: place) }
          channels += list
        }
        joined[target] = channels
      } else {
        for other in own.dropFirst() { meet(own[0], other, at: place) }
        joined[target] = own.lazy.compactMap(\.self).first
      }
    }
    layouts[output] = joined
  }
}
