import OTXCore

/// Finds which entries of a file are meant for which weights of a network.
///
/// Published files put words before the names (`module.`, `model.`, `backbone.`, a framework's
/// own), and detectors hold a published network below `backbone.`. So the words to take away and to
/// put in front are those with which most names and shapes meet.
struct WeightMatching {
  /// What the file's names begin with and the network's do not.
  let removedPrefix: String
  /// What the network's names begin with and the file's do not: nothing, or `backbone.`.
  let addedPrefix: String
  /// How many weights meet by name and shape.
  let matchCount: Int

  /// - Parameters:
  ///   - file: The file's weights.
  ///   - shapes: The network's.
  init(_ file: StateDictionary, with shapes: [String: [Int]]) {
    struct Key: Hashable {
      var removed: String
      var added: String
    }
    var counts: [Key: Int] = [:]
    for entry in file {
      var removed = ""
      var rest = entry.name[...]
      while true {
        for added in ["", "backbone."] where shapes[added + rest] == entry.value.shape {
          counts[Key(removed: removed, added: added), default: 0] += 1
        }
        guard let dot = rest.firstIndex(of: ".") else { break }
        removed += rest[...dot]
        rest = rest[rest.index(after: dot)...]
      }
    }
    // Of equals the one that changes least; names decide what is left, so that runs repeat.
    let best = counts.max { a, b in
      let changes = (a.key.removed + a.key.added, b.key.removed + b.key.added)
      return (a.value, -changes.0.utf8.count, changes.1) < (
        b.value, -changes.1.utf8.count, changes.0
      )
    }
    removedPrefix = best?.key.removed ?? ""
    addedPrefix = best?.key.added ?? ""
    matchCount = best?.value ?? 0
  }

  /// The network's name for a file's entry; `nil` for an entry that is not meant for it.
  func name(for fileName: String) -> String? {
    guard fileName.hasPrefix(removedPrefix) else { return nil }
    return addedPrefix + fileName.dropFirst(removedPrefix.count)
  }

  /// Names that look alike, where nothing meets: at most `count` lines, file first.
  static func nearMisses(
    _ file: StateDictionary,
    _ shapes: [(name: String, shape: [Int])],
    count: Int
  ) -> [String] {
    func parts(_ name: String) -> [Substring] { name.split(separator: ".") }
    let candidates = shapes.map { (parts: parts($0.name), name: $0.name, shape: $0.shape) }
    var found: [(score: Int, text: String)] = []
    for entry in file {
      let own = parts(entry.name)
      let scored = candidates.map { candidate in
        let common = zip(own.reversed(), candidate.parts.reversed()).prefix { $0 == $1 }.count
        return (score: 2 * common + (candidate.shape == entry.value.shape ? 1 : 0), candidate)
      }
      guard let (score, best) = scored.max(by: { $0.score < $1.score }), score > 0 else { continue }
      found.append(
        (score, "'\(entry.name)' \(entry.value.shape) is nearest to '\(best.name)' \(best.shape)")
      )
    }
    let ordered = found.enumerated().sorted {
      ($1.element.score, $0.offset) < ($0.element.score, $1.offset)
    }
    return ordered.prefix(count).map(\.element.text)
  }
}
