/// Decides which of the labels that a network's heads found apply together.
///
/// The rules are those of OpenVINO's Model API 0.4.7 (`GreedyLabelsResolver`,
/// `ProbabilisticLabelsResolver`); checked against it.
public enum LabelResolver: String, Codable, CaseIterable, Sendable {
  /// Of each group the surest label; it stays where every label above it is the surest of its group.
  case greedy
  /// Every label with a probability above 0 stays where every label above it has one, too.
  case probabilistic

  /// - Parameters:
  ///   - found: Labels and how sure their heads are; those that are missing have a probability of 0.
  ///   - hierarchy: The groups and the tree; labels are indices into its list.
  /// - Returns: The labels that apply, in the order of their names.
  public func resolve(_ found: [ScoredLabel], in hierarchy: LabelHierarchy) -> [ScoredLabel] {
    let names = hierarchy.labels
    var scores = [Float](repeating: 0, count: names.count)
    for label in found where names.indices.contains(label.label) {
      scores[label.label] = label.score
    }
    var candidates: Set<String> = []
    switch self {
    case .greedy:
      for range in hierarchy.ranges {
        var best: Int?
        for label in range where scores[label] > (best.map { scores[$0] } ?? 0) { best = label }
        if let best { candidates.insert(names[best]) }
      }
    case .probabilistic:
      for label in names.indices where scores[label] > 0 { candidates.insert(names[label]) }
    }
    let kept = names.indices.filter { label in
      candidates.contains(names[label])
        && hierarchy.ancestors(of: names[label]).allSatisfy(candidates.contains)
    }
    return kept.sorted { names[$0].unicodeOrder(before: names[$1]) }
      .map { ScoredLabel(label: $0, score: scores[$0]) }
  }
}

extension String {
  /// The order of Python's strings: by code points.
  fileprivate func unicodeOrder(before other: String) -> Bool {
    unicodeScalars.lexicographicallyPrecedes(other.unicodeScalars)
  }
}
