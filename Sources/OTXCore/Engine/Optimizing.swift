public import Foundation

/// What is made of an exported model.
public enum OptimizationType: String, Codable, CaseIterable, Sendable {
  /// Post-training quantisation: weights and activations are whole numbers of 8 bits.
  case ptq
  /// Weights are stored as whole numbers of 8 bits: a quarter of the size, the same arithmetic.
  case int8
  /// Weights are stored as numbers of 16 bits: half the size, the same arithmetic.
  case fp16
}

/// How activations are quantised.
public enum QuantizationPreset: String, Codable, CaseIterable, Sendable {
  /// As the model says; else around zero.
  case auto
  /// All around zero: the quickest.
  case performance
  /// Each in the range that it has: for activations far from symmetric, as Swish's.
  case mixed
}

/// What kind of network is quantised.
public enum QuantizedModelType: String, Codable, CaseIterable, Sendable {
  /// As the model says.
  case auto
  case convolutional
  /// Attention is left in real numbers where whole ones do harm, and channels are smoothed.
  case transformer
}

/// Operations that are left in real numbers.
public struct IgnoredScope: Codable, Sendable, Equatable {
  /// Names of operations, as the `.xml` has them.
  public var names: [String] = []
  /// Regular expressions that names begin with.
  public var patterns: [String] = []
  /// Types of operations: `Add`.
  public var types: [String] = []
  public init() {}
}

/// How an exported model is optimised.
public struct OptimizeOptions: Codable, Sendable, Equatable {
  public var type = OptimizationType.ptq
  /// Pictures of the training subset that ranges are taken from.
  public var subsetSize = 300
  public var preset = QuantizationPreset.auto
  public var modelType = QuantizedModelType.auto
  public var ignoredScope = IgnoredScope()
  /// The most that the score may drop.
  public var maxDrop = 0.01
  /// Writes the model whatever its score is, or where there is none.
  public var force = false
  /// Whether layers that whole numbers make slower on this machine stay in real ones.
  public var keepsSpeed = true
  /// Threads that compute; 0: one for each core.
  public var threads = 0
  /// Epochs that a checkpoint is fine-tuned for; 0: five.
  public var epochs = 0
  /// What the learning rate it was trained with is multiplied by.
  public var learningRateFactor = 0.1
  /// The part of a checkpoint's multiplications that goes, with whole filters, before it is
  /// fine-tuned: 0 to 0.9.
  public var prunedShare = 0.0
  public init() {}

  /// - Throws: ``ConfigurationError/invalidValue(_:key:expected:source:)``.
  public func validate() throws {
    guard subsetSize >= 1 else {
      throw ConfigurationError.invalidValue(
        "\(subsetSize)",
        key: "subset-size",
        expected: "1 or more",
        source: "optimize"
      )
    }
    guard epochs >= 0 else {
      throw ConfigurationError.invalidValue(
        "\(epochs)",
        key: "epochs",
        expected: "0 (automatic) or more",
        source: "optimize"
      )
    }
    guard learningRateFactor > 0, learningRateFactor.isFinite else {
      throw ConfigurationError.invalidValue(
        "\(learningRateFactor)",
        key: "learning-rate-factor",
        expected: "above 0",
        source: "optimize"
      )
    }
    guard (0...0.9).contains(prunedShare) else {
      throw ConfigurationError.invalidValue(
        "\(prunedShare)",
        key: "prune",
        expected: "0 to 0.9, the part of the multiplications to take away",
        source: "optimize"
      )
    }
    guard maxDrop >= 0, maxDrop.isFinite else {
      throw ConfigurationError.invalidValue(
        "\(maxDrop)",
        key: "max-drop",
        expected: "0 or more",
        source: "optimize"
      )
    }
  }
}

/// How long a model takes for one picture on this machine.
public struct ModelLatency: Codable, Sendable, Equatable {
  /// `fp32`, `bf16`: the model as it was, in this arithmetic; `int8`: the optimised one;
  /// `unpruned fp32`: the one that it was pruned from.
  public var name: String
  /// Of the median run.
  public var milliseconds: Double

  public init(name: String, milliseconds: Double) {
    (self.name, self.milliseconds) = (name, milliseconds)
  }
}

/// An optimised model, and what became of its score and its speed.
public struct OptimizationResult: Codable, Sendable {
  public var model: ExportedModel
  /// The fine-tuned weights, of a checkpoint.
  public var checkpoint: URL?
  /// What was taken out of it; `nil`: nothing.
  public var pruning: PruningResult?
  public var type: OptimizationType
  /// The score that was compared: `accuracy`, `f-measure`.
  public var metric: String
  /// `nil` where the data has no ground truth.
  public var before: Double?
  public var after: Double?
  /// How much of the score is lost; below 0 where it rose.
  public var drop: Double? { before.flatMap { before in after.map { before - $0 } } }
  /// Pictures that ranges were taken from.
  public var calibrationItemCount: Int
  /// Pictures that the score is of.
  public var validationItemCount: Int
  /// Operations that compute with whole numbers.
  public var quantizedOperationCount: Int
  /// Operations left in real numbers for the sake of the score.
  public var revertedForScore: [String] = []
  /// Operations left in real numbers for the sake of speed.
  public var revertedForSpeed: [String] = []
  public var latencies: [ModelLatency] = []
  /// From reading the model to the first optimised one, without scores.
  public var quantizationSeconds = 0.0
  /// Memory that the process had at most until then.
  public var peakMemoryBytes = 0
  public var byteCountBefore: Int
  public var byteCountAfter: Int
  /// What users should know.
  public var notes: [String] = []

  public init(
    model: ExportedModel,
    type: OptimizationType,
    metric: String,
    calibrationItemCount: Int = 0,
    validationItemCount: Int = 0,
    quantizedOperationCount: Int = 0,
    byteCountBefore: Int = 0,
    byteCountAfter: Int = 0
  ) {
    self.model = model
    self.type = type
    self.metric = metric
    self.calibrationItemCount = calibrationItemCount
    self.validationItemCount = validationItemCount
    self.quantizedOperationCount = quantizedOperationCount
    self.byteCountBefore = byteCountBefore
    self.byteCountAfter = byteCountAfter
  }

  /// The latency called `name`.
  public func latency(_ name: String) -> Double? {
    latencies.first { $0.name == name }?.milliseconds
  }
}

/// A sub-engine whose model is a file that can be made smaller and quicker.
public protocol OptimizableEngine<Kind>: SubEngine {
  /// The model's `.xml`.
  nonisolated var modelFile: URL { get }
}
