/// Parameters that train at a learning rate or with a weight decay of their own.
public struct OptimizerGroup: Sendable, Equatable {
  /// The names it is for, `*` standing for any text and `?` for one letter: `backbone.*`, `*.bias`.
  public var parameters: String
  /// What the learning rate is multiplied by.
  public var learningRateScale: Double
  /// What the weight decay is multiplied by.
  public var weightDecayScale: Double

  public init(
    parameters: String,
    learningRateScale: Double = 1,
    weightDecayScale: Double = 1
  ) {
    self.parameters = parameters
    self.learningRateScale = learningRateScale
    self.weightDecayScale = weightDecayScale
  }

  /// Whether the group is for the parameter called `name`.
  public func matches(_ name: String) -> Bool {
    let (pattern, text) = (Array(parameters.utf8), Array(name.utf8))
    var (p, t) = (0, 0)
    /// Where the last `*` stands, and up to where it reaches.
    var star: (pattern: Int, text: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] || pattern[p] == UInt8(ascii: "?") {
        (p, t) = (p + 1, t + 1)
      } else if let last = star {
        star = (last.pattern, last.text + 1)
        (p, t) = (last.pattern + 1, last.text + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

extension OptimizerGroup: Codable {
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }

  private static let keys = ["parameters", "learningRateScale", "weightDecayScale"]

  public init(from decoder: any Decoder) throws {
    func invalid(_ text: String) -> DecodingError {
      .dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: text))
    }
    guard let container = try? decoder.container(keyedBy: Key.self) else {
      throw invalid(
        "a group is a mapping, for example {parameters: 'backbone.*', learningRateScale: 0.1}"
      )
    }
    for key in container.allKeys where !OptimizerGroup.keys.contains(key.stringValue) {
      throw invalid(
        "a group has no key '\(key.stringValue)'"
          + Suggestion.phrase(for: key.stringValue, among: OptimizerGroup.keys)
          + "; it has \(OptimizerGroup.keys.joined(separator: ", "))"
      )
    }
    func scale(_ name: String) throws -> Double {
      guard container.contains(Key(name)) else { return 1 }
      let value = try container.decode(Double.self, forKey: Key(name))
      guard value >= 0, value.isFinite else {
        throw invalid("\(name) is \(value); expected at least 0")
      }
      return value
    }
    guard let pattern = try container.decodeIfPresent(String.self, forKey: Key("parameters")) else {
      throw invalid("a group needs 'parameters', a pattern of names, for example 'backbone.*'")
    }
    parameters = pattern
    learningRateScale = try scale("learningRateScale")
    weightDecayScale = try scale("weightDecayScale")
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(parameters, forKey: Key("parameters"))
    try container.encode(learningRateScale, forKey: Key("learningRateScale"))
    try container.encode(weightDecayScale, forKey: Key("weightDecayScale"))
  }
}
