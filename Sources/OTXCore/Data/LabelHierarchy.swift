/// Labels in groups and a tree, for pictures that have a label of several groups.
///
/// Of a group of several labels a picture shows one at most (an exclusive group); a group of one
/// label says whether that label is there. A label with a parent is only asked for where the parent
/// is there. Exclusive groups come first, and labels follow each other as their groups do: that is
/// the order of a network's outputs.
public struct LabelHierarchy: Sendable, Hashable {
  /// Exclusive groups first, then groups of one label.
  public let groups: [LabelGroup]
  /// The label above each, where there is one.
  public let parents: [String: String]

  /// All labels in one group.
  init(flat labels: [String]) {
    groups = labels.isEmpty ? [] : [LabelGroup(name: "labels", labels: labels)]
    parents = [:]
  }

  /// Orders groups and makes sure that they are a hierarchy.
  ///
  /// - Parameters:
  ///   - labels: Every label; one that is in no group gets one of its own.
  ///   - groups: Labels of which a picture shows one at most.
  ///   - parents: The label above each.
  /// - Throws: ``DataError/invalidHierarchy(_:)`` for a group without labels, a label in two groups
  ///   or twice in one, an unknown label, a label that is its own ancestor, and a group whose labels
  ///   have different parents.
  public init(labels: [String], groups: [LabelGroup], parents: [String: String]) throws {
    let known = Set(labels)
    var groupOfLabel: [String: String] = [:]
    for group in groups {
      guard !group.labels.isEmpty else {
        throw DataError.invalidHierarchy("the group '\(group.name)' has no labels")
      }
      for label in group.labels {
        guard known.contains(label) else {
          throw DataError.invalidHierarchy(
            "the group '\(group.name)' has the label '\(label)', which the dataset does not list"
          )
        }
        if let other = groupOfLabel.updateValue(group.name, forKey: label) {
          throw DataError.invalidHierarchy(
            other == group.name
              ? "the label '\(label)' stands twice in the group '\(other)'"
              : "the label '\(label)' is in two groups, '\(other)' and '\(group.name)'"
          )
        }
      }
    }
    for (child, parent) in parents.sorted(by: { $0.key < $1.key }) {
      for label in [child, parent] where !known.contains(label) {
        throw DataError.invalidHierarchy(
          "'\(parent)' is said to be above '\(child)', but the dataset does not list '\(label)'"
        )
      }
    }
    try LabelHierarchy.refuseCycles(parents)
    for group in groups {
      let above = Set(group.labels.map { parents[$0] })
      guard above.count == 1 else {
        let names = group.labels.map { label in
          parents[label].map { "'\(label)' under '\($0)'" } ?? "'\(label)' under none"
        }
        throw DataError.invalidHierarchy(
          "the labels of the group '\(group.name)' have different parents: "
            + names.joined(separator: ", ")
        )
      }
    }
    let single = labels.filter { groupOfLabel[$0] == nil }
      .map { LabelGroup(name: $0, labels: [$0]) }
    let all = groups + single
    self.groups = all.filter { $0.labels.count > 1 } + all.filter { $0.labels.count == 1 }
    self.parents = parents
  }

  private static func refuseCycles(_ parents: [String: String]) throws {
    for start in parents.keys.sorted() {
      var path = [start]
      while let next = parents[path[path.count - 1]] {
        path.append(next)
        guard next != start else {
          throw DataError.invalidHierarchy(
            "labels are above each other in a circle: "
              + path.map { "'\($0)'" }.joined(separator: " under ")
          )
        }
        // A circle further up is found from a label in it.
        if path.count > parents.count + 1 { break }
      }
    }
  }

  /// The hierarchy that a dataset states.
  ///
  /// Where it says which label is above which and nothing of groups, labels with the same parent
  /// shut each other out, and so do those at the top.
  ///
  /// - Throws: ``DataError/invalidHierarchy(_:)``.
  public init(of dataset: Dataset) throws {
    let details = dataset.labelDetails
    // COCO puts a person under "person".
    let parents = details.parents.filter { $0.key != $0.value }
    if details.formTree(of: dataset.declaredLabels) {
      let declared = Set(dataset.declaredLabels)
      for (child, parent) in parents.sorted(by: { $0.key < $1.key })
      where !declared.contains(parent) {
        throw DataError.invalidHierarchy(
          "'\(parent)' is said to be above '\(child)', but the dataset does not list '\(parent)'"
        )
      }
    }
    try LabelHierarchy.refuseCycles(parents)
    let annotated = Set(dataset.labels.names)
    func withAncestors(_ label: String) -> [String] {
      var path = [label]
      while let next = parents[path[path.count - 1]], !path.contains(next) { path.append(next) }
      return path
    }
    var labels: [String] = []
    var known: Set<String> = []
    let needed = Set(annotated.flatMap(withAncestors))
    // In the dataset's own order; what it does not list follows.
    for label in dataset.declaredLabels + needed.sorted()
    where needed.contains(label) && known.insert(label).inserted {
      labels.append(label)
    }
    var groups = details.exclusiveGroups.compactMap { group -> LabelGroup? in
      // A group that nothing was annotated of is none; one that is empty from the start is a mistake.
      let kept = group.labels.filter { known.contains($0) || !details.lists($0, in: dataset) }
      return kept.isEmpty && !group.labels.isEmpty
        ? nil : LabelGroup(name: group.name, labels: kept)
    }
    if groups.isEmpty {
      var children: [(parent: String?, labels: [String])] = []
      for label in labels {
        let parent = parents[label]
        if let index = children.firstIndex(where: { $0.parent == parent }) {
          children[index].labels.append(label)
        } else {
          children.append((parent, [label]))
        }
      }
      groups = children.map { LabelGroup(name: $0.parent ?? "labels", labels: $0.labels) }
    }
    try self.init(
      labels: labels,
      groups: groups,
      parents: parents.filter { known.contains($0.key) }
    )
  }

  /// Every label, in the order of a network's outputs.
  public var labels: [String] { groups.flatMap(\.labels) }

  /// The number of exclusive groups; they come first.
  public var exclusiveGroupCount: Int { groups.count { $0.labels.count > 1 } }

  /// Where each group's labels stand among ``labels``.
  public var ranges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    for group in groups {
      let start = ranges.last?.upperBound ?? 0
      ranges.append(start..<start + group.labels.count)
    }
    return ranges
  }

  /// The labels above `label`, the nearest first.
  public func ancestors(of label: String) -> [String] {
    var found: [String] = []
    var label = label
    while let parent = parents[label], !found.contains(parent) {
      found.append(parent)
      label = parent
    }
    return found
  }
}

extension LabelHierarchy: Codable {
  private enum CodingKeys: String, CodingKey { case groups, parents }

  /// - Throws: ``DataError/invalidHierarchy(_:)`` besides decoding errors.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let groups = try container.decode([LabelGroup].self, forKey: .groups)
    try self.init(
      labels: groups.flatMap(\.labels),
      groups: groups,
      parents: try container.decode([String: String].self, forKey: .parents)
    )
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(groups, forKey: .groups)
    try container.encode(parents, forKey: .parents)
  }
}

extension LabelDetails {
  /// Whether a label of a group is one that the dataset has, annotated or not.
  fileprivate func lists(_ label: String, in dataset: Dataset) -> Bool {
    dataset.declaredLabels.contains(label) || dataset.labels.index(of: label) != nil
  }

  /// Whether labels form a tree among `labels`, those that the dataset lists; a parent that is none of
  /// them is a mere remark, as COCO's super-categories are.
  package func formTree(of labels: some Sequence<String>) -> Bool {
    let known = Set(labels)
    return parents.contains {
      $0.key != $0.value && known.contains($0.key) && known.contains($0.value)
    }
  }
}
