import Foundation

/// A value of JSON whose keys keep the order they are written in.
enum JSONText {
  case string(String)
  case number(Double)
  case integer(Int)
  case bool(Bool)
  case null
  case array([JSONText])
  case members([(String, JSONText)])
  /// JSON that is written already.
  case verbatim(String)

  static func object(_ members: KeyValuePairs<String, JSONText>) -> JSONText {
    .members(members.map { ($0.key, $0.value) })
  }

  /// Any value that encodes itself.
  static func encoding(_ value: some Encodable) throws -> JSONText {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return .verbatim(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Numbers by name, in alphabetical order.
  static func numbers(_ values: [String: Double]) -> JSONText {
    .members(values.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
  }

  var text: String {
    switch self {
    case .string(let text): JSONText.quoted(text)
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .integer(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .null: "null"
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .members(let members):
      "{" + members.map { "\(JSONText.quoted($0)):\($1.text)" }.joined(separator: ",") + "}"
    case .verbatim(let text): text
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20: result += String(format: "\\u%04x", Int(scalar.value))
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
