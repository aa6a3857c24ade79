/// Everything that decides how a model is trained.
///
/// A recipe holds these values, key by key.
public struct TrainOptions: Codable, Sendable, Equatable {
  public var method = LearningMethod.auto
  public var maxEpochs = 200
  /// The time that the whole command may take; epochs, validation and schedule are chosen to fill it.
  ///
  /// ``maxEpochs`` is the upper bound then. What was chosen is written into the run's recipe with
  /// `none` here, so that neither a resume nor a run of that recipe chooses again.
  public var timeBudget = TimeBudget.none
  public var batchSize = 8
  /// Whether the batch is made to fit the memory, once, before training; the learning rate follows.
  public var adaptiveBatchSize = AdaptiveBatchSize.auto
  public var precision = Precision.auto
  public var device = "auto"
  /// Compute threads; 0: one for each core, of two kinds of cores the fast ones.
  public var threads = 0
  /// Whether compute threads stay each on a core of its own, where nothing else needs that core.
  public var pinThreads = false
  /// Whose kernels train on a CPU.
  public var kernels = TrainingKernels.auto
  public var seed = 0
  public var deterministic = Determinism.on
  public var optimizer = OptimizerOptions()
  public var schedule = ScheduleOptions()
  public var loss = LossOptions()
  /// The first epochs in which only the head learns and the backbone stays as it is, its running
  /// moments too.
  public var frozenBackboneEpochs = 0
  public var earlyStopping = EarlyStoppingOptions()
  /// Batches whose gradients make one step; a step learns from so many times the batch size.
  public var gradientAccumulation = 1
  /// Longest allowed gradient norm (L2); 0: no clipping.
  public var gradientClip = 0.0
  /// Decay of the averaged weights, reached over the first steps; 0: none are kept.
  public var emaDecay = 0.0
  /// How far each step moves the running moments of batch normalisation; 0: as the network's own.
  ///
  /// Networks that were published with 0.01 or less are meant for hundreds of thousands of steps: after
  /// some hundred, their moments are still those of the first ones.
  public var batchNormMomentum = 0.0
  /// Validates every so many epochs; a fraction validates several times an epoch.
  public var validationInterval = 1.0
  /// Lengthens the validation interval and shortens patience on small data sets.
  public var adaptiveScheduling = true
  /// The score that picks the best checkpoint; `auto`: the task's own.
  public var metric = "auto"
  public var checkpoint = CheckpointOptions()
  public init() {}
}

/// How a model learns from the data there is.
public enum LearningMethod: String, Codable, CaseIterable, Sendable {
  /// Chosen from the data.
  case auto
  /// From annotated pictures alone.
  case supervised
  /// The backbone stays as it is; the last layer is fitted to its features, which are computed once.
  ///
  /// Seconds for small sets; worth as much as the weights that training starts from.
  case linearProbe = "linear_probe"
  /// Inputs and weights of layers are rounded to 8 bits on the way, so that a trained model learns to
  /// bear it.
  ///
  /// For few epochs from good weights; `otx optimize weights.pth DATA` does it, and writes the model.
  case quantizationAware = "quantization_aware"
}

/// Whose kernels train on a CPU; scores differ by rounding only.
public enum TrainingKernels: String, Codable, CaseIterable, Sendable {
  /// Ours where they fit, which are faster; libtorch's for the rest.
  case auto
  /// libtorch's alone, for comparisons.
  case torch
}

/// When training writes down what it needs to go on after an interruption.
public struct CheckpointOptions: Codable, Sendable, Equatable {
  /// Minutes between two checkpoints within an epoch; 0: one after every step.
  ///
  /// Each epoch ends with one, too.
  public var intervalMinutes = 5.0
  public init() {}
}

/// Whether a batch is made to fit the memory there is.
public enum AdaptiveBatchSize: String, Codable, CaseIterable, Sendable {
  /// The batch is as it is given.
  case none
  /// Smaller where an estimate from two small steps says that it takes too much.
  case auto
  /// Smaller where trials of some steps take too much memory.
  case safe
  /// As large as trials find room for.
  case full
}

extension TrainOptions {
  /// Takes a batch of another size, and the learning rate that goes with it.
  ///
  /// The rate changes with the root of the batch, as the noise of a gradient does (Krizhevsky, One
  /// weird trick for parallelizing convolutional neural networks, 2014; Malladi et al., On the SDEs
  /// and scaling rules for adaptive gradient algorithms, 2022). Whatever makes a batch larger or
  /// smaller does it here.
  public mutating func changeBatchSize(to new: Int) {
    guard batchSize > 0, new > 0, new != batchSize else { return }
    optimizer.learningRate *= (Double(new) / Double(batchSize)).squareRoot()
    batchSize = new
  }
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

/// The optimizers: PyTorch's, and LARS for very large batches.
public enum OptimizerName: String, Codable, CaseIterable, Sendable {
  case sgd, adamw, adam, rmsprop, lars
}

/// The optimizer and its settings.
public struct OptimizerOptions: Codable, Sendable, Equatable {
  public var name = OptimizerName.sgd
  public var learningRate = 0.01
  /// Of `sgd`, `rmsprop` and `lars`.
  public var momentum = 0.9
  /// Of `sgd`.
  public var nesterov = false
  public var weightDecay = 1e-4
  /// The exponential decay rates of `adam` and `adamw`.
  public var beta1 = 0.9
  public var beta2 = 0.999
  /// Whether `adam` and `adamw` divide by the largest second moment so far.
  public var amsgrad = false
  /// The smoothing constant of `rmsprop`.
  public var alpha = 0.99
  /// Added to the denominator by `adam`, `adamw` and `rmsprop`.
  public var epsilon = 1e-8
  /// How far from the weights sharpness-aware minimisation looks for the worst loss, whose gradient
  /// it takes (L2, 0.05 as a rule; each step costs two); 0: it does not (Foret et al., 2021).
  public var sharpnessRadius = 0.0
  /// The largest share of a layer's norm that `lars` changes in a step at rate 1.
  public var trustCoefficient = 1e-3
  /// Whether normalisations and biases decay like other weights; those of `lars` never do.
  public var decayNormAndBias = true
  /// What the rate is multiplied by for each block that a layer stands before the head; 1: nothing.
  public var layerDecay = 1.0
  /// Parameters with a rate or a decay of their own; the first that fits a parameter counts.
  public var groups: [OptimizerGroup] = []
  public init() {}
}

/// What a model is punished for, as far as its task leaves a choice.
public struct LossOptions: Codable, Sendable, Equatable {
  /// The part of each label's probability that is spread over all labels (Szegedy et al., 2016); of
  /// multi-class classification.
  public var labelSmoothing = 0.0
  public init() {}
}

/// How the learning rate changes.
public enum ScheduleName: String, Codable, CaseIterable, Sendable {
  case constant, step
  case multiStep = "multi_step"
  case cosine, poly
  case oneCycle = "one_cycle"
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
  /// The numbers of whole epochs after which the rate falls (`multi_step`).
  public var milestones: [Int] = []
  /// The exponent of `poly`; 1: a straight line.
  public var power = 0.9
  /// The part of all steps over which `one_cycle` rises (PyTorch's `pct_start`).
  public var riseShare = 0.3
  /// `one_cycle` starts at the rate divided by this.
  public var divFactor = 25.0
  /// `one_cycle` ends at its start's rate divided by this.
  public var finalDivFactor = 1e4
  /// The rate does not fall below it; `one_cycle` has `finalDivFactor` instead.
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
