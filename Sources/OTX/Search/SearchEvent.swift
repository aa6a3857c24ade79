public import OTXTuning

/// What happens during a search for hyper-parameters, in order.
public enum SearchEvent: Sendable {
  /// A line for people.
  case message(String)
  case warning(String)
  case progress(SearchProgress)
  /// A trial reached a rung; whether it leads now.
  case finished(Trial, Rung, isBest: Bool)
  /// A trial failed; its ``OTXTuning/Trial/failure`` says why.
  case failed(Trial)
}

/// How far a search is.
public struct SearchProgress: Sendable, Equatable {
  /// Trials that have begun.
  public var trialCount: Int
  /// Rungs that trials stand on, all together.
  public var rungCount: Int
  /// Epochs that were trained, those under way in parts.
  public var epochs: Double
  /// Epochs that will be trained, as far as that is known.
  public var epochCount: Double
  /// The best score so far.
  public var best: Double?
  /// Seconds until the search ends; `nil` before that is known.
  public var eta: Double?

  public init(trialCount: Int, rungCount: Int, epochs: Double, epochCount: Double) {
    (self.trialCount, self.rungCount) = (trialCount, rungCount)
    (self.epochs, self.epochCount) = (epochs, epochCount)
  }
}
