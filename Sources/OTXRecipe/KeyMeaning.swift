/// What the keys of recipes mean: the documentation of the properties that they are.
enum KeyMeaning {
  private static let texts: [String: String] = {
    var texts: [String: String] = [:]
    for line in SourceDocumentation.text.split(separator: "\n") {
      let parts = line.split(separator: "\t", maxSplits: 1)
      if parts.count == 2 { texts[String(parts[0])] = String(parts[1]) }
    }
    return texts
  }()

  /// Keys whose names say enough in the source.
  private static let plain = [
    "maxEpochs": "Epochs to train at most.", "batchSize": "Pictures that one step learns from.",
    "device": "What computes: auto, cpu or cuda[:N].",
    "seed": "What random numbers start from.",
    "learningRate": "How far a step goes; the schedule changes it.",
    "weightDecay": "How fast weights shrink towards zero (L2).",
    "beta2": "The decay rate of the second moment of `adam` and `adamw`.",
    "enabled": "Whether it is done.", "minimumDelta": "The least that counts as a better score.",
    "std": "Standard deviation of each channel; `auto`: as the model's own.",
    "task": "The task that the model solves.",
  ]

  /// What the property `key` of the type `owner` means.
  ///
  /// - Parameters:
  ///   - key: The property's name.
  ///   - owner: `nil`: a property of the first level.
  ///   - type: The property's type, whose own text will do where the property has none.
  /// - Returns: `nil` where the source says nothing.
  static func text(of key: String, in owner: String?, type: String) -> String? {
    for name in owner.map({ [$0] }) ?? ["Recipe", "TrainOptions"] {
      if let text = texts["\(name).\(key)"] { return text }
    }
    return plain[key] ?? texts[type]
  }
}

extension Recipe {
  /// A key of a recipe: its path, the value that this recipe has, what it may be, what it means.
  package struct Key: Sendable, Equatable {
    package var path: String
    package var value: String
    package var expected: String
    package var meaning: String
  }

  /// Every key, with this recipe's values, in the order the types declare them in.
  package var keys: [Key] {
    keyExpectations(of: self).map { key in
      Key(
        path: key.path.joined(separator: "."),
        value: key.value.flowText,
        expected: expectationText(of: key.type) ?? "",
        meaning: key.meaning ?? ""
      )
    }
  }
}
