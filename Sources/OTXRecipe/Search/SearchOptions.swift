import Foundation
import OTXCore

/// How `otx train --hpo` looks for hyper-parameters; nothing of it matters to a training without.
public struct SearchOptions: Codable, Sendable, Equatable {
  /// The score that a trial is judged by; `auto`: the one that picks the best weights.
  public var metric = "auto"
  /// How trials are chosen.
  public var algorithm = SearchAlgorithm.asha
  /// Of so many trials on a rung one climbs to the next, which is so many times as long.
  public var reductionFactor = 3
  /// Epochs of the lowest rung; 0: chosen.
  public var minimumEpochs = 0
  /// Epochs of the highest rung; 0: as many as a training has, or as the budget allows.
  public var maximumEpochs = 0
  /// When the search ends: `30m`, `1h`, `200 trials`, `500 epochs`; `auto`: by `timeRatio`.
  public var budget = SearchBudget.auto
  /// What all trials together may take, in whole trainings.
  public var timeRatio = 4.0
  /// The part of the training pictures that trials learn from; `auto`: less than all of large data.
  public var proxy = Setting<Double>.auto
  /// Trials at a time; 0: as many as memory and cores allow.
  public var jobs = 0
  /// What is searched; `auto`: the learning rate and the batch size.
  public var space = SpaceOptions.auto
  public init() {}
}

/// How trials are chosen.
public enum SearchAlgorithm: String, Codable, CaseIterable, Sendable {
  /// Parzen estimator and asynchronous successive halving.
  case asha
  /// Values by chance, every trial a whole training: what others are compared with.
  case random
}

/// When a search ends.
public enum SearchBudget: Sendable, Equatable {
  /// By ``SearchOptions/timeRatio``.
  case auto
  /// In seconds.
  case time(Double)
  case trials(Int)
  /// Of all trials together.
  case epochs(Int)
}

extension SearchBudget: LosslessStringConvertible {
  /// Reads `auto`, a time as ``TimeBudget`` has it, `200 trials`, `500 epochs`.
  public init?(_ text: String) {
    let folded = text.lowercased().trimmingCharacters(in: .whitespaces)
    if folded == "auto" {
      self = .auto
    } else if let match = folded.wholeMatch(of: /([0-9]{1,9})\s*(trials?|epochs?)/) {
      guard let count = Int(match.1), count >= 1 else { return nil }
      self = match.2.hasPrefix("trial") ? .trials(count) : .epochs(count)
    } else if let seconds = TimeBudget(folded)?.seconds {
      self = .time(seconds)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .auto: "auto"
    case .trials(let count): "\(count) trials"
    case .epochs(let count): "\(count) epochs"
    case .time(let seconds): TimeBudget.text(seconds)
    }
  }
}

extension SearchBudget: Codable {
  static let expectation = "auto, a time such as 30m or 1h, or a number such as '200 trials'"

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let budget = SearchBudget(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "'\(text)' is no budget; expected \(SearchBudget.expectation)"
      )
    }
    self = budget
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
