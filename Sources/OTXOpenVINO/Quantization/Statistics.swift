import OTXCore

/// What is to be known of the values at a place of a model.
struct StatisticKey: Hashable {
  /// The output whose values they are.
  var source: OperationGraph.Source
  var measure: Measure
  /// The axis that is kept; `nil`: one number for all.
  var axis: Int?

  enum Measure: Hashable {
    case minimum, maximum, absoluteMaximum, mean
  }
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
      let top: StatisticKey.Measure = activation.choice.isSymmetric ? .absoluteMaximum : .maximum
      for measure in [.minimum, top] {
        keys.insert(StatisticKey(source: source, measure: measure, axis: axis))
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
    let (measuring, parts) = try measuringModel(keys)
    guard !parts.isEmpty else { return [:] }
    var options = OpenVINOModel.Options()
    options.threads = threads
    let compiled = try OpenVINOModel(measuring, options: options, takesBytes: true)
    var statistics: [StatisticKey: Statistic] = [:]
    var done = 0
    func receive(_ picture: ImageBatch, _ outputs: [String: ModelOutput]) throws {
      for (key, names) in parts {
        let values = names.compactMap { outputs[$0]?.values }
        guard values.count == names.count, let first = values.first else { continue }
        statistics[key, default: Statistic()].add(
          values.count > 1 ? zip(first, values[1]).map { max(-$0, $1) } : first
        )
      }
      done += 1
      try progress(done)
    }
    try compiled.run(next, images: { $0 }, receive)
    return statistics
  }

  /// The model with the statistics as its only outputs, and which outputs make each of `keys`.
  ///
  /// OpenVINO computes one output after the other: in the model's order each statistic is taken
  /// right after its values, which then need no memory any more. Magnitudes are made of minimum and
  /// maximum, which are needed anyway, rather than of another copy of the values.
  private func measuringModel(
    _ keys: Set<StatisticKey>
  ) throws -> (model: ConvertedModel, parts: [(key: StatisticKey, names: [String])]) {
    let copy = try model.clone()
    let nodes = try ModelGraph(copy)
    try nodes.dropOutputs()
    var made: [Part: String] = [:]
    var parts: [(key: StatisticKey, names: [String])] = []
    for key in keys.sorted(by: { $0.order < $1.order }) {
      guard let rank = nodes.graph.nodes[key.source.node].outputs[key.source.port].shape?.count
      else { continue }
      let names = try key.measure.reductions.map { reduction in
        let part = Part(source: key.source, axis: key.axis, reduction: reduction)
        if let name = made[part] { return name }
        let name = "otx_statistic_\(made.count)"
        try nodes.addStatistic(
          reduction,
          over: (0..<rank).filter { $0 != key.axis },
          of: .output(key.source.node, key.source.port),
          named: name
        )
        made[part] = name
        return name
      }
      parts.append((key, names))
    }
    try copy.takeBytes(preprocessing)
    return (copy, parts)
  }

  /// One output of the model.
  private struct Part: Hashable {
    var source: OperationGraph.Source
    var axis: Int?
    var reduction: Reduction
  }
}

extension StatisticKey.Measure {
  /// What the model computes for it; two stand for the larger magnitude.
  fileprivate var reductions: [Reduction] {
    switch self {
    case .minimum: [.minimum]
    case .maximum: [.maximum]
    case .absoluteMaximum: [.minimum, .maximum]
    case .mean: [.mean]
    }
  }
}

extension StatisticKey {
  fileprivate var order: (Int, Int, Int, Int) {
    let rank: Int =
      switch measure {
      case .minimum: 0
      case .maximum: 1
      case .absoluteMaximum: 2
      case .mean: 3
      }
    return (source.node, source.port, rank, axis ?? -1)
  }
}
