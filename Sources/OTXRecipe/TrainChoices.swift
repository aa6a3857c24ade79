public import OTXCore

/// The options of `otx train` as typed values; what stays `nil` is decided by recipe and data.
///
/// ```swift
/// let request = RecipeRequest(model: "yolox_s", choices: TrainChoices(maxEpochs: 20, seed: 3))
/// ```
///
/// Like those of the command line, they are written into the run's `recipe.yaml`.
public struct TrainChoices: Sendable, Equatable {
  /// Epochs to train at most.
  public var maxEpochs: Int?
  /// Pictures a step; never lowered.
  public var batchSize: Int?
  public var inputSize: ImageSize?
  /// `auto`, `none`, `download`, a name of the weight store, or a file.
  public var weights: String?
  public var method: LearningMethod?
  public var precision: Precision?
  /// `auto`, `cpu`.
  public var device: String?
  public var threads: Int?
  public var seed: Int?
  public var deterministic: Determinism?
  /// Validates every so many epochs.
  public var validationInterval: Double?
  /// The score that picks the best weights.
  public var metric: String?
  public var adaptiveBatchSize: AdaptiveBatchSize?
  /// How long training may take.
  public var timeBudget: TimeBudget?
  /// Whether damaged items are an error.
  public var strict: Bool?
  public var report: ReportFormat?
  public var learningRate: Double?

  public init(
    maxEpochs: Int? = nil,
    batchSize: Int? = nil,
    inputSize: ImageSize? = nil,
    weights: String? = nil,
    method: LearningMethod? = nil,
    precision: Precision? = nil,
    device: String? = nil,
    threads: Int? = nil,
    seed: Int? = nil,
    deterministic: Determinism? = nil,
    validationInterval: Double? = nil,
    metric: String? = nil,
    adaptiveBatchSize: AdaptiveBatchSize? = nil,
    timeBudget: TimeBudget? = nil,
    strict: Bool? = nil,
    report: ReportFormat? = nil,
    learningRate: Double? = nil
  ) {
    self.maxEpochs = maxEpochs
    self.batchSize = batchSize
    self.inputSize = inputSize
    self.weights = weights
    self.method = method
    self.precision = precision
    self.device = device
    self.threads = threads
    self.seed = seed
    self.deterministic = deterministic
    self.validationInterval = validationInterval
    self.metric = metric
    self.adaptiveBatchSize = adaptiveBatchSize
    self.timeBudget = timeBudget
    self.strict = strict
    self.report = report
    self.learningRate = learningRate
  }

  /// The same as values laid over a recipe.
  public var overrides: [RecipeOverride] {
    let given: [(key: String, value: String?)] = [
      ("maxEpochs", maxEpochs.map { "\($0)" }), ("batchSize", batchSize.map { "\($0)" }),
      ("inputSize", inputSize?.description), ("weights", weights), ("method", method?.rawValue),
      ("precision", precision?.rawValue), ("device", device), ("threads", threads.map { "\($0)" }),
      ("seed", seed.map { "\($0)" }), ("deterministic", deterministic?.rawValue),
      ("validationInterval", validationInterval.map { "\($0)" }), ("metric", metric),
      ("adaptiveBatchSize", adaptiveBatchSize?.rawValue), ("timeBudget", timeBudget?.description),
      ("data.strict", strict.map { "\($0)" }),
      ("report", report?.rawValue), ("optimizer.learningRate", learningRate.map { "\($0)" }),
    ]
    return given.compactMap { key, value in
      value.map { RecipeOverride(key: key, value: $0, source: "the choice of \(key)") }
    }
  }
}

extension RecipeRequest {
  /// What a program asks for, in typed values.
  ///
  /// - Parameters:
  ///   - recipe: The recipe to train; `nil` lets the data choose.
  ///   - task: The task, where no recipe says it.
  ///   - model: The model, where no recipe says it.
  ///   - choices: What differs; never changed.
  public init(
    recipe: Recipe? = nil,
    task: TaskType? = nil,
    model: String? = nil,
    choices: TrainChoices
  ) {
    self.init(recipe: recipe, task: task, model: model, overrides: choices.overrides)
  }
}
