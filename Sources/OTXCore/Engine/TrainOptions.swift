/// Everything that decides how a model is trained.
///
/// A recipe holds these values, key by key.
public struct TrainOptions: Codable, Sendable, Equatable {
  public var maxEpochs = 200
  public var batchSize = 8
  public var precision = Precision.auto
  public var device = "auto"
  /// Compute threads; 0: the machine's cores.
  public var threads = 0
  public var seed = 0
  public var deterministic = Determinism.on
  public var optimizer = OptimizerOptions()
  public var schedule = ScheduleOptions()
  public var earlyStopping = EarlyStoppingOptions()
  /// Longest allowed gradient norm (L2); 0: no clipping.
  public var gradientClip = 0.0
  /// Decay of the averaged weights; 0: none are kept.
  public var emaDecay = 0.0
  /// Validates every so many epochs; a fraction validates several times an epoch.
  public var validationInterval = 1.0
  /// Lengthens the validation interval and shortens patience on small data sets.
  public var adaptiveScheduling = true
  /// The score that picks the best checkpoint; `auto`: the task's own.
  public var metric = "auto"
  public init() {}
}

/// The arithmetic of training.
///
/// `auto` is decided by a measurement, once.
public enum Precision: String, Codable, CaseIterable, Sendable { case auto, fp32, bf16, fp16 }

/// Whether a run repeats bit by bit; `warn` says where it does not.
public enum Determinism: String, Codable, CaseIterable, Sendable {
  case on = "true"
  case off = "false"
  case warn
}

/// The optimizers; both are PyTorch's.
public enum OptimizerName: String, Codable, CaseIterable, Sendable { case sgd, adamw }

/// The optimizer and its settings.
public struct OptimizerOptions: Codable, Sendable, Equatable {
  public var name = OptimizerName.sgd
  public var learningRate = 0.01
  public var momentum = 0.9
  public var nesterov = false
  public var weightDecay = 1e-4
  /// AdamW's exponential decay rates.
  public var beta1 = 0.9
  public var beta2 = 0.999
  public init() {}
}

/// How the learning rate changes.
public enum ScheduleName: String, Codable, CaseIterable, Sendable {
  case constant, step, cosine
  case reduceOnPlateau = "reduce_on_plateau"
}

/// The learning rate's schedule and its settings.
public struct ScheduleOptions: Codable, Sendable, Equatable {
  public var name = ScheduleName.reduceOnPlateau
  /// Steps over which the learning rate rises from a third of its value.
  public var warmupSteps = 0
  /// What the rate is multiplied by when it falls.
  public var factor = 0.1
  /// Validations without a better score before the rate falls (`reduce_on_plateau`).
  public var patience = 4
  /// The least that patience shrinks to on small data sets.
  public var minimumPatience = 2
  /// Epochs between falls (`step`).
  public var stepEpochs = 30
  public var minimumLearningRate = 0.0
  public init() {}
}

/// When training ends before its last epoch.
public struct EarlyStoppingOptions: Codable, Sendable, Equatable {
  public var enabled = true
  /// Validations without a better score before training ends.
  public var patience = 10
  public var minimumDelta = 1e-3
  /// Not before so many epochs.
  public var warmupEpochs = 3
  /// Not before so many steps, either.
  public var warmupSteps = 30
  public init() {}
}
