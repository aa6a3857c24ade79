/// How long the parts of a training take on a machine, in seconds, measured in the first moments of
/// a run.
public struct TrainingPace: Sendable, Equatable {
  public var stepsPerEpoch: Int
  /// One optimizer step, waiting for its pictures included.
  public var step: Double
  /// What an epoch takes beside its steps: until the first batch is there.
  public var epochStart: Double
  /// Scoring the validation subset once.
  public var validation: Double
  /// Writing a checkpoint.
  public var saving: Double
  /// The scores and the page after training.
  public var report: Double

  public init(
    stepsPerEpoch: Int,
    step: Double,
    epochStart: Double = 0,
    validation: Double = 0,
    saving: Double = 0,
    report: Double = 0
  ) {
    self.stepsPerEpoch = stepsPerEpoch
    self.step = step
    self.epochStart = epochStart
    self.validation = validation
    self.saving = saving
    self.report = report
  }

  /// An epoch without its validation.
  public var epoch: Double { Double(stepsPerEpoch) * step + epochStart + saving }

  /// What the end of a training takes after its last step, whatever the number of epochs: the last
  /// validation, the last checkpoints, the report.
  public var end: Double { validation + 2 * saving + report }

  /// The part of the training time that validations may take.
  private static let validationShare = 0.1

  /// How many epochs lie between two validations so that these take a tenth of the time at most.
  public var validationInterval: Int {
    guard epoch > 0, validation.isFinite, epoch.isFinite else { return 1 }
    let interval = (validation / (TrainingPace.validationShare * epoch)).rounded(.up)
    return Int(min(max(interval, 1), 1000))
  }

  /// What so many epochs take, with a validation every `interval` of them and the end.
  public func seconds(epochs: Int, validationInterval interval: Int) -> Double {
    let validations = max(epochs - 1, 0) / max(interval, 1)
    return Double(epochs) * epoch + Double(validations) * (validation + saving) + end
  }

  /// The largest number of epochs whose training and end fit into `seconds`.
  ///
  /// - Parameters:
  ///   - seconds: What is left of the time.
  ///   - interval: Epochs between validations.
  ///   - most: The number of epochs that is wanted at most.
  /// - Returns: From 0 to `most`.
  public func epochCount(
    within seconds: Double,
    validationInterval interval: Int,
    atMost most: Int
  ) -> Int {
    var (low, high) = (0, max(most, 0))
    while low < high {
      let middle = low + (high - low + 1) / 2
      if self.seconds(epochs: middle, validationInterval: interval) <= seconds {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return low
  }
}

/// What a training within a time budget goes by.
public struct TimePlan: Sendable, Equatable {
  public var limit: TimeLimit
  public var pace: TrainingPace
  /// Epochs that are wanted at most, should the machine turn out faster.
  public var mostEpochs: Int

  public init(limit: TimeLimit, pace: TrainingPace, mostEpochs: Int) {
    (self.limit, self.pace, self.mostEpochs) = (limit, pace, mostEpochs)
  }

  /// The share of the budget that the plan aims at: a machine is never quite as fast as measured.
  public static let aim = 0.98
  /// The share of the budget at which training ends whatever the plan was; with the end that is
  /// kept free for, the whole stays below 1.05.
  public static let latest = 1.02
}

/// What a plan within a time may choose besides the number of epochs.
public struct TimeChoices: Sendable, Equatable {
  /// Whether the schedule is the program's own choice, and may be exchanged for one that suits the
  /// number of steps.
  public var maySetSchedule: Bool
  /// Whether a report is written after training.
  public var writesReport: Bool
  public init(maySetSchedule: Bool, writesReport: Bool) {
    (self.maySetSchedule, self.writesReport) = (maySetSchedule, writesReport)
  }
}
