/// A value that a user may leave to the program: the word `auto`, or the value.
///
/// Configuration has no optionals, since a missing value vanishes when it is written down.
public enum Setting<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
  /// The auto-configurator, or the model, decides.
  case auto
  case value(Value)

  /// The word for "decide for me".
  private static var autoWord: String { "auto" }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let word = try? container.decode(String.self), word.lowercased() == Self.autoWord {
      self = .auto
    } else {
      self = .value(try Value(from: decoder))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .auto:
      var container = encoder.singleValueContainer()
      try container.encode(Self.autoWord)
    case .value(let value): try value.encode(to: encoder)
    }
  }

  /// The value, or `fallback` where it was left open.
  public func resolved(_ fallback: @autoclosure () -> Value) -> Value {
    switch self {
    case .auto: fallback()
    case .value(let value): value
    }
  }

  /// Whether it was left open.
  public var isAuto: Bool { self == .auto }
}
