import OTXCore

/// How the model learns from the data there is, and how uneven data is evened out.
extension AutoConfigurator {
  /// How many times as many pictures as the rarest label the commonest must have for a long tail.
  static let longTailRatio = 10

  /// The share of training pictures about which nothing is said, from which on the data counts as
  /// partly annotated; below it they are pictures without objects.
  static let partlyAnnotatedShare = 0.2

  /// With as many pictures of a usual label as this or fewer, the last layer alone learns as much as
  /// the whole network (Kornblith et al., Do Better ImageNet Models Transfer Better?, 2019,
  /// section 4.8), in seconds.
  static let fewPicturesPerLabel = 20

  /// Labels and pictures of them that a long tail is judged by.
  func tail(
    _ profile: DatasetProfile
  ) -> (most: DatasetProfile.LabelCount, least: DatasetProfile.LabelCount)? {
    let counts = profile.traits?.pictureCounts ?? profile.labelCounts
    let shown = counts.filter { $0.count > 0 }
    guard let most = shown.max(by: { $0.count < $1.count }),
      let least = shown.min(by: { $0.count < $1.count }),
      most.count >= AutoConfigurator.longTailRatio * least.count
    else { return nil }
    return (most, least)
  }

  /// Decides how to learn, where the user left it open.
  func chooseMethod(
    _ recipe: inout Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ request: RecipeRequest,
    _ decisions: inout [Decision]
  ) {
    guard recipe.method == .auto else { return }
    recipe.method = .supervised
    var reasons: [String] = []
    var alternatives: [Decision.Alternative] = []
    let hasTail = tail(profile) != nil
    let unlabeled = profile.itemCounts[.unlabeled] ?? 0
    let partly = partlyAnnotated(recipe.task, profile)
    if unlabeled > 0 || partly != nil {
      let name = hasTail ? "semi_supervised_imbalanced" : "semi_supervised"
      if let partly { reasons.append(partly) }
      if unlabeled > 0 {
        reasons.append(
          "the \(unlabeled) unlabeled images stay unused: other methods are not here yet"
        )
      }
      alternatives.append(
        .init(
          name,
          "it would learn from the pictures without annotations, too\(hasTail ? ", and from rare labels more often" : ""); not here yet"
        )
      )
    }
    if let line = unknownLabels(profile, request) {
      reasons.append(line)
      alternatives.append(
        .init("class_incremental", "it would keep the labels that the weights know; not here yet")
      )
    }
    if let probe = probe(recipe, model, profile, request) {
      if probe.isTaken {
        recipe.method = .linearProbe
        reasons.append(probe.reason)
        alternatives.append(
          .init("supervised", "training all layers takes longer and needs more pictures")
        )
      } else {
        alternatives.append(.init(LearningMethod.linearProbe.rawValue, probe.reason))
      }
    }
    if reasons.isEmpty { reasons = ["every training image is annotated"] }
    decisions.append(
      Decision(
        setting: "method",
        value: recipe.method.rawValue,
        reason: reasons.joined(separator: "; "),
        alternatives: alternatives
      )
    )
  }

  /// Why data counts as partly annotated; `nil` for data that does not.
  private func partlyAnnotated(_ task: TaskType, _ profile: DatasetProfile) -> String? {
    guard let traits = profile.traits, traits.unannotatedTrainCount > 0 else { return nil }
    let count = traits.unannotatedTrainCount
    let all = count + traits.annotatedTrainCount
    let share = Double(count) / Double(all)
    guard share >= AutoConfigurator.partlyAnnotatedShare, task.kind.usesLabels else { return nil }
    return task.kind.hasTiling
      ? "\(count) of \(all) training images have no annotation and are taken for pictures without objects: move those that are only not annotated yet to a folder unlabeled/"
      : "\(count) of \(all) training images have no annotation and are left out"
  }

  /// What weights that know other labels mean; `nil` where they know the same or nobody knows which.
  private func unknownLabels(_ profile: DatasetProfile, _ request: RecipeRequest) -> String? {
    guard let known = request.knownLabels, !known.isEmpty else { return nil }
    let own = profile.labelCounts.map(\.label)
    let new = own.filter { !known.contains($0) }
    guard !new.isEmpty else { return nil }
    func text(_ names: [String]) -> String {
      names.prefix(5).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    }
    let lost = known.filter { !own.contains($0) }
    let loss = lost.isEmpty ? "" : "; \(text(lost)), not in this data, will be forgotten"
    return
      "the weights to start from do not know \(text(new)): the network is trained further and its last layer learns all labels of this data\(loss)"
  }

  /// Whether fitting the last layer alone is worth a thought, and whether it is taken.
  private func probe(
    _ recipe: Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ request: RecipeRequest
  ) -> (isTaken: Bool, reason: String)? {
    let counts = profile.labelCounts.map(\.count).filter { $0 > 0 }.sorted()
    guard recipe.task == .multiClassClassification, request.recipe == nil, !recipe.model.isFile,
      counts.count > 1, counts[counts.count / 2] <= AutoConfigurator.fewPicturesPerLabel
    else { return nil }
    let usual = counts[counts.count / 2]
    guard recipe.weights == "auto" || recipe.weights == "download" else { return nil }
    guard !startsAtRandom(recipe) else {
      return (
        false,
        "\(usual) pictures of a usual label are few, but it needs published weights: otx weights download \(recipe.model.backbone == "auto" ? model.backbones.first ?? model.name : recipe.model.backbone)"
      )
    }
    return (
      true,
      "\(usual) pictures of a usual label are few: the last layer is fitted to the features of published weights"
    )
  }

  // MARK: Sampling and score

  /// Balances labels whose numbers of pictures differ by magnitudes; else a network learns to say
  /// the common ones.
  func chooseSampler(
    _ recipe: inout Recipe,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) {
    guard recipe.data.sampler == .auto else { return }
    recipe.data.sampler = .shuffle
    // Of boxes, only the pictures they are in tell how often a label is seen.
    let isSingle = recipe.task == .multiClassClassification
    guard recipe.task.kind.usesLabels, isSingle || profile.traits != nil,
      let (most, least) = tail(profile)
    else { return }
    recipe.data.sampler = .balanced
    let what =
      isSingle
      ? "an epoch takes every image once and those of rare labels again, at most twice as many in all"
      : "an epoch takes every image once and those that show rare labels again"
    decisions.append(
      Decision(
        setting: "data.sampler",
        value: Sampler.balanced.rawValue,
        reason: "'\(most.label)' has \(most.count) training images and '\(least.label)' "
          + "\(least.count): \(what)",
        alternatives: [
          .init(Sampler.shuffle.rawValue, "rare labels would hardly be seen"),
          .init(
            "a loss weighted by label",
            isSingle
              ? "class-balanced and focal losses are no settings here yet"
              : "the model's own loss weighs hard objects more already"
          ),
        ]
      )
    )
  }

  /// Of a long tail, the share of pictures that are right says little of rare labels.
  func chooseMetric(
    _ recipe: inout Recipe,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) {
    let name = "balanced_accuracy"
    guard recipe.training.metric == "auto", metricNames(recipe.task.kind).contains(name),
      let (most, least) = tail(profile)
    else { return }
    recipe.training.metric = name
    decisions.append(
      Decision(
        setting: "metric",
        value: name,
        reason: "picks the best weights: every label counts the same, '\(least.label)' "
          + "(\(least.count) images) as much as '\(most.label)' (\(most.count))",
        alternatives: [
          .init(recipe.task.kind.selectionMetric, "common labels alone would decide")
        ]
      )
    )
  }

  func metricNames<Kind: VisionTask>(_ kind: Kind.Type) -> [String] { Kind.Score.names }

  // MARK: Labels and subsets

  func labelsDecision(_ profile: DatasetProfile) -> Decision {
    let names = profile.labelCounts.map { "\($0.label) (\($0.count))" }
    let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    // Of one or two pictures nothing general can be learned.
    let rare = profile.labelCounts.filter { $0.count < 3 }.map { "'\($0.label)'" }
    let warning =
      rare.isEmpty
      ? ""
      : "; too few to learn: \(rare.prefix(5).joined(separator: ", "))\(rare.count > 5 ? ", …" : "")"
    return Decision(
      setting: "labels",
      value: "\(names.count)",
      reason: "from the training subset: \(shown)\(warning)"
    )
  }

  /// What it means that pictures are frames of videos.
  func noteClips(_ profile: DatasetProfile, _ decisions: inout [Decision]) {
    guard let clips = profile.traits?.clips else { return }
    let frames = "frames of \(clips.count) video clips by their names"
    if clips.isSplit {
      decisions.append(
        Decision(
          setting: "data.split",
          value: "by clip",
          reason: "the pictures are \(frames): frames of one clip are nearly alike, so whole clips "
            + "validate",
          alternatives: [
            .init("by picture", "validation would score what was learned by heart")
          ]
        )
      )
    } else if clips.sharedCount > 0 {
      decisions.append(
        Decision(
          setting: "data.split",
          value: "as it is",
          reason:
            "the pictures are \(frames), and \(clips.sharedCount) of the clips are in more than one "
            + "subset: scores will be too good, since frames of one clip are nearly alike. Put each "
            + "clip into one subset"
        )
      )
    }
  }
}
