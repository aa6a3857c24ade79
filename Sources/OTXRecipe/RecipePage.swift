import OTXCore

/// The table of all keys of a recipe file, for the documentation; made of the types themselves.
enum RecipePage {
  /// The line of the page from which on it is written by a test.
  static let mark = "## Every key"

  /// A section a group of keys, a line a key.
  static func table() -> String {
    let keys = Recipe(name: "", task: .detection, model: ModelOptions("")).keys
    let rows = keys.map { key in
      let value = key.value.isEmpty || key.value == "''" ? "" : "`\(key.value)`"
      let words = key.meaning + (key.expected.isEmpty ? "" : " (\(key.expected))")
      return "| `\(key.path)` | \(value) | \(words.replacing("|", with: "\\|")) |"
    }
    return (["| key | default | meaning |", "| --- | --- | --- |"] + rows).joined(separator: "\n")
      + "\n"
  }
}
