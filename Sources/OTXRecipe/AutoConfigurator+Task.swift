import OTXCore

/// A task that a dataset is made for and that no model here solves.
private struct OpenTask {
  /// The name that the field gives it, as users would type it.
  var name: String
  /// What of the data says so: `outlines of objects`.
  var evidence: String
  var itemCount: Int
  /// What can be learned from the data all the same, and how much of it that is.
  var nearest: (task: TaskType, what: String)?
  /// What to do where nothing can.
  var advice = ""
  /// Whether the nearest task loses nothing that it is wrong to go without unasked.
  var isSafe = false
}

/// Which task a dataset is for.
extension AutoConfigurator {
  /// The task that the data is for.
  ///
  /// - Throws: ``ConfigurationError`` where there is none, several, or none that has a model.
  func task(for profile: DatasetProfile, _ decisions: inout [Decision]) throws -> TaskType {
    let fitting = profile.tasks.filter { fit in
      fit.itemCount > 0 && models.contains { $0.task == fit.task }
    }
    let open = openTasks(of: profile, fitting.first?.itemCount ?? 0).filter { !hasModel($0.name) }
    if let task = open.first(where: { !$0.isSafe }) { throw refusal(task, profile) }
    guard let best = fitting.first else {
      if let task = open.first { throw refusal(task, profile) }
      throw nothingToLearn(profile)
    }
    let others = fitting.filter { $0.task != best.task }
    // Tasks that look at pictures as a whole are of one kind: the number decides between them.
    let rivals = others.filter { fit in
      fit.itemCount == best.itemCount
        || (isWhole(fit.task) != isWhole(best.task) && 2 * fit.itemCount >= best.itemCount)
    }
    guard rivals.isEmpty else {
      let counts = ([best] + rivals).map { "\($0.itemCount) for \($0.task.kind.title)" }
      throw ConfigurationError.ambiguous(
        "The data fits several tasks (of \(imageCount(profile)) are annotated: "
          + "\(counts.joined(separator: ", "))); name a recipe of one of them, or --task.",
        choices: ([best] + rivals).map(\.task.rawValue)
      )
    }
    var reason =
      "\(best.itemCount) of \(imageCount(profile)) are annotated for \(best.task.kind.title)"
    var alternatives = others.map {
      Decision.Alternative(
        $0.task.rawValue,
        "only \($0.itemCount) are annotated for \($0.task.kind.title)"
      )
    }
    for task in open {
      reason += "; they have \(task.evidence), too, of which \(task.nearest?.what ?? "nothing")"
      alternatives.append(.init(task.name, "no model for it here yet"))
    }
    alternatives += profile.otherTasks.filter { $0.itemCount > 0 }.prefix(3).map {
      .init(
        $0.task.rawValue,
        "the labels could serve it, but do not look made for it; --task takes it"
      )
    }
    decisions.append(
      Decision(
        setting: "task",
        value: best.task.rawValue,
        reason: reason,
        alternatives: alternatives
      )
    )
    return best.task
  }

  private func isWhole(_ task: TaskType) -> Bool { task != .detection }

  private func hasModel(_ name: String) -> Bool { models.contains { $0.task.rawValue == name } }

  private func nothingToLearn(_ profile: DatasetProfile) -> ConfigurationError {
    let start = "the data (\(profile.format), \(imageCount(profile))) has no annotations"
    if profile.annotationCount == 0, profile.otherTasks.allSatisfy({ $0.itemCount == 0 }) {
      return .invalid(
        "\(start): pictures alone are for self-supervised learning, which is not here yet. Sort "
          + "the pictures into a folder for each label, or annotate some of them and put the others into "
          + "a folder unlabeled/ beside them; a model that exists predicts on them: otx predict MODEL FOLDER"
      )
    }
    let all = TaskType.allCases.map { "\($0.rawValue) (\($0.kind.title))" }
    return .invalid(
      "\(start) that a model here can learn from; tasks: \(all.joined(separator: ", "))"
    )
  }

  private func refusal(_ task: OpenTask, _ profile: DatasetProfile) -> ConfigurationError {
    var text =
      "the data (\(profile.format), \(imageCount(profile))) has \(task.evidence): it is made for "
      + "\(task.name), for which there is no model here yet"
    let nearest = task.nearest.flatMap { nearest in
      models.contains { $0.task == nearest.task } ? nearest : nil
    }
    if let nearest { text += ". The nearest: --task \(nearest.task.rawValue), \(nearest.what)" }
    if !task.advice.isEmpty { text += ". \(task.advice)" }
    return .invalid(text)
  }

  /// Tasks beyond those that have models, the surest sign first.
  private func openTasks(of profile: DatasetProfile, _ fittingCount: Int) -> [OpenTask] {
    guard let traits = profile.traits else { return [] }
    var tasks: [OpenTask] = []
    if let anomaly = anomalyTask(profile, traits) { tasks.append(anomaly) }
    if let action = actionTask(profile) { tasks.append(action) }
    let half = max(traits.boxedCount, 1)
    if traits.keypointedCount > 0, 2 * traits.keypointedCount >= half {
      tasks.append(
        OpenTask(
          name: "KEYPOINT_DETECTION",
          evidence: "key points of objects (\(traits.keypointedCount) images)",
          itemCount: traits.keypointedCount,
          nearest: traits.boxedCount > 0 ? (.detection, "which learns the boxes alone") : nil
        )
      )
    }
    if traits.turnedCount > 0, 2 * traits.turnedCount >= half {
      tasks.append(
        OpenTask(
          name: "ROTATED_DETECTION",
          evidence: "turned boxes (\(traits.turnedCount) images)",
          itemCount: traits.turnedCount,
          nearest: (.detection, "which learns the upright boxes around them")
        )
      )
    }
    if traits.segmentedCount > fittingCount {
      tasks.append(
        OpenTask(
          name: "SEMANTIC_SEGMENTATION",
          evidence: "a label for each pixel (\(traits.segmentedCount) images)",
          itemCount: traits.segmentedCount,
          advice: "'otx data convert DATA --to coco' makes an object of each region, whose boxes "
            + "--task \(TaskType.detection.rawValue) can learn"
        )
      )
    }
    tasks += objectTasks(traits, fittingCount)
    if traits.captionedCount > 0, fittingCount == 0, tasks.isEmpty {
      tasks.append(
        OpenTask(
          name: "CAPTIONING",
          evidence: "texts about pictures (\(traits.captionedCount) images)",
          itemCount: traits.captionedCount,
          advice: "Add labels or boxes, or train on other data"
        )
      )
    }
    return tasks
  }

  /// Outlines and pixels of objects.
  private func objectTasks(_ traits: DataTraits, _ fittingCount: Int) -> [OpenTask] {
    guard traits.outlinedCount > 0, 2 * traits.outlinedCount >= max(traits.boxedCount, 1) else {
      return []
    }
    let hasBoxes = traits.boxedCount > 0
    return [
      OpenTask(
        name: "INSTANCE_SEGMENTATION",
        evidence: "outlines of objects (\(traits.outlinedCount) images)",
        itemCount: traits.outlinedCount,
        nearest: hasBoxes ? (.detection, "the boxes around them are learned") : nil,
        advice: hasBoxes
          ? ""
          : "'otx data convert DATA --to coco' writes boxes around the objects, which --task "
            + "\(TaskType.detection.rawValue) can learn",
        // Whoever drew outlines has boxes; where labels of pictures are learned, nothing is lost.
        isSafe: hasBoxes || fittingCount > 0
      )
    ]
  }

  private func anomalyTask(_ profile: DatasetProfile, _ traits: DataTraits) -> OpenTask? {
    guard traits.normalLabel != nil || profile.format == "mvtec" else { return nil }
    let trained = profile.labelCounts.filter { $0.count > 0 }.map(\.label)
    let normal = traits.normalLabel ?? trained.first { $0 == "good" } ?? "good"
    let defects = profile.labelCounts.map(\.label).filter { $0 != normal }
    let names = defects.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
    return OpenTask(
      name: "ANOMALY",
      evidence: "pictures of what is well ('\(normal)')"
        + (defects.isEmpty ? "" : " and, to be told from it, \(names)"),
      itemCount: profile.itemCounts.values.reduce(0, +),
      nearest: trained.count > 1
        ? (.multiClassClassification, "which learns to tell the kinds of defects apart") : nil,
      advice: trained.count > 1
        ? ""
        : "Its training pictures show '\(normal)' alone, from which no classifier learns: move some "
          + "pictures of each defect to train/, then --task \(TaskType.multiClassClassification.rawValue) "
          + "learns to tell them apart"
    )
  }

  private func actionTask(_ profile: DatasetProfile) -> OpenTask? {
    switch profile.format {
    case "kinetics":
      OpenTask(
        name: "ACTION_CLASSIFICATION",
        evidence: "labels of video clips",
        itemCount: profile.itemCounts.values.reduce(0, +),
        nearest: (
          .multiClassClassification, "which learns to name the action from single frames"
        )
      )
    case "ava":
      OpenTask(
        name: "ACTION_DETECTION",
        evidence: "actions of persons in videos",
        itemCount: profile.itemCounts.values.reduce(0, +),
        nearest: (.detection, "which learns boxes of persons by their action from single frames")
      )
    default: nil
    }
  }
}

func imageCount(_ profile: DatasetProfile) -> String {
  "\(profile.itemCounts.values.reduce(0, +)) images"
}
