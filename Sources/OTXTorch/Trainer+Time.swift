import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension Trainer {
  /// Steps of all epochs that are done, counting each epoch in full.
  var position: Int { (epoch - 1) * stepsPerEpoch + step }

  /// Steps after which training ends.
  var lastPosition: Int { course?.last ?? options.maxEpochs * stepsPerEpoch }

  /// Epochs there are, the last one perhaps a part.
  var epochCount: Int {
    course.map { ($0.last + stepsPerEpoch - 1) / max(stepsPerEpoch, 1) } ?? options.maxEpochs
  }

  /// The learning rate of the next step.
  func learningRate() -> Double {
    guard let course else { return schedule.learningRate(step: iteration, epoch: epoch - 1) }
    let place = Int(course.place(of: position))
    return schedule.learningRate(step: place, epoch: place / max(stepsPerEpoch, 1))
  }

  /// Why training ends when all steps are done.
  var endReason: String {
    guard let course, course.last != course.planned else {
      return "all \(options.maxEpochs) epochs are trained"
    }
    return "all \(course.last) steps are trained that fit into the time"
  }

  /// Looks at the clock after a step, where there is a time to keep.
  ///
  /// - Returns: Why training ends now, or `nil`.
  func endInTime() throws -> String? {
    if var keeper {
      let interval = adaptive.validationInterval
      let end = keeper.end(
        at: now(),
        position: position,
        last: lastPosition,
        interval: interval
      )
      self.keeper = keeper
      if let end { changeLength(to: end, keeper) }
      if position < lastPosition, keeper.isLast(at: now()) {
        return try validateLast("the time of \(budget) is over")
      }
    }
    // The end of an epoch is looked at where epochs end.
    guard course != nil, position >= lastPosition, step < stepsPerEpoch else { return nil }
    return try validateLast(endReason)
  }

  private var budget: String { TimeBudget.text(keeper?.plan.limit.seconds ?? 0) }

  private func changeLength(to end: Int, _ keeper: TimeKeeper) {
    var course = course ?? ScheduleCourse(planned: options.maxEpochs * stepsPerEpoch)
    let old = course.last
    course.end(at: end, from: position)
    self.course = course
    let step = String(format: "%.3g", keeper.pace.step)
    tell(
      .message(
        "Update length: \(end) steps instead of \(old) (a step takes \(step) s by now; the schedule ends with the time of \(budget))"
      )
    )
  }

  private func validateLast(_ reason: String) throws -> String {
    do {
      _ = try validate()
      isValidated = true
      return reason
    } catch is CancellationError {
      return TrainingResult.interrupted
    }
  }

  // MARK: Measuring

  /// The batches of the next step; none at the end of the epoch.
  private func nextGroup(of batches: any BatchStream<Kind.Batch>) throws -> [Kind.Batch] {
    try Task.checkCancellation()
    let size = max(options.gradientAccumulation, 1)
    var taken: [Kind.Batch] = []
    while taken.count < size, let batch = try batches.next() { taken.append(batch) }
    return taken
  }

  /// Trains for some steps and predicts on a batch, for the memory that this takes.
  func trainBriefly(steps: Int) throws {
    let batches = try data.batches(.train, mode: .training(epoch: 0))
    try beginTraining()
    var clock = Stopwatch()
    for _ in 0..<steps {
      let taken = try nextGroup(of: batches)
      guard !taken.isEmpty else { break }
      _ = try take(taken, dataTime: clock.lap(), clock: &clock)
    }
    try withInferenceWeights {
      guard let batch = try data.batches(.val, mode: .evaluation).next() else { return }
      _ = try predict(model, info: info, input: input, batch: batch)
    }
  }

  /// Trains and validates for a moment to see how long everything takes.
  ///
  /// The weights are changed by it, and files are written into the run's folders: measure on a
  /// model and in a folder that nobody needs afterwards.
  ///
  /// - Parameters:
  ///   - limit: The time that there is; a small part of it is taken.
  ///   - writesReport: Whether a report follows.
  /// - Returns: Seconds of all that training does.
  /// - Throws: ``ConfigurationError/invalid(_:)`` where there is not even time for a step.
  func measurePace(limit: TimeLimit, writesReport: Bool) throws -> TrainingPace {
    var pace = TrainingPace(stepsPerEpoch: stepsPerEpoch, step: 0)
    try measureSteps(limit, &pace)
    try measureValidation(limit, writesReport: writesReport, &pace)
    let start = now()
    save()
    pace.saving = now() - start
    return pace
  }

  /// A slow first step, then as many as a moment has room for.
  private func measureSteps(_ limit: TimeLimit, _ pace: inout TrainingPace) throws {
    let start = now()
    let batches = try data.batches(.train, mode: .training(epoch: 0))
    try beginTraining()
    var clock = Stopwatch()
    var times: [(data: Double, all: Double)] = []
    let moment = min(0.03 * limit.seconds, 30)
    while times.count < 32 {
      let taken = try nextGroup(of: batches)
      guard !taken.isEmpty else { break }
      let dataTime = clock.lap()
      _ = try take(taken, dataTime: dataTime, clock: &clock)
      times.append((dataTime, now() - start - times.reduce(0) { $0 + $1.all }))
      guard limit.remaining > 0 else {
        throw ConfigurationError.invalid(
          "\(TimeBudget.text(limit.seconds)) is over after \(times.count) training step\(times.count == 1 ? "" : "s"): reading the data, starting and that took \(TimeBudget.text(limit.elapsed.rounded(.up)))"
        )
      }
      if times.count >= 3, now() - start > moment { break }
    }
    // The first step is 2 to 10 times slower than those after it.
    let counted = times.count > 1 ? times.dropFirst() : times[...]
    pace.step = counted.reduce(0) { $0 + $1.all } / Double(max(counted.count, 1))
    let usual = counted.map(\.data).min() ?? 0
    pace.epochStart = max((times.first?.data ?? 0) - usual, 0)
  }

  /// Some batches of the validation subset, and the score of these.
  private func measureValidation(
    _ limit: TimeLimit,
    writesReport: Bool,
    _ pace: inout TrainingPace
  ) throws {
    let moment = min(0.02 * limit.seconds, 20)
    try withInferenceWeights {
      let start = now()
      let batches = try data.batches(.val, mode: .evaluation)
      let count = data.batchCount(.val, mode: .evaluation)
      var metric = Kind.Score(labels: info.labels)
      var gatherer = TileGatherer<Kind>(data.tiling)
      var (done, began, opening) = (0, start, 0.0)
      while let batch = try batches.next() {
        try Task.checkCancellation()
        if done == 0 {
          opening = now() - start
          // The first time is slower than all others.
          _ = try predict(model, info: info, input: input, batch: batch)
          began = now()
        }
        let found = try predict(model, info: info, input: input, batch: batch)
        let whole = gatherer.add(found, batch.entities)
        metric.update(whole.predictions, whole.entities)
        done += 1
        if now() - start > moment { break }
      }
      let each = (now() - began) / Double(max(done, 1))
      let scoring = now()
      _ = metric.compute(confidenceThreshold: fixedThreshold)
      let compute = (now() - scoring) * Double(count) / Double(max(done, 1))
      pace.validation = opening + each * Double(count) + compute
      let tested = data.batchCount(.test, mode: .evaluation)
      let scored = Double(tested > 0 ? tested : count)
      guard writesReport else { return }
      // Curves, confusion, pictures and the page besides.
      pace.report =
        1 + 1.2 * (opening + each * scored) + 2 * compute * scored / Double(max(count, 1))
    }
  }
}
