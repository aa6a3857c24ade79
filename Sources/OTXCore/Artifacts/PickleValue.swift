/// A tree of plain values and tensors, as `torch.save` writes it: what a checkpoint of a training
/// run consists of, beside the weights.
public indirect enum PickleValue: Sendable, Equatable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([PickleValue])
  case tuple([PickleValue])
  case dictionary([Entry])
  case tensor(ArrayBuffer)

  /// A key of a dictionary and what stands there.
  ///
  /// Keys are strings, numbers, or tuples of them.
  public struct Entry: Sendable, Equatable {
    public var key: PickleValue
    public var value: PickleValue
    public init(key: PickleValue, value: PickleValue) { (self.key, self.value) = (key, value) }
  }

  /// The value at `key` of a dictionary; `nil` where there is none, or where this is none.
  public subscript(key: String) -> PickleValue? {
    guard case .dictionary(let entries) = self else { return nil }
    return entries.last { $0.key == .string(key) }?.value
  }

  /// The number, where this is an `int`.
  public var intValue: Int? { if case .int(let value) = self { value } else { nil } }

  /// The number, where this is one, whole or not.
  public var doubleValue: Double? {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    default: nil
    }
  }

  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  public var tensorValue: ArrayBuffer? { if case .tensor(let value) = self { value } else { nil } }

  /// The elements of a list or a tuple.
  public var arrayValue: [PickleValue]? {
    switch self {
    case .list(let values), .tuple(let values): values
    default: nil
    }
  }

  public var dictionaryValue: [Entry]? {
    if case .dictionary(let entries) = self { entries } else { nil }
  }
}

extension PickleValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral,
  ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
  public init(dictionaryLiteral elements: (String, PickleValue)...) {
    self = .dictionary(elements.map { Entry(key: .string($0.0), value: $0.1) })
  }
  public init(arrayLiteral elements: PickleValue...) { self = .list(elements) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(nilLiteral: ()) { self = .none }
}

extension PickleValue {
  /// The weights of a network as a dictionary of tensors.
  public init(_ state: StateDictionary) {
    self = .dictionary(
      state.map { Entry(key: .string($0.name), value: .tensor($0.value)) }
    )
  }

  /// This value as weights; `nil` unless it is a dictionary of tensors named by strings.
  public var stateDictionary: StateDictionary? {
    guard case .dictionary(let entries) = self else { return nil }
    var state = StateDictionary()
    for entry in entries {
      guard case .string(let name) = entry.key, case .tensor(let value) = entry.value else {
        return nil
      }
      state[name] = value
    }
    return state
  }
}
