/// How quantisers that meet become one, and what is dropped in the end.
extension QuantizerPropagation {
  /// Merges the quantisers that wait below a branching node into one above it.
  func merge(waitingAt branching: Int) {
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

  func rank(_ choice: QuantizerChoice, _ quantizers: [Quantizer]) -> Int {
    quantizers.reduce(0) { $0 + ($1.choices.firstIndex(of: choice) ?? 0) }
  }

  /// Puts a quantiser at a branching node in the place of those below it.
  func stand(
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
  func path(from: Int, to: Int) -> [Edge] {
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
  func mergeIntoPath(_ quantizer: Quantizer, _ path: [Edge]) {
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
  func dropSingle() {
    let single = finished.filter { quantizer in
      guard quantizer.sinks.count == 1, let sink = quantizer.sinks.first else { return false }
      return OperatorTraits.elementwise.contains(graph.types[sink])
        && onNode[sink]?.count == 1 && quantizer.path.count <= 1
    }
    for quantizer in single { drop(quantizer) }
  }

  func drop(_ quantizer: Quantizer) {
    remove(quantizer)
    finished.removeAll { $0 === quantizer }
  }

  /// A quantiser right below one that does the same does nothing.
  func mergeSuccessive() {
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

  func isEnough(_ upper: Quantizer, for lower: Quantizer) -> Bool {
    guard let upper = upper.choices.first, let lower = lower.choices.first else { return false }
    return (upper.isSymmetric || !lower.isSymmetric)
      && (!upper.isPerChannel || lower.isPerChannel)
  }
}
