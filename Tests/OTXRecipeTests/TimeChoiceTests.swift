import OTXCore
import OTXRecipe
import Testing

/// What a time to train in changes.
@Suite struct TimeChoiceTests {
  private func configured(
    _ time: String
  ) throws -> (recipe: Recipe, decisions: [String: Decision]) {
    let override = RecipeOverride(key: "timeBudget", value: time, source: "--time")
    let (recipe, decisions) = try AutoConfigurator(models: testModels).configure(
      profile: AutoConfiguratorTests.cells(),
      request: RecipeRequest(overrides: [override])
    )
    return (recipe, Dictionary(decisions.map { ($0.setting, $0) }) { $1 })
  }

  /// At 10 · 10⁹ multiply-adds a second 205 pictures of 416 x 416 take ATSS 46 s an epoch and SSD 22.
  @Test("a lighter model where the time is too short for the usual one")
  func model() throws {
    let short = try configured("10m")
    #expect(short.recipe.model.name == "ssd_mobilenetv2")
    let choice = try #require(short.decisions["model"])
    #expect(choice.reason.contains("10m allow about 26"), "\(choice)")
    #expect(choice.alternatives.contains { $0.value == "atss_mobilenetv2" })
    #expect(try configured("1h").recipe.model.name == "atss_mobilenetv2")
    #expect(try configured("none").recipe.model.name == "atss_mobilenetv2")
  }

  @Test("more epochs than the recipe's, at most, and that is said")
  func epochs() throws {
    let (recipe, decisions) = try configured("1h")
    let own = try configured("none").recipe.training.maxEpochs
    #expect(recipe.training.maxEpochs == 3 * own)
    let epochs = try #require(decisions["maxEpochs"])
    #expect(epochs.value == "\(3 * own)" && epochs.reason.contains("1h"))
    #expect(epochs.alternatives.map(\.value) == ["\(own)"])
    #expect(decisions["schedule"]?.value == "one_cycle, no early stop")
    #expect(try configured("none").decisions["maxEpochs"] == nil)
  }

  @Test("the threads of the machine are said, and the recipe goes to another one as it is")
  func threads() throws {
    let configurator = AutoConfigurator(models: testModels, coreCount: 12)
    func said(_ assignments: String...) throws -> [String] {
      let overrides = try assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
      let (recipe, decisions) = try configurator.configure(
        profile: AutoConfiguratorTests.cells(),
        request: RecipeRequest(overrides: overrides)
      )
      if assignments.isEmpty {
        #expect(recipe.training.threads == 0 && recipe.data.workerCount == 0)
      }
      return decisions.filter { ["threads", "data.workerCount"].contains($0.setting) }
        .map(\.description)
    }
    #expect(try said() == ["threads: 12 (this machine has 12 cores; besides, 8 decode pictures)"])
    #expect(try said("threads=4") == ["data.workerCount: 8 (this machine has 12 cores)"])
    #expect(try said("threads=4", "data.workerCount=2").isEmpty)
  }

  @Test("threads that share a core, and slow cores, decode but do not compute")
  func kindsOfCores() throws {
    let configurator = AutoConfigurator(models: testModels, coreCount: 20, computeThreadCount: 6)
    let decisions = try configurator.configure(
      profile: AutoConfiguratorTests.cells(),
      request: RecipeRequest()
    ).1
    #expect(
      decisions.filter { $0.setting == "threads" }.map(\.description) == [
        "threads: 6 (this machine runs 20 threads, and has 6 cores that compute; besides, 8 decode pictures)"
      ]
    )
  }
}
