public import OTXCore

/// Everything that a training run needs besides the data.
///
/// A recipe file says only what differs from the recipe it stands on; a run writes down the filled
/// recipe, every value that was used. The keys are the names of the properties; those of
/// ``training`` stand at the top level (`maxEpochs`, `optimizer.learningRate`).
public struct Recipe: Sendable, Equatable {
  /// What `otx find` lists and users type.
  public var name: String
  public var task: TaskType
  public var model: ModelOptions
  /// The weights training starts from: `auto` (those of the weight store for the model or its
  /// backbone, else random), `none`, `download` (as `auto`, but fetched where the store lacks them),
  /// a name of the weight store (`resnet18`, `resnet18-f37072fd`), or a file.
  public var weights = "auto"
  /// Size of the network's input.
  public var inputSize = Setting<ImageSize>.auto
  /// How pictures are brought to that size; `auto`: as the model's own.
  public var resize = Setting<ResizeMode>.auto
  public var normalization = NormalizationOptions()
  public var training = TrainOptions()
  /// Steps that training pictures go through, in order; resizing and normalisation follow.
  public var augmentations: [Augmentation] = []
  public var data = DataOptions()
  /// The page that a run leaves for people.
  public var report = ReportFormat.html
  public var postprocessing = PostprocessingOptions()
  /// What a regression learns.
  public var regression = RegressionOptions()
  /// Jobs that are done in a row, each with the weights of the one before it; empty: one training.
  public var stages: [RecipeStage] = []
  /// How `otx train --hpo` looks for hyper-parameters.
  public var search = SearchOptions()

  /// How the model learns from the data there is.
  public var method: LearningMethod {
    get { training.method }
    set { training.method = newValue }
  }

  /// A recipe in which everything but these is at its default.
  public init(name: String, task: TaskType, model: ModelOptions) {
    self.name = name
    self.task = task
    self.model = model
  }

  /// What the network of this recipe expects of its pictures.
  ///
  /// - Parameter descriptor: The recipe's model; its values stand where the recipe says `auto`.
  /// - Returns: Size, resize mode, mean and standard deviation.
  public func preprocessing(for descriptor: ModelDescriptor) -> Preprocessing {
    var result = descriptor.preprocessing
    result.inputSize = inputSize.resolved(result.inputSize)
    result.resize = resize.resolved(result.resize)
    result.mean = normalization.mean.resolved(result.mean)
    result.std = normalization.std.resolved(result.std)
    return result
  }

  /// What is known of the recipe's model: a line of `models`, or a TorchScript file.
  ///
  /// - Throws: ``ModelError/unknownModel(_:known:)``.
  package func descriptor(among models: [ModelDescriptor]) throws -> ModelDescriptor {
    // The model of this name for another task says more than that there is none.
    let known =
      models.model(named: model.name, task: task) ?? models.model(named: model.name, task: nil)
    if let known { return known }
    if model.isFile { return .torchScript(task) }
    throw ModelError.unknownModel(model.name, known: models.names(of: task))
  }

  /// What every artifact of a model trained by this recipe says of itself.
  ///
  /// - Parameters:
  ///   - labels: The labels of the data.
  ///   - models: The models there are.
  /// - Returns: Model, labels, preprocessing and thresholds.
  /// - Throws: ``ModelError/unknownModel(_:known:)``.
  public func modelInfo(labels: LabelInfo, models: [ModelDescriptor]) throws -> ModelInfo {
    let descriptor = try descriptor(among: models)
    let ownBackbone = descriptor.backbones.first ?? model.name
    var info = ModelInfo(
      model: descriptor.name,
      backbone: model.backbone == "auto" ? ownBackbone : model.backbone,
      task: task,
      labels: labels,
      preprocessing: preprocessing(for: descriptor),
      iouThreshold: postprocessing.iouThreshold,
      tiling: data.tiling.settled
    )
    if case .value(let threshold) = postprocessing.confidenceThreshold {
      info.confidenceThreshold = threshold
    }
    return info
  }

  /// What every artifact of a model that learns from `dataset` by this recipe says of itself.
  ///
  /// - Throws: As ``modelInfo(labels:models:)``; ``DataError`` for data that the task cannot use.
  public func modelInfo(for dataset: Dataset, models: [ModelDescriptor]) throws -> ModelInfo {
    var info = try modelInfo(labels: dataset.labels, models: models)
    if task == .regression {
      info.regression = RegressionInfo(
        targets: regression.targets.map { RegressionTarget(name: $0) },
        loss: regression.loss
      )
    }
    try task.kind.describe(dataset, in: &info)
    return info
  }

  /// A recipe for a model that came without one.
  ///
  /// - Parameter info: What the model says of itself.
  public init(for info: ModelInfo) {
    self.init(
      name: info.model,
      task: info.task,
      model: ModelOptions(info.model, backbone: info.backbone)
    )
    inputSize = .value(info.preprocessing.inputSize)
    resize = .value(info.preprocessing.resize)
    normalization.mean = .value(info.preprocessing.mean)
    normalization.std = .value(info.preprocessing.std)
    postprocessing.iouThreshold = info.iouThreshold
    if let known = info.regression {
      regression.targets = known.targets.map(\.name)
      regression.loss = known.loss
    }
    data.tiling = TilingOptions(info.tiling)
  }
}

/// A model, and the parts of it that a recipe may exchange.
public struct ModelOptions: Codable, Sendable, Equatable {
  /// Name in the model zoo, or the path of a TorchScript file (`my_net.pt`).
  public var name: String
  /// `auto`: the model's own.
  public var backbone: String

  public init(_ name: String, backbone: String = "auto") {
    (self.name, self.backbone) = (name, backbone)
  }

  /// Whether the model is a TorchScript file, not one of the zoo.
  public var isFile: Bool { TorchScriptFile.isNamed(by: name) }
}

/// What is subtracted from each channel (R, G, B) and what it is divided by, in units of 0…255.
public struct NormalizationOptions: Codable, Sendable, Equatable {
  /// `auto`: as the model's own.
  public var mean = Setting<[Float]>.auto
  public var std = Setting<[Float]>.auto
  public init() {}
}

/// What a run leaves for people besides its files.
public enum ReportFormat: String, Codable, CaseIterable, Sendable {
  /// `report.html`, after the best weights were scored once more, in detail.
  case html
  case none
}

/// How data is read.
public struct DataOptions: Codable, Sendable, Equatable {
  /// Whether a damaged item ends the run instead of being left out with a warning.
  public var strict = false
  /// Threads that decode and augment; 0: as many as there are cores to spare.
  public var workerCount = 0
  /// Which training pictures an epoch takes, and in which order.
  public var sampler = Sampler.auto
  /// Memory for decoded pictures that are kept between epochs: `none`, `auto` (a quarter of what is
  /// free, 1 GiB at most) or a size.
  public var cache = CacheLimit.auto
  /// Whether JPEG files of at least twice the size that is needed are decoded at ½, ¼ or ⅛.
  ///
  /// A large picture costs a fraction of the time then. `auto`: in training only.
  public var reducedDecoding = ReducedDecoding.auto
  /// What becomes of the dataset's labels: renamed, merged, left out, ignored, ordered.
  public var labels = LabelOptions()
  /// Training at several sizes of the network's input.
  public var multiScale = MultiScaleOptions()
  /// Cutting large pictures into tiles, for small objects.
  public var tiling = TilingOptions()
  public init() {}
}

/// What happens to a network's outputs.
public struct PostprocessingOptions: Codable, Sendable, Equatable {
  /// Predictions below it are not shown; `auto`: chosen on the validation subset.
  public var confidenceThreshold = Setting<Float>.auto
  /// Overlap above which the weaker of two boxes of one label is dropped.
  public var iouThreshold: Float = 0.5
  public init() {}
}

/// The numbers of pictures that a regression learns.
public struct RegressionOptions: Codable, Sendable, Equatable {
  /// Names of numeric attributes or columns; empty: all that most training pictures have.
  public var targets: [String] = []
  /// What training minimises.
  public var loss = RegressionLoss.huber
  public init() {}
}

extension Recipe: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, task, model, weights, inputSize, resize, normalization, augmentations, data,
      report, postprocessing, regression, search, stages
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    task = try container.decode(TaskType.self, forKey: .task)
    model = try container.decode(ModelOptions.self, forKey: .model)
    weights = try container.decode(String.self, forKey: .weights)
    inputSize = try container.decode(Setting<ImageSize>.self, forKey: .inputSize)
    resize = try container.decode(Setting<ResizeMode>.self, forKey: .resize)
    normalization = try container.decode(NormalizationOptions.self, forKey: .normalization)
    training = try TrainOptions(from: decoder)
    augmentations = try container.decode([Augmentation].self, forKey: .augmentations)
    data = try container.decode(DataOptions.self, forKey: .data)
    report = try container.decode(ReportFormat.self, forKey: .report)
    postprocessing = try container.decode(PostprocessingOptions.self, forKey: .postprocessing)
    regression = try container.decode(RegressionOptions.self, forKey: .regression)
    stages = try container.decode([RecipeStage].self, forKey: .stages)
    search = try container.decode(SearchOptions.self, forKey: .search)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(task, forKey: .task)
    try container.encode(model, forKey: .model)
    try container.encode(weights, forKey: .weights)
    try container.encode(inputSize, forKey: .inputSize)
    try container.encode(resize, forKey: .resize)
    try container.encode(normalization, forKey: .normalization)
    try training.encode(to: encoder)
    try container.encode(augmentations, forKey: .augmentations)
    try container.encode(data, forKey: .data)
    try container.encode(report, forKey: .report)
    try container.encode(postprocessing, forKey: .postprocessing)
    try container.encode(regression, forKey: .regression)
    try container.encode(stages, forKey: .stages)
    try container.encode(search, forKey: .search)
  }
}
