import Foundation

/// The value of a hyper-parameter.
public enum ParameterValue: Sendable, Hashable {
  case number(Double)
  case text(String)

  /// The number; `nil` for a word.
  public var number: Double? { if case .number(let value) = self { value } else { nil } }
}

extension ParameterValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else {
      self = .text(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    }
  }
}

extension ParameterValue: CustomStringConvertible {
  public var description: String {
    switch self {
    case .number(let value):
      value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    case .text(let value): value
    }
  }
}

/// Where the values of a hyper-parameter lie, and how densely.
public enum Distribution: Sendable, Hashable {
  /// Every number between the bounds is as likely.
  case uniform(low: Double, high: Double)
  /// As `uniform`, in steps counted from `low`.
  case quantizedUniform(low: Double, high: Double, step: Double)
  /// Every order of magnitude is as likely; `low` is above 0.
  case logUniform(low: Double, high: Double)
  /// As `logUniform`, rounded to steps counted from `low`.
  case quantizedLogUniform(low: Double, high: Double, step: Double)
  /// One of a list.
  case choice([ParameterValue])

  /// - Throws: ``TuningError/invalidSpace(_:)`` for bounds without room, a step that is not above 0
  ///   and an empty list; `name` is whose distribution it is.
  public func validate(_ name: String) throws {
    func bounds(_ low: Double, _ high: Double, isLog: Bool) throws {
      guard low.isFinite, high.isFinite, low < high else {
        throw TuningError.invalidSpace("\(name): the range from \(low) to \(high) has no room")
      }
      guard !isLog || low > 0 else {
        throw TuningError.invalidSpace("\(name): a logarithmic range begins above 0, not at \(low)")
      }
    }
    func steps(_ step: Double, _ low: Double, _ high: Double) throws {
      guard step > 0, step <= high - low else {
        throw TuningError.invalidSpace(
          "\(name): the step \(step) is not above 0 and at most \(high - low)"
        )
      }
    }
    switch self {
    case .uniform(let low, let high): try bounds(low, high, isLog: false)
    case .quantizedUniform(let low, let high, let step):
      try bounds(low, high, isLog: false)
      try steps(step, low, high)
    case .logUniform(let low, let high): try bounds(low, high, isLog: true)
    case .quantizedLogUniform(let low, let high, let step):
      try bounds(low, high, isLog: true)
      try steps(step, low, high)
    case .choice(let values):
      guard !values.isEmpty, Set(values).count == values.count else {
        throw TuningError.invalidSpace("\(name): a choice needs values, each once")
      }
    }
  }
}

/// A number that is not learned but set.
public struct HyperParameter: Sendable, Hashable, Codable {
  /// The key of the recipe: `optimizer.learningRate`.
  public var name: String
  public var distribution: Distribution
  /// What the first trial takes; `nil`: it is drawn.
  public var initial: ParameterValue?

  public init(_ name: String, _ distribution: Distribution, initial: ParameterValue? = nil) {
    self.name = name
    self.distribution = distribution
    self.initial = initial
  }
}

/// Everything that a search may change.
public struct SearchSpace: Sendable, Hashable, Codable {
  public var parameters: [HyperParameter]
  public init(_ parameters: [HyperParameter]) { self.parameters = parameters }

  /// - Throws: ``TuningError/invalidSpace(_:)`` for no parameter, one that is named twice, and ranges
  ///   without sense.
  public func validate() throws {
    guard !parameters.isEmpty else { throw TuningError.invalidSpace("there is nothing to search") }
    var seen: Set<String> = []
    for parameter in parameters {
      guard seen.insert(parameter.name).inserted else {
        throw TuningError.invalidSpace("'\(parameter.name)' is named twice")
      }
      try parameter.distribution.validate(parameter.name)
    }
  }
}

extension Distribution: Codable {
  private enum CodingKeys: String, CodingKey {
    case kind = "param_type"
    case range, values
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let kind = try container.decode(String.self, forKey: .kind)
    if kind == "choice" {
      self = .choice(try container.decode([ParameterValue].self, forKey: .values))
      return
    }
    let range = try container.decode([Double].self, forKey: .range)
    func step() throws -> Double {
      guard range.count > 2 else {
        throw TuningError.invalidSpace("\(kind) needs a range of low, high and step")
      }
      return range[2]
    }
    guard range.count >= 2 else {
      throw TuningError.invalidSpace("\(kind) needs a range of low and high")
    }
    let (low, high) = (range[0], range[1])
    switch kind {
    case "uniform": self = .uniform(low: low, high: high)
    case "quniform": self = .quantizedUniform(low: low, high: high, step: try step())
    case "loguniform": self = .logUniform(low: low, high: high)
    case "qloguniform": self = .quantizedLogUniform(low: low, high: high, step: try step())
    default:
      throw TuningError.invalidSpace(
        "unknown kind of range '\(kind)'; there are uniform, quniform, loguniform, qloguniform, choice"
      )
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    func write(_ kind: String, _ range: [Double]) throws {
      try container.encode(kind, forKey: .kind)
      try container.encode(range, forKey: .range)
    }
    switch self {
    case .uniform(let low, let high): try write("uniform", [low, high])
    case .quantizedUniform(let low, let high, let step): try write("quniform", [low, high, step])
    case .logUniform(let low, let high): try write("loguniform", [low, high])
    case .quantizedLogUniform(let low, let high, let step):
      try write("qloguniform", [low, high, step])
    case .choice(let values):
      try container.encode("choice", forKey: .kind)
      try container.encode(values, forKey: .values)
    }
  }
}

/// What goes wrong in a search.
public enum TuningError: Error, Equatable, CustomStringConvertible {
  /// A search space without sense.
  case invalidSpace(String)
  /// A budget or a schedule without sense.
  case invalidPlan(String)
  /// A file that a search cannot be kept in, and why.
  case unusableStore(String, reason: String)
  /// Every trial failed; the reason of the last one.
  case noResult(String)

  public var description: String {
    switch self {
    case .invalidSpace(let text): "search space: \(text)"
    case .invalidPlan(let text): "search: \(text)"
    case .unusableStore(let file, let reason): "\(file): \(reason)"
    case .noResult(let text): "no trial of the search came to a score: \(text)"
    }
  }
}
