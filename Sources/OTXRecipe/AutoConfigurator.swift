import Foundation
public import OTXCore

/// What a user wants of a recipe; the auto-configurator decides the rest.
public struct RecipeRequest: Sendable {
  /// The recipe the user chose; `nil` lets the data choose.
  public var recipe: Recipe?
  /// The task the user chose, where no recipe does.
  public var task: TaskType?
  /// The model the user chose, where no recipe does.
  public var model: String?
  /// Values the user gave; they are never changed.
  public var overrides: [RecipeOverride]
  /// Whether ``recipe`` is one of ours, chosen by its name.
  ///
  /// Its rates are those of fine-tuning, and are exchanged where training starts from random weights;
  /// a file's values are the user's.
  public var recipeIsOurs: Bool
  /// Seconds that the whole training may take; `nil`: as long as it needs.
  public var timeLimit: Double?
  /// The labels that the weights to start from know; `nil` where nobody looked.
  public var knownLabels: [String]?

  public init(
    recipe: Recipe? = nil,
    recipeIsOurs: Bool = false,
    task: TaskType? = nil,
    model: String? = nil,
    overrides: [RecipeOverride] = []
  ) {
    self.recipe = recipe
    self.recipeIsOurs = recipeIsOurs
    self.task = task
    self.model = model
    self.overrides = overrides
  }

  /// How the data is to be read; known before it is.
  ///
  /// - Throws: ``ConfigurationError`` for a value that the user gave and that is none.
  public func dataOptions() throws -> DataOptions {
    let start = recipe ?? Recipe(name: "", task: .detection, model: ModelOptions(""))
    return try start.applying(overrides).data
  }
}

/// Fills in what the user left open.
///
/// A function of its inputs: no files, no clock, no looking at the machine.
public struct AutoConfigurator: Sendable {
  let models: [ModelDescriptor]
  let library: RecipeLibrary
  let memoryLimit: Int
  let computeRate: Double
  let coreCount: Int
  let computeThreadCount: Int
  let hasWeights: @Sendable (_ network: String) -> Bool

  /// - Parameters:
  ///   - models: The models there are.
  ///   - library: The recipes there are.
  ///   - memoryLimit: The memory training may take, in bytes; the batch is chosen to fit.
  ///   - computeRate: Multiply-adds of a network's forward pass that training gets through in a
  ///     second, in 10⁹, forward and backward pass together; by default that of two cores.
  ///   - coreCount: Threads that the machine runs at the same time, to say how many there will be; 0:
  ///     unknown.
  ///   - computeThreadCount: Those that compute; `nil`: all.
  ///   - hasWeights: Whether `weights: auto` will find weights for a model or a backbone.
  public init(
    models: [ModelDescriptor],
    library: RecipeLibrary = .builtIn,
    memoryLimit: Int = .max,
    computeRate: Double = 10,
    coreCount: Int = 0,
    computeThreadCount: Int? = nil,
    hasWeights: @escaping @Sendable (_ network: String) -> Bool = { _ in false }
  ) {
    self.models = models
    self.library = library
    self.memoryLimit = memoryLimit
    self.computeRate = max(computeRate, 1e-3)
    self.coreCount = coreCount
    self.computeThreadCount = computeThreadCount ?? coreCount
    self.hasWeights = hasWeights
  }

  /// Whether training will start from random weights.
  func startsAtRandom(_ recipe: Recipe) -> Bool {
    // A network that is a file brings its weights.
    guard !recipe.model.isFile else { return false }
    guard recipe.weights == "auto" else { return recipe.weights == "none" }
    let descriptor = models.first { $0.name == recipe.model.name }
    let backbone =
      recipe.model.backbone == "auto" ? descriptor?.backbones.first : recipe.model.backbone
    return !hasWeights(recipe.model.name) && !(backbone.map(hasWeights) ?? false)
  }

  /// Proposes a recipe for a dataset.
  ///
  /// - Parameters:
  ///   - profile: What the dataset holds.
  ///   - request: What the user wants.
  /// - Returns: The recipe without a value left `auto` that is decided before training, and one
  ///   decision for each setting that was chosen or changed.
  /// - Throws: ``ConfigurationError`` when the data fits no task or several, when the chosen recipe
  ///   is for another task than the data, or when an override is wrong.
  public func configure(
    profile: DatasetProfile,
    request: RecipeRequest = RecipeRequest()
  ) throws -> (recipe: Recipe, decisions: [Decision]) {
    var decisions: [Decision] = []
    var explicit: Set<String> = []
    for entry in request.overrides { explicit.formUnion(try entry.keys()) }
    try request.checkAgreement()

    var recipe = try request.recipe ?? start(for: profile, request, &decisions)
    recipe = try recipe.applying(request.overrides)
    let model = try recipe.descriptor(among: models)
    try check(recipe, model, against: profile)
    if recipe.model.backbone == "auto" { recipe.model.backbone = model.backbones.first ?? "auto" }
    chooseMethod(&recipe, model, profile, request, &decisions)
    if recipe.task.kind.usesLabels { decisions.append(labelsDecision(profile)) }
    noteClips(profile, &decisions)
    chooseSampler(&recipe, profile, &decisions)
    chooseMetric(&recipe, profile, &decisions)
    try chooseTiling(
      &recipe,
      model,
      profile,
      explicit,
      isOpen: request.recipe == nil,
      &decisions
    )
    chooseInputSize(&recipe, model, profile, &decisions)
    if explicit.contains("validationInterval"), !explicit.contains("adaptiveScheduling") {
      // An interval that the user gave is not to be lengthened.
      recipe.training.adaptiveScheduling = false
    }
    if explicit.contains("batchSize"), !explicit.contains("adaptiveBatchSize") {
      // A batch that the user gave is never lowered.
      recipe.training.adaptiveBatchSize = .none
    }
    if !explicit.contains("batchSize") { chooseBatchSize(&recipe, model, profile, &decisions) }
    // A probe has a rate and a course of its own.
    let isOurs =
      (request.recipe == nil || request.recipeIsOurs) && recipe.method != .linearProbe
    if isOurs, !explicit.contains(where: { $0.hasPrefix("optimizer") }) {
      chooseOptimizer(&recipe, &decisions)
    }
    if recipe.method != .linearProbe, !explicit.contains("batchNormMomentum") {
      chooseMoments(&recipe, profile, &decisions)
    }
    if isOurs, recipe.training.timeBudget != .none {
      chooseCourse(&recipe, explicit, &decisions)
    } else if isOurs {
      chooseSchedule(&recipe, profile, explicit, &decisions)
    }
    // Within a time the rhythm is measured.
    if recipe.training.timeBudget == .none { noteRhythm(recipe, profile, &decisions) }
    noteThreads(recipe, &decisions)
    try checkCourse(recipe, profile, explicit)
    if recipe.resize.isAuto { recipe.resize = .value(model.preprocessing.resize) }
    if recipe.normalization.mean.isAuto {
      recipe.normalization.mean = .value(model.preprocessing.mean)
    }
    if recipe.normalization.std.isAuto {
      recipe.normalization.std = .value(model.preprocessing.std)
    }
    return (recipe, decisions)
  }

  // MARK: Task and model

  /// The recipe to start from where the user named none.
  private func start(
    for profile: DatasetProfile,
    _ request: RecipeRequest,
    _ decisions: inout [Decision]
  ) throws -> Recipe {
    if let name = request.model {
      let file = ModelOptions(name)
      if file.isFile {
        // The settings of the plainest classifier, which are those of fine-tuning.
        let task = request.task ?? .multiClassClassification
        var recipe = library.recipe(ofModel: "resnet18", task: task)
        (recipe.name, recipe.task, recipe.model) = (ModelDescriptor.torchScriptName, task, file)
        return recipe
      }
      let task = request.task ?? task(ofModel: name, for: profile, &decisions)
      guard let model = models.model(named: name, task: task) else {
        throw ModelError.unknownModel(name, known: models.names(of: task))
      }
      return library.recipe(ofModel: name, task: model.task)
    }
    let task = try request.task ?? task(for: profile, &decisions)
    return try chooseModel(for: task, profile, request, &decisions)
  }

  /// The task that the data is for, among those of a model that serves several; `nil` where it serves
  /// one, or the data does not tell.
  private func task(
    ofModel name: String,
    for profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) -> TaskType? {
    let own = models.filter { $0.name == name }
    guard own.count > 1 else { return nil }
    let configurator = AutoConfigurator(models: own, library: library)
    var found: [Decision] = []
    guard let task = try? configurator.task(for: profile, &found) else { return nil }
    decisions += found
    return task
  }

  private func check(
    _ recipe: Recipe,
    _ model: ModelDescriptor,
    against profile: DatasetProfile
  ) throws {
    guard model.task == recipe.task else {
      throw ConfigurationError.invalid(
        "the model \(model.name) is for \(model.task.rawValue), "
          + "the recipe \(recipe.name) for \(recipe.task.rawValue)"
      )
    }
    let fits = (profile.tasks + profile.otherTasks).filter { $0.itemCount > 0 }
    guard fits.contains(where: { $0.task == recipe.task }) else {
      let found = profile.tasks.filter { $0.itemCount > 0 }.map(\.task)
      let same = found.first { models.model(named: model.name, task: $0) != nil }
      throw ConfigurationError.invalid(
        "the recipe \(recipe.name) is for \(recipe.task.rawValue), but the data "
          + "(\(profile.format)) has no annotations for it"
          + (found.isEmpty
            ? "" : "; it has those of \(found.map(\.rawValue).joined(separator: ", "))")
          + (same.map { ". \(model.name) can learn them: add --task \($0.rawValue)" } ?? "")
      )
    }
    let trained = profile.labelCounts.filter { $0.count > 0 }
    if recipe.task == .multiClassClassification, trained.count == 1, let only = trained.first {
      throw ConfigurationError.invalid(
        "every \(profile.labelCounts.count > 1 ? "training " : "")picture has the one label '\(only.label)': there is nothing to tell apart. Add pictures "
          + "of another label"
      )
    }
    let metrics = metricNames(recipe.task.kind)
    guard recipe.training.metric == "auto" || metrics.contains(recipe.training.metric) else {
      throw ConfigurationError.unknownName(
        recipe.training.metric,
        kind: "metric of \(recipe.task.rawValue)",
        known: ["auto"] + metrics
      )
    }
    let backbone = recipe.model.backbone
    guard backbone == "auto" || model.backbones.contains(backbone) else {
      throw ConfigurationError.unknownName(
        backbone,
        kind: "backbone of \(model.name)",
        known: model.backbones
      )
    }
    let multiple = model.sizeMultiple
    if case .value(let size) = recipe.inputSize,
      size.height % multiple != 0 || size.width % multiple != 0
    {
      throw ConfigurationError.invalidValue(
        size.description,
        key: "inputSize",
        expected: "multiples of \(multiple) for \(model.name), "
          + "for example \(rounded(size, to: multiple))",
        source: recipe.name
      )
    }
  }
}

/// `size` with each side rounded up to a multiple.
func rounded(_ size: ImageSize, to multiple: Int) -> ImageSize {
  func up(_ value: Int) -> Int { max(1, (value + multiple - 1) / multiple) * multiple }
  return ImageSize(height: up(size.height), width: up(size.width))
}
