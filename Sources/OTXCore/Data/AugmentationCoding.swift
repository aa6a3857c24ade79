extension Augmentation: Codable {
  public init(from decoder: any Decoder) throws {
    let name: String
    var parameters: KeyedDecodingContainer<RecipeKey>?
    if let word = try? decoder.singleValueContainer().decode(String.self) {
      name = word
    } else {
      let container = try decoder.container(keyedBy: RecipeKey.self)
      guard let key = container.allKeys.first, container.allKeys.count == 1 else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: decoder.codingPath,
            debugDescription: "an augmentation is a name, or a name with its parameters"
          )
        )
      }
      name = key.stringValue
      if Augmentation.known.contains(where: { $0.name == name }),
        try !container.decodeNil(forKey: key)
      {
        parameters = try container.nestedContainer(keyedBy: RecipeKey.self, forKey: key)
      }
    }
    guard let standard = Augmentation.known.first(where: { $0.name == name }) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "unknown augmentation '\(name)'"
            + "\(Suggestion.phrase(for: name, among: Augmentation.known.map(\.name))); there are: "
            + Augmentation.known.map(\.name).joined(separator: ", ")
        )
      )
    }
    self = try standard.step.reading(parameters)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: RecipeKey.self)
    let key = RecipeKey(name)
    var parameters = container.nestedContainer(keyedBy: RecipeKey.self, forKey: key)
    try step.write(to: &parameters)
  }
}

extension AugmentationStep {
  /// The step with what a recipe gave of its parameters.
  fileprivate func reading(_ given: KeyedDecodingContainer<RecipeKey>?) throws -> Augmentation {
    guard let given else { return augmentation }
    let known = Self.parameters.map(\.key)
    for key in given.allKeys where !known.contains(key.stringValue) {
      let hint = Suggestion.phrase(for: key.stringValue, among: known)
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: given.codingPath,
          debugDescription: "\(Self.name) has no parameter '\(key.stringValue)'\(hint); "
            + "it has \(known.joined(separator: ", "))"
        )
      )
    }
    var step = self
    for parameter in Self.parameters {
      func invalid() -> DecodingError {
        .dataCorrupted(
          .init(
            codingPath: given.codingPath + [RecipeKey(parameter.key)],
            debugDescription: "\(parameter.key) needs \(parameter.expected)"
          )
        )
      }
      do { try parameter.decode(&step, given) } catch { throw invalid() }
      guard parameter.isValid(step) else { throw invalid() }
    }
    return step.augmentation
  }

  fileprivate func write(to container: inout KeyedEncodingContainer<RecipeKey>) throws {
    for parameter in Self.parameters { try parameter.encode(self, &container) }
  }
}
