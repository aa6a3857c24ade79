/// How the outputs of a hierarchical model divide into heads, as Python OTX 2.6 writes it down and
/// OpenVINO's Model API 0.4.7 reads it.
package struct HierarchicalHeads: Codable, Equatable {
  var exclusiveGroupCount: Int
  var singleLabelCount: Int
  /// Of each exclusive group, by its number: where its outputs begin and end.
  var ranges: [String: [Int]]
  /// Outputs of all exclusive groups.
  var exclusiveLabelCount: Int
  /// Of each label: the number of its group, and its place there; labels that stand alone share one.
  var groupOfLabel: [String: [Int]]
  var groups: [[String]]
  var indices: [String: Int]
  /// A label and the one above it.
  var edges: [[String]]
  var emptyGroups: [Int] = []

  enum CodingKeys: String, CodingKey {
    case exclusiveGroupCount = "num_multiclass_heads"
    case singleLabelCount = "num_multilabel_classes"
    case ranges = "head_idx_to_logits_range"
    case exclusiveLabelCount = "num_single_label_classes"
    case groupOfLabel = "class_to_group_idx"
    case groups = "all_groups"
    case indices = "label_to_idx"
    case edges = "label_tree_edges"
    case emptyGroups = "empty_multiclass_head_indices"
  }

  package init(_ hierarchy: LabelHierarchy) {
    let exclusive = hierarchy.exclusiveGroupCount
    exclusiveGroupCount = exclusive
    singleLabelCount = hierarchy.groups.count - exclusive
    groups = hierarchy.groups.map(\.labels)
    exclusiveLabelCount = groups.prefix(exclusive).reduce(0) { $0 + $1.count }
    ranges = [:]
    groupOfLabel = [:]
    indices = [:]
    for (index, range) in hierarchy.ranges.enumerated() {
      if index < exclusive { ranges[String(index)] = [range.lowerBound, range.upperBound] }
      for (offset, label) in groups[index].enumerated() {
        groupOfLabel[label] = index < exclusive ? [index, offset] : [exclusive, index - exclusive]
        indices[label] = range.lowerBound + offset
      }
    }
    edges = hierarchy.labels.compactMap { label in
      hierarchy.parents[label].map { [label, $0] }
    }
  }

  /// The hierarchy that they are the heads of; `nil` for heads that make none.
  package var hierarchy: LabelHierarchy? {
    let parents = edges.filter { $0.count == 2 }.map { ($0[0], $0[1]) }
    return try? LabelHierarchy(
      labels: groups.flatMap(\.self),
      groups: groups.enumerated().map { LabelGroup(name: "group \($0)", labels: $1) },
      parents: Dictionary(parents) { first, _ in first }
    )
  }
}

/// The entry `hierarchical_config`.
struct HierarchicalConfiguration: Encodable {
  var heads: HierarchicalHeads
  var edges: [[String]]

  enum CodingKeys: String, CodingKey {
    case heads = "cls_heads_info"
    case edges = "label_tree_edges"
  }
}
