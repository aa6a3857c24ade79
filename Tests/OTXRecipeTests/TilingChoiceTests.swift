import OTXCore
import OTXRecipe
import Testing

@Suite("Tiles as a recipe has them")
struct TilingChoiceTests {
  /// Drone pictures: 3000 x 4000, objects of 12 to 60 pixels.
  private func profile(median: Double = 24, task: TaskType = .detection) -> DatasetProfile {
    func constant(_ value: Double) -> DatasetProfile.SideStatistics {
      DatasetProfile.SideStatistics(robustMin: value, mean: value, robustMax: value)
    }
    var profile = DatasetProfile(
      format: "coco",
      tasks: [.init(task: task, itemCount: 50)],
      itemCounts: [.train: 50, .val: 10],
      annotationCount: 900,
      labelCounts: [.init(label: "car", count: 900), .init(label: "van", count: 90)],
      imageSizes: .init(height: constant(3000), width: constant(4000)),
      objectSides: .init(robustMin: 12, mean: 24, robustMax: 60)
    )
    profile.medianObjectShare = median / (3000.0 * 4000).squareRoot()
    profile.maximumObjectCount = 40
    return profile
  }

  private func configured(
    _ assignments: String...,
    profile: DatasetProfile? = nil
  ) throws -> (tiling: TilingOptions, recipe: Recipe, decisions: [Decision]) {
    let overrides = try assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
    let (recipe, decisions) = try AutoConfigurator(models: testModels).configure(
      profile: profile ?? self.profile(),
      request: RecipeRequest(overrides: overrides)
    )
    let about = decisions.filter { $0.setting.hasPrefix("data.tiling") }
    return (recipe.data.tiling, recipe, about)
  }

  @Test("a recipe that the user names takes pictures whole unless it says otherwise")
  func off() throws {
    let named = RecipeRequest(recipe: try RecipeLibrary.builtIn.recipe("atss_mobilenetv2"))
    let (recipe, decisions) = try AutoConfigurator(models: testModels)
      .configure(profile: profile(), request: named)
    #expect(recipe.data.tiling == TilingOptions() && recipe.data.tiling.settled == nil)
    #expect(!decisions.contains { $0.setting.hasPrefix("data.tiling") })
    #expect(
      try recipe.modelInfo(labels: LabelInfo(names: ["car"]), models: testModels).tiling == nil
    )
    let without = try configured("data.tiling.enabled=false")
    #expect(without.tiling.settled == nil && without.decisions.isEmpty)
  }

  @Test("where the data chooses, objects that would be too small are seen in tiles")
  func proposed() throws {
    let (tiling, _, decisions) = try configured()
    #expect(tiling.settled?.tileSize == ImageSize(height: 800, width: 800))
    #expect(decisions.first?.reason.contains("too few to be found") == true)
    #expect(decisions.first?.alternatives.first?.value == "false")
    // Of objects that are large enough, nothing is said.
    let large = try configured(profile: profile(median: 300))
    #expect(large.tiling == TilingOptions() && large.decisions.isEmpty)
  }

  @Test(
    "tiles are fitted to the objects: a usual one is 3 % of a side, the largest fits the overlap"
  )
  func adaptive() throws {
    let (tiling, recipe, decisions) = try configured("data.tiling.enabled=true")
    #expect(tiling.tileSize == .size(ImageSize(height: 800, width: 800)))
    #expect(tiling.overlap == 60.0 / 800)
    #expect(tiling.maximumInstanceCount == 1500)
    #expect(decisions.count == 1 && decisions[0].reason.contains("24 pixels"))
    // The network's input follows from tiles, not from pictures.
    #expect(recipe.inputSize == .value(ImageSize(height: 800, width: 800)))
    let info = try recipe.modelInfo(labels: LabelInfo(names: ["car"]), models: testModels)
    #expect(info.tiling == tiling.settled)
    #expect(info.tiling?.tileSize == ImageSize(height: 800, width: 800))
    #expect(Recipe(for: info).data.tiling.settled == info.tiling)

    var large = profile()
    large.objectSides = .init(robustMin: 12, mean: 24, robustMax: 790)
    large.maximumObjectCount = 2000
    let other = try configured("data.tiling.enabled=true", profile: large).tiling
    #expect(other.overlap == 24.0 / 800, "nine tenths and more of a tile are no overlap")
    #expect(other.maximumInstanceCount == 4000)
  }

  @Test("what the user says of tiles is kept")
  func explicit() throws {
    let (tiling, _, decisions) = try configured(
      "data.tiling.enabled=true",
      "data.tiling.tileSize=400x600",
      "data.tiling.maximumInstanceCount=7"
    )
    #expect(tiling.tileSize == .size(ImageSize(height: 400, width: 600)))
    #expect(tiling.overlap == 0.2 && tiling.maximumInstanceCount == 7)
    #expect(decisions.isEmpty)
    let half = try configured("data.tiling.enabled=true", "data.tiling.overlap=0.5").tiling
    #expect(half.overlap == 0.5)
  }

  @Test("left open, tiles are made where the median object would be tiny, and the reason is said")
  func automatic() throws {
    let small = try configured("data.tiling.enabled=auto")
    #expect(small.tiling.enabled == .on)
    #expect(small.decisions.contains { $0.value == "true" && $0.reason.contains("too few") })
    let large = try configured("data.tiling.enabled=auto", profile: profile(median: 300))
    #expect(large.tiling.enabled == .off)
    #expect(large.decisions.count == 1 && large.decisions[0].value == "false")
    var unknown = profile()
    unknown.medianObjectShare = nil
    #expect(
      try configured("data.tiling.enabled=auto", profile: unknown).tiling.enabled == .off
    )
  }

  @Test("classification has no tiles: asked for they are refused, left open they are off")
  func classification() throws {
    let pictures = profile(task: .multiClassClassification)
    let error = #expect(throws: ConfigurationError.self) {
      try configured("data.tiling.enabled=true", profile: pictures)
    }
    #expect(error?.description.contains("DETECTION") == true, "\(error as Any)")
    #expect(
      try configured("data.tiling.enabled=auto", profile: pictures).tiling.enabled == .off
    )
  }

  @Test(
    "numbers that make no tiles are refused",
    arguments: [
      ("data.tiling.tileSize=20", "at least 32 pixels"),
      ("data.tiling.tileSize=big", "auto, or HEIGHTxWIDTH"),
      ("data.tiling.overlap=0.95", "within 0 and 0.9"),
      ("data.tiling.iouThreshold=2", "within 0 and 1"),
      ("data.tiling.maximumInstanceCount=0", "at least 1"),
      ("data.tiling.objectTileRatio=0", "above 0, at most 1"),
      ("data.tiling.samplingRatio=1.5", "within 0 and 1"),
      ("data.tiling.enabled=maybe", "auto, true, false"),
      ("data.tiling.tilesize=300", "did you mean 'tileSize'"),
    ]
  )
  func limits(assignment: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try configured(assignment) }
    #expect(error?.description.contains(message) == true, "\(error as Any)")
  }

  @Test("tile sizes are written as people write them, and the schema knows the section")
  func spelling() throws {
    for size in [TileSize.auto, .size(ImageSize(height: 300, width: 500))] {
      #expect(TileSize(size.description) == size)
    }
    let (_, recipe, _) = try configured("data.tiling.enabled=true", "data.tiling.tileSize=320")
    #expect(recipe.data.tiling.tileSize == .size(ImageSize(height: 320, width: 320)))
    let again = try Recipe(
      yaml: recipe.yaml(),
      source: "recipe.yaml",
      among: RecipeLibrary.builtIn.entries
    )
    #expect(again.data.tiling == recipe.data.tiling)
    #expect(try RecipeSchema.json().contains("maximumInstanceCount"))
  }

  @Test("parameters of OTX 1 find their place")
  func legacy() throws {
    let overrides = try [
      ("tiling_parameters.enable_tiling", "True"), ("tiling_parameters.tile_size", "300"),
      ("tiling_parameters.tile_overlap", "0.3"), ("tiling_parameters.tile_max_number", "99"),
      ("tiling_parameters.tile_sampling_ratio", "0.5"),
    ].flatMap { try LegacyParameter.overrides(name: $0.0, value: $0.1) }
    let recipe = try Recipe(name: "", task: .detection, model: ModelOptions("x"))
      .applying(overrides)
    #expect(recipe.data.tiling.settled?.tileSize == ImageSize(height: 300, width: 300))
    #expect(recipe.data.tiling.overlap == 0.3)
    #expect(recipe.data.tiling.maximumInstanceCount == 99)
    #expect(recipe.data.tiling.samplingRatio == 0.5)
  }
}
