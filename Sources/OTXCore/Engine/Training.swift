public import Foundation

/// Where a run writes.
public struct RunDirectory: Sendable, Equatable {
  /// The run's own folder: logs, metrics, recipe.
  public var root: URL
  /// Where model files go; the run's folder unless the user named another.
  public var models: URL
  /// Where measurements are remembered between runs.
  public var cache: URL
  /// The filled recipe, as text; it goes into checkpoints.
  public var recipeText: String
  /// What was decided for the user; it goes into checkpoints.
  public var decisions: [Decision] = []
  /// Whether training begins, or goes on from ``lastCheckpoint``.
  public var start = RunStart.fresh
  /// Training pauses at the end of this epoch, as a trial of a search does on its rung; `nil`: it does
  /// not.
  ///
  /// The schedule is that of the whole length, and who goes on gets what a training without a pause
  /// would have.
  package var pauseEpoch: Int?
  /// What the data looks like; `nil` where nobody looked.
  public var data: DataFingerprint?
  /// When the command is to be over; `nil` where the recipe's epochs decide.
  public var timeLimit: TimeLimit?
  /// What was planned for ``timeLimit``; `nil` before it is.
  public var timePlan: TimePlan?
  public init(root: URL, models: URL, cache: URL, recipeText: String = "") {
    self.root = root
    self.models = models
    self.cache = cache
    self.recipeText = recipeText
  }
  public var bestCheckpoint: URL { models.appending(path: "weights.pth") }
  public var lastCheckpoint: URL { root.appending(path: "last.pth") }
  /// What became of each weight of the file that training started from.
  public var initialWeights: URL { root.appending(path: "initial_weights.csv") }
  /// A copy of the network, where it is a TorchScript file of the user's.
  public var network: URL { root.appending(path: "network.pt") }
  /// The recipe with every value that the run used.
  public var recipe: URL { root.appending(path: "recipe.yaml") }
}

/// How a run begins.
public enum RunStart: Sendable, Equatable {
  /// With the first step.
  case fresh
  /// After the step that the run's last checkpoint was written at, on the same data.
  case resumed
  /// The same, whatever became of the data.
  case resumedOnChangedData
}

/// What a training run left behind.
public struct TrainingResult: Codable, Sendable, Equatable {
  public var checkpoint: URL
  public var info: ModelInfo
  /// Epochs that were trained.
  public var epochs: Int
  public var stepCount: Int
  /// Scores of the best checkpoint on the validation subset.
  public var best: MetricReport
  public var bestEpoch: Int
  public var imagesPerSecond: Double
  public var secondsPerEpoch: Double
  public var peakMemoryBytes: Int
  /// The score users know, at the chosen threshold: F-measure, accuracy.
  public var performance: Double {
    best.values[info.task.kind.performanceMetric] ?? best.primaryValue
  }
  /// What `auto` precision became.
  public var precision: Precision
  public var stopReason: String
  /// Whether training was stopped from outside and can go on.
  public var isInterrupted: Bool { stopReason == TrainingResult.interrupted }
  /// Whether training was to pause where it did (``RunDirectory/pauseEpoch``).
  package var isPaused: Bool { stopReason == TrainingResult.paused }
  package static let paused = "paused"
  /// The reason to stop of a run that was stopped from outside.
  public static let interrupted = "interrupted"

  public init(
    checkpoint: URL,
    info: ModelInfo,
    epochs: Int,
    stepCount: Int,
    best: MetricReport,
    bestEpoch: Int,
    imagesPerSecond: Double,
    secondsPerEpoch: Double,
    peakMemoryBytes: Int,
    precision: Precision,
    stopReason: String
  ) {
    self.checkpoint = checkpoint
    self.info = info
    self.epochs = epochs
    self.stepCount = stepCount
    self.best = best
    self.bestEpoch = bestEpoch
    self.imagesPerSecond = imagesPerSecond
    self.secondsPerEpoch = secondsPerEpoch
    self.peakMemoryBytes = peakMemoryBytes
    self.precision = precision
    self.stopReason = stopReason
  }
}

/// Something that is told what happens.
///
/// It cannot change anything.
public protocol TrainingObserver: Sendable {
  func observe(_ event: TrainingEvent)
}

/// What happens during training, in order.
public enum TrainingEvent: Sendable {
  /// A line for people: a decision, a change of schedule.
  case message(String)
  case warning(String)
  /// A line for those who look closely: shown at the level DEBUG alone.
  case detail(String)
  /// What became of each weight of a file that training starts from.
  case weights(WeightTable)
  case started(epochs: Int, stepsPerEpoch: Int, precision: Precision)
  /// Training goes on after `step`, the last one that is not repeated; so many validations were done
  /// until then. What was told of later ones before the interruption is void and comes again.
  case resumed(after: TrainingStep, validationCount: Int)
  case step(TrainingStep)
  /// Work before the first step, in the words of people, in progress.
  case preparing(String, done: Int, of: Int)
  case validating(done: Int, of: Int)
  case validated(epoch: Int, report: MetricReport, isBest: Bool)
  case finished(TrainingResult)
}

/// The figures of one optimizer step.
public struct TrainingStep: Sendable, Equatable {
  /// From 1.
  public var epoch: Int
  public var epochCount: Int
  /// Within the epoch, from 1.
  public var step: Int
  public var stepCount: Int
  /// Over all epochs, from 1.
  public var iteration: Int
  public var learningRate: Double
  /// Seconds of the step, waiting for data included.
  public var time: Double
  public var dataTime: Double
  /// Seconds until training ends at this rate, should every epoch run.
  public var eta: Double
  public var memoryBytes: Int
  /// Each loss by name, then `loss`, their sum.
  public var losses: [NamedValue]
  public var gradientNorm: Double
  public var imageCount: Int

  /// One term of the loss.
  public struct NamedValue: Codable, Sendable, Equatable {
    public var name: String
    public var value: Double
    public init(name: String, value: Double) { (self.name, self.value) = (name, value) }
  }

  public init(
    epoch: Int,
    epochCount: Int,
    step: Int,
    stepCount: Int,
    iteration: Int,
    learningRate: Double,
    time: Double,
    dataTime: Double,
    eta: Double,
    memoryBytes: Int,
    losses: [NamedValue],
    gradientNorm: Double,
    imageCount: Int
  ) {
    self.epoch = epoch
    self.epochCount = epochCount
    self.step = step
    self.stepCount = stepCount
    self.iteration = iteration
    self.learningRate = learningRate
    self.time = time
    self.dataTime = dataTime
    self.eta = eta
    self.memoryBytes = memoryBytes
    self.losses = losses
    self.gradientNorm = gradientNorm
    self.imageCount = imageCount
  }
}
