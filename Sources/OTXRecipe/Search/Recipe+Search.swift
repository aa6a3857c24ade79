import Foundation
import OTXCore
public import OTXTuning

extension Recipe {
  /// What a search of this recipe changes.
  ///
  /// Where the recipe leaves it open: the learning rate from a tenth of the recipe's to ten times it,
  /// at most 0.1 (0.01 for the optimizers that scale their steps themselves), and the batch size from
  /// half to twice, as OpenVINO Training eXtensions 2.0 has it.
  ///
  /// - Parameters:
  ///   - imageCount: Pictures to train on: a batch is not larger.
  ///   - fixedKeys: Keys that are not to be searched unless the recipe says so: those a user set.
  /// - Returns: The space; the first trial has the recipe's values.
  /// - Throws: ``ConfigurationError`` for a name that is no key of a recipe, or a value it cannot have.
  public func searchSpace(imageCount: Int, fixedKeys: Set<String> = []) throws -> SearchSpace {
    var parameters: [HyperParameter]
    switch search.space {
    case .parameters(let given): parameters = given
    case .auto:
      parameters = [learningRateRange] + [batchRange(imageCount)].compactMap { $0 }
      parameters.removeAll { $0.name == "batchSize" && fixedKeys.contains("batchSize") }
    }
    for index in parameters.indices {
      let parameter = parameters[index]
      for value in parameter.distribution.extremes { _ = try applying([parameter.name: value]) }
      parameters[index].initial = try value(of: parameter.name)
    }
    return SearchSpace(parameters)
  }

  /// This recipe with a trial's values.
  ///
  /// - Throws: ``ConfigurationError`` for a name that is no key of a recipe, or a value it cannot have.
  public func applying(_ values: [String: ParameterValue]) throws -> Recipe {
    try applying(
      values.sorted { $0.key < $1.key }.map {
        RecipeOverride(key: $0.key, value: $0.value.description, source: "search.space")
      }
    )
  }

  private var learningRateRange: HyperParameter {
    let rate = training.optimizer.learningRate
    let isAdaptive = [.adam, .adamw, .rmsprop].contains(training.optimizer.name)
    let cap = training.optimizer.name == .lars ? 10 * rate : isAdaptive ? 0.01 : 0.1
    let low = Recipe.short(rate / 10)
    let high = Recipe.short(max(min(10 * rate, cap), 2 * rate))
    return HyperParameter(
      "optimizer.learningRate",
      .quantizedLogUniform(low: low, high: high, step: Recipe.lastDigit(of: low))
    )
  }

  private func batchRange(_ imageCount: Int) -> HyperParameter? {
    let size = training.batchSize
    let low = max(size / 2, 2)
    let high = min(2 * size, max(imageCount, 1))
    guard high - low >= 2 else { return nil }
    return HyperParameter(
      "batchSize",
      .quantizedLogUniform(low: Double(low), high: Double(high), step: 2)
    )
  }

  /// A number of at most three digits: nobody wants to read 0.00024500000000000005.
  private static func short(_ value: Double) -> Double {
    Double(String(format: "%.3g", value)) ?? value
  }

  /// The weight of the last digit that is not 0: 0.001 of 0.021.
  private static func lastDigit(of value: Double) -> Double {
    var step = pow(10, log10(value).rounded(.down))
    while abs((value / step).rounded() - value / step) > 1e-6 { step /= 10 }
    return Double(String(format: "%.3g", step)) ?? step
  }

  /// The recipe's own value of a key.
  private func value(of key: String) throws -> ParameterValue? {
    let data = try JSONEncoder().encode(self)
    var object = try JSONSerialization.jsonObject(with: data)
    for part in key.split(separator: ".") {
      guard let inner = (object as? [String: Any])?[String(part)] else { return nil }
      object = inner
    }
    if let number = object as? NSNumber { return .number(number.doubleValue) }
    return (object as? String).map { .text($0) }
  }
}

extension Distribution {
  /// Values at its ends, or all choices.
  fileprivate var extremes: [ParameterValue] {
    switch self {
    case .choice(let values): values
    case .uniform(let low, let high), .logUniform(let low, let high),
      .quantizedUniform(let low, let high, _), .quantizedLogUniform(let low, let high, _):
      [.number(low), .number(high)]
    }
  }
}

/// The rungs and the budget of a search, as far as they are known before its first step.
public struct SearchPlan: Sendable, Equatable {
  public var halving: Halving
  public var budget: Budget
  /// Seconds that the search may take; `nil`: any.
  public var seconds: Double?
  /// Whether values are drawn at random throughout.
  public var isRandom: Bool

  /// Epochs that all trials together need to give the highest rung to one of them and the lower ones
  /// to enough others.
  static let trainingsWorthSearching = 4

  /// - Parameters:
  ///   - recipe: What is searched for.
  ///   - stepsPerEpoch: Steps of an epoch of a trial: a rung is not to end within the warm-up.
  /// - Throws: `TuningError` for rungs without sense.
  public init(_ recipe: Recipe, stepsPerEpoch: Int) throws {
    let options = recipe.search
    let isOnePass = recipe.method == .linearProbe
    let epochs = isOnePass ? 1 : recipe.training.maxEpochs
    isRandom = options.algorithm == .random
    var budget = Budget()
    switch options.budget {
    case .auto: budget.resource = max(Int(options.timeRatio * Double(epochs)), 1)
    case .epochs(let count): budget.resource = count
    case .trials(let count): budget.trialCount = count
    // The plan needs some end; the clock's comes first.
    case .time(let length): (seconds, budget.trialCount) = (length, 100_000)
    }
    self.budget = budget
    var top = options.maximumEpochs > 0 ? min(options.maximumEpochs, epochs) : epochs
    let warmup = recipe.training.schedule.warmupSteps
    let warmupEpochs = (warmup + max(stepsPerEpoch, 1) - 1) / max(stepsPerEpoch, 1)
    // Behind the warm-up, but never so high that there is nothing to climb.
    let highest = max(top / max(options.reductionFactor, 2), 1)
    let chosen = max((top + 26) / 27, min(warmupEpochs + 1, highest), 1)
    var low = options.minimumEpochs > 0 ? min(options.minimumEpochs, top) : chosen
    if options.maximumEpochs == 0, let resource = budget.resource {
      top = max(min(top, resource / SearchPlan.trainingsWorthSearching), min(low, resource), 1)
      low = min(low, top)
    }
    if isRandom || isOnePass { low = top }
    halving = try Halving(
      minimumResource: low,
      maximumResource: top,
      reductionFactor: options.reductionFactor
    )
  }

  /// The search, with nothing done yet.
  ///
  /// - Throws: `TuningError` for a space without sense.
  public func study(_ space: SearchSpace, seed: Int) throws -> Study {
    var study = try Study(
      space: space,
      halving: halving,
      budget: budget,
      seed: UInt64(bitPattern: Int64(seed))
    )
    if isRandom { study.startCount = .max }
    return study
  }
}
