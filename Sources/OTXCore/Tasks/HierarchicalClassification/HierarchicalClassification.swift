/// Classification of whole pictures by labels that form a tree.
///
/// A network has one output for each label: a softmax over each exclusive group and a sigmoid for
/// each label that stands alone (``LabelHierarchy``). A picture's labels count with all labels above
/// them; what lies below a label that the picture does not show is not asked for, neither in the loss
/// nor in scores.
public enum HierarchicalClassification: VisionTask {
  public static let taskType = TaskType.hierarchicalClassification
  public static let title = "hierarchical classification"
  public static let exportedTaskName = "classification"
  public static let exportedEntries = [
    "model_type": "Classification", "multilabel": "False", "hierarchical": "True",
    "output_raw_scores": "True",
  ]
  public static let selectionMetric = "accuracy"
  public static let performanceMetric = "accuracy"
  public static let defaultConfidenceThreshold: Float = 0.5

  public struct Entity: TargetedEntity {
    public var image: Image
    public var frame: ImageFrame
    /// Of each label, in the order of the hierarchy.
    ///
    /// All labels of an exclusive group weigh the same,
    /// and their values add up to 1 where something is known of the group.
    public var targets: LabelTargets
    public init(image: Image, frame: ImageFrame, targets: LabelTargets) {
      self.image = image
      self.frame = frame
      self.targets = targets
    }

    public func annotations(labels: LabelInfo) -> [Annotation] {
      targets.shown.map { .label(labels.name($0)) }
    }
  }

  public typealias Batch = EntityBatch<Entity>

  /// What each head says, and the labels that follow from it.
  public struct Prediction: PredictionEntity {
    /// Of each label, in the order of the hierarchy: within an exclusive group they add up to 1.
    public var probabilities: [Float]
    /// The labels that apply together, in the order of their names.
    public var labels: [ScoredLabel]
    public init(probabilities: [Float], labels: [ScoredLabel]) {
      (self.probabilities, self.labels) = (probabilities, labels)
    }
  }

  public typealias Score = HierarchicalScore

  public static func describe(_ dataset: Dataset, in info: inout ModelInfo) throws {
    info.labels = LabelInfo(hierarchy: try LabelHierarchy(of: dataset))
  }

  public static func labelGroups(_ labels: LabelInfo) -> [LabelGroup] {
    labels.effectiveHierarchy.groups
  }

  public static func usableAnnotationCount(of item: DatasetItem) -> Int {
    item.shownLabels()?.shown.count ?? 0
  }

  public static func entity(
    from item: DatasetItem,
    image: Image,
    labels: LabelInfo
  ) throws -> Entity {
    guard let found = item.shownLabels() else {
      throw DataError.invalidItem(item.id, reason: "has annotations, but none with a label")
    }
    let hierarchy = labels.effectiveHierarchy
    var shown: Set<String> = []
    for name in found.shown {
      guard labels.index(of: name) != nil else {
        throw DataError.unknownLabel(name, known: labels.names, item: item.id)
      }
      shown.insert(name)
      shown.formUnion(hierarchy.ancestors(of: name))
    }
    var targets = LabelTargets(showing: [], of: labels.count)
    for (group, range) in zip(hierarchy.groups, hierarchy.ranges) {
      let present = group.labels.filter(shown.contains)
      guard present.count <= 1 else {
        throw DataError.invalidItem(
          item.id,
          reason:
            "has \(present.map { "'\($0)'" }.joined(separator: " and ")), of which only one is "
            + "possible (group '\(group.name)')"
        )
      }
      // Below a label that is not there nothing is asked; an exclusive group without a label is open.
      let parent = group.labels.first.flatMap { hierarchy.parents[$0] }
      let isAsked = parent.map(shown.contains) ?? true
      let isOpen = range.count > 1 ? present.isEmpty : found.unknown.contains(group.labels[0])
      for (offset, name) in group.labels.enumerated() {
        let index = range.lowerBound + offset
        targets.values[index] = shown.contains(name) ? 1 : 0
        targets.weights[index] = isAsked && (!isOpen || shown.contains(name)) ? 1 : 0
      }
    }
    let frame = ImageFrame(itemID: item.id, originalSize: image.size)
    return Entity(image: image, frame: frame, targets: targets)
  }

  public static func unlabeled(_ image: Image, frame: ImageFrame) -> Entity {
    Entity(image: image, frame: frame, targets: .unknown)
  }

  /// Names of the outputs of every model: `logits` `[N, K]`, group after group.
  public enum Output {
    public static let logits = "logits"
  }

  public static func predictions(
    from outputs: [String: ModelOutput],
    frames: [ImageFrame],
    info: ModelInfo
  ) throws -> [Prediction] {
    let hierarchy = info.labels.effectiveHierarchy
    let ranges = hierarchy.ranges
    return try outputs.rows(Output.logits, frames: frames, count: info.labels.count).map { row in
      var probabilities: [Float] = []
      for range in ranges {
        let logits = row[row.startIndex + range.lowerBound..<row.startIndex + range.upperBound]
        probabilities += range.count > 1 ? softmax(logits) : logits.map(sigmoid)
      }
      return resolved(probabilities, hierarchy, threshold: info.effectiveConfidenceThreshold)
    }
  }

  /// The labels that follow at a confidence threshold, which is that of labels that stand alone.
  static func resolved(
    _ probabilities: [Float],
    _ hierarchy: LabelHierarchy,
    threshold: Float
  ) -> Prediction {
    var found: [ScoredLabel] = []
    for range in hierarchy.ranges where range.upperBound <= probabilities.count {
      let best = range.max { probabilities[$0] < probabilities[$1] }
      guard let best else { continue }
      let probability = probabilities[best]
      if range.count > 1 || probability > threshold {
        found.append(ScoredLabel(label: best, score: probability))
      }
    }
    return Prediction(
      probabilities: probabilities,
      labels: LabelResolver.greedy.resolve(found, in: hierarchy)
    )
  }

  public static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction {
    resolved(
      prediction.probabilities,
      info.labels.effectiveHierarchy,
      threshold: info.effectiveConfidenceThreshold
    )
  }

  /// The labels that apply, from the top of the tree down.
  public static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding] {
    let hierarchy = labels.effectiveHierarchy
    var findings: [(depth: Int, finding: Finding)] = []
    for found in prediction.labels {
      let name = labels.name(found.label)
      findings.append(
        (hierarchy.ancestors(of: name).count, Finding(label: name, score: found.score))
      )
    }
    findings.sort { left, right in
      left.depth == right.depth
        ? left.finding.score > right.finding.score : left.depth < right.depth
    }
    return findings.map(\.finding)
  }

  public static func summary(of findings: [Finding]) -> String { findings.labelList }

  public static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark] {
    findings(prediction, labels: labels).map { found in
      .caption(
        "\(found.label) \(found.score.percentText)",
        colorIndex: labels.index(of: found.label) ?? 0
      )
    }
  }
}
