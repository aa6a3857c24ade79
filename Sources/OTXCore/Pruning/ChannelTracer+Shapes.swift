extension ChannelTracer {
  /// Operators that move elements about without changing them.
  mutating func move(_ node: OperatorGraph.Node, _ name: String) {
    guard let input = node.inputs.first else { return }
    switch name {
    case "cat": concatenate(node, isStack: false)
    case "stack": concatenate(node, isStack: true)
    case "flatten": flatten(node)
    case "unflatten": unflatten(node)
    case "permute":
      permute(node, integers(node, 1)?.compactMap { axis($0, of: input) })
    case "transpose":
      guard let first = axis(integer(node, 1), of: input),
        let second = axis(integer(node, 2), of: input), let rank = shapes[input]?.count
      else { return keepAll(node) }
      var order = Array(0..<rank)
      order.swapAt(first, second)
      permute(node, order)
    case "unsqueeze":
      guard let dim = axis(integer(node, 1), of: input, adding: 1) else { return keepAll(node) }
      shift(node) { $0 < dim ? $0 : $0 + 1 }
    case "squeeze", "select":
      guard let dim = axis(integer(node, 1), of: input) else { return keepAll(node) }
      if name == "squeeze", shapes[input]?[dim] != 1 { return carry(node) }
      keep(layout(input)[dim], because: title(node))
      shift(node) { $0 == dim ? nil : $0 < dim ? $0 : $0 - 1 }
    case "mean", "sum", "amax", "amin": reduce(node)
    case "chunk": chunk(node)
    case "narrow", "slice": cut(node, name)
    case "expand":
      let sizes = integers(node, 1) ?? []
      guard sizes.count == shapes[input]?.count else { return keepAll(node) }
      carry(node, keeping: Set(sizes.indices.filter { sizes[$0] != -1 }))
    case "pad":
      guard let padding = integers(node, 1), let rank = shapes[input]?.count else {
        return keepAll(node)
      }
      carry(node, keeping: Set((0..<padding.count / 2).map { rank - 1 - $0 }))
    case "reshape", "view":
      let isSame = node.outputs.first.map { shapes[$0] == shapes[input] } ?? false
      guard isSame, let sizes = integers(node, 1) else { return keepAll(node) }
      // An extent that is written down cannot follow.
      carry(node, keeping: Set(sizes.indices.filter { sizes[$0] != -1 }))
    default: keepAll(node)
    }
  }

  private mutating func permute(_ node: OperatorGraph.Node, _ order: [Int]?) {
    guard let order, let output = node.outputs.first, order.count == shapes[node.inputs[0]]?.count
    else { return keepAll(node) }
    let layout = layout(node.inputs[0])
    var moved: Layout = [:]
    for (axis, source) in order.enumerated() { moved[axis] = layout[source] }
    layouts[output] = moved
  }

  private mutating func shift(_ node: OperatorGraph.Node, _ target: (Int) -> Int?) {
    guard let output = node.outputs.first else { return }
    var moved: Layout = [:]
    for (axis, channels) in layout(node.inputs[0]) {
      if let axis = target(axis) { moved[axis] = channels }
    }
    layouts[output] = moved
  }

  /// Several axes as one: a channel is repeated for every cell of the others.
  private mutating func flatten(_ node: OperatorGraph.Node) {
    let input = node.inputs[0]
    guard let shape = shapes[input], let start = axis(integer(node, 1), of: input),
      let end = axis(integer(node, 2), of: input), start <= end, let output = node.outputs.first
    else { return keepAll(node) }
    let layout = layout(input)
    let owners = (start...end).filter { layout[$0] != nil && shape[$0] > 1 }
    guard owners.count <= 1, start > 0 || owners.isEmpty else { return keepAll(node) }
    var moved: Layout = [:]
    for (axis, channels) in layout where axis < start || axis > end {
      moved[axis < start ? axis : axis - (end - start)] = channels
    }
    let owner = owners.first ?? (start...end).first { layout[$0] != nil }
    if let owner, let channels = layout[owner] {
      let inner = shape[(owner + 1)..<(end + 1)].reduce(1, *)
      let outer = shape[start..<owner].reduce(1, *)
      let once = channels.flatMap { Array(repeating: $0, count: inner) }
      moved[start] = (0..<outer).flatMap { _ in once }
    }
    layouts[output] = moved
  }

  /// One axis as several: the one that is worked out has the channels, those along the others go
  /// together.
  private mutating func unflatten(_ node: OperatorGraph.Node) {
    let input = node.inputs[0]
    guard let dim = axis(integer(node, 1), of: input), let sizes = integers(node, 2),
      let output = node.outputs.first, let result = shapes[output],
      result.count >= dim + sizes.count
    else { return keepAll(node) }
    let extents = Array(result[dim..<(dim + sizes.count)])
    var moved: Layout = [:]
    for (axis, channels) in layout(input) where axis != dim {
      moved[axis < dim ? axis : axis + sizes.count - 1] = channels
    }
    if let channels = layout(input)[dim] {
      guard let open = sizes.firstIndex(of: -1), channels.count == extents.reduce(1, *) else {
        return keepAll(node)
      }
      let inner = extents[(open + 1)...].reduce(1, *)
      var own: [Int32?] = Array(repeating: nil, count: extents[open])
      for (index, channel) in channels.enumerated() {
        let position = index / inner % extents[open]
        if let first = own[position] { sets.join(first, channel) } else { own[position] = channel }
      }
      moved[dim + open] = own.compactMap(\.self)
    }
    layouts[output] = moved
  }

  /// Sums and means along axes: over channels they know how many there are.
  private mutating func reduce(_ node: OperatorGraph.Node) {
    let input = node.inputs[0]
    guard let dims = integers(node, 1)?.compactMap({ axis($0, of: input) }), !dims.isEmpty,
      let output = node.outputs.first, let rank = shapes[input]?.count
    else { return keepAll(node) }
    carry(node, keeping: Set(dims))
    guard let layout = layouts[output], shapes[output]?.count != rank else { return }
    var moved: Layout = [:]
    for (axis, channels) in layout { moved[axis - dims.count { $0 < axis }] = channels }
    layouts[output] = moved
  }

  /// Equal parts: what goes from one goes from all.
  private mutating func chunk(_ node: OperatorGraph.Node) {
    let input = node.inputs[0]
    guard let count = integer(node, 1), let dim = axis(integer(node, 2) ?? 0, of: input),
      let list = node.outputs.first, let extent = shapes[input]?[dim], count > 0
    else { return keepAll(node) }
    var layouts = Array(repeating: layout(input), count: count)
    if let channels = layout(input)[dim] {
      guard extent.isMultiple(of: count) else { return keepAll(node) }
      let size = extent / count
      let first = Array(channels[..<size])
      for part in 0..<count {
        let own = Array(channels[(part * size)..<((part + 1) * size)])
        sets.join(first, own, at: title(node))
        layouts[part][dim] = own
      }
    }
    parts[list] = layouts
  }

  /// A part from one number to another: of channels, the numbers cannot follow.
  private mutating func cut(_ node: OperatorGraph.Node, _ name: String) {
    let input = node.inputs[0]
    guard let dim = axis(integer(node, 1), of: input) else { return keepAll(node) }
    let isWhole =
      name == "slice" && integer(node, 2) == 0 && integer(node, 4) == 1
      && (integer(node, 3) ?? 0) == Int.max
    carry(node, keeping: isWhole ? [] : [dim])
  }
}
