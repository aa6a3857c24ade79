public import Foundation

/// Runs a ``Study``: hands out its work, several pieces at a time where there is room, and keeps what
/// comes back.
public struct Search: Sendable {
  /// What happens, in order.
  public enum Event: Sendable {
    case began(Trial, Rung)
    case finished(Trial, Rung)
    case failed(Trial, Rung)
  }

  /// Trains a trial on to `rung.resource` from whatever its folder holds, and gives the score there.
  public typealias Objective =
    @Sendable (_ trial: Trial, _ rung: Rung, _ folder: URL) async throws -> Double

  /// A piece of work at its end.
  ///
  /// Not a tuple: optimised programs of Swift 6.3 get `id` and `rung` back from the task as zeros then.
  private struct Finished: Sendable {
    let id: Int
    let rung: Rung
    let result: Result<Double, any Error>
  }

  /// A folder for each trial is made below it.
  public let folder: URL
  /// Pieces of work at a time.
  public let parallelCount: Int
  private let store: StudyStore?
  /// Whether nothing else runs until the first piece of work has come to an end: what it measures holds
  /// for the others.
  public var beginsAlone = false
  /// May change the plan after each piece of work (``Study/limit(resource:)``,
  /// ``Study/dropHighestRung()``), before the event is told.
  public var revise: @Sendable (inout Study) -> Void = { _ in }
  private let observe: @Sendable (Event) -> Void

  /// - Parameters:
  ///   - folder: Where trials keep what they need to go on.
  ///   - store: Where the search is kept; `nil`: in memory alone.
  ///   - parallelCount: Pieces of work at a time, at least 1.
  ///   - observe: Told what happens, one event at a time.
  public init(
    in folder: URL,
    store: StudyStore? = nil,
    parallelCount: Int = 1,
    observe: @escaping @Sendable (Event) -> Void = { _ in }
  ) {
    self.folder = folder
    self.store = store
    self.parallelCount = max(parallelCount, 1)
    self.observe = observe
  }

  /// Searches until the budget is spent.
  ///
  /// A trial whose objective throws has failed, and the search goes on. Cancelling the task ends the
  /// search; what was under way is done again by the next call.
  ///
  /// - Parameters:
  ///   - study: New, or as ``StudyStore/load()`` gave it.
  ///   - deadline: No work begins after it.
  ///   - objective: What a trial does.
  /// - Returns: The search at its end.
  /// - Throws: ``TuningError/noResult(_:)`` where every trial failed, `CancellationError`.
  public func run(
    _ study: Study,
    until deadline: ContinuousClock.Instant? = nil,
    objective: @escaping Objective
  ) async throws -> Study {
    var study = study
    study.recover()
    try store?.save(study)
    try await withThrowingTaskGroup(of: Finished.self) { group in
      var running = 0
      while true {
        let isFirst = study.trials.allSatisfy { $0.scores.isEmpty && $0.state != .failed }
        let room = beginsAlone && isFirst ? 1 : parallelCount
        while running < room, deadline.map({ ContinuousClock.now < $0 }) ?? true,
          !Task.isCancelled, let work = study.next()
        {
          try store?.save(study, changed: work.trial.id)
          observe(.began(work.trial, work.rung))
          let place = folder.appending(path: "trial-\(work.trial.id)", directoryHint: .isDirectory)
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          running += 1
          let (trial, rung) = work
          group.addTask {
            do {
              return Finished(
                id: trial.id,
                rung: rung,
                result: .success(try await objective(trial, rung, place))
              )
            } catch {
              return Finished(id: trial.id, rung: rung, result: .failure(error))
            }
          }
        }
        guard running > 0, let work = try await group.next() else { break }
        running -= 1
        if Task.isCancelled { continue }
        let (id, rung) = (work.id, work.rung)
        switch work.result {
        case .success(let score): study.finish(id, rung, score: score)
        case .failure(let error): study.fail(id, reason: "\(error)")
        }
        revise(&study)
        try store?.save(study, changed: id)
        let trial = study.trials[id]
        observe(trial.state == .failed ? .failed(trial, rung) : .finished(trial, rung))
      }
    }
    try Task.checkCancellation()
    guard study.best != nil else {
      throw TuningError.noResult(study.trials.last?.failure ?? "there was room for none")
    }
    return study
  }
}
