import OTXCore

/// The range a number of a recipe must lie in.
private struct Limit {
  var key: String
  var value: @Sendable (Recipe) -> Double
  var isAllowed: @Sendable (Double) -> Bool
  var expected: String

  static func atLeast(
    _ bound: Double,
    _ key: String,
    _ value: @escaping @Sendable (Recipe) -> Double
  ) -> Limit {
    let text = bound == bound.rounded() ? "\(Int(bound))" : "\(bound)"
    return Limit(key: key, value: value, isAllowed: { $0 >= bound }, expected: "at least \(text)")
  }

  static func above(
    _ bound: Double,
    _ key: String,
    _ value: @escaping @Sendable (Recipe) -> Double
  ) -> Limit {
    Limit(
      key: key,
      value: value,
      isAllowed: { $0 > bound && $0.isFinite },
      expected: "a number above \(Int(bound))"
    )
  }

  static func within(
    _ range: Range<Double>,
    _ key: String,
    _ value: @escaping @Sendable (Recipe) -> Double
  ) -> Limit {
    Limit(
      key: key,
      value: value,
      isAllowed: { range.contains($0) },
      expected: "at least \(Int(range.lowerBound)) and below \(Int(range.upperBound))"
    )
  }

  static func share(_ key: String, _ value: @escaping @Sendable (Recipe) -> Double) -> Limit {
    Limit(key: key, value: value, isAllowed: { (0...1).contains($0) }, expected: "within 0 and 1")
  }

  static func aboveZeroToOne(
    _ key: String,
    _ value: @escaping @Sendable (Recipe) -> Double
  ) -> Limit {
    Limit(key: key, value: value, isAllowed: { $0 > 0 && $0 <= 1 }, expected: "above 0, at most 1")
  }

  static let all: [Limit] = [
    .atLeast(1, "maxEpochs") { Double($0.training.maxEpochs) },
    .atLeast(1, "batchSize") { Double($0.training.batchSize) },
    // OpenMP ends the process when it cannot start a thread.
    Limit(
      key: "threads",
      value: { Double($0.training.threads) },
      isAllowed: { (0...1024).contains($0) },
      expected: "from 0 to 1024"
    ),
    .atLeast(0, "seed") { Double($0.training.seed) },
    .above(0, "optimizer.learningRate") { $0.training.optimizer.learningRate },
    .within(0..<1, "optimizer.momentum") { $0.training.optimizer.momentum },
    .atLeast(0, "optimizer.weightDecay") { $0.training.optimizer.weightDecay },
    .within(0..<1, "optimizer.beta1") { $0.training.optimizer.beta1 },
    .within(0..<1, "optimizer.beta2") { $0.training.optimizer.beta2 },
    .within(0..<1, "optimizer.alpha") { $0.training.optimizer.alpha },
    .above(0, "optimizer.epsilon") { $0.training.optimizer.epsilon },
    .atLeast(0, "optimizer.sharpnessRadius") { $0.training.optimizer.sharpnessRadius },
    .within(0..<1, "loss.labelSmoothing") { $0.training.loss.labelSmoothing },
    .atLeast(0, "frozenBackboneEpochs") { Double($0.training.frozenBackboneEpochs) },
    .above(0, "optimizer.trustCoefficient") { $0.training.optimizer.trustCoefficient },
    .aboveZeroToOne("optimizer.layerDecay") { $0.training.optimizer.layerDecay },
    .above(0, "schedule.power") { $0.training.schedule.power },
    .share("schedule.riseShare") { $0.training.schedule.riseShare },
    .atLeast(1, "schedule.divFactor") { $0.training.schedule.divFactor },
    .atLeast(1, "schedule.finalDivFactor") { $0.training.schedule.finalDivFactor },
    .atLeast(0, "schedule.warmupSteps") { Double($0.training.schedule.warmupSteps) },
    .share("schedule.factor") { $0.training.schedule.factor },
    .atLeast(0, "schedule.patience") { Double($0.training.schedule.patience) },
    .atLeast(1, "schedule.stepEpochs") { Double($0.training.schedule.stepEpochs) },
    .atLeast(0, "schedule.minimumLearningRate") { $0.training.schedule.minimumLearningRate },
    .atLeast(1, "earlyStopping.patience") { Double($0.training.earlyStopping.patience) },
    .atLeast(0, "earlyStopping.minimumDelta") { $0.training.earlyStopping.minimumDelta },
    .atLeast(0, "earlyStopping.warmupEpochs") { Double($0.training.earlyStopping.warmupEpochs) },
    .atLeast(0, "earlyStopping.warmupSteps") { Double($0.training.earlyStopping.warmupSteps) },
    .atLeast(1, "gradientAccumulation") { Double($0.training.gradientAccumulation) },
    .atLeast(0, "checkpoint.intervalMinutes") { $0.training.checkpoint.intervalMinutes },
    .atLeast(0, "gradientClip") { $0.training.gradientClip },
    .share("batchNormMomentum") { $0.training.batchNormMomentum },
    .within(0..<1, "emaDecay") { $0.training.emaDecay },
    .above(0, "validationInterval") { $0.training.validationInterval },
    .atLeast(0, "data.workerCount") { Double($0.data.workerCount) },
    .within(0..<1000, "data.multiScale.range") { Double($0.data.multiScale.range) },
    .within(1..<1000, "data.multiScale.stride") { Double($0.data.multiScale.stride) },
    .atLeast(1, "data.multiScale.interval") { Double($0.data.multiScale.interval) },
    Limit(
      key: "data.tiling.tileSize",
      value: { recipe in
        guard case .size(let size) = recipe.data.tiling.tileSize else { return 400 }
        return Double(min(size.height, size.width))
      },
      isAllowed: { $0 >= 32 },
      expected: "auto, or at least 32 pixels a side"
    ),
    Limit(
      key: "data.tiling.overlap",
      value: { $0.data.tiling.overlap },
      isAllowed: { (0...0.9).contains($0) },
      expected: "within 0 and 0.9"
    ),
    .share("data.tiling.iouThreshold") { Double($0.data.tiling.iouThreshold) },
    .atLeast(1, "data.tiling.maximumInstanceCount") {
      Double($0.data.tiling.maximumInstanceCount)
    },
    .aboveZeroToOne("data.tiling.objectTileRatio") { $0.data.tiling.objectTileRatio },
    .share("data.tiling.samplingRatio") { $0.data.tiling.samplingRatio },
    .within(2..<100, "search.reductionFactor") { Double($0.search.reductionFactor) },
    .atLeast(0, "search.minimumEpochs") { Double($0.search.minimumEpochs) },
    .atLeast(0, "search.maximumEpochs") { Double($0.search.maximumEpochs) },
    .above(0, "search.timeRatio") { $0.search.timeRatio },
    .aboveZeroToOne("search.proxy") { $0.search.proxy.resolved(1) },
    .within(0..<1025, "search.jobs") { Double($0.search.jobs) },
    .share("postprocessing.iouThreshold") { Double($0.postprocessing.iouThreshold) },
    .share("postprocessing.confidenceThreshold") {
      Double($0.postprocessing.confidenceThreshold.resolved(0))
    },
  ]
}

extension Recipe {
  /// Refuses numbers that no training could use.
  ///
  /// - Parameter overrides: What was laid over the recipe, to say where a number came from.
  /// - Throws: ``ConfigurationError/invalidValue(_:key:expected:source:)``.
  func checkLimits(_ overrides: [RecipeOverride]) throws {
    func source(of key: String) -> String {
      // A scalar may stand for a section's name: `schedule: cosine`.
      let keys = [key, key.split(separator: ".").dropLast().joined(separator: ".")]
      let entry = overrides.last { (try? $0.keys().isDisjoint(with: keys)) == false }
      return entry?.position(of: key) ?? name
    }
    for limit in Limit.all {
      let value = limit.value(self)
      guard !limit.isAllowed(value) else { continue }
      let text = value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
      throw ConfigurationError.invalidValue(
        text,
        key: limit.key,
        expected: limit.expected,
        source: source(of: limit.key)
      )
    }
    try checkMilestones(source)
    for (key, values) in [("mean", normalization.mean), ("std", normalization.std)] {
      guard case .value(let numbers) = values else { continue }
      let isUsable = numbers.count == 3 && (key == "mean" || numbers.allSatisfy { $0 > 0 })
      guard isUsable, numbers.allSatisfy(\.isFinite) else {
        let path = "normalization.\(key)"
        throw ConfigurationError.invalidValue(
          "\(numbers)",
          key: path,
          expected: "three numbers, one a channel\(key == "std" ? ", above 0" : "")",
          source: source(of: path)
        )
      }
    }
  }

  /// `multi_step` needs epochs at which to fall, one after the other.
  private func checkMilestones(_ source: (String) -> String) throws {
    let schedule = training.schedule
    let isRising = zip(schedule.milestones, schedule.milestones.dropFirst()).allSatisfy { $0 < $1 }
    let isMissing = schedule.name == .multiStep && schedule.milestones.isEmpty
    guard isMissing || !isRising || (schedule.milestones.first ?? 1) < 1 else { return }
    throw ConfigurationError.invalidValue(
      "\(schedule.milestones)",
      key: "schedule.milestones",
      expected: "numbers of epochs from 1 on, in rising order, for example [60, 80]",
      source: source(isMissing ? "schedule.name" : "schedule.milestones")
    )
  }
}
