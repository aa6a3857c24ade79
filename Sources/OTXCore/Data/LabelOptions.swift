/// What becomes of a dataset's labels when it is read.
///
/// Names in `drop`, `ignore` and `order` are those after renaming.
public struct LabelOptions: Codable, Sendable, Equatable {
  /// `OLD=NEW` each; several labels that get one name are one label.
  public var rename: [String] = []
  /// The only labels that are kept; empty: all.
  public var keep: [String] = []
  /// Labels whose annotations are left out.
  public var drop: [String] = []
  /// Labels whose objects are neither hits nor misses, and whose pixels do not count.
  public var ignore: [String] = []
  /// Labels that come first, in this order; the others follow in the dataset's.
  public var order: [String] = []

  public init() {}

  public var isEmpty: Bool { self == LabelOptions() }

  /// The new name of each label that is renamed.
  ///
  /// - Throws: ``ConfigurationError/invalidValue(_:key:expected:source:)`` for an entry without `=`
  ///   and for a label that gets two names.
  public func renames() throws -> [String: String] {
    var result: [String: String] = [:]
    for entry in rename {
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw ConfigurationError.invalidValue(
          entry,
          key: "data.labels.rename",
          expected: "OLD=NEW",
          source: "data.labels"
        )
      }
      let (old, new) = (String(parts[0]), String(parts[1]))
      guard result[old] == nil || result[old] == new else {
        throw ConfigurationError.invalid(
          "data.labels.rename gives '\(old)' two names: '\(result[old] ?? "")' and '\(new)'"
        )
      }
      result[old] = new
    }
    return result
  }
}
