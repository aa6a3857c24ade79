/// The parameters of one augmentation.
///
/// A type lists its parameters once, in ``parameters``: reading and writing recipes, limits, the
/// recipe's schema and the contract tests all go by that list.
public protocol AugmentationStep: Sendable, Equatable {
  /// What recipes call it.
  static var name: String { get }
  static var parameters: [AugmentationParameter<Self>] { get }
  /// The step as the recipe holds it.
  var augmentation: Augmentation { get }
  /// How many of the last epochs do without the step.
  var lastEpochsWithout: Int { get }
  /// Which tasks the step is for.
  static var subject: AugmentationSubject { get }
  init()
}

extension AugmentationStep {
  public var lastEpochsWithout: Int { 0 }
  public static var subject: AugmentationSubject { .all }

  /// What is wrong with the first parameter that has no sense; `nil` where all have.
  package var mistake: String? {
    for parameter in Self.parameters where !parameter.isValid(self) {
      return "\(parameter.key) needs \(parameter.expected)"
    }
    return nil
  }
}

/// Which tasks a step of augmentation is for.
public enum AugmentationSubject: Sendable {
  case all
  /// Tasks that know of boxes.
  case boxes
  /// Tasks whose labels are of whole pictures.
  case wholePictures
}

/// A key of a recipe that is only known at run time.
struct RecipeKey: CodingKey {
  var stringValue: String
  var intValue: Int? { nil }
  init(_ text: String) { stringValue = text }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

/// One parameter of an augmentation: its key in recipes, its limits, and what it means.
public struct AugmentationParameter<Step: AugmentationStep>: Sendable {
  public let key: String
  /// What it means, in one line.
  public let summary: String
  /// What a value has to be, in words.
  public let expected: String
  /// How a value is written.
  package let form: ParameterForm
  let isValid: @Sendable (Step) -> Bool
  let decode: @Sendable (inout Step, KeyedDecodingContainer<RecipeKey>) throws -> Void
  let encode: @Sendable (Step, inout KeyedEncodingContainer<RecipeKey>) throws -> Void

  init<Value: Codable & SendableMetatype>(
    _ key: String,
    _ path: any WritableKeyPath<Step, Value> & Sendable,
    _ form: ParameterForm,
    expected: String,
    _ summary: String,
    isValid: @escaping @Sendable (Value) -> Bool
  ) {
    self.key = key
    self.summary = summary
    self.expected = expected
    self.form = form
    self.isValid = { isValid($0[keyPath: path]) }
    decode = { step, container in
      let name = RecipeKey(key)
      guard container.contains(name), try !container.decodeNil(forKey: name) else { return }
      step[keyPath: path] = try container.decode(Value.self, forKey: name)
    }
    encode = { step, container in
      try container.encode(step[keyPath: path], forKey: RecipeKey(key))
    }
  }
}

/// How the value of a parameter is written in a recipe.
package enum ParameterForm: Sendable, Equatable {
  case number(ClosedRange<Float>)
  case integer(ClosedRange<Int>)
  /// A list of numbers; of `count` of them where it is given.
  case numbers(ClosedRange<Float>, count: Int?)
  case flag
  case choice([String])
  /// One level (0…255) for all channels, or three.
  case color
}

extension AugmentationParameter {
  /// A number within bounds.
  public static func number(
    _ key: String,
    _ path: any WritableKeyPath<Step, Float> & Sendable,
    _ bounds: ClosedRange<Float>,
    _ summary: String
  ) -> Self {
    Self(
      key,
      path,
      .number(bounds),
      expected: "a number from \(bounds.lowerBound) to \(bounds.upperBound)",
      summary,
      isValid: bounds.contains
    )
  }

  /// A chance: a number from 0 to 1.
  public static func probability(_ path: any WritableKeyPath<Step, Float> & Sendable) -> Self {
    number("probability", path, 0...1, "How often the step is taken.")
  }

  /// A whole number within bounds.
  public static func integer(
    _ key: String,
    _ path: any WritableKeyPath<Step, Int> & Sendable,
    _ bounds: ClosedRange<Int>,
    _ summary: String
  ) -> Self {
    Self(
      key,
      path,
      .integer(bounds),
      expected: "a whole number from \(bounds.lowerBound) to \(bounds.upperBound)",
      summary,
      isValid: bounds.contains
    )
  }

  /// How many of the last epochs do without the step.
  public static func lastEpochsWithout(_ path: any WritableKeyPath<Step, Int> & Sendable) -> Self {
    integer(
      "lastEpochsWithout",
      path,
      0...1_000_000,
      "How many of the last epochs (of `maxEpochs`) do without the step."
    )
  }

  /// Any count of numbers within bounds.
  public static func numbers(
    _ key: String,
    _ path: any WritableKeyPath<Step, [Float]> & Sendable,
    _ bounds: ClosedRange<Float>,
    _ summary: String
  ) -> Self {
    Self(
      key,
      path,
      .numbers(bounds, count: nil),
      expected: "numbers from \(bounds.lowerBound) to \(bounds.upperBound)",
      summary,
      isValid: { $0.allSatisfy(bounds.contains) }
    )
  }

  /// Two numbers within bounds, the smaller first.
  public static func range(
    _ key: String,
    _ path: any WritableKeyPath<Step, [Float]> & Sendable,
    _ bounds: ClosedRange<Float>,
    _ summary: String
  ) -> Self {
    Self(
      key,
      path,
      .numbers(bounds, count: 2),
      expected:
        "two numbers from \(bounds.lowerBound) to \(bounds.upperBound), the smaller first",
      summary,
      isValid: { $0.count == 2 && $0[0] <= $0[1] && $0.allSatisfy(bounds.contains) }
    )
  }

  /// `true` or `false`.
  public static func flag(
    _ key: String,
    _ path: any WritableKeyPath<Step, Bool> & Sendable,
    _ summary: String
  ) -> Self {
    Self(key, path, .flag, expected: "true or false", summary, isValid: { _ in true })
  }

  /// A word of an enumeration.
  public static func choice<
    Value: Codable & CaseIterable & RawRepresentable<String> & SendableMetatype
  >(
    _ key: String,
    _ path: any WritableKeyPath<Step, Value> & Sendable,
    _ summary: String
  ) -> Self {
    let words = Value.allCases.map(\.rawValue)
    return Self(
      key,
      path,
      .choice(words),
      expected: "one of \(words.joined(separator: ", "))",
      summary,
      isValid: { _ in true }
    )
  }

  /// A colour that fills what no pixel covers.
  public static func fill(_ path: any WritableKeyPath<Step, FillColor> & Sendable) -> Self {
    Self(
      "fill",
      path,
      .color,
      expected: FillColor.expected,
      "What stands where no picture is: a level (0…255), or one each for red, green and blue.",
      isValid: { _ in true }
    )
  }
}

/// A colour in a recipe: one level (0…255) for all channels, or `[red, green, blue]`.
public struct FillColor: Codable, Sendable, Equatable {
  public var color: Color
  public init(_ color: Color) { self.color = color }
  /// A grey.
  public init(_ level: UInt8) { color = Color(red: level, green: level, blue: level) }

  static let expected = "a whole number from 0 to 255, or three"

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let level = try? container.decode(UInt8.self) {
      self.init(level)
    } else if let levels = try? container.decode([UInt8].self), levels.count == 3 {
      self.init(Color(red: levels[0], green: levels[1], blue: levels[2]))
    } else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "fill needs \(FillColor.expected)"
      )
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if color.red == color.green && color.red == color.blue {
      try container.encode(color.red)
    } else {
      try container.encode([color.red, color.green, color.blue])
    }
  }
}
