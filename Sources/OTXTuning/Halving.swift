import Foundation

/// How far a trial is trained: a rung of the ladder that only the best climb.
public struct Rung: Sendable, Hashable, Codable {
  /// From 0.
  public var level: Int
  /// What the trial has been trained to when it stands on the rung: epochs in all.
  public var resource: Int
  public init(level: Int, resource: Int) { (self.level, self.resource) = (level, resource) }
}

/// Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning,
/// MLSys 2020, algorithm 2).
///
/// Whenever there is room for work, a trial is promoted that is among the best 1/η of its rung, else a
/// new one begins; nobody waits for a rung to fill.
public struct Halving: Sendable, Hashable, Codable {
  /// Every rung, the lowest first.
  public var rungs: [Rung]
  /// η: of so many trials on a rung one climbs.
  public var reductionFactor: Int

  /// - Parameters:
  ///   - minimumResource: Of the lowest rung.
  ///   - maximumResource: Of the highest.
  ///   - reductionFactor: At least 2; 3 as a rule.
  /// - Throws: ``TuningError/invalidPlan(_:)``.
  public init(minimumResource: Int, maximumResource: Int, reductionFactor: Int = 3) throws {
    guard minimumResource >= 1, maximumResource >= minimumResource, reductionFactor >= 2 else {
      throw TuningError.invalidPlan(
        "rungs from \(minimumResource) to \(maximumResource) epochs, a factor of \(reductionFactor)"
      )
    }
    self.reductionFactor = reductionFactor
    // Counted from the top, so that the highest rung is a whole training.
    var resources = [maximumResource]
    while let last = resources.last, last / reductionFactor >= minimumResource {
      resources.append(last / reductionFactor)
    }
    rungs = resources.reversed().enumerated().map { Rung(level: $0, resource: $1) }
  }

  /// What a trial has reached.
  struct Standing {
    var id: Int
    /// The score on each rung it has finished, from the lowest; larger is better.
    var scores: [Double]
    /// Whether it is under way, or failed: it cannot be promoted now.
    var isBusy: Bool
  }

  /// The trial to train further, and the rung to train it to; `nil` where a new one should begin.
  func promotion(among trials: [Standing]) -> (id: Int, rung: Rung)? {
    for level in rungs.indices.dropLast().reversed() {
      // Those that stand here or have gone on, best first; of equals the older.
      let reached = trials.filter { $0.scores.count > level }
        .sorted { ($0.scores[level], -$0.id) > ($1.scores[level], -$1.id) }
      let climbers = reached.prefix(reached.count / reductionFactor)
      // The highest rung costs as much as all others: only who leads is let on it.
      let isNextToTop = level == rungs.count - 2
      if let next = climbers.prefix(isNextToTop ? 1 : climbers.count).first(where: {
        $0.scores.count == level + 1 && !$0.isBusy
      }) {
        return (next.id, rungs[level + 1])
      }
    }
    return nil
  }
}
