import Foundation
import OTXCore
import OTXRecipe
import Synchronization

/// Trains a trial of a search on to its next rung, in the trial's folder, which is that of a run.
enum TrialJob: WorkerJob {
  struct Input: Codable, Sendable {
    var folder: URL
    /// Epochs in all that the trial has when it stands on the rung.
    var epochs: Int
    /// The score it is judged by; `auto`: that of the best weights.
    var metric: String
    /// Where measurements are remembered.
    var cache: String
    var memoryLimit: Int
    var allowsPartialWeights: Bool
  }

  /// How far it is.
  struct Message: Codable, Sendable {
    var epoch: Int
    /// Of the epoch, in 0…1.
    var share: Double
  }

  struct Output: Codable, Sendable {
    /// `nil` where it was asked to end before it was there; what it learned is kept.
    var score: Double?
    /// Epochs that were trained until now.
    var trainedEpochs = 0
    var secondsPerEpoch = 0.0
    /// Whether the rung had been reached before.
    var isKnown = false
  }

  static let name = "trial"

  static func run(
    _ input: Input,
    tell: @escaping @Sendable (Message) -> Void
  ) async throws -> Output {
    var ledger = TrialLedger(in: input.folder)
    // Whoever asked may have been killed before it heard the answer.
    if var known = ledger.rungs[input.epochs] {
      known.isKnown = true
      return known
    }
    let record = try RunRecord(in: input.folder)
    if record.stopReason != nil, var last = ledger.rungs.max(by: { $0.key < $1.key })?.value {
      // It ended before the rung; more epochs change nothing.
      last.secondsPerEpoch = 0
      ledger.rungs[input.epochs] = last
      try ledger.write(to: input.folder)
      return last
    }
    let engine = try Engine(
      resuming: input.folder,
      memoryLimit: input.memoryLimit,
      registry: WorkerEntry.currentRegistry,
      weights: WeightSource(allowsPartialWeights: input.allowsPartialWeights)
    )
    let observer = TrialObserver(tell)
    let result = try await engine.trainTrial(
      until: input.epochs,
      observers: [observer],
      environment: ["OTX_CACHE": input.cache]
    )
    if result.isInterrupted { return Output() }
    let metric = input.metric == "auto" ? result.best.primary : input.metric
    guard let score = result.best.values[metric], score.isFinite else {
      throw EngineError.trainingFailed(
        "the score '\(metric)' is not defined on the validation subset",
        advice: "There are: \(result.best.values.keys.sorted().joined(separator: ", "))."
      )
    }
    let output = Output(
      score: score,
      trainedEpochs: result.epochs,
      secondsPerEpoch: observer.secondsPerEpoch ?? result.secondsPerEpoch
    )
    ledger.rungs[input.epochs] = output
    try ledger.write(to: input.folder)
    return output
  }
}

/// What a trial remembers of its rungs, beside its run.
struct TrialLedger: Codable {
  static let fileName = "trial.json"

  /// By the epochs of the rung.
  var rungs: [Int: TrialJob.Output] = [:]

  init(in folder: URL) {
    guard let data = try? Data(contentsOf: folder.appending(path: TrialLedger.fileName)),
      let old = try? JSONDecoder().decode(TrialLedger.self, from: data)
    else { return }
    self = old
  }

  func write(to folder: URL) throws {
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(self),
      to: folder.appending(path: TrialLedger.fileName)
    )
  }
}

/// Passes on how far a trial is, now and then.
private final class TrialObserver: TrainingObserver {
  private struct State {
    var message = TrialJob.Message(epoch: 0, share: 0)
    var lastNews = ContinuousClock.now
    var started: ContinuousClock.Instant?
    var firstEpochs: Double?
  }

  private let state = Mutex(State())
  private let tell: @Sendable (TrialJob.Message) -> Void

  init(_ tell: @escaping @Sendable (TrialJob.Message) -> Void) { self.tell = tell }

  func observe(_ event: TrainingEvent) {
    let news = state.withLock { state -> TrialJob.Message? in
      if case .step(let step) = event {
        let share = Double(step.step) / Double(max(step.stepCount, 1))
        state.message = TrialJob.Message(epoch: step.epoch, share: share)
        if state.started == nil {
          state.started = .now
          state.firstEpochs = Double(step.epoch - 1) + share
        }
      }
      // Everything that happens is a sign of life.
      guard ContinuousClock.now - state.lastNews > .milliseconds(200) else { return nil }
      state.lastNews = .now
      return state.message
    }
    if let news { tell(news) }
  }

  /// With all that belongs to an epoch, validation too; `nil` before that is known.
  var secondsPerEpoch: Double? {
    state.withLock { state in
      guard let started = state.started, let first = state.firstEpochs else { return nil }
      let epochs = Double(state.message.epoch - 1) + state.message.share - first
      return epochs > 0 ? (ContinuousClock.now - started) / .seconds(1) / epochs : nil
    }
  }
}
