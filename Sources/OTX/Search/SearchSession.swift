import Foundation
import OTXCore
import OTXRecipe
import OTXTuning
import Synchronization

/// A search at work: hands trials to child processes and keeps what comes back.
final class SearchSession: Sendable {
  private struct State {
    var record: SearchRecord
    /// What the epochs of rungs took, in the order they came in.
    var secondsPerEpoch: [Double] = []
    /// The longest time without a sign of life of a trial.
    var longestSilence: Duration?
    /// How far trials under way are, in epochs.
    var running: [Int: Double] = [:]
    /// The epochs of the rungs that trials stand on.
    var standing: [Int: Double] = [:]
    var doneEpochs = 0.0
    var progress = SearchProgress(trialCount: 0, rungCount: 0, epochs: 0, epochCount: 0)
    var study: Study?
  }

  let folder: URL
  let recipe: Recipe
  private let plan: SearchPlan
  private let cache: URL
  private let usesProcesses: Bool
  private let state: Mutex<State>
  private let observe: @Sendable (SearchEvent) -> Void
  private let start = ContinuousClock.now
  private let secondsBefore: Double
  // Guarded by `logLock`.
  nonisolated(unsafe) private let log: AppendedFile?
  private let logLock = NSLock()

  /// So many trainings' worth of epochs are needed to give the highest rung to one trial.
  private static let trainingsWorthSearching = 4
  /// How often a piece of work that somebody killed is taken up again.
  private static let retryCount = 3
  /// Without anything to go by, a trial that says nothing for so long hangs.
  private static let firstSilence = Duration.seconds(1800)
  private static let shortestSilence = Duration.seconds(120)

  init(
    folder: URL,
    record: SearchRecord,
    recipe: Recipe,
    plan: SearchPlan,
    cache: URL,
    usesProcesses: Bool,
    observe: @escaping @Sendable (SearchEvent) -> Void
  ) {
    self.folder = folder
    self.recipe = recipe
    self.plan = plan
    self.cache = cache
    self.usesProcesses = usesProcesses
    self.observe = observe
    secondsBefore = record.secondsSpent
    state = Mutex(State(record: record))
    log = try? AppendedFile(folder.appending(path: "search.log"), truncates: false)
  }

  var record: SearchRecord { state.withLock { $0.record } }

  private var secondsSpent: Double {
    secondsBefore + (ContinuousClock.now - start) / .seconds(1)
  }

  /// Searches to the end of the budget.
  ///
  /// - Throws: `CancellationError`, ``EngineError`` where every trial failed, `TuningError` for a
  ///   database that cannot be used.
  func run(_ study: Study, store: StudyStore) async throws -> Study {
    var search = Search(
      in: folder,
      store: store,
      parallelCount: usesProcesses ? record.jobs : 1
    ) { self.take($0) }
    search.beginsAlone = true
    search.revise = { study in
      self.revise(&study)
      self.takeStock(of: study)
    }
    takeStock(of: study)
    do {
      let found = try await search.run(study) { trial, rung, place in
        try await self.train(trial, rung, place)
      }
      try state.withLock { state in
        state.record.secondsSpent = secondsSpent
        state.record.isSearched = true
        try state.record.write(to: folder)
      }
      return found
    } catch is CancellationError {
      // Whoever goes on has the rest of the time, and no more.
      try state.withLock { state in
        state.record.secondsSpent = secondsSpent
        try state.record.write(to: folder)
      }
      throw CancellationError()
    } catch TuningError.noResult(let last) {
      throw EngineError.trainingFailed(
        "no trial of the search came to a score; the last one: \(last)",
        advice: firstLog.map { "The end of the first trial's log:\n\($0)" }
          ?? "Look at \(folder.relativePath)."
      )
    }
  }

  private var firstLog: String? {
    let lines = ["train.log", "worker/log.txt"].lazy
      .map { WorkerError.lastLines(of: self.folder.appending(path: "trial-0/\($0)")) }
      .first { !$0.isEmpty }
    return lines?.map { "  \($0)" }.joined(separator: "\n")
  }

  // MARK: One piece of work

  private func train(_ trial: Trial, _ rung: Rung, _ place: URL) async throws -> Double {
    try prepare(trial, place)
    let input = TrialJob.Input(
      folder: place,
      epochs: rung.resource,
      metric: recipe.search.metric,
      cache: cache.path,
      memoryLimit: record.data.memoryLimit ?? 0,
      allowsPartialWeights: record.allowsPartialWeights
    )
    var attempt = 0
    while true {
      attempt += 1
      let start = Mutex(ContinuousClock.now)
      do {
        let output = try await work(input, in: place) { message in
          self.heard(message, of: trial.id, after: start)
        }
        state.withLock { $0.running[trial.id] = nil }
        try Task.checkCancellation()
        if let score = output.score {
          try noteFirst(place, output)
          return score
        }
        // Somebody else asked it to end.
        guard attempt <= SearchSession.retryCount else {
          throw WorkerError.failed("it was interrupted again and again")
        }
      } catch WorkerError.died(let how, let log, let lines) where how.contains("signal 9") {
        // By the system, for want of memory, or by somebody: it goes on from its last checkpoint.
        guard attempt <= SearchSession.retryCount else {
          throw WorkerError.died(how, log: log, lastLines: lines)
        }
        tell(.warning("trial \(trial.id + 1) \(how); it goes on from its last checkpoint"))
      }
    }
  }

  private func work(
    _ input: TrialJob.Input,
    in place: URL,
    heard: @escaping @Sendable (TrialJob.Message) -> Void
  ) async throws -> TrialJob.Output {
    guard usesProcesses else { return try await TrialJob.run(input, tell: heard) }
    var worker = WorkerProcess<TrialJob>(in: place.appending(path: "worker"))
    worker.silenceLimit = { self.silenceLimit }
    return try await worker.run(input, observe: heard).output
  }

  /// Makes the trial's folder that of a run which has not begun.
  private func prepare(_ trial: Trial, _ place: URL) throws {
    let done = place.appending(path: RunRecord.fileName)
    guard !FileManager.default.fileExists(atPath: done.path) else { return }
    var own = try recipe.applying(trial.values)
    let record = record
    if let precision = record.precision { own.training.precision = precision }
    if record.jobs > 1, own.training.threads == 0 {
      let cores = Processor.current.computeThreadCount
      own.training.threads = max(cores / record.jobs, 1)
    }
    try own.keep(in: place.appending(path: SearchRecord.recipeName), decisions: [])
    var run = record.data
    run.decisions = []
    run.process = nil
    if record.trialImageCount < record.imageCount { run.trainingItemCount = record.trialImageCount }
    try run.write(to: place)
  }

  /// What the first trial measured holds for all.
  private func noteFirst(_ place: URL, _ output: TrialJob.Output) throws {
    let settled = try? Recipe(
      contentsOf: place.appending(path: SearchRecord.recipeName)
    ).training.precision
    try state.withLock { state in
      if !output.isKnown, output.secondsPerEpoch > 0 {
        state.secondsPerEpoch.append(output.secondsPerEpoch)
      }
      state.record.secondsSpent = secondsSpent
      if state.record.precision == nil, recipe.training.precision == .auto {
        state.record.precision = settled
      }
      try state.record.write(to: folder)
    }
  }

  // MARK: Signs of life

  private func heard(
    _ message: TrialJob.Message,
    of trial: Int,
    after last: borrowing Mutex<ContinuousClock.Instant>
  ) {
    let silence = last.withLock { last in
      defer { last = .now }
      return ContinuousClock.now - last
    }
    let progress = state.withLock { state in
      state.longestSilence = max(state.longestSilence ?? .zero, silence)
      state.running[trial] = max(Double(message.epoch - 1), 0) + message.share
      return self.progress(&state)
    }
    tell(.progress(progress))
  }

  private var silenceLimit: Duration {
    guard let longest = state.withLock({ $0.longestSilence }) else {
      return SearchSession.firstSilence
    }
    return max(longest * 20, SearchSession.shortestSilence)
  }

  // MARK: Where it stands

  private func takeStock(of study: Study) {
    let progress = state.withLock { state in
      state.study = study
      update(&state, study)
      return self.progress(&state)
    }
    tell(.progress(progress))
  }

  /// What the study says of the progress.
  private func update(_ state: inout State, _ study: Study) {
    state.progress.trialCount = study.trials.count
    state.progress.rungCount = study.trials.reduce(0) { $0 + $1.scores.count }
    state.progress.best = study.best?.scores.last
    for trial in study.trials where !trial.scores.isEmpty {
      state.standing[trial.id] = Double(study.halving.rungs[trial.scores.count - 1].resource)
    }
    state.doneEpochs = state.standing.values.reduce(0, +)
    // The clock says when it ends; what that is in epochs is known after the first.
    let isOpen = plan.seconds != nil && study.budget.resource == nil
    state.progress.epochCount = isOpen ? .infinity : SearchSession.expectedEpochs(study)
  }

  /// Epochs that all trials will take together.
  static func expectedEpochs(_ study: Study) -> Double {
    let budget = study.budget.resource.map(Double.init) ?? .infinity
    guard let count = study.budget.trialCount else { return budget }
    let rungs = study.halving.rungs
    var (sum, before, climbers) = (0.0, 0, Double(count))
    for rung in rungs {
      sum += max(climbers, 1) * Double(rung.resource - before)
      (before, climbers) = (rung.resource, climbers / Double(study.halving.reductionFactor))
    }
    return min(sum, budget)
  }

  private func progress(_ state: inout State) -> SearchProgress {
    // A trial under way counts from the rung it stands on.
    let reached = state.running.values.reduce(0, +)
    let base = state.running.keys.reduce(0.0) { $0 + (state.standing[$1] ?? 0) }
    state.progress.epochs = state.doneEpochs + max(reached - base, 0)
    let pace =
      state.secondsPerEpoch.isEmpty
      ? nil : state.secondsPerEpoch.reduce(0, +) / Double(state.secondsPerEpoch.count)
    var eta: Double?
    if let pace {
      let left = max(state.progress.epochCount - state.progress.epochs, 0)
      eta = left * pace / Double(max(state.record.jobs, 1))
    }
    if let seconds = plan.seconds { eta = min(eta ?? .infinity, max(seconds - secondsSpent, 0)) }
    state.progress.eta = eta.flatMap { $0.isFinite ? $0 : nil }
    return state.progress
  }

  /// Keeps a search that is to end by the clock within it, once it is known what an epoch takes.
  private func revise(_ study: inout Study) {
    let jobs = Double(max(record.jobs, 1))
    guard let seconds = plan.seconds else { return }
    let paces = state.withLock { $0.secondsPerEpoch }
    guard !paces.isEmpty else { return }
    let pace = max(paces.reduce(0, +) / Double(paces.count), 1e-6)
    let left = max(seconds - secondsSpent, 0) / pace * jobs
    let resource = study.spentResource + Int(min(left, 1e9))
    study.limit(resource: resource)
    while let top = study.halving.rungs.last?.resource,
      top * SearchSession.trainingsWorthSearching > resource, study.dropHighestRung()
    {}
  }

  private func take(_ event: Search.Event) {
    guard let study = state.withLock({ $0.study }) else { return }
    switch event {
    case .began(let trial, let rung):
      state.withLock { state in
        state.progress.trialCount = max(state.progress.trialCount, trial.id + 1)
      }
      let values = trial.values.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      write(
        "Trial \(trial.id + 1) begins up to epoch \(rung.resource): \(values.joined(separator: ", "))"
      )
    case .finished(let trial, let rung):
      let isFirst = study.trials.allSatisfy { $0.id == trial.id || $0.scores.isEmpty }
      let isBest = study.best?.id == trial.id
      tell(.finished(trial, rung, isBest: isBest))
      if isFirst, trial.scores.count == 1 { estimate(study) }
      clean(study)
    case .failed(let trial, _):
      tell(.failed(trial))
      clean(study)
    }
  }

  /// Says after the first rung how long all of it will take.
  private func estimate(_ study: Study) {
    let (pace, jobs) = state.withLock { ($0.secondsPerEpoch.last, $0.record.jobs) }
    guard let pace else { return }
    let rungs = study.halving.rungs.map { "\($0.resource)" }.joined(separator: ", ")
    let epochs = SearchSession.expectedEpochs(study)
    let time =
      plan.seconds.map { max($0 - secondsSpent, 0) } ?? (epochs * pace / Double(max(jobs, 1)))
    tell(
      .message(
        "An epoch of a trial takes \(String(format: "%.1f", pace)) s: the search will take about \(TrainingStep.clockTime(time)) (\(Int(epochs.rounded())) epochs of all trials; rungs at \(rungs))"
      )
    )
  }

  /// Removes weights that nobody will go on from.
  private func clean(_ study: Study) {
    let best = study.best?.id
    for trial in study.trials where trial.id != best && !study.mayClimb(trial.id) {
      let place = folder.appending(path: "trial-\(trial.id)")
      for name in ["last.pth", "weights.pth"] {
        _ = unlink(place.appending(path: name).path)
      }
    }
  }

  func tell(_ event: SearchEvent) {
    if let line = event.logLine { write(line) }
    observe(event)
  }

  private func write(_ line: String) {
    logLock.withLock {
      let stamp = Date().formatted(.iso8601.dateSeparator(.dash).timeSeparator(.colon))
      log?.append("\(stamp) | \(line)\n")
    }
  }
}

extension SearchEvent {
  /// The event as a line of a log; `nil` for what is not worth one.
  public var logLine: String? {
    switch self {
    case .message(let text): return text
    case .warning(let text): return "WARNING: \(text)"
    case .progress: return nil
    case .finished(let trial, let rung, let isBest):
      let score = String(format: "%.4f", trial.scores.last ?? 0)
      return
        "Trial \(trial.id + 1) after \(rung.resource) epoch\(rung.resource == 1 ? "" : "s"): \(score)\(isBest ? " (best so far)" : "")"
    case .failed(let trial): return "Trial \(trial.id + 1) failed: \(trial.failure ?? "")"
    }
  }
}
