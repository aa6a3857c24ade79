/// Follows channels through a recorded graph, operator by operator.
struct ChannelTracer {
  typealias ValueID = OperatorGraph.ValueID
  /// The channels along each axis of a tensor; an axis without an entry has none.
  typealias Layout = [Int: [Int32]]

  let graph: OperatorGraph
  var shapes: [ValueID: [Int]]
  var sets = ChannelSets()
  var layouts: [ValueID: Layout] = [:]
  var constants: [ValueID: OperatorGraph.Constant] = [:]
  var lists: [ValueID: [ValueID]] = [:]
  /// The layouts of the parts of a list that an operator returned.
  var parts: [ValueID: [Layout]] = [:]
  var found = ChannelDependencies()
  /// Indices into the parameters found.
  var parameters: [ValueID: Int] = [:]
  /// Whose output a value is, straight.
  var producers: [ValueID: Int] = [:]
  let names: [ValueID: String]
  let batchSize: Double

  init(_ recording: ShapedGraph) {
    graph = recording.graph
    shapes = recording.shapes
    names = recording.graph.nodeNames
    let input = recording.graph.inputs.first.flatMap { recording.shapes[$0.value]?.first }
    batchSize = Double(max(input ?? 1, 1))
  }

  mutating func trace() {
    let frozen = Set(graph.frozenConstants)
    for node in graph.nodes {
      switch node.operatorName {
      case "prim::Constant": takeConstant(node, frozen)
      case "prim::ListConstruct": if let list = node.outputs.first { lists[list] = node.inputs }
      case "prim::ListUnpack":
        if let list = node.inputs.first, let layouts = parts[list] {
          for (value, layout) in zip(node.outputs, layouts) { self.layouts[value] = layout }
        }
      default: follow(node)
      }
    }
    for output in graph.outputs {
      keep(output.value, because: "the output '\(output.name)'")
    }
  }

  private mutating func takeConstant(_ node: OperatorGraph.Node, _ frozen: Set<String>) {
    guard let value = node.outputs.first, let constant = node.constant else { return }
    constants[value] = constant
    guard case .tensor(let buffer) = constant else { return }
    shapes[value] = buffer.shape
    let name = graph.values[value].name
    guard !frozen.contains(name) else { return }
    parameters[value] = found.parameters.count
    found.parameters.append(.init(name: name, values: buffer))
    var layout: Layout = [:]
    for (axis, extent) in buffer.shape.enumerated() { layout[axis] = sets.add(extent) }
    layouts[value] = layout
  }

  // MARK: - What operators ask for

  func layout(_ value: ValueID) -> Layout { layouts[value] ?? [:] }

  /// The tensors of an argument, those of a list one by one.
  func tensors(_ value: ValueID) -> [ValueID] {
    if let list = lists[value] { return list.flatMap(tensors) }
    guard graph.values.indices.contains(value) else { return [] }
    if case .tensor = graph.values[value].type { return [value] }
    return []
  }

  func integer(_ node: OperatorGraph.Node, _ index: Int) -> Int? {
    guard node.inputs.indices.contains(index) else { return nil }
    guard case .int(let number) = constants[node.inputs[index]] else { return nil }
    return number
  }

  func integers(_ node: OperatorGraph.Node, _ index: Int) -> [Int]? {
    guard node.inputs.indices.contains(index) else { return nil }
    switch constants[node.inputs[index]] {
    case .intList(let list): return list
    case .int(let number): return [number]
    default: return nil
    }
  }

  /// What an operator is called in messages.
  func title(_ node: OperatorGraph.Node) -> String {
    let name = node.outputs.first.flatMap { names[$0] } ?? node.operatorName
    return "'\(name)'"
  }

  // MARK: - What operators do

  mutating func keep(_ value: ValueID, because reason: String) {
    for tensor in tensors(value) {
      for (_, channels) in layout(tensor) { sets.keep(channels, because: reason) }
    }
  }

  mutating func keep(_ channels: [Int32]?, because reason: String) {
    if let channels { sets.keep(channels, because: reason) }
  }

  /// Makes the channels of two axes one; an axis that has none keeps the other's.
  mutating func meet(_ first: [Int32]?, _ second: [Int32]?, at place: String) {
    switch (first, second) {
    case (let first?, let second?): sets.join(first, second, at: place)
    case (let one?, nil), (nil, let one?): sets.keep(one, because: place)
    case (nil, nil): break
    }
  }

  /// An operator that nobody here knows: what goes in stays as it is.
  mutating func keepAll(_ node: OperatorGraph.Node) {
    for input in node.inputs { keep(input, because: title(node)) }
  }

  /// The result has the layout of the first argument, but for some axes.
  mutating func carry(_ node: OperatorGraph.Node, keeping axes: Set<Int> = []) {
    guard let input = node.inputs.first, let output = node.outputs.first else { return }
    var layout = layout(input)
    for axis in axes { keep(layout.removeValue(forKey: axis), because: title(node)) }
    layouts[output] = layout
  }

  /// An axis that may count from the end.
  func axis(_ number: Int?, of value: ValueID, adding extra: Int = 0) -> Int? {
    guard let number, let rank = shapes[value]?.count else { return nil }
    let axis = number < 0 ? number + rank + extra : number
    return (0..<rank + extra).contains(axis) ? axis : nil
  }

  /// Adds multiplications of a weight: its first two extents times `positions`.
  mutating func count(_ parameter: Int, positions: Int) {
    found.parameters[parameter].positions += Double(positions) / batchSize
  }

  // MARK: - The end

  mutating func dependencies() -> ChannelDependencies {
    var places: [Int32: [ChannelDependencies.Place]] = [:]
    var order: [Int32] = []
    // Channels that filters make; what has none (a table of positions) is no channel.
    var makers: [Int32: [Int]] = [:]
    let values = parameters.sorted { $0.value < $1.value }
    for (value, parameter) in values {
      for (axis, channels) in layout(value).sorted(by: { $0.key < $1.key }) {
        for (index, channel) in channels.enumerated() {
          let root = sets.root(of: channel)
          places[root, default: []].append(.init(parameter: parameter, axis: axis, index: index))
          if found.parameters[parameter].filterAxis == axis {
            if makers[root] == nil { order.append(root) }
            if makers[root]?.last != parameter { makers[root, default: []].append(parameter) }
          }
        }
      }
    }
    var obstacles: [String: Int] = [:]
    var free: [Int32] = []
    for root in order {
      if let reason = sets.reason(keeping: root) {
        obstacles[reason, default: 0] += 1
      } else {
        free.append(root)
      }
    }
    found.obstacles = obstacles.map { .init(reason: $0.key, channelCount: $0.value) }
      .sorted { ($1.channelCount, $0.reason) < ($0.channelCount, $1.reason) }
    found.groups = groups(of: free, makers).map { members, layers in
      ChannelDependencies.Group(
        layers: layers.map { found.parameters[$0].name },
        channels: members.map { .init(places: places[$0] ?? []) }
      )
    }
    return found
  }

  /// Channels of layers that share some, in the order of the layers.
  private func groups(
    of free: [Int32],
    _ makers: [Int32: [Int]]
  ) -> [(members: [Int32], layers: [Int])] {
    var layers = ChannelSets()
    _ = layers.add(found.parameters.count)
    for root in free {
      let own = makers[root] ?? []
      for layer in own.dropFirst() { layers.join(Int32(own[0]), Int32(layer)) }
    }
    var order: [Int32] = []
    var members: [Int32: [Int32]] = [:]
    var names: [Int32: Set<Int>] = [:]
    for root in free {
      guard let own = makers[root], let first = own.first else { continue }
      let group = layers.root(of: Int32(first))
      if members[group] == nil { order.append(group) }
      members[group, default: []].append(root)
      names[group, default: []].formUnion(own)
    }
    return order.map { (members[$0] ?? [], (names[$0] ?? []).sorted()) }
  }
}
