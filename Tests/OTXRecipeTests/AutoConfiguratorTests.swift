import OTXCore
import OTXRecipe
import Testing

/// The models that the tests choose from.
let testModels = [
  ModelDescriptor(
    name: "ssd_mobilenetv2",
    title: "SSD",
    task: .detection,
    backbones: ["mobilenet_v2"],
    preprocessing: Preprocessing(
      inputSize: ImageSize(height: 864, width: 864),
      mean: [0, 0, 0],
      std: [255, 255, 255]
    ),
    hasDynamicSize: false,
    parameterCount: 1_900_000,
    gigaMultiplyAdds: 4.7
  ),
  ModelDescriptor(
    name: "atss_mobilenetv2",
    title: "ATSS",
    task: .detection,
    backbones: ["mobilenet_v2", "resnet18"],
    preprocessing: Preprocessing(
      inputSize: ImageSize(height: 800, width: 992),
      mean: [0, 0, 0],
      std: [255, 255, 255]
    ),
    hasDynamicSize: false,
    parameterCount: 2_300_000,
    gigaMultiplyAdds: 10.3
  ),
  ModelDescriptor(
    name: "mobilenet_v3_large",
    title: "MobileNetV3-large",
    task: .multiClassClassification,
    backbones: ["mobilenet_v3_large"],
    preprocessing: Preprocessing(inputSize: ImageSize(height: 224, width: 224)),
    hasDynamicSize: true,
    parameterCount: 4_200_000,
    gigaMultiplyAdds: 0.22
  ),
]

@Suite struct AutoConfiguratorTests {
  let configurator = AutoConfigurator(models: testModels)

  /// 205 pictures of blood cells, 416 x 416.
  static func cells(
    tasks: [TaskType: Int] = [.detection: 205],
    train: Int = 205,
    side: Double = 416,
    smallest: Double? = 30,
    labels: [String] = ["RBC", "WBC"]
  ) -> DatasetProfile {
    let statistics = DatasetProfile.SideStatistics(robustMin: side, mean: side, robustMax: side)
    return DatasetProfile(
      format: "coco",
      tasks: tasks.sorted { $0.value > $1.value }
        .map { DatasetProfile.TaskFit(task: $0.key, itemCount: $0.value) },
      itemCounts: [.train: train, .val: 87, .test: 73],
      annotationCount: 4888,
      labelCounts: labels.map { DatasetProfile.LabelCount(label: $0, count: 100) },
      imageSizes: DatasetProfile.SizeStatistics(height: statistics, width: statistics),
      objectSides: smallest.map {
        DatasetProfile.SideStatistics(robustMin: $0, mean: 80, robustMax: 200)
      }
    )
  }

  private func size(_ recipe: Recipe) -> ImageSize? {
    if case .value(let size) = recipe.inputSize { size } else { nil }
  }

  @Test("random weights are trained with AdamW, unless the user chose otherwise")
  func optimizer() throws {
    let cells = AutoConfiguratorTests.cells()
    let (recipe, decisions) = try configurator.configure(profile: cells)
    #expect(recipe.training.optimizer.name == .adamw)
    #expect(decisions.contains { $0.setting == "optimizer" && $0.reason.contains("random") })

    let rate = try RecipeOverride(assignment: "optimizer.learningRate=0.02", source: "--set")
    let own = try configurator.configure(profile: cells, request: RecipeRequest(overrides: [rate]))
    #expect(own.recipe.training.optimizer.name == .sgd)
    #expect(own.recipe.training.optimizer.learningRate == 0.02)

    // One of our recipes, named, is no choice of a rate; a file of the user's is.
    let named = try RecipeLibrary.builtIn.recipe("ssd_mobilenetv2")
    let ours = RecipeRequest(recipe: named, recipeIsOurs: true)
    let ssd = try configurator.configure(profile: cells, request: ours).recipe
    #expect(ssd.model.name == "ssd_mobilenetv2")
    #expect(ssd.training.optimizer.name == .adamw)
    let file = RecipeRequest(recipe: named)
    let kept = try configurator.configure(profile: cells, request: file).recipe
    #expect(kept.training.optimizer == named.training.optimizer)
    #expect(kept.training.schedule == named.training.schedule)

    let weights = RecipeOverride(key: "weights", value: "cells.pth", source: "--weights")
    let tuned = try configurator.configure(
      profile: cells,
      request: RecipeRequest(overrides: [weights])
    )
    #expect(tuned.recipe.training.optimizer.name == .sgd)

    let chosen = try configurator.configure(
      profile: cells,
      request: RecipeRequest(recipe: try RecipeLibrary.builtIn.recipe("atss_mobilenetv2"))
    )
    #expect(chosen.recipe.training.optimizer.learningRate == 0.004)
  }

  @Test("with weights for the backbone, or a download, it is fine-tuned as the recipe says")
  func storedWeights() throws {
    func decided(_ stored: Set<String>, _ weights: String) throws -> Bool {
      let configurator = AutoConfigurator(models: testModels, hasWeights: { stored.contains($0) })
      let override = RecipeOverride(key: "weights", value: weights, source: "--weights")
      let (_, decisions) = try configurator.configure(
        profile: AutoConfiguratorTests.cells(),
        request: RecipeRequest(model: "atss_mobilenetv2", overrides: [override])
      )
      return decisions.contains { $0.setting == "optimizer" }
    }
    #expect(try decided([], "auto") && decided(["mobilenet_v2"], "none"))
    #expect(try !decided(["mobilenet_v2"], "auto") && !decided(["atss_mobilenetv2"], "auto"))
    #expect(try !decided([], "download") && decided(["resnet18"], "auto"))
  }

  @Test("running moments follow weights from a file where an epoch has few steps")
  func moments() throws {
    func momentum(_ train: Int, _ model: String, _ task: TaskType, _ more: String...) throws
      -> Double
    {
      let assignments = ["weights=cells.pth"] + more
      return try configurator.configure(
        profile: AutoConfiguratorTests.cells(tasks: [task: train], train: train),
        request: RecipeRequest(
          model: model,
          overrides: assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
        )
      ).recipe.training.batchNormMomentum
    }
    let (large, cls) = ("mobilenet_v3_large", TaskType.multiClassClassification)
    #expect(try momentum(2804, large, cls) == 0.1)
    #expect(try momentum(2804, large, cls, "batchNormMomentum=0.02") == 0.02)
    #expect(try momentum(200_000, large, cls) == 0)
    // Moments of a few pictures a step would be worse than slow ones.
    #expect(try momentum(205, "atss_mobilenetv2", .detection) == 0)
  }

  @Test("few epochs from random weights end with a rate of nothing")
  func schedule() throws {
    let cells = AutoConfiguratorTests.cells()
    func configured(_ assignments: String...) throws -> TrainOptions {
      let overrides = try assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
      return try configurator.configure(
        profile: cells,
        request: RecipeRequest(overrides: overrides)
      ).recipe.training
    }
    let few = try configured("maxEpochs=50")
    #expect(few.schedule.name == .oneCycle && !few.earlyStopping.enabled && few.emaDecay == 0.998)
    #expect(try configured("maxEpochs=10").schedule.name == .reduceOnPlateau)
    let many = try configured("maxEpochs=200")
    #expect(many.schedule.name == .reduceOnPlateau && many.earlyStopping.enabled)
    #expect(many.emaDecay == 0)
    let own = try configured("maxEpochs=50", "schedule.name=cosine", "emaDecay=0.9")
    #expect(own.schedule.name == .cosine && own.earlyStopping.enabled && own.emaDecay == 0.9)
    #expect(try configured("maxEpochs=50", "weights=cells.pth").schedule.name == .reduceOnPlateau)
  }

  @Test func theDataChooses() throws {
    let (recipe, decisions) = try configurator.configure(profile: AutoConfiguratorTests.cells())
    #expect(recipe.name == "atss_mobilenetv2")
    #expect(recipe.task == .detection)
    #expect(recipe.model == ModelOptions("atss_mobilenetv2", backbone: "mobilenet_v2"))
    #expect(size(recipe) == ImageSize(height: 416, width: 416))
    #expect(recipe.training.batchSize == 8)
    #expect(recipe.method == .supervised)
    #expect(recipe.normalization.std == .value([255, 255, 255]))
    #expect(
      Set(decisions.map(\.setting)).isSuperset(of: ["task", "model", "method", "inputSize"])
    )
    #expect(decisions.allSatisfy { !$0.reason.isEmpty })
  }

  @Test func classifiersKeepTheirRecipesSize() throws {
    let profile = AutoConfiguratorTests.cells(
      tasks: [.multiClassClassification: 100],
      smallest: nil
    )
    let (recipe, _) = try configurator.configure(profile: profile)
    #expect(recipe.model.name == "mobilenet_v3_large")
    #expect(size(recipe) == ImageSize(height: 224, width: 224))
  }

  @Test func severalTasksAreTheUsersChoice() throws {
    let profile = AutoConfiguratorTests.cells(
      tasks: [.detection: 100, .multiClassClassification: 100])
    let error = #expect(throws: ConfigurationError.self) {
      try configurator.configure(profile: profile)
    }
    #expect(error?.description.contains("DETECTION") == true)
    #expect(error?.description.contains("MULTI_CLASS_CLS") == true)
    let (recipe, _) = try configurator.configure(
      profile: profile,
      request: RecipeRequest(task: .multiClassClassification)
    )
    #expect(recipe.task == .multiClassClassification)
  }

  @Test func noTaskIsAnError() {
    let error = #expect(throws: ConfigurationError.self) {
      try configurator.configure(profile: AutoConfiguratorTests.cells(tasks: [.detection: 0]))
    }
    #expect(error?.description.contains("no annotations") == true)
  }

  @Test(arguments: [
    // Objects of 64 pixels do at half the size.
    (832.0, 64.0 as Double?, ImageSize(height: 416, width: 416)),
    // Small objects do not make pictures larger than they are.
    (416, 10, ImageSize(height: 416, width: 416)),
    // Never below 256 a side.
    (200, 100, ImageSize(height: 256, width: 256)),
    (600, 300, ImageSize(height: 256, width: 256)),
    // Rounded up to 32.
    (500, 32, ImageSize(height: 512, width: 512)),
    // No larger than the model's own: 864 * 864 pixels is about 800 * 992.
    (4000, 20, ImageSize(height: 896, width: 896)),
    (480, nil, ImageSize(height: 480, width: 480)),
  ]) func inputSizeFollowsTheObjects(side: Double, smallest: Double?, expected: ImageSize) throws {
    let profile = AutoConfiguratorTests.cells(side: side, smallest: smallest)
    let (recipe, decisions) = try configurator.configure(profile: profile)
    #expect(size(recipe) == expected, "\(decisions)")
  }

  @Test func whatTheUserGaveIsNeverChanged() throws {
    let profile = AutoConfiguratorTests.cells(train: 3)
    let chosen = try configurator.configure(profile: profile)
    #expect(chosen.recipe.training.batchSize == 3)
    #expect(chosen.decisions.contains { $0.setting == "batchSize" })
    let request = RecipeRequest(
      recipe: try RecipeLibrary.builtIn.recipe("ssd_mobilenetv2"),
      overrides: [
        RecipeOverride(key: "batchSize", value: "16", source: "--batch-size"),
        RecipeOverride(key: "inputSize", value: "320x480", source: "--input-size"),
      ]
    )
    let (recipe, _) = try configurator.configure(profile: profile, request: request)
    #expect(recipe.model.name == "ssd_mobilenetv2")
    #expect(recipe.training.batchSize == 16)
    #expect(size(recipe) == ImageSize(height: 320, width: 480))
  }

  @Test func theBatchFitsTheMemory() throws {
    let small = AutoConfigurator(models: testModels, memoryLimit: 4 << 30)
    let (recipe, decisions) = try small.configure(profile: AutoConfiguratorTests.cells(side: 1000))
    #expect(recipe.training.batchSize < 8)
    #expect(recipe.training.batchSize >= 1)
    #expect(decisions.contains { $0.setting == "batchSize" && $0.reason.contains("MiB") })
  }

  @Test func anIntervalThatTheUserGaveIsNotLengthened() throws {
    let cells = AutoConfiguratorTests.cells()
    #expect(try configurator.configure(profile: cells).recipe.training.adaptiveScheduling)
    let interval = RecipeOverride(key: "validationInterval", value: "1", source: "--set")
    let recipe = try configurator.configure(
      profile: cells,
      request: RecipeRequest(overrides: [interval])
    ).recipe
    #expect(recipe.training.adaptiveScheduling == false)
  }

  @Test func contradictionsAreErrors() throws {
    let library = RecipeLibrary.builtIn
    let cells = AutoConfiguratorTests.cells()
    func message(_ request: RecipeRequest, _ profile: DatasetProfile) -> String {
      do {
        _ = try configurator.configure(profile: profile, request: request)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      message(RecipeRequest(recipe: try library.recipe("mobilenet_v3_large")), cells)
        .contains("has no annotations for it; it has those of DETECTION")
    )
    #expect(
      message(RecipeRequest(recipe: try library.recipe("resnet18")), cells)
        .contains("unknown model 'resnet18'")
    )
    let odd = [RecipeOverride(key: "inputSize", value: "300x300", source: "--input-size")]
    #expect(message(RecipeRequest(overrides: odd), cells).contains("for example 320x320"))
    let metric = [RecipeOverride(key: "metric", value: "map_05", source: "--metric")]
    #expect(message(RecipeRequest(overrides: metric), cells).contains("did you mean 'map_50'?"))
    let backbone = [RecipeOverride(key: "model.backbone", value: "resnet81", source: "--set")]
    #expect(
      message(RecipeRequest(overrides: backbone), cells).contains("did you mean 'resnet18'?")
    )
  }

  @Test func aConfiguredRecipeReadsBack() throws {
    let configured = try configurator.configure(profile: AutoConfiguratorTests.cells())
    let text = try configured.recipe.yaml(
      header: ["recipe.yaml of a run"],
      decisions: configured.decisions
    )
    #expect(text.hasPrefix("# recipe.yaml of a run\n# Chosen from the data:\n"))
    #expect(try Recipe(yaml: text, source: "recipe.yaml") == configured.recipe)
    let again = try configurator.configure(
      profile: AutoConfiguratorTests.cells(),
      request: RecipeRequest(recipe: configured.recipe)
    )
    #expect(again.recipe == configured.recipe)
  }

  @Test func theRecipeSaysWhatTheModelIs() throws {
    let configured = try configurator.configure(profile: AutoConfiguratorTests.cells())
    let info = try configured.recipe.modelInfo(
      labels: LabelInfo(names: ["RBC", "WBC"]),
      models: testModels
    )
    #expect(info.model == "atss_mobilenetv2")
    #expect(info.backbone == "mobilenet_v2")
    #expect(info.preprocessing.inputSize == ImageSize(height: 416, width: 416))
    #expect(info.preprocessing.mean == [0, 0, 0])
    #expect(info.confidenceThreshold == nil)
    #expect(Recipe(for: info).preprocessing(for: testModels[0]) == info.preprocessing)
  }
}

@Suite struct RegistryTests {
  let registry = Registry(models: testModels, library: .builtIn)

  @Test func listsWhatThereIs() throws {
    #expect(registry.tasks() == [.multiClassClassification, .detection])
    #expect(
      registry.recipes(for: .detection).map(\.name) == ["atss_mobilenetv2", "ssd_mobilenetv2"]
    )
    // The recipe of a model there is none of is not listed.
    #expect(
      registry.recipes(for: .multiClassClassification).map(\.name) == ["mobilenet_v3_large"]
    )
    let recipe = try registry.library.recipe("atss_mobilenetv2")
    #expect(registry.models(for: recipe).map(\.name) == ["atss_mobilenetv2", "ssd_mobilenetv2"])
    let model = try registry.model(named: "atss_mobilenetv2")
    #expect(registry.backbones(for: model) == ["mobilenet_v2", "resnet18"])
    #expect(try registry.models(called: "atss").map(\.name) == ["atss_mobilenetv2"])
    #expect(throws: ConfigurationError.self) { try registry.models(called: "atts") }
    #expect(registry.templates(for: nil).map(\.name) == ["SSD", "ATSS", "MobileNet-V3-large-1x"])
  }

  @Test func exchangesABackbone() throws {
    let builder = Builder(registry: registry)
    let recipe = try builder.buildModel("atss_mobilenetv2", backbone: "resnet18")
    #expect(recipe.name == "resnet18_model")
    #expect(recipe.model == ModelOptions("atss_mobilenetv2", backbone: "resnet18"))
    let own = try registry.library.recipe("atss_mobilenetv2")
    #expect(recipe.training == own.training)
    let error = #expect(throws: ConfigurationError.self) {
      try builder.buildModel("atss_mobilenetv2", backbone: "vit_tiny")
    }
    #expect("\(try #require(error))".contains("mobilenet_v2, resnet18"))
  }

  /// A pairing has a name before anybody has built it.
  @Test(arguments: ["resnet18_atss", "resnet18_atss.yaml", "resnet18_atss_mobilenetv2"])
  func pairsByName(name: String) throws {
    let recipe = try #require(try registry.pairing(called: name))
    #expect(recipe.model == ModelOptions("atss_mobilenetv2", backbone: "resnet18"))
  }

  @Test(arguments: ["atss_mobilenetv2", "resnet18", "resnet18_", "vit_tiny_atss", "cells.yaml"])
  func isNoPairing(name: String) throws { #expect(try registry.pairing(called: name) == nil) }

  @Test func exchangesAModel() throws {
    let builder = Builder(registry: registry)
    let recipe = try builder.buildRecipe(
      registry.library.recipe("atss_mobilenetv2"),
      model: "ssd_mobilenetv2"
    )
    #expect(recipe.name == "ssd_mobilenetv2_recipe")
    #expect(recipe.model == ModelOptions("ssd_mobilenetv2"))
    #expect(throws: ModelError.self) {
      try builder.buildRecipe(recipe, model: "mobilenet_v3_large")
    }
    #expect(
      try builder.buildRecipe(for: AutoConfiguratorTests.cells()).recipe.model.name
        == "atss_mobilenetv2"
    )
  }
}
