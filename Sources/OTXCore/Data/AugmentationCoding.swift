extension Augmentation: Codable {
  /// The names that recipes may use.
  public static let names = [
    "minIoURandomCrop", "randomResizedCrop", "horizontalFlip", "photometricDistortion",
  ]

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }

  /// The parameters a recipe gave one augmentation; what it did not give keeps its default.
  private struct Parameters {
    var container: KeyedDecodingContainer<Key>?

    func check(known: [String], of name: String) throws {
      for key in container?.allKeys ?? [] where !known.contains(key.stringValue) {
        let hint = Suggestion.phrase(for: key.stringValue, among: known)
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: container?.codingPath ?? [],
            debugDescription: "\(name) has no parameter '\(key.stringValue)'\(hint); "
              + "it has \(known.joined(separator: ", "))"
          )
        )
      }
    }

    func value<Value: Decodable>(_ name: String, _ defaultValue: Value) throws -> Value {
      try container?.decodeIfPresent(Value.self, forKey: Key(name)) ?? defaultValue
    }

    /// A number that makes sense only between bounds.
    func number(
      _ name: String,
      _ defaultValue: Float,
      within bounds: ClosedRange<Float>
    ) throws -> Float {
      let number = try value(name, defaultValue)
      guard bounds.contains(number) else {
        throw invalid(name, "a number from \(bounds.lowerBound) to \(bounds.upperBound)")
      }
      return number
    }

    /// Numbers between bounds.
    func numbers(
      _ name: String,
      _ defaultValue: [Float],
      within bounds: ClosedRange<Float>
    ) throws -> [Float] {
      let numbers = try value(name, defaultValue)
      guard numbers.allSatisfy(bounds.contains) else {
        throw invalid(name, "numbers from \(bounds.lowerBound) to \(bounds.upperBound)")
      }
      return numbers
    }

    /// Two numbers between bounds, the smaller first.
    func range(
      _ name: String,
      _ defaultValue: [Float],
      within bounds: ClosedRange<Float>
    ) throws -> [Float] {
      let range = try numbers(name, defaultValue, within: bounds)
      guard range.count == 2, range[0] <= range[1] else {
        throw invalid(name, "two numbers, the smaller first")
      }
      return range
    }

    private func invalid(_ name: String, _ expected: String) -> DecodingError {
      .dataCorrupted(
        .init(
          codingPath: (container?.codingPath ?? []) + [Key(name)],
          debugDescription: "\(name) needs \(expected)"
        )
      )
    }
  }

  public init(from decoder: any Decoder) throws {
    let name: String
    var parameters = Parameters()
    if let word = try? decoder.singleValueContainer().decode(String.self) {
      name = word
    } else {
      let container = try decoder.container(keyedBy: Key.self)
      guard let key = container.allKeys.first, container.allKeys.count == 1 else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: decoder.codingPath,
            debugDescription: "an augmentation is a name, or a name with its parameters"
          )
        )
      }
      name = key.stringValue
      if Augmentation.names.contains(name), try !container.decodeNil(forKey: key) {
        parameters.container = try container.nestedContainer(keyedBy: Key.self, forKey: key)
      }
    }
    try self.init(name: name, parameters, codingPath: decoder.codingPath)
  }

  private init(name: String, _ parameters: Parameters, codingPath: [any CodingKey]) throws {
    switch name {
    case "minIoURandomCrop":
      try parameters.check(known: ["thresholds", "minimumCropSize"], of: name)
      self = .minIoURandomCrop(
        thresholds: try parameters.numbers(
          "thresholds",
          [0.1, 0.3, 0.5, 0.7, 0.9],
          within: 0...1
        ),
        minimumCropSize: try parameters.number("minimumCropSize", 0.3, within: 0.01...1)
      )
    case "randomResizedCrop":
      try parameters.check(known: ["scale", "ratio"], of: name)
      self = .randomResizedCrop(
        scale: try parameters.range("scale", [0.08, 1], within: 0.0001...1),
        ratio: try parameters.range("ratio", [0.75, 1.333_333_4], within: 0.01...100)
      )
    case "horizontalFlip":
      try parameters.check(known: ["probability"], of: name)
      self = .horizontalFlip(probability: try parameters.number("probability", 0.5, within: 0...1))
    case "photometricDistortion":
      try parameters.check(known: ["brightness", "contrast", "saturation", "hue"], of: name)
      self = .photometricDistortion(
        brightness: try parameters.number("brightness", 32, within: 0...255),
        contrast: try parameters.range("contrast", [0.5, 1.5], within: 0...100),
        saturation: try parameters.range("saturation", [0.5, 1.5], within: 0...100),
        hue: try parameters.number("hue", 18, within: 0...180)
      )
    default:
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath,
          debugDescription: "unknown augmentation '\(name)'"
            + "\(Suggestion.phrase(for: name, among: Augmentation.names)); there are: "
            + Augmentation.names.joined(separator: ", ")
        )
      )
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .minIoURandomCrop(let thresholds, let minimumCropSize):
      var parameters = container.nestedContainer(
        keyedBy: Key.self,
        forKey: Key("minIoURandomCrop")
      )
      try parameters.encode(thresholds, forKey: Key("thresholds"))
      try parameters.encode(minimumCropSize, forKey: Key("minimumCropSize"))
    case .randomResizedCrop(let scale, let ratio):
      var parameters = container.nestedContainer(
        keyedBy: Key.self,
        forKey: Key("randomResizedCrop")
      )
      try parameters.encode(scale, forKey: Key("scale"))
      try parameters.encode(ratio, forKey: Key("ratio"))
    case .horizontalFlip(let probability):
      var parameters = container.nestedContainer(keyedBy: Key.self, forKey: Key("horizontalFlip"))
      try parameters.encode(probability, forKey: Key("probability"))
    case .photometricDistortion(let brightness, let contrast, let saturation, let hue):
      var parameters = container.nestedContainer(
        keyedBy: Key.self,
        forKey: Key("photometricDistortion")
      )
      try parameters.encode(brightness, forKey: Key("brightness"))
      try parameters.encode(contrast, forKey: Key("contrast"))
      try parameters.encode(saturation, forKey: Key("saturation"))
      try parameters.encode(hue, forKey: Key("hue"))
    }
  }
}
