import ArgumentParser
import Foundation
import OTXTesting
import OTXTuning

/// This library's side of `Benchmarks/tuning.py`: what a search finds on functions whose best value is
/// known.
struct Tuning: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Median best value of searches on Branin, Hartmann-6 and a learning-curve model."
  )

  @Option(help: "Searches of each function.")
  var seeds = 20

  @Option(help: "The first seed.")
  var firstSeed = 0

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let found = [
      (
        "branin",
        try median { try best(Surrogate.braninSpace, 60, $0, Surrogate.branin) }
      ),
      (
        "hartmann6",
        try median {
          try best(Surrogate.hartmannSpace, 100, $0, Surrogate.hartmann6)
        }
      ),
      ("curves", try median(curves)),
    ]
    if json {
      print("{" + found.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}")
    } else {
      for (name, value) in found { print("\(name): \(String(format: "%.4f", value))") }
    }
  }

  private func median(_ search: (Int) throws -> Double) throws -> Double {
    try Surrogate.median((firstSeed..<firstSeed + seeds).map(search))
  }

  /// The least value that so many trials found.
  private func best(
    _ space: SearchSpace,
    _ trials: Int,
    _ seed: Int,
    _ function: ([String: ParameterValue]) -> Double
  ) throws -> Double {
    var study = try Study(
      space: space,
      halving: Halving(minimumResource: 1, maximumResource: 1),
      budget: Budget(trialCount: trials),
      isMaximized: false,
      seed: UInt64(seed)
    )
    while let work = study.next() {
      study.finish(work.trial.id, work.rung, score: function(work.trial.values))
    }
    return study.best?.scores.last ?? .infinity
  }

  /// The score of the best trial at the highest rung, within 270 epochs.
  private func curves(_ seed: Int) throws -> Double {
    var study = try Study(
      space: Surrogate.curveSpace,
      halving: Halving(minimumResource: 3, maximumResource: 27),
      budget: Budget(resource: 270),
      seed: UInt64(seed)
    )
    while let work = study.next() {
      let score = Surrogate.learningCurve(work.trial.values, epochs: work.rung.resource)
      study.finish(work.trial.id, work.rung, score: score)
    }
    let top = study.trials.filter { $0.scores.count == study.halving.rungs.count }
    return top.compactMap(\.scores.last).max() ?? 0
  }
}
