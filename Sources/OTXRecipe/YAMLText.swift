import Foundation
import Yams

/// `node` on one line.
func flowText(_ node: Node) -> String {
  switch node {
  case .scalar(let scalar): scalarText(scalar)
  case .sequence(let sequence): "[" + sequence.map(flowText).joined(separator: ", ") + "]"
  case .mapping(let mapping):
    "{" + mapping.map { "\(flowText($0.key)): \(flowText($0.value))" }.joined(separator: ", ") + "}"
  case .alias: "*"
  }
}

/// `node` as lines of a file, mappings indented by two spaces.
func blockLines(_ node: Node) -> [String] {
  guard let mapping = node.mapping else { return [flowText(node)] }
  return mapping.flatMap { key, value -> [String] in
    let name = flowText(key)
    if value.mapping?.isEmpty == false {
      return ["\(name):"] + blockLines(value).map { "  " + $0 }
    }
    if let sequence = value.sequence, sequence.contains(where: { $0.mapping != nil }) {
      return ["\(name):"]
        + sequence.map { element in
          // A single-key mapping reads better as `- key: {…}`.
          if let mapping = element.mapping, mapping.count == 1, let pair = mapping.first {
            return "  - \(flowText(pair.key)): \(flowText(pair.value))"
          }
          return "  - \(flowText(element))"
        }
    }
    return ["\(name): \(flowText(value))"]
  }
}

/// A scalar as a person writes it: numbers in full where they are short, quotes only where the
/// text would mean something else without them.
private func scalarText(_ scalar: Node.Scalar) -> String {
  let text = scalar.string
  if let number = Double(text), text.contains(where: \.isNumber) {
    return Int(text) != nil ? text : numberText(number)
  }
  return text.isEmpty ? "''" : needsQuotes(text) ? quoted(text) : text
}

/// The shortest text of a number; one that came from a `Float` is written as a `Float`.
private func numberText(_ number: Double) -> String {
  let single = Float(number)
  let cameFromSingle = abs(Double(single) - number) <= abs(number) * 1e-14
  return cameFromSingle ? "\(single)" : "\(number)"
}

private func needsQuotes(_ text: String) -> Bool {
  if text != text.trimmingCharacters(in: .whitespacesAndNewlines) { return true }
  if text.contains(where: { "{}[],#&*!|>'\"%@`\n".contains($0) }) { return true }
  return text.contains(": ") || text.hasSuffix(":") || text.hasPrefix("- ") || text.hasPrefix("?")
}

private func quoted(_ text: String) -> String {
  "'" + text.replacingOccurrences(of: "'", with: "''") + "'"
}
