import OTXCore

/// Which model learns from the data.
extension AutoConfigurator {
  private static let defaultClassifiers = [
    "efficientnet_b0", "mobilenet_v3_large", "resnet18", "mobilenet_v3_small", "efficientnet_v2_s",
  ]

  /// The models considered where the user names none; the first that there is stands unless data,
  /// weights or time speak against it.
  static let preferredModels: [TaskType: [String]] = [
    .detection: ["atss_mobilenetv2", "ssd_mobilenetv2", "yolox_tiny", "yolox_s"],
    .multiClassClassification: defaultClassifiers,
    .multiLabelClassification: defaultClassifiers,
    .hierarchicalClassification: defaultClassifiers,
    .regression: defaultClassifiers,
  ]

  /// With fewer passes over the data a network from random weights has learned next to nothing; one
  /// that is fine-tuned needs a few.
  private static let leastEpochs = (random: 20.0, tuned: 5.0)

  /// From so many training pictures on a larger network is worth its time, where there is time.
  private static let manyPictures = 2000

  /// With fewer training pictures than this no network is small enough.
  private static let fewPictures = 100

  private struct Candidate {
    var model: ModelDescriptor
    /// The recipe's values where nothing else is decided.
    var recipe: Recipe
    /// Multiply-adds of one picture at the size it would be trained at, in 10⁹.
    var work: Double
    /// Whether training would start from published weights.
    var hasWeights: Bool
    /// Epochs that the time allows; `nil` without a limit.
    var epochs: Double?
  }

  /// Chooses a model for a task.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` where the task has none.
  func chooseModel(
    for task: TaskType,
    _ profile: DatasetProfile,
    _ request: RecipeRequest,
    _ decisions: inout [Decision]
  ) throws -> Recipe {
    let listed = models.filter { $0.task == task }.map(\.name)
    let preferred = (AutoConfigurator.preferredModels[task] ?? []).filter(listed.contains)
    let names = preferred.isEmpty ? Array(listed.prefix(3)) : preferred
    let timeLimit = try limit(of: request)
    let candidates = try names.map { try candidate($0, task, profile, request, timeLimit) }
    guard let first = candidates.first else {
      throw ConfigurationError.invalid("no model for the task \(task.rawValue) yet")
    }
    var (chosen, reason) = (first, defaultReason(first.model, profile, task))
    // Weights are worth more than a few points of a better network.
    if !first.hasWeights, let tuned = candidates.first(where: \.hasWeights) {
      (chosen, reason) = (
        tuned,
        "\(tuned.model.title): the weight store has weights for it, and none for \(first.model.name); fine-tuning needs fewer pictures and less time"
      )
    }
    if let limit = timeLimit, let fitting = fitting(candidates, chosen, profile, limit) {
      (chosen, reason) = fitting
    }
    decisions.append(
      Decision(
        setting: "model",
        value: chosen.model.name,
        reason: reason,
        alternatives: candidates.filter { $0.model.name != chosen.model.name }
          .map { .init($0.model.name, comparison($0, chosen, profile)) }
      )
    )
    return chosen.recipe
  }

  /// The seconds that the command may take, if anybody said so.
  private func limit(of request: RecipeRequest) throws -> Double? {
    guard let limit = try request.timeLimit ?? request.timeBudget().seconds else { return nil }
    guard limit > 0, limit.isFinite else {
      throw ConfigurationError.invalid("a time limit of \(limit) s: expected more than 0")
    }
    return limit
  }

  private func candidate(
    _ name: String,
    _ task: TaskType,
    _ profile: DatasetProfile,
    _ request: RecipeRequest,
    _ timeLimit: Double?
  ) throws -> Candidate {
    guard let model = models.model(named: name, task: task) else {
      throw ModelError.unknownModel(name, known: models.names(of: task))
    }
    let recipe = library.recipe(ofModel: name, task: task)
    let given = try recipe.applying(request.overrides)
    let size = given.inputSize.resolved(AutoConfigurator.inputSize(for: profile, model: model).0)
    let base = model.preprocessing.inputSize
    let ratio = Double(size.height * size.width) / Double(max(base.height * base.width, 1))
    let work = max(model.gigaMultiplyAdds * ratio, 1e-3)
    let count = Double(max(profile.itemCounts[.train] ?? 0, 1))
    return Candidate(
      model: model,
      recipe: recipe,
      work: work,
      hasWeights: !startsAtRandom(given),
      epochs: timeLimit.map { $0 * computeRate / (count * work) }
    )
  }

  /// The model that makes the most of a time limit; `nil` where that changes nothing.
  private func fitting(
    _ candidates: [Candidate],
    _ chosen: Candidate,
    _ profile: DatasetProfile,
    _ limit: Double
  ) -> (Candidate, String)? {
    func least(_ candidate: Candidate) -> Double {
      let least = AutoConfigurator.leastEpochs
      return candidate.hasWeights ? least.tuned : least.random
    }
    func fits(_ candidate: Candidate) -> Bool { (candidate.epochs ?? 0) >= least(candidate) }
    func text(_ epochs: Double?) -> String {
      let epochs = epochs ?? 0
      return epochs < 10 ? format(epochs) : "\(Int(min(epochs, 1e6)))"
    }
    let time = TimeBudget.text(limit.rounded(.up))
    if !fits(chosen) {
      let lighter = candidates.filter { $0.work < chosen.work }
      let best = lighter.first { fits($0) } ?? lighter.min { $0.work < $1.work }
      guard let best else { return nil }
      return (
        best,
        "\(best.model.title): \(time) allow about \(text(best.epochs)) epochs of it, and \(text(chosen.epochs)) of \(chosen.model.name), which learns too little in them"
      )
    }
    let images = profile.itemCounts[.train] ?? 0
    guard images >= AutoConfigurator.manyPictures else { return nil }
    // A larger one that comes to the end of its recipe.
    let larger = candidates.filter {
      $0.work > chosen.work && $0.hasWeights == chosen.hasWeights
        && ($0.epochs ?? 0) >= Double($0.recipe.training.maxEpochs)
    }
    guard let best = larger.max(by: { $0.work < $1.work }) else { return nil }
    return (
      best,
      "\(best.model.title): \(images) training images are enough for it, and \(time) allow all \(best.recipe.training.maxEpochs) epochs of its recipe"
    )
  }

  private func defaultReason(
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ task: TaskType
  ) -> String {
    let start = "\(model.title), \(millions(model)) million parameters"
    let trainCount = profile.itemCounts[.train] ?? 0
    return switch trainCount {
    case ..<AutoConfigurator.fewPictures:
      "\(start): the default for \(task.kind.title); \(trainCount) training images are few for any"
    case ..<1000: "\(start): small enough for \(trainCount) training images"
    default: "\(start): the default for \(task.kind.title)"
    }
  }

  private func millions(_ model: ModelDescriptor) -> String {
    format(Double(model.parameterCount) / 1e6)
  }

  /// Why `other` was not taken.
  private func comparison(
    _ other: Candidate,
    _ chosen: Candidate,
    _ profile: DatasetProfile
  ) -> String {
    let ratio = other.work / chosen.work
    let work = "\(ratio < 1 ? twoDigits(ratio) : format(ratio)) times the work a picture"
    if let epochs = other.epochs {
      return
        "\(work): the time allows about \(epochs < 10 ? format(epochs) : "\(Int(min(epochs, 1e6)))") epochs"
    }
    if chosen.hasWeights, !other.hasWeights { return "\(work), and no weights to start from" }
    let trainCount = profile.itemCounts[.train] ?? 0
    if other.model.parameterCount > 2 * chosen.model.parameterCount {
      return
        "\(work); \(millions(other.model)) million parameters are many for \(trainCount) training images"
    }
    return ratio < 0.9
      ? "\(work), for less time or a smaller device (--model)" : "\(work) (--model takes it)"
  }
}

/// One digit after the point.
func format(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

private func twoDigits(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
