import OTXCore

/// What training from random weights needs that fine-tuning does not.
extension AutoConfigurator {
  /// A network that starts from random weights needs larger steps than one that is fine-tuned.
  ///
  /// The recipes' rates are those of fine-tuning. ATSS on drawn shapes (96 pictures, 8 epochs)
  /// reached an F-measure of 0.92 with these values and of 0.66 with its recipe's.
  func chooseOptimizer(_ recipe: inout Recipe, _ decisions: inout [Decision]) {
    guard startsAtRandom(recipe) else { return }
    let own = recipe.training.optimizer
    recipe.training.optimizer.name = .adamw
    recipe.training.optimizer.learningRate = 1e-3
    recipe.training.optimizer.weightDecay = 0.05
    decisions.append(
      Decision(
        setting: "optimizer",
        value: "adamw, learning rate 0.001",
        reason: "training starts from random weights; give --weights FILE to fine-tune",
        alternatives: [
          .init(
            "\(own.name.rawValue), learning rate \(own.learningRate)",
            "the recipe's, for fine-tuning: from random weights it learns too slowly"
          )
        ]
      )
    )
  }

  /// Weights change faster than running moments of 0.01 a step, which some published networks have, can
  /// follow: those that begin at random, and those of data whose epochs have few steps.
  ///
  /// MobileNetV3-large on crops of blood cells (2,804 pictures) gave one label for every picture with its
  /// own, at a training loss near 0: after 440 steps from random weights, and after two epochs of 88
  /// steps from weights that had been right in 99 % (8 % then, and 68 to 98 % with 0.1).
  func chooseMoments(
    _ recipe: inout Recipe,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) {
    guard recipe.training.batchNormMomentum == 0 else { return }
    let batchSize = max(recipe.training.batchSize, 1)
    let stepCount = trainSampleCount(recipe, profile) / batchSize
    let reason: String
    if startsAtRandom(recipe) {
      reason = "running moments follow weights that begin at random"
    } else if batchSize >= AutoConfigurator.steadyBatch, stepCount < AutoConfigurator.fewEpochSteps
    {
      reason = "running moments follow the weights within an epoch of about \(stepCount) steps"
    } else {
      return
    }
    recipe.training.batchNormMomentum = 0.1
    decisions.append(
      Decision(
        setting: "batchNormMomentum",
        value: "0.1",
        reason: reason,
        alternatives: [.init("0", "the network's own may be too slow for that")]
      )
    )
  }

  /// Three times what moments of 0.01 a step remember.
  static let fewEpochSteps = 300
  /// With fewer pictures a step, moments that follow quickly are those of a handful of pictures.
  static let steadyBatch = 16

  /// Up to so many epochs a schedule that ends with them gets further than one that waits.
  static let fewEpochs = 150
  /// With fewer steps than this every one has to be a large one: ATSS on drawn shapes reached a
  /// map_50 of 0.92 in 120 steps of a constant rate, and of 0.85 with a falling one.
  static let fewSteps = 500

  /// Few epochs from random weights leave no time to find out when to stop.
  ///
  /// The rate rises, then falls to nothing over exactly the epochs that there are (Smith and Topin,
  /// Super-Convergence, 2018), and weights are averaged, which stands for the last small steps.
  func chooseSchedule(
    _ recipe: inout Recipe,
    _ profile: DatasetProfile,
    _ explicit: Set<String>,
    _ decisions: inout [Decision]
  ) {
    let epochCount = recipe.training.maxEpochs
    let stepCount =
      epochCount * trainSampleCount(recipe, profile) / max(recipe.training.batchSize, 1)
    guard startsAtRandom(recipe), epochCount <= AutoConfigurator.fewEpochs,
      stepCount >= AutoConfigurator.fewSteps,
      !explicit.contains(where: { $0.hasPrefix("schedule") || $0.hasPrefix("earlyStopping") })
    else { return }
    let own = recipe.training.schedule.name.rawValue
    setOneCycle(&recipe)
    recipe.training.earlyStopping.enabled = false
    decisions.append(
      Decision(
        setting: "schedule",
        value: "one_cycle, no early stop",
        reason: "\(epochCount) epochs from random weights: the rate falls over all of them",
        alternatives: [
          .init(own, "the recipe's: few epochs leave no time to find out when to stop")
        ]
      )
    )
    guard !explicit.contains("emaDecay"), recipe.training.emaDecay == 0 else { return }
    recipe.training.emaDecay = 0.998
    decisions.append(AutoConfigurator.averagesDecision)
  }

  /// Weights are averaged where training starts from random ones.
  static var averagesDecision: Decision {
    Decision(
      setting: "emaDecay",
      value: "0.998",
      reason: "averaged weights score higher early",
      alternatives: [.init("0", "without averages the last steps alone count")]
    )
  }

  /// Says how often small data will be validated; training decides it by the same formula.
  func noteRhythm(
    _ recipe: Recipe,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) {
    let training = recipe.training
    guard recipe.method == .supervised else { return }
    let count = trainSampleCount(recipe, profile)
    let stepCount = (count + training.batchSize - 1) / max(training.batchSize, 1)
    let interval = training.adaptedInterval(stepsPerEpoch: stepCount)
    // A training that ends first is validated at its end, whatever the interval.
    guard count > 0, interval > 1, Double(training.maxEpochs) > interval else { return }
    let patience = max(Int(Double(training.earlyStopping.patience) / interval), 3)
    let mayStop =
      training.earlyStopping.enabled && Double(patience) * interval < Double(training.maxEpochs)
    decisions.append(
      Decision(
        setting: "validationInterval",
        value: "\(Int(interval))",
        reason:
          "about \(stepCount) \(stepCount == 1 ? "step" : "steps") an epoch: validating after "
          + "each would take much of the time"
          + (mayStop
            ? "; training stops after \(patience) validations without a better score" : ""),
        alternatives: [.init("1", "--val-check-interval 1 takes it")]
      )
    )
  }

  /// Says how many threads compute and decode where that was left open.
  ///
  /// The recipe keeps its 0, since it may be trained on another machine.
  func noteThreads(_ recipe: Recipe, _ decisions: inout [Decision]) {
    guard coreCount > 0 else { return }
    let decoding = "\(min(coreCount, 8))"
    let cores =
      computeThreadCount == coreCount
      ? "this machine has \(coreCount) \(coreCount == 1 ? "core" : "cores")"
      : "this machine runs \(coreCount) threads, and has \(computeThreadCount) cores that compute"
    let workers = Decision(setting: "data.workerCount", value: decoding, reason: cores)
    guard recipe.training.threads == 0 else {
      if recipe.data.workerCount == 0 { decisions.append(workers) }
      return
    }
    decisions.append(
      Decision(
        setting: "threads",
        value: "\(computeThreadCount)",
        reason: recipe.data.workerCount == 0
          ? "\(cores); besides, \(decoding) decode pictures" : cores
      )
    )
  }

  /// Refuses values of the user's that contradict each other or the data.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` with the nearest values that do not.
  func checkCourse(
    _ recipe: Recipe,
    _ profile: DatasetProfile,
    _ explicit: Set<String>
  ) throws {
    let training = recipe.training
    let (epochs, frozen) = (training.maxEpochs, training.frozenBackboneEpochs)
    if explicit.contains("frozenBackboneEpochs"), frozen > 0, frozen >= epochs {
      throw ConfigurationError.invalid(
        "frozenBackboneEpochs: with \(frozen) of \(epochs) epochs the backbone never learns; give "
          + "at most \(epochs - 1), or --method linear_probe, which is made for that"
      )
    }
    let count = trainSampleCount(recipe, profile)
    let steps = epochs * ((count + training.batchSize - 1) / max(training.batchSize, 1))
    let warmup = training.schedule.warmupSteps
    if explicit.contains("schedule.warmupSteps"), count > 0, warmup >= steps {
      throw ConfigurationError.invalid(
        "schedule.warmupSteps: training ends after \(steps) steps, before \(warmup) of warm-up; give "
          + "at most \(max(steps - 1, 0))"
      )
    }
    if explicit.contains("schedule.milestones"), training.schedule.name == .multiStep,
      let first = training.schedule.milestones.first, first >= epochs
    {
      throw ConfigurationError.invalid(
        "schedule.milestones: training ends after \(epochs) epochs, before the first fall of the rate "
          + "after \(first); give one of at most \(max(epochs - 1, 1))"
      )
    }
    if recipe.method == .linearProbe, recipe.task.kind.hasTiling {
      throw ConfigurationError.invalid(
        "linear_probe fits the last layer of a classifier, and \(recipe.model.name) for "
          + "\(recipe.task.kind.title) has none of that kind: leave --method at supervised"
      )
    }
  }

  /// The cycle that trains from random weights.
  func setOneCycle(_ recipe: inout Recipe) {
    recipe.training.schedule.name = .oneCycle
    recipe.training.schedule.warmupSteps = 0
    recipe.training.schedule.riseShare = 0.1
    recipe.training.schedule.divFactor = 10
    recipe.training.schedule.finalDivFactor = 100
  }
}
