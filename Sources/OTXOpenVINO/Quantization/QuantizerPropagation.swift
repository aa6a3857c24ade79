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

  private enum Transition { case no, yes, merge, wait }

  let graph: PropagationGraph
  private let isSymmetric: Bool
  /// The quantiser that stands at a spot.
  private(set) var standing: [Int: Quantizer] = [:]
  private var onNode: [Int: [Quantizer]] = [:]
  private var onEdge: [Edge: [Quantizer]] = [:]
  /// Quantisers under way, the next one first.
  private var queue: [Quantizer] = []
  private var finished: [Quantizer] = []
  private var waiting: [Int: Set<Int>] = [:]
  private var blocked: [Int: Int] = [:]
  private var quantizerCount = 0
  private var scaleGroupCount = 0
  /// Steps in which nothing changed.
  private var idleStepCount = 0

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

  private func begin() {
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
  private func add(_ choices: [QuantizerChoice], at spot: Int) -> Quantizer {
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

  private func step(_ quantizer: Quantizer) {
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

  private func clone(_ quantizer: Quantizer) -> Quantizer {
    quantizerCount += 1
    let copy = quantizer.copy(id: quantizerCount)
    for edge in copy.edges { onEdge[edge, default: []].append(copy) }
    for node in copy.spots.union(copy.operations) { onNode[node, default: []].append(copy) }
    return copy
  }

  private func unify(_ first: Quantizer, _ second: Quantizer) {
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
  private func join(_ group: Int, _ other: Int) {
    for quantizer in allQuantizers where quantizer.scaleGroup == other {
      quantizer.scaleGroup = group
    }
  }

  private var allQuantizers: [Quantizer] {
    var seen: Set<Int> = []
    return (queue + finished + onNode.values.joined()).filter { seen.insert($0.id).inserted }
  }

  private func transition(
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

  private func meet(_ quantizer: Quantizer, _ others: [Quantizer], isSplit: Bool) -> Transition? {
    if isSplit { return nil }
    return quantizer.choices == others[0].choices ? .merge : .no
  }

  /// Whether a quantiser may climb over a node that branches downwards.
  private func branch(_ quantizer: Quantizer, _ node: Int) -> Transition {
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

  private func isQuantizedEverywhere(below node: Int) -> Bool {
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
  private func standingBelow(_ node: Int) -> [Quantizer] {
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

  private func climb(_ quantizer: Quantizer, _ path: [Edge]) {
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
  private func stop(_ quantizer: Quantizer) {
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

  private func remove(_ quantizer: Quantizer, keepsStanding: Bool = false) {
    for edge in quantizer.edges { onEdge[edge]?.removeFirst(quantizer) }
    for node in quantizer.spots.union(quantizer.operations) {
      onNode[node]?.removeFirst(quantizer)
    }
    if !keepsStanding { standing[quantizer.location] = nil }
    quantizer.edges = []
    quantizer.spots = []
    quantizer.scaleGroup = nil
  }

  // MARK: - Merging

  /// Merges the quantisers that wait below a branching node into one above it.
  private func merge(waitingAt branching: Int) {
    let ids = waiting[branching] ?? []
    let quantizers = queue.filter { ids.contains($0.id) }
    let mayGo = !quantizers.contains { branch($0, branching) == .no }
    // What every branch allows, those first that come early in all of them.
    let allowed = Set(quantizers.flatMap(\.choices)).filter { choice in
      quantizers.allSatisfy { $0.choices.contains(choice) }
    }
    let common = allowed.sorted { rank($0, quantizers) < rank($1, quantizers) }
    if mayGo, !common.isEmpty {
      let merged = stand(common, at: branching, instead: quantizers)
      queue.removeAll { ids.contains($0.id) }
      queue += merged
    } else {
      queue.removeAll { ids.contains($0.id) }
      for quantizer in quantizers { stop(quantizer) }
    }
    for id in ids { blocked[id] = nil }
    waiting[branching] = nil
  }

  private func rank(_ choice: QuantizerChoice, _ quantizers: [Quantizer]) -> Int {
    quantizers.reduce(0) { $0 + ($1.choices.firstIndex(of: choice) ?? 0) }
  }

  /// Puts a quantiser at a branching node in the place of those below it.
  private func stand(
    _ choices: [QuantizerChoice],
    at branching: Int,
    instead quantizers: [Quantizer]
  ) -> [Quantizer] {
    let spots =
      graph.isSpot(branching)
      ? [branching] : graph.pathsUp(from: branching).map { $0.edges[0].from }
    var merged: [Quantizer] = []
    let groups = Set(quantizers.compactMap(\.scaleGroup))
    for spot in spots {
      let quantizer: Quantizer
      if case .before = graph.kinds[spot] {
        quantizer = add(choices, at: spot)
      } else {
        quantizerCount += 1
        quantizer = Quantizer(id: quantizerCount, choices: choices, location: spot)
        quantizer.spots.insert(spot)
        standing[spot] = quantizer
        onNode[spot, default: []].append(quantizer)
      }
      merged.append(quantizer)
    }
    if let group = groups.min() {
      for other in groups where other != group { join(group, other) }
      for quantizer in merged { quantizer.scaleGroup = group }
    }
    for quantizer in quantizers {
      mergeIntoPath(quantizer, path(from: branching, to: quantizer.location))
      for above in merged { above.sinks.formUnion(quantizer.sinks) }
    }
    return merged
  }

  /// The shortest way down, as edges from above.
  private func path(from: Int, to: Int) -> [Edge] {
    var previous: [Int: Int] = [:]
    var nodes = [from]
    while !nodes.isEmpty, previous[to] == nil {
      var next: [Int] = []
      for node in nodes {
        for below in graph.successors[node] where previous[below] == nil && below != from {
          previous[below] = node
          next.append(below)
        }
      }
      nodes = next
    }
    var edges: [Edge] = []
    var node = to
    while node != from, let above = previous[node] {
      edges.insert(Edge(from: above, to: node), at: 0)
      node = above
    }
    return edges
  }

  /// Lets the quantisers on a path do what `quantizer` did.
  private func mergeIntoPath(_ quantizer: Quantizer, _ path: [Edge]) {
    standing[quantizer.location] = nil
    var heirs: [Quantizer] = []
    for edge in path {
      if let others = onEdge[edge], !others.isEmpty {
        heirs = others
        break
      }
      quantizer.edges.insert(edge)
      onEdge[edge, default: []].append(quantizer)
      if graph.isSpot(edge.from), let other = standing[edge.from] {
        heirs = [other]
        break
      }
      if let others = onNode[edge.from], !others.isEmpty {
        heirs = others
        break
      }
    }
    for heir in heirs {
      heir.operations.formUnion(quantizer.operations)
      heir.sinks.formUnion(quantizer.sinks)
      heir.spots.formUnion(quantizer.spots)
      heir.edges.formUnion(quantizer.edges)
      for edge in quantizer.edges where graph.kinds[edge.to] != .barrier {
        onNode[edge.to, default: []].append(heir)
      }
      if let group = quantizer.scaleGroup {
        if let other = heir.scaleGroup {
          if other != group { join(group, other) }
        } else {
          heir.scaleGroup = group
        }
      }
      for edge in quantizer.edges { onEdge[edge, default: []].append(heir) }
    }
    remove(quantizer)
  }

  // MARK: - Finishing

  /// An operation on two values of which only one is quantised, and for it alone, computes with
  /// real numbers.
  private func dropSingle() {
    let single = finished.filter { quantizer in
      guard quantizer.sinks.count == 1, let sink = quantizer.sinks.first else { return false }
      return OperatorTraits.elementwise.contains(graph.types[sink])
        && onNode[sink]?.count == 1 && quantizer.path.count <= 1
    }
    for quantizer in single { drop(quantizer) }
  }

  private func drop(_ quantizer: Quantizer) {
    remove(quantizer)
    finished.removeAll { $0 === quantizer }
  }

  /// A quantiser right below one that does the same does nothing.
  private func mergeSuccessive() {
    for root in graph.kinds.indices where graph.predecessors[root].isEmpty {
      var seen: Set<Int> = []
      var nodes: [(node: Int, above: Quantizer?, previous: Int)] = [(root, nil, root)]
      while let (node, above, previous) = nodes.popLast() {
        var above = above
        if node != previous, graph.wholeNumbers.contains(Edge(from: previous, to: node)) {
          above = nil
        } else if graph.isSpot(node) {
          if let quantizer = standing[node] {
            if let upper = above, upper !== quantizer, isEnough(upper, for: quantizer) {
              mergeIntoPath(quantizer, [Edge(from: previous, to: node)])
            } else {
              above = quantizer
            }
          }
        } else if graph.kinds[node] == .barrier || graph.traits[node] != .passesThrough {
          above = nil
        }
        seen.insert(node)
        for next in graph.successors[node] where !seen.contains(next) {
          nodes.append((next, above, node))
        }
      }
    }
  }

  private func isEnough(_ upper: Quantizer, for lower: Quantizer) -> Bool {
    guard let upper = upper.choices.first, let lower = lower.choices.first else { return false }
    return (upper.isSymmetric || !lower.isSymmetric)
      && (!upper.isPerChannel || lower.isPerChannel)
  }
}

extension [QuantizerPropagation.Quantizer] {
  fileprivate mutating func removeFirst(_ quantizer: QuantizerPropagation.Quantizer) {
    if let index = firstIndex(where: { $0 === quantizer }) { remove(at: index) }
  }
}
