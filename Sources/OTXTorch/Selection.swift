import OTXCore

/// Which validation was the best so far.
struct Selection: Equatable {
  /// The score that decides; higher is better.
  let metric: String
  var best: Candidate?

  /// A validation whose weights were kept.
  struct Candidate: Codable, Equatable {
    var report: MetricReport
    var epoch: Int
    /// `nil` where the score is not defined: no object in the validation subset, for example.
    var score: Double?
  }

  init(metric: String) { self.metric = metric }

  /// Takes a validation.
  ///
  /// Of equal scores the first stays. While no score is defined the newest weights are the best
  /// guess, and any score beats none.
  ///
  /// - Returns: Whether its weights are to be kept.
  mutating func take(_ report: MetricReport, epoch: Int) -> Bool {
    let score = score(of: report)
    let isBest =
      switch (best?.score, score) {
      case (nil, _): true
      case (_?, nil): false
      case (let old?, let new?): new > old
      }
    if isBest { best = Candidate(report: report, epoch: epoch, score: score) }
    return isBest
  }

  /// The score that decides, where it is defined.
  func score(of report: MetricReport) -> Double? {
    report.values[metric].flatMap { $0.isNaN ? nil : $0 }
  }
}
