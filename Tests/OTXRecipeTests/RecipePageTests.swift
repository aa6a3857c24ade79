import Foundation
import OTXCore
import Testing

@testable import OTXRecipe

@Suite struct RecipePageTests {
  private static let page = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/OTX/OTX.docc/Recipes.md")

  /// The page of the documentation lists every key as the types have it; `OTX_UPDATE_SNAPSHOTS=1`
  /// writes it anew.
  @Test func thePageListsEveryKey() throws {
    let text = try String(contentsOf: Self.page, encoding: .utf8)
    let end = try #require(text.range(of: RecipePage.mark + "\n\n")).upperBound
    let wanted = text[..<end] + RecipePage.table()
    if ProcessInfo.processInfo.environment["OTX_UPDATE_SNAPSHOTS"] == "1" {
      try Data(wanted.utf8).write(to: Self.page)
    }
    #expect(try String(contentsOf: Self.page, encoding: .utf8) == wanted)
  }

  @Test func typedChoicesAreValuesOfTheRecipe() throws {
    let choices = TrainChoices(
      maxEpochs: 3,
      batchSize: 5,
      inputSize: ImageSize(height: 96, width: 64),
      weights: "none",
      method: .linearProbe,
      precision: .bf16,
      device: "cpu",
      threads: 2,
      seed: 7,
      deterministic: .warn,
      validationInterval: 0.5,
      metric: "accuracy",
      adaptiveBatchSize: AdaptiveBatchSize.none,
      timeBudget: .seconds(90),
      strict: true,
      report: ReportFormat.none,
      learningRate: 0.125
    )
    let recipe = try RecipeLibrary.builtIn.recipe("resnet18").applying(choices.overrides)
    #expect(recipe.training.maxEpochs == 3)
    #expect(recipe.training.batchSize == 5)
    #expect(recipe.inputSize == .value(ImageSize(height: 96, width: 64)))
    #expect(recipe.weights == "none")
    #expect(recipe.method == .linearProbe)
    #expect(recipe.training.precision == .bf16)
    #expect(recipe.training.device == "cpu")
    #expect(recipe.training.threads == 2)
    #expect(recipe.training.seed == 7)
    #expect(recipe.training.deterministic == .warn)
    #expect(recipe.training.validationInterval == 0.5)
    #expect(recipe.training.metric == "accuracy")
    #expect(recipe.training.adaptiveBatchSize == .none)
    #expect(recipe.training.timeBudget == .seconds(90))
    #expect(recipe.data.strict)
    #expect(recipe.report == .none)
    #expect(recipe.training.optimizer.learningRate == 0.125)
    #expect(RecipeRequest(model: "resnet18", choices: TrainChoices()).overrides.isEmpty)
  }
}
