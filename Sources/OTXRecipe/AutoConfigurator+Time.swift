public import OTXCore

extension RecipeRequest {
  /// The time that the user allows, in the recipe or beside it; known before the data is read.
  ///
  /// - Throws: ``ConfigurationError`` for a value that is none.
  public func timeBudget() throws -> TimeBudget {
    let start = recipe ?? Recipe(name: "", task: .detection, model: ModelOptions(""))
    return try start.applying(overrides).training.timeBudget
  }
}

extension RecipeRequest {
  /// Refuses values that the user gave and that do not go together.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)``.
  public func checkAgreement() throws {
    var given: [String: String] = [:]
    for entry in overrides { for key in try entry.keys() { given[key] = entry.source } }
    guard let batch = given["batchSize"], let adaptive = given["adaptiveBatchSize"] else { return }
    let start = recipe ?? Recipe(name: "", task: .detection, model: ModelOptions(""))
    let options = try start.applying(overrides).training
    guard options.adaptiveBatchSize != .none else { return }
    throw ConfigurationError.invalid(
      "\(batch) and \(adaptive) contradict each other: a batch size that is given (\(options.batchSize)) is never changed, and '\(options.adaptiveBatchSize.rawValue)' looks for another; leave one out"
    )
  }
}

/// What training within a time needs that training for a number of epochs does not.
extension AutoConfigurator {
  /// Beyond so many times a recipe's own epochs there is nothing to gain.
  private static let mostTimesEpochs = 3

  /// A rate that falls to nothing when the time ends, and no earlier end.
  ///
  /// The number of epochs is found by a measurement before training; until then the recipe has the
  /// upper bound.
  func chooseCourse(
    _ recipe: inout Recipe,
    _ explicit: Set<String>,
    _ decisions: inout [Decision]
  ) {
    let budget = recipe.training.timeBudget
    if !explicit.contains("maxEpochs") {
      let own = recipe.training.maxEpochs
      recipe.training.maxEpochs *= AutoConfigurator.mostTimesEpochs
      decisions.append(
        Decision(
          setting: "maxEpochs",
          value: "\(recipe.training.maxEpochs)",
          reason: "at most; how many fit into \(budget) is measured before training",
          alternatives: [.init("\(own)", "the recipe's, which may be over before the time is")]
        )
      )
    }
    if !explicit.contains(where: { $0.hasPrefix("earlyStopping") }) {
      recipe.training.earlyStopping.enabled = false
    }
    guard !explicit.contains(where: { $0.hasPrefix("schedule") }) else { return }
    if startsAtRandom(recipe) {
      setOneCycle(&recipe)
      if !explicit.contains("emaDecay"), recipe.training.emaDecay == 0 {
        recipe.training.emaDecay = 0.998
        decisions.append(AutoConfigurator.averagesDecision)
      }
    } else if ![.cosine, .oneCycle, .poly].contains(recipe.training.schedule.name) {
      recipe.training.schedule.name = .cosine
    } else {
      return
    }
    decisions.append(
      Decision(
        setting: "schedule",
        value: "\(recipe.training.schedule.name.rawValue), no early stop",
        reason: "the rate falls until the time of \(budget) is over"
      )
    )
  }
}
