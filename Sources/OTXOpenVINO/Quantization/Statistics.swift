import OTXCore

/// What is to be known of the values at a place of a model.
struct StatisticKey: Hashable {
  /// The output whose values they are.
  var source: OperationGraph.Source
  var reduction: Reduction
  /// The axis that is kept; `nil`: one number for all.
  var axis: Int?
}

/// A statistic over many samples: what each sample's was, in short.
struct Statistic: Equatable {
  var minimum: [Float]
  var maximum: [Float]
  private var sum: [Double]
  private var count = 0

  init() { (minimum, maximum, sum) = ([], [], []) }

  /// The mean over the samples.
  var mean: [Float] { sum.map { Float($0 / Double(max(count, 1))) } }

  /// Takes the values of one sample in.
  mutating func add(_ values: [Float]) {
    if count == 0 {
      (minimum, maximum) = (values, values)
      sum = values.map(Double.init)
    } else {
      for (index, value) in values.enumerated() where index < sum.count {
        minimum[index] = min(minimum[index], value)
        maximum[index] = max(maximum[index], value)
        sum[index] += Double(value)
      }
    }
    count += 1
  }
}

extension OperationGraph {
  /// The output whose values flow at `place`.
  func source(at place: GraphPlace) -> Source {
    switch place {
    case .output(let node, let port): Source(node: node, port: port)
    case .input(let node, let port): nodes[node].inputs[port]
    }
  }

  /// The statistics that quantisers by `plan` need.
  func statistics(for plan: QuantizationPlan) -> Set<StatisticKey> {
    var keys: Set<StatisticKey> = []
    for activation in plan.activations {
      let source = source(at: activation.place)
      let axis = activation.choice.isPerChannel ? 1 : nil
      let top: Reduction = activation.choice.isSymmetric ? .absoluteMaximum : .maximum
      for reduction in [.minimum, top] {
        keys.insert(StatisticKey(source: source, reduction: reduction, axis: axis))
      }
    }
    return keys
  }
}

/// Statistics of a model's values over calibration pictures, computed inside the model: no value
/// leaves it, so that memory does not grow with the pictures.
struct StatisticsCollector {
  let model: ConvertedModel
  let preprocessing: Preprocessing
  let threads: Int

  /// Runs the model over pictures, one at a time, and gathers `keys`.
  ///
  /// - Parameters:
  ///   - keys: What to gather.
  ///   - next: The next picture; `nil` after the last.
  ///   - progress: Told how many pictures are done.
  /// - Returns: Those of `keys` whose values have a known number of axes.
  /// - Throws: What `next` and `progress` throw, and ``OpenVINOError``.
  func collect(
    _ keys: Set<StatisticKey>,
    _ next: () throws -> ImageBatch?,
    progress: (Int) throws -> Void
  ) throws -> [StatisticKey: Statistic] {
    let copy = try model.clone()
    let nodes = try ModelGraph(copy)
    let ordered = keys.sorted { $0.order < $1.order }
    var names: [(name: String, key: StatisticKey)] = []
    for (index, key) in ordered.enumerated() {
      guard let rank = nodes.graph.nodes[key.source.node].outputs[key.source.port].shape?.count
      else { continue }
      let name = "otx_statistic_\(index)"
      try nodes.addStatistic(
        key.reduction,
        over: (0..<rank).filter { $0 != key.axis },
        of: .output(key.source.node, key.source.port),
        named: name
      )
      names.append((name, key))
    }
    try copy.takeBytes(preprocessing)
    var options = OpenVINOModel.Options()
    options.threads = threads
    options.hasManyRequests = true
    let compiled = try OpenVINOModel(copy, options: options, takesBytes: true)
    var statistics: [StatisticKey: Statistic] = [:]
    var done = 0
    func receive(_ picture: ImageBatch, _ outputs: [String: ModelOutput]) throws {
      for (name, key) in names {
        guard let output = outputs[name] else { continue }
        statistics[key, default: Statistic()].add(output.values)
      }
      done += 1
      try progress(done)
    }
    try compiled.run(next, images: { $0 }, receive)
    return statistics
  }
}

extension StatisticKey {
  fileprivate var order: (Int, Int, Int, Int) {
    let rank: Int =
      switch reduction {
      case .minimum: 0
      case .maximum: 1
      case .absoluteMaximum: 2
      case .mean: 3
      }
    return (source.node, source.port, rank, axis ?? -1)
  }
}
