import Foundation

/// How long a training command may take, as users write it.
public enum TimeBudget: Sendable, Equatable {
  /// As long as the recipe's epochs take.
  case none
  /// So many seconds from the start of the command to its end.
  case seconds(Double)

  /// The seconds, where there is a budget.
  public var seconds: Double? { if case .seconds(let count) = self { count } else { nil } }
}

extension TimeBudget: Codable, LosslessStringConvertible {
  /// What is longer is a slip of the keyboard: a year.
  private static let longest = 366.0 * 86400

  /// `none`, a row of numbers with the units `d`, `h`, `m`, `s` (`20m`, `1h30m`, `1.5h`), or a clock
  /// time of hours, minutes and seconds (`0:20:00`).
  ///
  /// `nil` for anything else, for a time of nothing, and for a number without a unit: 90 could be
  /// seconds or minutes.
  public init?(_ text: String) {
    let text = text.trimmingCharacters(in: .whitespaces).lowercased()
    if text == "none" {
      self = .none
      return
    }
    guard let count = TimeBudget.clock(text) ?? TimeBudget.units(text),
      count > 0, count <= TimeBudget.longest
    else { return nil }
    self = .seconds(count)
  }

  /// `H:MM:SS`; minutes and seconds alone would be mistaken for hours and minutes.
  private static func clock(_ text: String) -> Double? {
    guard let match = text.wholeMatch(of: /(\d{1,6}):([0-5]?\d):([0-5]?\d)/),
      let hours = Double(match.1), let minutes = Double(match.2), let seconds = Double(match.3)
    else { return nil }
    return 3600 * hours + 60 * minutes + seconds
  }

  /// Numbers with units, the larger ones first, each once.
  private static func units(_ text: String) -> Double? {
    let form =
      /(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?/
    guard !text.isEmpty, let match = text.wholeMatch(of: form) else { return nil }
    func number(_ part: Substring?, _ scale: Double) -> Double {
      part.flatMap { Double($0) }.map { $0 * scale } ?? 0
    }
    return number(match.1, 86400) + number(match.2, 3600) + number(match.3, 60)
      + number(match.4, 1)
  }

  /// `none`, or the time in the largest units that fit: `1h30m`, `40s`.
  public var description: String { seconds.map(TimeBudget.text) ?? "none" }

  /// Seconds as people write them: `1h30m`, `2m05s`, `3.2s`, `0.25s`.
  public static func text(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) <= longest else { return "\(seconds)s" }
    if (0.0001..<1).contains(seconds) { return String(format: "%.2gs", seconds) }
    if seconds < 60, seconds != seconds.rounded() {
      let tenths = (seconds * 10).rounded() / 10
      if tenths == seconds || seconds < 10 { return "\(tenths > 0 ? tenths : seconds)s" }
    }
    let total = Int(seconds.rounded())
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
    let parts = [(hours, "h"), (minutes, "m"), (rest, "s")].filter { $0.0 > 0 }
    return parts.isEmpty ? "0s" : parts.map { "\($0.0)\($0.1)" }.joined()
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let budget = TimeBudget(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "'\(text)' is not none or a time above 0 such as 20m, 1h30m or 0:20:00"
      )
    }
    self = budget
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// A time budget that has begun to run.
public struct TimeLimit: Sendable, Equatable {
  /// From the start to the end.
  public let seconds: Double
  /// When the command began, by a clock that does not jump.
  public let start: ContinuousClock.Instant

  public init(seconds: Double, since start: ContinuousClock.Instant) {
    (self.seconds, self.start) = (seconds, start)
  }

  /// Seconds that are gone.
  public var elapsed: Double { (ContinuousClock.now - start) / .seconds(1) }
  /// Seconds that are left; negative where the time is over.
  public var remaining: Double { seconds - elapsed }
}
