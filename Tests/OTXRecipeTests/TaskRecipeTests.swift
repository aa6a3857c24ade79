import OTXCore
import Testing

@testable import OTXRecipe

/// Models of one name that serve several tasks, and their recipes.
@Suite struct TaskRecipeTests {
  private static func model(_ name: String, _ task: TaskType) -> ModelDescriptor {
    ModelDescriptor(
      name: name,
      title: name,
      task: task,
      backbones: [name],
      preprocessing: Preprocessing(inputSize: ImageSize(height: 224, width: 224)),
      hasDynamicSize: true,
      parameterCount: 4_200_000,
      gigaMultiplyAdds: 0.22
    )
  }

  private static let tasks: [TaskType] = [
    .multiClassClassification, .multiLabelClassification, .hierarchicalClassification,
  ]
  private let models = TaskRecipeTests.tasks.flatMap { task in
    ["mobilenet_v3_large", "densenet121"].map { TaskRecipeTests.model($0, task) }
  }
  private let library = RecipeLibrary.builtIn

  private func profile(_ tasks: [TaskType], others: [TaskType] = []) -> DatasetProfile {
    var profile = DatasetProfile(
      format: "coco",
      tasks: tasks.map { .init(task: $0, itemCount: 100) },
      itemCounts: [.train: 100, .val: 20],
      annotationCount: 300,
      labelCounts: [.init(label: "a", count: 100), .init(label: "b", count: 100)],
      imageSizes: nil,
      objectSides: nil
    )
    profile.otherTasks = others.map { .init(task: $0, itemCount: 100) }
    return profile
  }

  @Test func aNameAloneIsTheFirstTasks() throws {
    let registry = Registry(models: models, library: library)
    #expect(try registry.model(named: "densenet121").task == .multiClassClassification)
    for task in TaskRecipeTests.tasks {
      #expect(try registry.model(named: "densenet121", task: task).task == task)
      #expect(
        registry.models(for: task).map(\.name) == ["mobilenet_v3_large", "densenet121"]
      )
    }
    let error = #expect(throws: ModelError.self) {
      try registry.model(named: "densenet12", task: .hierarchicalClassification)
    }
    #expect(error == .unknownModel("densenet12", known: ["mobilenet_v3_large", "densenet121"]))
    #expect(
      registry.recipes(for: .multiLabelClassification).map(\.name)
        == ["multi_label/mobilenet_v3_large"]
    )
  }

  @Test func recipesGoByTheirFoldersNameOrTheirTask() throws {
    let named = try library.recipe("multi_label/mobilenet_v3_large")
    #expect(named.task == .multiLabelClassification)
    #expect(try library.recipe("mobilenet_v3_large").task == .multiClassClassification)
    #expect(try library.recipe("mobilenet_v3_large", task: .multiLabelClassification) == named)
    #expect(try library.recipe("mobilenet_v3_large", task: nil).task == .multiClassClassification)
    // A task without a recipe of that name: whoever asks sees which it is.
    #expect(
      try library.recipe("atss_mobilenetv2", task: .multiLabelClassification).task == .detection
    )
  }

  @Test func aModelWithoutARecipeTakesThatOfItsTask() throws {
    let recipe = library.recipe(ofModel: "densenet121", task: .multiLabelClassification)
    #expect(recipe.task == .multiLabelClassification && recipe.model.name == "densenet121")
    #expect(recipe.training.maxEpochs == 200 && recipe.inputSize.isAuto)
    #expect(!recipe.augmentations.isEmpty)
  }

  @Test func aFileOfAnotherTaskStandsOnThatTasksRecipe() throws {
    let recipe = try Recipe(
      yaml: "task: MULTI_LABEL_CLS\nmodel: mobilenet_v3_large\nbatchSize: 3\n",
      source: "mine.yaml"
    )
    #expect(recipe.task == .multiLabelClassification && recipe.training.batchSize == 3)
    #expect(recipe.training.maxEpochs == 200)
    let plain = try Recipe(yaml: "model: mobilenet_v3_large\n", source: "mine.yaml")
    #expect(plain.task == .multiClassClassification)
  }

  @Test func theDataChoosesAmongTasksOfLabels() throws {
    let configurator = AutoConfigurator(models: models)
    for task in TaskRecipeTests.tasks {
      let found = try configurator.configure(profile: profile([task])).recipe
      #expect(found.task == task && found.model.name == "mobilenet_v3_large")
      let asked = try configurator.configure(
        profile: profile([.multiClassClassification], others: [task]),
        request: RecipeRequest(task: task, model: "densenet121")
      ).recipe
      #expect(asked.task == task && asked.model.name == "densenet121")
    }
  }

  @Test func theWrongTaskIsToldTheRightOne() throws {
    let configurator = AutoConfigurator(models: models)
    let error = #expect(throws: ConfigurationError.self) {
      try configurator.configure(
        profile: profile([.multiLabelClassification]),
        request: RecipeRequest(recipe: library.recipe("mobilenet_v3_large"))
      )
    }
    #expect(error?.description.contains("add --task MULTI_LABEL_CLS") == true)
  }
}
