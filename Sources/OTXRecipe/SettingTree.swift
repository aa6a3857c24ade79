import Foundation
import Yams

/// Values of a recipe whose keys are not known to the compiler: what a stage changes.
///
/// It is checked by laying it over a recipe; here it is only kept, written and read.
enum SettingTree: Sendable, Equatable {
  case text(String)
  case integer(Int)
  case number(Double)
  case flag(Bool)
  case list([SettingTree])
  case mapping([Member])

  struct Member: Sendable, Equatable {
    var key: String
    var value: SettingTree
    init(_ key: String, _ value: SettingTree) { (self.key, self.value) = (key, value) }
  }

  init(_ node: Node) {
    switch node {
    case .mapping(let mapping):
      self = .mapping(mapping.map { Member($0.key.string ?? "", SettingTree($0.value)) })
    case .sequence(let sequence): self = .list(sequence.map { SettingTree($0) })
    case .scalar(let scalar): self = SettingTree(word: scalar.string)
    case .alias: self = .text("")
    }
  }

  /// A scalar, by what it looks like: the key's type decides what becomes of it.
  init(word: String) {
    if let value = Int(word) {
      self = .integer(value)
    } else if word.contains(where: \.isNumber), let value = Double(word), value.isFinite {
      self = .number(value)
    } else if word == "true" || word == "false" {
      self = .flag(word == "true")
    } else {
      self = .text(word)
    }
  }

  /// Paths of its scalars and lists.
  var paths: [[String]] {
    guard case .mapping(let members) = self else { return [[]] }
    return members.flatMap { member in member.value.paths.map { [member.key] + $0 } }
  }

  func removing(_ keys: [String]) -> SettingTree {
    guard case .mapping(let members) = self else { return self }
    return .mapping(members.filter { !keys.contains($0.key) })
  }

  /// Without the value at `path`, and without what is empty then.
  func removing(path: ArraySlice<String>) -> SettingTree {
    guard case .mapping(var members) = self, let key = path.first,
      let index = members.firstIndex(where: { $0.key == key })
    else { return self }
    let rest = path.dropFirst()
    if case .mapping = members[index].value, !rest.isEmpty {
      members[index].value = members[index].value.removing(path: rest)
      if members[index].value == .mapping([]) { members.remove(at: index) }
    } else {
      members.remove(at: index)
    }
    return .mapping(members)
  }

  /// The members of both, those of `other` last.
  func merging(_ other: SettingTree) -> SettingTree {
    guard case .mapping(let members) = self, case .mapping(let more) = other else { return self }
    return .mapping(members + more)
  }

  /// YAML on one line.
  var flowText: String { OTXRecipe.flowText(node) }

  private var node: Node {
    switch self {
    case .text(let text): Node(text)
    case .integer(let value): Node("\(value)")
    case .number(let value): Node("\(value)")
    case .flag(let value): Node("\(value)")
    case .list(let values): .sequence(Node.Sequence(values.map(\.node)))
    case .mapping(let members):
      .mapping(Node.Mapping(members.map { (Node($0.key), $0.value.node) }))
    }
  }
}

/// A key by its name.
struct TreeKey: CodingKey {
  var stringValue: String
  var intValue: Int? { nil }
  init(_ name: String) { stringValue = name }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

extension SettingTree: Codable {
  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: TreeKey.self) {
      self = .mapping(
        try container.allKeys.map {
          Member($0.stringValue, try container.decode(SettingTree.self, forKey: $0))
        }
      )
    } else if var container = try? decoder.unkeyedContainer() {
      var values: [SettingTree] = []
      while !container.isAtEnd { values.append(try container.decode(SettingTree.self)) }
      self = .list(values)
    } else {
      let container = try decoder.singleValueContainer()
      if let word = try? container.decode(String.self) {
        self.init(word: word)
      } else if let value = try? container.decode(Bool.self) {
        self = .flag(value)
      } else if let value = try? container.decode(Int.self) {
        self = .integer(value)
      } else {
        self = .number(try container.decode(Double.self))
      }
    }
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .mapping(let members):
      var container = encoder.container(keyedBy: TreeKey.self)
      for member in members { try container.encode(member.value, forKey: TreeKey(member.key)) }
    case .list(let values):
      var container = encoder.unkeyedContainer()
      for value in values { try container.encode(value) }
    case .text(let value):
      var container = encoder.singleValueContainer()
      try container.encode(value)
    case .integer(let value):
      var container = encoder.singleValueContainer()
      try container.encode(value)
    case .number(let value):
      var container = encoder.singleValueContainer()
      try container.encode(value)
    case .flag(let value):
      var container = encoder.singleValueContainer()
      try container.encode(value)
    }
  }
}
