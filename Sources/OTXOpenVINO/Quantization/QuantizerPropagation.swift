/// Where a model is quantised: quantisers begin before the inputs of every operation that computes
/// with whole numbers and climb as far as they can, so that few of them serve many operations.
///
/// The rules, and the order in which they are applied, are those of NNCF 3.4's default
/// (`MERGE_ALL_IN_ONE`), so that the places are the same.
final class QuantizerPropagation {
  typealias Edge = PropagationGraph.Edge

  /// A quantiser on its way.
  final class Quantizer {
    let id: Int
    var choices: [QuantizerChoice]
    var location: Int
    /// Edges that it climbed.
    var path: [Edge] = []
    var edges: Set<Edge> = []
    var spots: Set<Int> = []
    var operations: Set<Int> = []
    /// Operations whose inputs it quantises.
    var sinks: Set<Int> = []
    /// Quantisers of one number have one scale.
    var scaleGroup: Int?
    /// Where it may stop.
    var lastStop: Int

    init(id: Int, choices: [QuantizerChoice], location: Int) {
      (self.id, self.choices, self.location) = (id, choices, location)
      lastStop = location
    }

    func copy(id: Int) -> Quantizer {
      let copy = Quantizer(id: id, choices: choices, location: location)
      (copy.path, copy.edges, copy.spots) = (path, edges, spots)
      (copy.operations, copy.sinks) = (operations, sinks)
      (copy.scaleGroup, copy.lastStop) = (scaleGroup, lastStop)
      return copy
    }
  }

  enum Transition { case no, yes, merge, wait }

  let graph: PropagationGraph
  let isSymmetric: Bool
  /// The quantiser that stands at a spot.
  var standing: [Int: Quantizer] = [:]
  var onNode: [Int: [Quantizer]] = [:]
  var onEdge: [Edge: [Quantizer]] = [:]
  /// Quantisers under way, the next one first.
  var queue: [Quantizer] = []
  var finished: [Quantizer] = []
  var waiting: [Int: Set<Int>] = [:]
  var blocked: [Int: Int] = [:]
  var quantizerCount = 0
  var scaleGroupCount = 0
  /// Steps in which nothing changed.
  var idleStepCount = 0

  init(_ graph: PropagationGraph, isSymmetric: Bool) {
    self.graph = graph
    self.isSymmetric = isSymmetric
    begin()
    while !queue.isEmpty {
      // All wait for each other: nothing climbs any more.
      guard idleStepCount <= queue.count else {
        for quantizer in queue { stop(quantizer) }
        break
      }
      step(queue.removeFirst())
    }
    dropSingle()
    mergeSuccessive()
  }

  // MARK: - Beginning

  func begin() {
    for node in graph.kinds.indices {
      guard case .operation = graph.kinds[node], graph.traits[node] == .quantizesInputs else {
        continue
      }
      let inputs = OperatorTraits.quantizedInputs(of: graph.types[node])
      for spot in graph.predecessors[node] {
        guard case .before(_, let input) = graph.kinds[spot], inputs?.contains(input) ?? true,
          !graph.wholeNumbers.contains(Edge(from: spot, to: node))
        else { continue }
        let choices = OperatorTraits.choices(for: graph.types[node], isSymmetric: isSymmetric)
        queue.append(add(choices, at: spot))
      }
    }
  }

  /// A quantiser in front of an operation.
  func add(_ choices: [QuantizerChoice], at spot: Int) -> Quantizer {
    quantizerCount += 1
    let quantizer = Quantizer(id: quantizerCount, choices: choices, location: spot)
    standing[spot] = quantizer
    onNode[spot, default: []].append(quantizer)
    quantizer.spots.insert(spot)
    if let operation = graph.successors[spot].first {
      onNode[operation, default: []].append(quantizer)
      onEdge[Edge(from: spot, to: operation), default: []].append(quantizer)
      quantizer.edges.insert(Edge(from: spot, to: operation))
      quantizer.operations.insert(operation)
      quantizer.sinks.insert(operation)
    }
    return quantizer
  }

  // MARK: - Climbing

  func step(_ quantizer: Quantizer) {
    if let branching = blocked[quantizer.id] {
      let below = Set(standingBelow(branching).map(\.id))
      let active = Set(queue.map(\.id)).union([quantizer.id]).intersection(below)
      if waiting[branching] == active {
        queue.insert(quantizer, at: 0)
        merge(waitingAt: branching)
        idleStepCount = 0
      } else {
        queue.append(quantizer)
        idleStepCount += 1
      }
      return
    }
    idleStepCount = 0
    let paths = graph.pathsUp(from: quantizer.location)
    guard !paths.isEmpty else { return stop(quantizer) }
    // One of each: the quantiser itself, and copies for the other ways up.
    var climbers = [quantizer]
    for _ in paths.dropFirst() { climbers.append(clone(quantizer)) }
    let isSplit = paths.count > 1
    for (index, climber) in climbers.enumerated() {
      guard let joining = paths[index].joining,
        let first = paths.firstIndex(where: { $0.joining == joining })
      else { continue }
      unify(climbers[first], climber)
    }
    var surviving: [Quantizer] = []
    for (index, climber) in climbers.enumerated() {
      let path = paths[index].edges
      switch transition(of: climber, via: path, isSplit: isSplit) {
      case .no:
        if isSplit, climber !== quantizer {
          remove(climber, keepsStanding: true)
        } else {
          stop(climber)
        }
      case .yes:
        climb(climber, path)
        surviving.append(climber)
      case .merge: mergeIntoPath(climber, path)
      case .wait:
        if let branching = path.first(where: { graph.successors[$0.from].count > 1 }).map({ _ in
          path[0].from
        }) {
          blocked[climber.id] = branching
          waiting[branching, default: []].insert(climber.id)
        }
        surviving.append(climber)
      }
    }
    queue += surviving
  }

  func clone(_ quantizer: Quantizer) -> Quantizer {
    quantizerCount += 1
    let copy = quantizer.copy(id: quantizerCount)
    for edge in copy.edges { onEdge[edge, default: []].append(copy) }
    for node in copy.spots.union(copy.operations) { onNode[node, default: []].append(copy) }
    return copy
  }

  func unify(_ first: Quantizer, _ second: Quantizer) {
    if first.scaleGroup == nil {
      scaleGroupCount += 1
      first.scaleGroup = scaleGroupCount
    }
    guard let group = first.scaleGroup else { return }
    if let other = second.scaleGroup, other != group {
      join(group, other)
    } else {
      second.scaleGroup = group
    }
  }

  /// Makes two groups of scales one.
  func join(_ group: Int, _ other: Int) {
    for quantizer in allQuantizers where quantizer.scaleGroup == other {
      quantizer.scaleGroup = group
    }
  }

  var allQuantizers: [Quantizer] {
    var seen: Set<Int> = []
    return (queue + finished + onNode.values.joined()).filter { seen.insert($0.id).inserted }
  }

  func transition(
    of quantizer: Quantizer,
    via path: [Edge],
    isSplit: Bool
  ) -> Transition {
    for edge in path {
      let from = edge.from
      if graph.isOperation(from), [.real, .quantizesInputs].contains(graph.traits[from]) {
        return .no
      }
      if graph.wholeNumbers.contains(edge) { return .no }
      if let others = onEdge[edge], !others.isEmpty,
        let result = meet(quantizer, others, isSplit: isSplit)
      {
        return result
      }
      if graph.isSpot(from), let others = onNode[from], !others.isEmpty,
        let result = meet(quantizer, others, isSplit: isSplit)
      {
        if result == .no {
          for other in others { other.edges.insert(edge) }
          onEdge[edge, default: []] += others
        }
        return result
      }
      if graph.successors[from].count > 1 {
        let result = branch(quantizer, from)
        if result == .no || result == .wait { return result }
      }
    }
    return .yes
  }

  func meet(_ quantizer: Quantizer, _ others: [Quantizer], isSplit: Bool) -> Transition? {
    if isSplit { return nil }
    return quantizer.choices == others[0].choices ? .merge : .no
  }

  /// Whether a quantiser may climb over a node that branches downwards.
  func branch(_ quantizer: Quantizer, _ node: Int) -> Transition {
    if graph.branchesToOutputs.contains(node) { return .no }
    var others: Set<Int> = []
    for operation in graph.caringOperations(below: node) {
      if OperatorTraits.quantizedInputs(of: graph.types[operation]) != nil,
        !isQuantizedEverywhere(below: node)
      {
        return .no
      }
      let here = onNode[operation] ?? []
      if !here.isEmpty {
        others.formUnion(here.map(\.id))
        continue
      }
      guard graph.traits[operation] == .joins else { return .no }
      let active = Set(queue.map(\.id))
      let coming = standingBelow(operation).map(\.id).filter(active.contains)
      guard !coming.isEmpty else { return .no }
      others.formUnion(coming)
    }
    others.remove(quantizer.id)
    return others.isEmpty ? .yes : .wait
  }

  func isQuantizedEverywhere(below node: Int) -> Bool {
    var nodes = graph.successors[node]
    while let next = nodes.popLast() {
      if graph.isOperation(next) {
        if graph.traits[next] != .passesThrough { return false }
      } else if standing[next] != nil {
        continue
      }
      nodes += graph.successors[next]
    }
    return true
  }

  /// The first quantisers on each way down from `node`.
  func standingBelow(_ node: Int) -> [Quantizer] {
    var found: [Quantizer] = []
    var seen: Set<Int> = []
    var nodes = [node]
    while let next = nodes.popLast() {
      guard seen.insert(next).inserted else { continue }
      if graph.isSpot(next), let quantizer = standing[next] {
        found.append(quantizer)
      } else {
        nodes += graph.successors[next].filter { !seen.contains($0) }
      }
    }
    return found
  }

  func climb(_ quantizer: Quantizer, _ path: [Edge]) {
    if standing[quantizer.location] === quantizer { standing[quantizer.location] = nil }
    for edge in path {
      onEdge[edge, default: []].append(quantizer)
      quantizer.edges.insert(edge)
      quantizer.path.append(edge)
      onNode[edge.from, default: []].append(quantizer)
      if graph.isSpot(edge.from) {
        quantizer.spots.insert(edge.from)
        quantizer.lastStop = edge.from
      } else {
        quantizer.operations.insert(edge.from)
      }
      quantizer.location = edge.from
    }
    standing[quantizer.location] = quantizer
  }

  /// Goes back to where it may stop, and stays.
  func stop(_ quantizer: Quantizer) {
    standing[quantizer.location] = nil
    while quantizer.location != quantizer.lastStop, let edge = quantizer.path.popLast() {
      onEdge[edge]?.removeFirst(quantizer)
      quantizer.edges.remove(edge)
      if graph.isSpot(edge.from) {
        onNode[edge.from]?.removeFirst(quantizer)
        quantizer.spots.remove(edge.from)
      }
      if graph.isSpot(edge.to) { quantizer.location = edge.to }
    }
    standing[quantizer.location] = quantizer
    finished.append(quantizer)
  }

  func remove(_ quantizer: Quantizer, keepsStanding: Bool = false) {
    for edge in quantizer.edges { onEdge[edge]?.removeFirst(quantizer) }
    for node in quantizer.spots.union(quantizer.operations) {
      onNode[node]?.removeFirst(quantizer)
    }
    if !keepsStanding { standing[quantizer.location] = nil }
    quantizer.edges = []
    quantizer.spots = []
    quantizer.scaleGroup = nil
  }
}

extension [QuantizerPropagation.Quantizer] {
  mutating func removeFirst(_ quantizer: QuantizerPropagation.Quantizer) {
    if let index = firstIndex(where: { $0 === quantizer }) { remove(at: index) }
  }
}
