import Foundation

/// One set of values, and how it does.
public struct Trial: Sendable, Hashable, Codable {
  /// How far a trial has come.
  public enum State: String, Sendable, Hashable, Codable {
    /// Has values; stands on no rung yet, or was interrupted before one.
    case waiting
    case running
    /// Stands on its highest rung so far.
    case paused
    /// Stands on the highest rung.
    case complete
    case failed
  }

  /// From 0; the first has the initial values.
  public var id: Int
  public var values: [String: ParameterValue]
  /// The score on each rung it has finished, from the lowest.
  public var scores: [Double]
  public var state: State
  /// Why it failed.
  public var failure: String?

  public init(id: Int, values: [String: ParameterValue]) {
    (self.id, self.values) = (id, values)
    (scores, state) = ([], .waiting)
  }
}

/// When a search ends; whichever comes first.
public struct Budget: Sendable, Hashable, Codable {
  /// Trials that begin.
  public var trialCount: Int?
  /// Resource units (epochs) of all trials together.
  public var resource: Int?
  public init(trialCount: Int? = nil, resource: Int? = nil) {
    (self.trialCount, self.resource) = (trialCount, resource)
  }
}

/// A search: what is searched, how, and everything it has found.
///
/// A value: whoever keeps it (a file, a database) can go on with it. ``next()`` hands out work,
/// ``finish(_:_:score:)`` and ``fail(_:reason:)`` take its result. What is handed out depends on what
/// was found so far and on the seed alone.
public struct Study: Sendable, Hashable, Codable {
  public let space: SearchSpace
  public private(set) var halving: Halving
  public private(set) var budget: Budget
  /// Whether a larger score is better.
  public let isMaximized: Bool
  public let seed: UInt64
  /// Trials drawn at random before others are learned from.
  public var startCount = 8
  public internal(set) var trials: [Trial] = []

  /// - Throws: ``TuningError`` for a space or a budget without sense.
  public init(
    space: SearchSpace,
    halving: Halving,
    budget: Budget,
    isMaximized: Bool = true,
    seed: UInt64 = 0
  ) throws {
    try space.validate()
    guard budget.trialCount ?? 1 >= 1, budget.resource ?? 1 >= 1,
      budget.trialCount != nil || budget.resource != nil
    else {
      throw TuningError.invalidPlan("a search ends after at least one trial, or so many epochs")
    }
    self.space = space
    self.halving = halving
    self.budget = budget
    self.isMaximized = isMaximized
    self.seed = seed
  }

  /// Trials that may fail before one comes to a score; a search in which all fail is ended then.
  static let failureLimit = 5

  /// Resource units that were spent, those of work under way and of failed trials included.
  public var spentResource: Int {
    trials.reduce(0) { sum, trial in
      let isBegun = trial.state == .running || trial.state == .failed
      let level = trial.scores.count - (isBegun ? 0 : 1)
      return sum + (level >= 0 ? halving.rungs[min(level, halving.rungs.count - 1)].resource : 0)
    }
  }

  /// The best trial: of those trained longest, the one with the best score.
  public var best: Trial? {
    trials.filter { !$0.scores.isEmpty }.max { a, b in
      a.scores.count == b.scores.count
        ? rank(a.scores[a.scores.count - 1]) < rank(b.scores[b.scores.count - 1])
        : a.scores.count < b.scores.count
    }
  }

  /// The next piece of work; `nil` where the budget has no room for more now.
  ///
  /// - Returns: The trial, marked as running, and the rung to train it to.
  public mutating func next() -> (trial: Trial, rung: Rung)? {
    if trials.count >= Study.failureLimit, trials.allSatisfy({ $0.state == .failed }) { return nil }
    if let index = trials.firstIndex(where: { $0.state == .waiting }) {
      return begin(index, halving.rungs[trials[index].scores.count])
    }
    let standings = trials.map { trial in
      Halving.Standing(
        id: trial.id,
        scores: trial.scores.map(rank),
        isBusy: trial.state != .paused
      )
    }
    if let promotion = halving.promotion(among: standings) {
      let from = halving.rungs[promotion.rung.level - 1].resource
      guard hasRoom(for: promotion.rung.resource - from) else { return nil }
      return begin(promotion.id, promotion.rung)
    }
    guard trials.count < budget.trialCount ?? .max, hasRoom(for: halving.rungs[0].resource) else {
      return nil
    }
    var generator = SeededGenerator(seed: seed &+ UInt64(trials.count) &* 0x9E37_79B9_7F4A_7C15)
    let values = Sampler(space: space, startCount: startCount).sample(
      observations,
      pending: trials.filter { $0.state == .running }.map(\.values),
      index: trials.count,
      using: &generator
    )
    trials.append(Trial(id: trials.count, values: values))
    return begin(trials.count - 1, halving.rungs[0])
  }

  /// Takes the score of a trial on a rung.
  ///
  /// A score that is not a number is a failure. A rung that the trial has finished already changes
  /// nothing.
  public mutating func finish(_ id: Int, _ rung: Rung, score: Double) {
    guard trials.indices.contains(id), trials[id].scores.count == rung.level else { return }
    guard score.isFinite else { return fail(id, reason: "the score is \(score)") }
    trials[id].scores.append(score)
    trials[id].state = rung.level == halving.rungs.count - 1 ? .complete : .paused
  }

  /// Takes note that a trial came to no score.
  public mutating func fail(_ id: Int, reason: String) {
    guard trials.indices.contains(id) else { return }
    trials[id].state = .failed
    trials[id].failure = reason
  }

  /// What was under way when the search was interrupted is to be done again.
  public mutating func recover() {
    for index in trials.indices where trials[index].state == .running {
      trials[index].state = .waiting
    }
  }

  /// Ends the search where so many resource units are spent, also those spent already.
  public mutating func limit(resource: Int) { budget.resource = max(resource, 1) }

  /// Takes the highest rung away, unless it is the only one or a trial stands on it.
  ///
  /// - Returns: Whether it is gone.
  public mutating func dropHighestRung() -> Bool {
    let level = halving.rungs.count - 1
    guard level > 0,
      trials.allSatisfy({ $0.scores.count + ($0.state == .running ? 1 : 0) <= level })
    else { return false }
    halving.rungs.removeLast()
    for index in trials.indices where trials[index].scores.count == level {
      if trials[index].state == .paused { trials[index].state = .complete }
    }
    return true
  }

  /// Whether a trial may still be trained further, whatever becomes of all others; what the rest
  /// keeps to go on with is of no use any more.
  public func mayClimb(_ id: Int) -> Bool {
    guard trials.indices.contains(id) else { return false }
    let trial = trials[id]
    if trial.state == .waiting || trial.state == .running { return true }
    guard trial.state == .paused, let score = trial.scores.last else { return false }
    let level = trial.scores.count - 1
    let reached = trials.filter { $0.scores.count > level }
    let better = reached.count { rank($0.scores[level]) > rank(score) }
    if level == halving.rungs.count - 2 { return better == 0 }
    // Everybody who may come to this rung.
    let left = budget.resource.map { max($0 - spentResource, 0) / halving.rungs[0].resource }
    let newcomers = min(left ?? .max, (budget.trialCount ?? .max) - trials.count)
    let below = trials.count { $0.scores.count <= level && $0.state != .failed }
    let most = newcomers > 1 << 30 ? Int.max : reached.count + below + max(newcomers, 0)
    return better < most / halving.reductionFactor
  }

  private mutating func begin(_ id: Int, _ rung: Rung) -> (Trial, Rung) {
    trials[id].state = .running
    return (trials[id], rung)
  }

  private func hasRoom(for resource: Int) -> Bool {
    spentResource + resource <= budget.resource ?? .max
  }

  /// Larger is better.
  private func rank(_ score: Double) -> Double { isMaximized ? score : -score }

  /// All trials with a score, those trained longest first, then by score.
  var ranked: [Observation] {
    observations.sorted { a, b in
      a.scores.count == b.scores.count
        ? (a.scores.last ?? 0) > (b.scores.last ?? 0) : a.scores.count > b.scores.count
    }
  }

  private var observations: [Observation] {
    trials.compactMap { trial in
      trial.scores.isEmpty
        ? nil : Observation(values: trial.values, scores: trial.scores.map(rank))
    }
  }
}

/// Repeatable chance (SplitMix64; Steele et al., 2014).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
