import Foundation
public import OTXTuning

/// What a search may change: recipe keys, each with the values it may have.
///
/// ```yaml
/// space:
///   optimizer.learningRate: {param_type: loguniform, range: [0.0001, 0.1]}
///   batchSize: {param_type: qloguniform, range: [8, 64, 8]}
///   optimizer.name: {param_type: choice, values: [sgd, adamw]}
/// ```
///
/// The names of OTX 1.x (`learning_rate`, `learning_parameters.batch_size`) stand for the keys that
/// took their place, and ranges may be written as there (`range`) or as in OTX 2.x (`min`, `max`,
/// `step`, `choice_list`).
public enum SpaceOptions: Sendable, Equatable {
  /// Chosen around the recipe's values.
  case auto
  /// In the order of their names.
  case parameters([HyperParameter])

  static let expectation =
    "auto, or keys with ranges, for example {optimizer.learningRate: {param_type: loguniform, range: [0.001, 0.1]}}"

  /// Other names of keys, by their last words.
  private static let otherNames = [
    "learning_rate": "optimizer.learningRate", "lr": "optimizer.learningRate",
    "batch_size": "batchSize", "weight_decay": "optimizer.weightDecay",
    "num_iters": "maxEpochs",
    "learning_rate_warmup_iters": "schedule.warmupSteps",
  ]

  /// The recipe key that `name` means.
  static func key(_ name: String) -> String {
    otherNames[name.split(separator: ".").last.map(String.init) ?? name] ?? name
  }
}

extension SpaceOptions: Codable {
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }

  public init(from decoder: any Decoder) throws {
    if let word = try? decoder.singleValueContainer().decode(String.self) {
      guard word.lowercased() == "auto" else {
        throw SpaceOptions.invalid(decoder.codingPath, "'\(word)' is no space to search")
      }
      self = .auto
      return
    }
    guard let container = try? decoder.container(keyedBy: Key.self) else {
      throw SpaceOptions.invalid(decoder.codingPath, "expected \(SpaceOptions.expectation)")
    }
    var found: [HyperParameter] = []
    try SpaceOptions.collect(container, below: "", depth: 0, &found)
    let parameters = found.sorted { $0.name < $1.name }
    do {
      try SearchSpace(parameters).validate()
    } catch TuningError.invalidSpace(let text) {
      throw SpaceOptions.invalid(decoder.codingPath, text)
    }
    self = .parameters(parameters)
  }

  /// Keys may be paths or sections: `optimizer.learningRate`, `optimizer: {learningRate: …}`.
  private static func collect(
    _ container: KeyedDecodingContainer<Key>,
    below path: String,
    depth: Int,
    _ found: inout [HyperParameter]
  ) throws {
    for key in container.allKeys {
      let name = path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
      let place = container.codingPath + [key]
      guard depth < 8, let inner = try? container.nestedContainer(keyedBy: Key.self, forKey: key)
      else { throw invalid(place, "expected a range, for example {range: [0.001, 0.1]}") }
      if inner.allKeys.contains(where: { RangeText.words.contains($0.stringValue) }) {
        let words = inner.allKeys.map(\.stringValue)
        if let unknown = words.first(where: { !RangeText.knownWords.contains($0) }) {
          throw invalid(
            place,
            "\(name): unknown word '\(unknown)'; there are \(RangeText.wordList)"
          )
        }
        let range: RangeText
        do {
          range = try container.decode(RangeText.self, forKey: key)
        } catch {
          throw invalid(place, "\(name): expected a range of numbers, or a list of values")
        }
        do {
          found.append(HyperParameter(SpaceOptions.key(name), try range.distribution(name)))
        } catch TuningError.invalidSpace(let text) {
          throw invalid(place, text)
        }
      } else {
        try collect(inner, below: name, depth: depth + 1, &found)
      }
    }
  }

  private static func invalid(_ path: [any CodingKey], _ text: String) -> DecodingError {
    .dataCorrupted(.init(codingPath: path, debugDescription: text))
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .auto:
      var container = encoder.singleValueContainer()
      try container.encode("auto")
    case .parameters(let parameters):
      var container = encoder.container(keyedBy: Key.self)
      for parameter in parameters {
        try container.encode(parameter.distribution, forKey: Key(parameter.name))
      }
    }
  }
}

/// A range in any of the spellings there were.
private struct RangeText: Decodable {
  var parameterType: String?
  var type: String?
  var range: [Double]?
  var values: [ParameterValue]?
  var choiceList: [ParameterValue]?
  var min: Double?
  var max: Double?
  var step: Double?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case parameterType = "param_type"
    case type, range, values
    case choiceList = "choice_list"
    case min, max, step
  }

  static let words = Set(CodingKeys.allCases.map(\.rawValue))
  /// Also what earlier versions wrote and this one has no use for.
  static let knownWords = words.union(["log_base", "lower_space", "upper_space"])
  static let wordList = CodingKeys.allCases.map(\.rawValue).joined(separator: ", ")

  func distribution(_ name: String) throws -> Distribution {
    if let choices = values ?? choiceList { return .choice(choices) }
    let numbers: [Double] = range ?? [min, max, step].compactMap { $0 }
    guard numbers.count >= 2, range != nil || (min != nil && max != nil) else {
      throw TuningError.invalidSpace(
        "\(name): expected a range of low, high and perhaps a step, for example {range: [0.001, 0.1]} or {min: 0.001, max: 0.1}"
      )
    }
    let (low, high) = (numbers[0], numbers[1])
    let kind = (parameterType ?? type ?? (numbers.count > 2 ? "quniform" : "uniform")).lowercased()
    func lastNumber() throws -> Double {
      guard numbers.count > 2 else {
        throw TuningError.invalidSpace("\(name): \(kind) needs low, high and a step")
      }
      return numbers[2]
    }
    switch kind {
    case "uniform": return .uniform(low: low, high: high)
    case "quniform": return .quantizedUniform(low: low, high: high, step: try lastNumber())
    case "loguniform": return .logUniform(low: low, high: high)
    case "qloguniform": return .quantizedLogUniform(low: low, high: high, step: try lastNumber())
    default:
      throw TuningError.invalidSpace(
        "\(name): unknown param_type '\(kind)'; there are uniform, quniform, loguniform, qloguniform, choice"
      )
    }
  }
}
