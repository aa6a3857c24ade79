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

  /// Other names that the file has for its weights; `nil` for none.
  let renaming: WeightRenaming?

  /// - Parameters:
  ///   - file: The file's weights.
  ///   - shapes: The network's.
  init(_ file: StateDictionary, with shapes: [String: [Int]]) {
    var best = WeightMatching(file.map { ($0.name, $0.value.shape) }, shapes, nil)
    for renaming in WeightRenaming.all {
      let names = file.map { (renaming.rename($0.name), $0.value.shape) }
      guard !zip(names, file).allSatisfy({ $0.0 == $1.name }) else { continue }
      let other = WeightMatching(names, shapes, renaming)
      if other.matchCount > best.matchCount { best = other }
    }
    self = best
  }

  private init(
    _ file: [(name: String, shape: [Int])],
    _ shapes: [String: [Int]],
    _ renaming: WeightRenaming?
  ) {
    struct Key: Hashable {
      var removed: String
      var added: String
    }
    var counts: [Key: Int] = [:]
    // A scalar (a batch norm's counter) says nothing about where a file comes from.
    for entry in file where !entry.shape.isEmpty {
      var removed = ""
      var rest = entry.name[...]
      while true {
        for added in ["", "backbone."] where shapes[added + rest] == entry.shape {
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
    self.renaming = renaming
  }

  /// The network's name for a file's entry; `nil` for an entry that is not meant for it.
  func name(for fileName: String) -> String? {
    let name = renaming?.rename(fileName) ?? fileName
    guard name.hasPrefix(removedPrefix) else { return nil }
    return addedPrefix + name.dropFirst(removedPrefix.count)
  }

  /// Names that look alike, where nothing meets: at most `count` lines.
  static func nearMisses(
    _ file: StateDictionary,
    _ shapes: [(name: String, shape: [Int])],
    count: Int
  ) -> [String] {
    let own = shapes.filter { !$0.shape.isEmpty }
    let names = own.map(\.name)
    var found: [String] = []
    // Looking through all of a large file for slips would take seconds.
    for entry in file.lazy.filter({ !$0.value.shape.isEmpty }).prefix(20) where found.count < count
    {
      guard let name = Suggestion.nearest(to: entry.name, among: names),
        let shape = own.first(where: { $0.name == name })?.shape
      else { continue }
      found.append("'\(entry.name)' \(entry.value.shape) is near '\(name)' \(shape)")
    }
    return found
  }
}
