import Foundation
public import OTXCore

/// The learning rate of every step, as a plain value.
///
/// `learningRate(step:epoch:)` is a function of its arguments and of the scores reported so far;
/// a resumed run decodes the value and goes on. Rates agree with PyTorch's `StepLR`, `MultiStepLR`,
/// `CosineAnnealingLR` and `ReduceLROnPlateau`, stepped once an epoch, and with `PolynomialLR` and
/// `OneCycleLR` (`cycle_momentum=False`), stepped once a step.
public struct LearningRateSchedule: Codable, Sendable, Equatable {
  public let options: ScheduleOptions
  /// The rate that the schedule starts from.
  public let baseLearningRate: Double
  /// The length of a cosine.
  public let maxEpochs: Int
  /// With `maxEpochs` the length of what changes with each step: `poly` and `one_cycle`.
  public let stepsPerEpoch: Int
  /// Whether the score that is reported should grow.
  public let higherIsBetter: Bool

  /// The state of `reduce_on_plateau`.
  private var plateauRate: Double
  private var bestScore: Double?
  private var badCount = 0

  /// What the scores so far have made of the schedule; a checkpoint holds it.
  ///
  /// All else of a schedule follows from its options.
  public struct State: Codable, Sendable, Equatable {
    public var rate: Double
    public var bestScore: Double?
    public var badCount: Int
  }

  /// What the scores so far have made of the schedule.
  public var state: State {
    get { State(rate: plateauRate, bestScore: bestScore, badCount: badCount) }
    set {
      (plateauRate, bestScore, badCount) = (newValue.rate, newValue.bestScore, newValue.badCount)
    }
  }

  public init(
    _ options: ScheduleOptions,
    baseLearningRate: Double,
    maxEpochs: Int,
    stepsPerEpoch: Int = 1,
    higherIsBetter: Bool = true
  ) {
    self.options = options
    self.baseLearningRate = baseLearningRate
    self.maxEpochs = maxEpochs
    self.stepsPerEpoch = stepsPerEpoch
    self.higherIsBetter = higherIsBetter
    plateauRate = baseLearningRate
  }

  /// The rate of one step.
  ///
  /// - `step`: Steps since training began, from 0; warm-up counts these.
  /// - `epoch`: Whole epochs since training began, from 0.
  public func learningRate(step: Int, epoch: Int) -> Double {
    scheduledRate(step: step, epoch: epoch) * warmupFactor(step: step)
  }

  /// A third at step 0, rising in a line to 1 at step `warmupSteps`.
  private func warmupFactor(step: Int) -> Double {
    guard step < options.warmupSteps else { return 1 }
    return 1 - (1 - Double(step) / Double(options.warmupSteps)) * (2.0 / 3.0)
  }

  private func scheduledRate(step: Int, epoch: Int) -> Double {
    switch options.name {
    case .constant:
      return baseLearningRate
    case .step:
      let falls = Double(epoch / max(options.stepEpochs, 1))
      return max(baseLearningRate * pow(options.factor, falls), options.minimumLearningRate)
    case .multiStep:
      let falls = Double(options.milestones.count { $0 <= epoch })
      return max(baseLearningRate * pow(options.factor, falls), options.minimumLearningRate)
    case .cosine:
      let progress = Double(min(epoch, maxEpochs)) / Double(max(maxEpochs, 1))
      let low = min(options.minimumLearningRate, baseLearningRate)
      return low + (baseLearningRate - low) * (1 + cos(.pi * progress)) / 2
    case .poly:
      let progress = Double(min(step, stepCount)) / Double(stepCount)
      let low = min(options.minimumLearningRate, baseLearningRate)
      return low + (baseLearningRate - low) * pow(1 - progress, options.power)
    case .oneCycle: return oneCycleRate(step: step)
    case .reduceOnPlateau:
      return plateauRate
    }
  }

  private var stepCount: Int { max(maxEpochs * stepsPerEpoch, 1) }

  /// Up along half a cosine, and down along another (Smith and Topin, Super-Convergence, 2018).
  private func oneCycleRate(step: Int) -> Double {
    let start = baseLearningRate / options.divFactor
    let end = start / options.finalDivFactor
    let last = Double(stepCount - 1)
    // The last step of the rise; before the first one where there is no step to rise in.
    let top = options.riseShare * Double(stepCount) - 1
    func between(_ from: Double, _ to: Double, _ progress: Double) -> Double {
      to + (from - to) / 2 * (1 + cos(.pi * min(progress, 1)))
    }
    let position = Double(step)
    if position <= top { return between(start, baseLearningRate, top > 0 ? position / top : 1) }
    let fall = last - top
    return between(baseLearningRate, end, fall > 0 ? (position - top) / fall : 1)
  }

  /// Reports a validation's score; only `reduce_on_plateau` listens.
  ///
  /// The rate falls after more than `patience` validations without a score that is better by
  /// 1e-4 of the best (PyTorch's default threshold, relative). `NaN` is never better.
  ///
  /// Returns whether the rate fell.
  @discardableResult
  public mutating func report(score: Double) -> Bool {
    guard options.name == .reduceOnPlateau else { return false }
    if isBetter(score) {
      bestScore = score
      badCount = 0
    } else {
      badCount += 1
    }
    guard badCount > options.patience else { return false }
    badCount = 0
    let lower = max(plateauRate * options.factor, options.minimumLearningRate)
    guard plateauRate - lower > 1e-8 else { return false }
    plateauRate = lower
    return true
  }

  private func isBetter(_ score: Double) -> Bool {
    guard !score.isNaN else { return false }
    guard let bestScore else { return true }
    return higherIsBetter ? score > bestScore * (1 + 1e-4) : score < bestScore * (1 - 1e-4)
  }
}
