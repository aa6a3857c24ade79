import Foundation
public import OTXCore
import OTXData
import Synchronization

extension TaskEngine {
  /// Scores the model on a subset.
  ///
  /// - Parameters:
  ///   - subset: Which items.
  ///   - threshold: The confidence threshold to score at; `nil` takes the model's own.
  ///   - progress: Told how many items are done, and of how many.
  /// - Returns: The scores, and how long it took.
  /// - Throws: ``DataError`` for data that cannot be read, ``ModelError/mismatch(_:)`` for labels
  ///   that the model does not know.
  public func evaluate(
    on subset: Subset,
    confidenceThreshold threshold: Float? = nil,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> Evaluation {
    try await score(subset, threshold, keepsDetails: false, progress).evaluation
  }

  /// Scores the model as ``evaluate(on:confidenceThreshold:progress:)`` does, and says in the same
  /// pass what a report shows of it.
  func evaluateInDetail(
    on subset: Subset,
    confidenceThreshold threshold: Float?,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> (evaluation: Evaluation, details: EvaluationDetails) {
    let (evaluation, metric) = try await score(subset, threshold, keepsDetails: true, progress)
    return (evaluation, metric.details(of: evaluation.report))
  }

  private func score(
    _ subset: Subset,
    _ threshold: Float?,
    keepsDetails: Bool,
    _ progress: @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws -> (evaluation: Evaluation, metric: Kind.Score) {
    let info = await sub.info
    let notes = Notes()
    let data = try await dataModule { notes.add("\($0.location): \($0.message)") }
    for line in data.problems.summary { notes.add(line) }
    var subset = subset
    if subset == .test, data.itemCount(.test) == 0, data.itemCount(.val) > 0 {
      subset = .val
      notes.add("the data has no test subset; these are the scores of the validation subset")
    }
    let scored = Scored<Kind>(
      labels: info.labels,
      count: data.itemCount(subset),
      tiling: data.tiling,
      keepsDetails: keepsDetails
    )
    let start = ContinuousClock.now
    let batches = try data.batches(subset, mode: .evaluation)
    try await sub.predict(batches) { batch, predictions in
      try Task.checkCancellation()
      scored.add(predictions, batch.entities, progress)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let (metric, done) = scored.result
    let evaluation = Evaluation(
      report: threshold.map { metric.compute(confidenceThreshold: $0) } ?? metric.compute(at: info),
      subset: subset,
      performanceMetric: Kind.performanceMetric,
      itemCount: done,
      secondsPerImage: done > 0 ? seconds / Double(done) : 0,
      notes: notes.lines
    )
    return (evaluation, metric)
  }
}

/// A score that is fed from whichever thread a backend computes on.
private final class Scored<Kind: VisionTask>: Sendable {
  private struct State {
    var metric: Kind.Score
    var gatherer: TileGatherer<Kind>
    var done = 0
  }

  private let state: Mutex<State>
  private let count: Int

  init(labels: LabelInfo, count: Int, tiling: Tiling?, keepsDetails: Bool) {
    var score = Kind.Score(labels: labels)
    if keepsDetails { score.keepDetails() }
    state = Mutex(State(metric: score, gatherer: TileGatherer(tiling)))
    self.count = count
  }

  func add(
    _ predictions: [Kind.Prediction],
    _ entities: [Kind.Entity],
    _ progress: @Sendable (_ done: Int, _ of: Int) -> Void
  ) {
    let done = state.withLock { state in
      let whole = state.gatherer.add(predictions, entities)
      state.metric.update(whole.predictions, whole.entities)
      state.done += whole.entities.count
      return state.done
    }
    progress(done, count)
  }

  var result: (metric: Kind.Score, done: Int) { state.withLock { ($0.metric, $0.done) } }
}

/// Lines for people, gathered from several threads.
final class Notes: Sendable {
  private let state = Mutex<[String]>([])
  /// - Returns: Whether it is new.
  @discardableResult
  func add(_ line: String) -> Bool {
    state.withLock { lines in
      if lines.contains(line) { return false }
      lines.append(line)
      return true
    }
  }
  var lines: [String] { state.withLock { $0 } }
}
