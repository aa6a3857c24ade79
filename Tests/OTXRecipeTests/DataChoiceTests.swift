import OTXCore
import OTXRecipe
import Testing

@Suite("How data is taken")
struct DataChoiceTests {
  private func configured(
    _ counts: [Int],
    sampler: String? = nil
  ) throws -> (sampler: Sampler, reasons: [String]) {
    let profile = DatasetProfile(
      format: "imagenet",
      tasks: [.init(task: .multiClassClassification, itemCount: counts.reduce(0, +))],
      itemCounts: [.train: counts.reduce(0, +)],
      annotationCount: counts.reduce(0, +),
      labelCounts: counts.enumerated().map {
        .init(label: "label \($0.offset)", count: $0.element)
      },
      imageSizes: nil,
      objectSides: nil
    )
    let overrides =
      sampler.map { [RecipeOverride(key: "data.sampler", value: $0, source: "test")] } ?? []
    let (recipe, decisions) = try AutoConfigurator(models: testModels).configure(
      profile: profile,
      request: RecipeRequest(overrides: overrides)
    )
    let reasons = decisions.filter { $0.setting == "data.sampler" }.map(\.reason)
    return (recipe.data.sampler, reasons)
  }

  @Test("a long tail is balanced, and the user is told")
  func longTail() throws {
    let even = try configured([100, 40, 60])
    #expect(even.sampler == .shuffle && even.reasons.isEmpty)
    let tail = try configured([500, 40, 12])
    #expect(tail.sampler == .balanced)
    #expect(tail.reasons.count == 1)
    #expect(
      tail.reasons.first?.hasPrefix("'label 0' has 500 training images and 'label 2' 12") ?? false
    )
    // A label without training pictures is no tail.
    #expect(try configured([50, 40, 0]).sampler == .shuffle)
  }

  @Test("what the user says is kept", arguments: ["shuffle", "sequential", "balanced"])
  func explicit(_ name: String) throws {
    let chosen = try configured([500, 12], sampler: name)
    #expect(chosen.sampler.rawValue == name && chosen.reasons.isEmpty)
  }

  @Test("sizes of the cache are written as people write them")
  func cacheSizes() throws {
    func cache(_ value: String) throws -> CacheLimit {
      try Recipe(name: "", task: .detection, model: ModelOptions("x"))
        .applying([RecipeOverride(key: "data.cache", value: value, source: "test")]).data.cache
    }
    #expect(try cache("none") == .none)
    #expect(try cache("auto") == .auto)
    #expect(try cache("2GiB") == .bytes(2 << 30))
    #expect(try cache("500000") == .bytes(500_000))
    for limit in [CacheLimit.none, .auto, .bytes(512 << 20), .bytes(1001)] {
      #expect(CacheLimit(limit.description) == limit)
    }
    let error = #expect(throws: ConfigurationError.self) { try cache("plenty") }
    #expect(error?.description.contains("none, auto or a size") ?? false, "\(error as Any)")
  }

  @Test("reduced decoding takes true, false and auto", arguments: ReducedDecoding.allCases)
  func reducedDecoding(_ choice: ReducedDecoding) throws {
    let recipe = try Recipe(name: "", task: .detection, model: ModelOptions("x"))
      .applying([
        RecipeOverride(key: "data.reducedDecoding", value: choice.rawValue, source: "test")
      ])
    #expect(recipe.data.reducedDecoding == choice)
  }
}

@Suite("Single steps of the augmentation")
struct AugmentationOverrideTests {
  private func steps(_ assignments: [String], on start: [Augmentation]) throws -> [Augmentation] {
    var recipe = Recipe(name: "r", task: .detection, model: ModelOptions("ssd_mobilenetv2"))
    recipe.augmentations = start
    let overrides = try assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
    return try recipe.applying(overrides).augmentations
  }

  @Test("are switched off, on and changed by name")
  func byName() throws {
    let start: [Augmentation] = [.randomAffine(), .horizontalFlip()]
    #expect(try steps(["augmentations.randomAffine=false"], on: start) == [.horizontalFlip()])
    #expect(try steps(["augmentations.mosaic=true"], on: start) == [.mosaic()] + start)
    #expect(try steps(["augmentations.gaussianBlur=true"], on: start) == start + [.gaussianBlur()])
    #expect(
      try steps(["augmentations.horizontalFlip.probability=0.25"], on: start)
        == [.randomAffine(), .horizontalFlip(probability: 0.25)]
    )
    #expect(try steps(["augmentations.mosaic=false"], on: start) == start)
    #expect(try steps(["augmentations=[horizontalFlip]"], on: start) == [.horizontalFlip()])
  }

  @Test("what makes no sense is said")
  func mistakes() {
    for (text, hint) in [
      ("augmentations.mosaik=true", "mosaic"), ("augmentations.mosaic=5", "true, false"),
      ("augmentations.horizontalFlip.probability=3", "0.0 to 1.0"),
      ("augmentations.horizontalFlip.chance=0.5", "no parameter 'chance'"),
    ] {
      let error = #expect(throws: ConfigurationError.self) {
        try steps([text], on: [.horizontalFlip()])
      }
      #expect(error?.description.contains(hint) ?? false, "\(text): \(error?.description ?? "")")
    }
  }
}
