import Foundation
import OTXCore
import OTXRecipe
import OTXTuning
import Testing

/// How a search is described: in recipes, in files of earlier versions, and what follows from it.
@Suite struct SearchOptionsTests {
  private func recipe(_ assignments: String...) throws -> Recipe {
    try Recipe(name: "mine", task: .multiClassClassification, model: ModelOptions("resnet18"))
      .applying(assignments.map { try RecipeOverride(assignment: $0, source: "--set") })
  }

  @Test(arguments: [
    ("auto", SearchBudget.auto, "auto"), ("90s", .time(90), "1m30s"), ("30m", .time(1800), "30m"),
    ("60min", .time(3600), "1h"), ("1.5h", .time(5400), "1h30m"), ("2d", .time(172_800), "48h"),
    ("200 trials", .trials(200), "200 trials"), ("1trial", .trials(1), "1 trials"),
    ("500 epochs", .epochs(500), "500 epochs"),
  ]) func budgetsRead(text: String, budget: SearchBudget, written: String) {
    #expect(SearchBudget(text) == budget)
    #expect(budget.description == written)
    #expect(SearchBudget(written) == budget)
  }

  @Test(arguments: ["", "1", "h", "0m", "-1h", "1.5 trials", "1 week", "1e99h", "nan s"])
  func otherBudgetsAreRefused(text: String) { #expect(SearchBudget(text) == nil) }

  @Test func recipesKeepTheirSearch() throws {
    let recipe = try recipe(
      "search.space={optimizer: {learningRate: {param_type: loguniform, range: [0.001, 0.1]}}, optimizer.name: {param_type: choice, values: [sgd, adamw]}}",
      "search.space.batchSize={type: qloguniform, min: 8, max: 64, step: 8}",
      "search.budget=200 trials"
    )
    let expected = [
      HyperParameter("batchSize", .quantizedLogUniform(low: 8, high: 64, step: 8)),
      HyperParameter("optimizer.learningRate", .logUniform(low: 0.001, high: 0.1)),
      HyperParameter("optimizer.name", .choice([.text("sgd"), .text("adamw")])),
    ]
    #expect(recipe.search.space == .parameters(expected))
    #expect(recipe.search.budget == .trials(200))
    let again = try Recipe(yaml: try recipe.yaml(), source: "again", name: "mine", among: [])
    #expect(again.search == recipe.search)
    // It can be left to the program again.
    let auto = try recipe.applying([
      RecipeOverride(key: "search.space", value: "auto", source: "--set")
    ])
    #expect(auto.search.space == .auto)
  }

  @Test(arguments: [
    ("search.budget=soon", "no value for search.budget; expected auto, a time"),
    ("search.algorithm=ash", "did you mean 'asha'?"),
    ("search.reductionFactor=1", "expected at least 2"), ("search.proxy=2", "above 0, at most 1"),
    ("search.timeRatio=0", "a number above 0"), ("search.tials=2", "unknown key 'search.tials'"),
    ("search.space={batchSize: {param_type: loguniform, range: [0, 4]}}", "above 0"),
    ("search.space={batchSize: {param_type: lognormal, range: [1, 4]}}", "unknown param_type"),
    (
      "search.space={batchSize: {param_type: quniform, range: [1, 4]}}",
      "needs low, high and a step"
    ),
    ("search.space={batchSize: {range: [1]}}", "expected a range of low, high"),
    ("search.space={batchSize: 8}", "expected a range"), ("search.space=everything", "no space"),
    ("search.space={batchSize: {range: [a, b]}}", "expected a range of numbers"),
  ]) func mistakesAreExplained(assignment: String, words: String) throws {
    let error = #expect(throws: ConfigurationError.self) { try recipe(assignment) }
    let text = "\(try #require(error))"
    #expect(text.contains(words), "\(text)")
  }

  /// The file of OTX 1.x as its templates had it, and the settings of 2.x.
  @Test func filesOfEarlierVersionsRead() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    func search(_ text: String) throws -> SearchOptions {
      try Data(text.utf8).write(to: file)
      return try recipe().applying(try SearchFile.overrides(file)).search
    }
    let old = try search(
      """
      metric: mAP
      search_algorithm: asha
      early_stop: None
      hp_space:
        learning_parameters.learning_rate:
          param_type: quniform
          range: [0.001, 0.1, 0.001]
        learning_parameters.batch_size:
          param_type: qloguniform
          range: [4, 8, 2]
      """
    )
    #expect(
      old.space
        == .parameters([
          HyperParameter("batchSize", .quantizedLogUniform(low: 4, high: 8, step: 2)),
          HyperParameter(
            "optimizer.learningRate",
            .quantizedUniform(low: 0.001, high: 0.1, step: 0.001)
          ),
        ])
    )
    #expect(old.metric == "auto" && old.algorithm == .asha)
    let newer = try search(
      """
      search_space:
        model.optimizer.lr: {type: loguniform, min: 0.0001, max: 0.01}
      num_trials: 15
      maximum_resource: 20
      expected_time_ratio: 2
      save_path: null
      """
    )
    #expect(newer.budget == .trials(15) && newer.maximumEpochs == 20 && newer.timeRatio == 2)
    let ours = try search("search: {budget: 1h, jobs: 2}")
    #expect(ours.budget == .time(3600) && ours.jobs == 2)
    #expect(try search("budget: 2h").budget == .time(7200))
    let error = #expect(throws: ConfigurationError.self) { try search("metric: auto\nbugdet: 1h") }
    let text = "\(try #require(error))"
    #expect(text.contains(".yaml:2") && text.contains("did you mean 'budget'?"), "\(text)")
    #expect(throws: ConfigurationError.self) { try search("") }
  }

  /// The ranges of OTX 2.0: around the rate, at most 0.1, the batch from half to twice.
  @Test func theSpaceIsAroundTheRecipe() throws {
    let space = try recipe("optimizer.learningRate=0.0049", "batchSize=16")
      .searchSpace(imageCount: 1000)
    #expect(
      space.parameters == [
        HyperParameter(
          "optimizer.learningRate",
          .quantizedLogUniform(low: 0.00049, high: 0.049, step: 1e-5),
          initial: .number(0.0049)
        ),
        HyperParameter(
          "batchSize",
          .quantizedLogUniform(low: 8, high: 32, step: 2),
          initial: .number(16)
        ),
      ]
    )
    func range(_ assignments: String..., imageCount: Int = 1000) throws -> [Distribution] {
      let recipe = try recipe().applying(
        assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
      )
      return try recipe.searchSpace(imageCount: imageCount).parameters.map(\.distribution)
    }
    #expect(
      try range("optimizer.learningRate=0.05", "batchSize=16", imageCount: 20) == [
        .quantizedLogUniform(low: 0.005, high: 0.1, step: 0.001),
        .quantizedLogUniform(low: 8, high: 20, step: 2),
      ]
    )
    #expect(
      try range("optimizer.name=adamw", "optimizer.learningRate=0.002", imageCount: 8).first
        == .quantizedLogUniform(low: 0.0002, high: 0.01, step: 0.0001)
    )
    #expect(try range("batchSize=2", imageCount: 2).count == 1)
    let fixed = try recipe().searchSpace(imageCount: 100, fixedKeys: ["batchSize"])
    #expect(fixed.parameters.map(\.name) == ["optimizer.learningRate"])
  }

  @Test(arguments: [
    ("search.space={optimiser.momentum: {range: [0, 0.9]}}", "unknown key 'optimiser"),
    ("search.space={optimizer.momentum: {range: [0, 2]}}", "optimizer.momentum"),
    ("search.space={optimizer.name: {values: [sgd, adamm]}}", "did you mean 'adamw'"),
  ]) func spacesAreOfKeys(assignment: String, words: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try recipe(assignment).searchSpace(imageCount: 100)
    }
    let text = "\(try #require(error))"
    #expect(text.contains(words), "\(text)")
  }

  @Test func rungsFitTheBudget() throws {
    func plan(_ assignments: String..., steps: Int = 10) throws -> (rungs: [Int], Budget) {
      let recipe = try recipe().applying(
        assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
      )
      let plan = try SearchPlan(recipe, stepsPerEpoch: steps)
      return (plan.halving.rungs.map(\.resource), plan.budget)
    }
    var (rungs, budget) = try plan("maxEpochs=81")
    #expect(rungs == [3, 9, 27, 81] && budget == Budget(resource: 324))
    // A ratio of 1 leaves no room for whole trainings.
    (rungs, budget) = try plan("maxEpochs=80", "search.timeRatio=1")
    #expect(rungs.last == 20 && budget.resource == 80)
    (rungs, budget) = try plan("maxEpochs=9", "search.budget=50 trials")
    #expect(rungs == [1, 3, 9] && budget == Budget(trialCount: 50))
    // The lowest rung lies behind the warm-up.
    (rungs, _) = try plan("maxEpochs=27", "schedule.warmupSteps=20")
    #expect(rungs == [3, 9, 27])
    (rungs, _) = try plan("maxEpochs=20", "search.algorithm=random")
    #expect(rungs.count == 1)
    (rungs, _) = try plan("maxEpochs=20", "method=linear_probe")
    #expect(rungs == [1])
    (rungs, _) = try plan("maxEpochs=1", "search.budget=1 epochs")
    #expect(rungs == [1])
  }
}
