import OTXCore

extension FormatReading {
  /// Renames, merges, drops and orders labels.
  ///
  /// Annotations of dropped labels are left out, and a problem counts them; the pictures stay.
  ///
  /// - Throws: ``ConfigurationError/unknownName(_:kind:known:)`` for a label that there is not.
  mutating func apply(_ options: LabelOptions, root: String) throws {
    guard !options.isEmpty else { return }
    let renames = try options.renames()
    let before = allLabels
    for name in renames.keys.sorted() { try FormatReading.check(name, among: before) }
    let after = FormatReading.unique(before.map { renames[$0] ?? $0 })
    for name in options.keep + options.drop + options.ignore + options.order {
      try FormatReading.check(name, among: after)
    }
    let kept = Set(options.keep.isEmpty ? after : options.keep).subtracting(options.drop)
    let edits = LabelEdits(renames: renames, kept: kept, ignored: Set(options.ignore))
    var droppedCount = 0
    for (subset, subsetItems) in items {
      items[subset] = subsetItems.map { item in
        var item = item
        let annotations = item.annotations.compactMap(edits.applied)
        droppedCount += item.annotations.count - annotations.count
        item.annotations = annotations
        return item
      }
    }
    let known = options.order + after.filter { !options.order.contains($0) }
    labels = known.filter { kept.contains($0) && !options.ignore.contains($0) }
    labelDetails = labelDetails.mapLabels { edits.name($0) }
    guard droppedCount > 0 else { return }
    problems.append(
      DatasetProblem(
        kind: "annotation of a dropped label",
        location: root,
        message:
          "\("annotation".counted(droppedCount)) left out, as data.labels asks: \(after.filter { !kept.contains($0) }.joined(separator: ", "))",
        remedy: .noted
      )
    )
  }

  /// Labels of the list, then those that annotations use besides.
  private var allLabels: [String] {
    var seen = Set(labels)
    var others: Set<String> = []
    for annotation in items.values.joined().lazy.flatMap(\.annotations) {
      for name in annotation.labelNames where seen.insert(name).inserted { others.insert(name) }
    }
    return labels + others.sorted()
  }

  private static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  private static func check(_ name: String, among known: [String]) throws {
    guard known.contains(name) else {
      throw ConfigurationError.unknownName(name, kind: "label (data.labels)", known: known)
    }
  }
}

/// What becomes of single labels and annotations.
private struct LabelEdits {
  let renames: [String: String]
  let kept: Set<String>
  let ignored: Set<String>
  /// Tables are shared by all items, and so are their changed copies.
  private let tables = TableEdits()

  init(renames: [String: String], kept: Set<String>, ignored: Set<String>) {
    (self.renames, self.kept, self.ignored) = (renames, kept, ignored)
  }

  /// The new name; `nil` for a label that is dropped.
  func name(_ old: String) -> String? {
    let name = renames[old] ?? old
    return kept.contains(name) ? name : nil
  }

  func applied(to annotation: Annotation) -> Annotation? {
    var result = annotation
    if let map = annotation.labelMap {
      result.labelMap?.table = tables.edited(map.table) { number in
        guard let name = self.name(number), !ignored.contains(name) else { return nil }
        return name
      }
      return result
    }
    guard let label = annotation.label else { return annotation }
    guard let name = name(label) else { return nil }
    result.label = name
    if ignored.contains(name) {
      // A picture that is only labelled cannot be ignored in part.
      guard annotation.kind == .object else { return nil }
      result.isCrowd = true
    }
    return result
  }

  /// Changed copies of tables; used by one thread.
  private final class TableEdits {
    private var copies: [ObjectIdentifier: (original: LabelTable, edited: LabelTable)] = [:]

    func edited(_ table: LabelTable, _ name: (String) -> String?) -> LabelTable {
      if let known = copies[ObjectIdentifier(table)] { return known.edited }
      let edited = LabelTable(table.labels.compactMapValues(name))
      copies[ObjectIdentifier(table)] = (table, edited)
      return edited
    }
  }
}

extension LabelDetails {
  /// The same with other names; what is said of labels that get none is left out.
  func mapLabels(_ name: (String) -> String?) -> LabelDetails {
    func keys<Value>(_ values: [String: Value]) -> [String: Value] {
      Dictionary(
        values.sorted { $0.key < $1.key }.compactMap { key, value in
          name(key).map { ($0, value) }
        }
      ) { first, _ in first }
    }
    var result = LabelDetails()
    result.parents = keys(parents)
    result.keypoints = keys(keypoints)
    result.colors = keys(colors)
    result.exclusiveGroups = exclusiveGroups.map {
      LabelGroup(name: $0.name, labels: $0.labels.compactMap(name))
    }
    return result
  }
}
