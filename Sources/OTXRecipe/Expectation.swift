import Foundation
import OTXCore
import Yams

/// One key of a configuration type.
struct KeyExpectation {
  /// `["optimizer", "learningRate"]`.
  var path: [String]
  var type: any Decodable.Type
  /// What the type of configuration that has it is called; `nil` on the first level.
  var owner: String?
  /// The value it has in the configuration that was asked.
  var value: SettingTree

  /// What it means, in the words of the source.
  var meaning: String? { KeyMeaning.text(of: path.last ?? "", in: owner, type: "\(type)") }
}

/// The keys of a configuration value with their types, in the order the type asks for them.
///
/// The type is asked itself: the value is decoded once more and what is asked for is written down,
/// so that nothing about keys stands in two places.
func keyExpectations<Value: Codable>(of value: Value) -> [KeyExpectation] {
  let recorder = KeyRecorder()
  guard let text = try? YAMLEncoder().encode(value), let node = try? Yams.compose(yaml: text)
  else { return [] }
  _ = try? Value(
    from: RecordingDecoder(recorder: recorder, node: node, codingPath: [], owner: nil)
  )
  return recorder.found
}

/// What a value of `type` looks like, in words; `nil` where the type itself has to say.
func expectationText(of type: any Decodable.Type) -> String? {
  if let setting = type as? any OpenSetting.Type {
    return expectationText(of: setting.valueType).map { "auto, or \($0)" }
  }
  if let choices = choices(of: type) { return "one of \(choices.joined(separator: ", "))" }
  return switch type {
  case is Bool.Type: "true or false"
  case is Int.Type: "a whole number"
  case is Double.Type, is Float.Type: "a number"
  case is String.Type: "a text"
  case is [String].Type: "a list of texts, for example [RBC, WBC]"
  case is [Int].Type: "a list of whole numbers, for example [60, 80]"
  case is [Float].Type: "a list of numbers, for example [0.5, 1]"
  case is [RecipeStage].Type:
    "a list of stages, for example [{type: train, maxEpochs: 5}, export]"
  case is CacheLimit.Type: "none, auto or a size, for example 2GiB"
  case is TimeBudget.Type: "none, or a time above 0 such as 90s, 20m, 1h30m or 0:20:00"
  case is SearchBudget.Type: SearchBudget.expectation
  case is TileSize.Type: "auto, or HEIGHTxWIDTH, for example 400x400"
  case is ImageSize.Type: "HEIGHTxWIDTH, for example 320x480"
  default: nil
  }
}

/// The words that stand for the cases of an enumeration.
func choices(of type: any Decodable.Type) -> [String]? {
  guard let enumeration = type as? any CaseIterable.Type else { return nil }
  func rawValues<Cases: CaseIterable>(_ cases: Cases.Type) -> [String] {
    cases.allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
  }
  return rawValues(enumeration)
}

/// ``Setting`` whatever its value's type.
protocol OpenSetting {
  static var valueType: any Decodable.Type { get }
}

extension Setting: OpenSetting {
  static var valueType: any Decodable.Type { Value.self }
}

private final class KeyRecorder {
  var found: [KeyExpectation] = []
}

/// A decoder that notes which type is asked for at which key.
private struct RecordingDecoder: Decoder {
  let recorder: KeyRecorder
  let node: Node
  let codingPath: [any CodingKey]
  let owner: String?
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(
    keyedBy type: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(
      RecordingContainer<Key>(
        recorder: recorder,
        node: node,
        codingPath: codingPath,
        owner: owner
      )
    )
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw unsupported }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { throw unsupported }

  private var unsupported: DecodingError {
    .dataCorrupted(.init(codingPath: codingPath, debugDescription: "not a mapping"))
  }
}

private struct RecordingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let recorder: KeyRecorder
  let node: Node
  let codingPath: [any CodingKey]
  let owner: String?

  var allKeys: [Key] {
    node.mapping?.keys.compactMap { $0.string.flatMap(Key.init(stringValue:)) } ?? []
  }
  func contains(_ key: Key) -> Bool { node.mapping?[key.stringValue] != nil }
  func decodeNil(forKey key: Key) throws -> Bool { false }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    guard let child = node.mapping?[key.stringValue] else { throw unsupported(key) }
    let path = codingPath + [key]
    if child.mapping != nil {
      return try Value(
        from: RecordingDecoder(
          recorder: recorder,
          node: child,
          codingPath: path,
          owner: "\(Value.self)"
        )
      )
    }
    recorder.found.append(
      KeyExpectation(
        path: path.map(\.stringValue),
        type: type,
        owner: owner,
        value: SettingTree(child)
      )
    )
    return try YAMLDecoder().decode(type, from: child)
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type,
    forKey key: Key
  ) throws -> KeyedDecodingContainer<NestedKey> { throw unsupported(key) }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    throw unsupported(key)
  }
  func superDecoder() throws -> any Decoder {
    RecordingDecoder(recorder: recorder, node: node, codingPath: codingPath, owner: owner)
  }
  func superDecoder(forKey key: Key) throws -> any Decoder { throw unsupported(key) }

  private func unsupported(_ key: Key) -> DecodingError {
    .dataCorrupted(.init(codingPath: codingPath + [key], debugDescription: "no such container"))
  }
}
