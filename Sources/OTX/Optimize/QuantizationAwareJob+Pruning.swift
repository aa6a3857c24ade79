import Foundation
import OTXCore
import OTXOpenVINO

extension QuantizationAwareJob {
  /// A network without some of its filters, and what it was made of.
  struct Pruned {
    var engine: TaskEngine<Kind>
    var result: PruningResult
    /// The network before, exported.
    var original: URL
  }

  /// Takes filters out of the engine's model, and trains what is left to do without them.
  ///
  /// The engine itself stays as it is.
  ///
  /// - Parameter folder: For files on the way.
  /// - Returns: The smaller network.
  /// - Throws: ``ModelError/cannotPrune(_:)``.
  func prune(in folder: URL) async throws -> Pruned {
    guard let prunable = engine.sub as? any PrunableEngine<Kind> else {
      throw EngineError.jobNotSupported("prune", by: engine.backend)
    }
    let file = try await prunable.checkpoint()
    let network = ChannelDependencies(try await prunable.recordShapes())
    let plan = try PruningPlan(network, PruningOptions(share: options.prunedShare))
    let result = PruningResult(plan, of: network, state: file.state)
    tell(result)
    try Folder.make(folder)
    let original = try await exported(engine, to: folder.appending(path: "original"))
    let checkpoint = folder.appending(path: "weights.pth")
    try file.pruned(by: plan).write(to: checkpoint)
    let pruned = TaskEngine<Kind>(
      sub: try await prunable.sibling(of: checkpoint),
      backend: engine.backend,
      dataset: engine.dataset,
      recipe: engine.recipe
    )
    try Task.checkCancellation()
    _ = try await fineTune(pruned, in: folder.appending(path: "training")) {
      $0.prepareForFineTuning(
        epochs: 2 * (options.epochs > 0 ? options.epochs : 5),
        learningRateFactor: min(5 * options.learningRateFactor, 1)
      )
    }
    return Pruned(engine: pruned, result: result, original: original.model.xml)
  }

  /// Takes into a result what the network was before it was pruned; `plain` is the pruned one in real
  /// numbers.
  func compare(
    _ result: inout OptimizationResult,
    with pruned: Pruned,
    pruned plain: URL
  ) throws {
    result.pruning = pruned.result
    result.byteCountBefore = ExportedModel.byteCount(of: pruned.original)
    let meters = try [pruned.original, plain].map {
      try LatencyMeter(
        $0,
        preprocessing: info.preprocessing,
        precision: .fp32,
        threads: options.threads
      )
    }
    let times = try LatencyMeter.medians(meters)
    // In the turns of the others: the ratio holds whatever else the machine does.
    if let own = result.latency("fp32"), times[1] > 0 {
      let unpruned = ModelLatency(name: "unpruned fp32", milliseconds: own * times[0] / times[1])
      result.latencies.insert(unpruned, at: 0)
    }
  }

  private func tell(_ result: PruningResult) {
    func millions(_ count: Int) -> String { String(format: "%.4g M", Double(count) / 1e6) }
    tell(
      "Pruned \(String(format: "%.1f", 100 * result.share)) % of the multiplications: "
        + "\(millions(result.multiplyAddsBefore)) before, \(millions(result.multiplyAddsAfter)) now; "
        + "\(millions(result.parametersBefore)) parameters before, \(millions(result.parametersAfter)) now"
    )
    let most = result.layers.sorted { left, right in
      left.filtersAfter * right.filtersBefore < right.filtersAfter * left.filtersBefore
    }
    let lines = most.prefix(5).map { "\($0.name) \($0.filtersBefore) → \($0.filtersAfter)" }
    tell(
      "Filters went from \(result.layers.count) layers, most from \(lines.joined(separator: ", "))"
    )
  }
}
