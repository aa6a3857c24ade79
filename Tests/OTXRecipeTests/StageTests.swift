import Foundation
import OTXCore
import Testing

@testable import OTXRecipe

@Suite struct StageTests {
  let text = """
    model: resnet18
    task: MULTI_CLASS_CLS
    maxEpochs: 20
    stages:
      - name: head
        method: linear_probe
        maxEpochs: 5
      - optimizer: {learningRate: 0.002}
        data: {labels: {ignore: ['3', no]}}
      - train
      - export

    """

  private func recipe(_ text: String) throws -> Recipe {
    try Recipe(yaml: text, source: "mine.yaml")
  }

  private func message(_ text: String) -> String {
    #expect(throws: ConfigurationError.self) { try recipe(text) }
    do {
      _ = try recipe(text)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func eachStageIsTheRecipeWithWhatDiffers() throws {
    let recipe = try recipe(text)
    #expect(recipe.stages.map(\.name) == ["head", "train", "train2", "export"])
    #expect(recipe.stages.map(\.type) == [.train, .train, .train, .export])
    let all = try recipe.stages.map { try recipe.recipe(of: $0) }
    #expect(all.allSatisfy { $0.stages.isEmpty })
    #expect(all.map(\.training.maxEpochs) == [5, 20, 20, 20])
    #expect(all[0].method == .linearProbe)
    #expect(all[1].training.optimizer.learningRate == 0.002)
    #expect(all[1].training.optimizer.momentum == recipe.training.optimizer.momentum)
    #expect(all[1].data.labels.ignore == ["3", "no"])
    #expect(recipe.stages[0].changes.keys == ["method", "maxEpochs"])
  }

  @Test func stagesAreWrittenAndReadBack() throws {
    let recipe = try recipe(text)
    #expect(try self.recipe(recipe.yaml()) == recipe)
    let json = String(decoding: try JSONEncoder().encode(recipe), as: UTF8.self)
    #expect(try self.recipe(json).stages.map(\.name) == recipe.stages.map(\.name))
  }

  @Test func whatIsSaidLaterCountsForStagesToo() throws {
    let changed = try recipe(text).applying([
      RecipeOverride(assignment: "maxEpochs=3", source: "--max-epochs"),
      RecipeOverride(assignment: "optimizer.learningRate=0.1", source: "--set"),
    ])
    let all = try changed.stages.map { try changed.recipe(of: $0) }
    #expect(all.map(\.training.maxEpochs) == [3, 3, 3, 3])
    #expect(all[1].training.optimizer.learningRate == 0.1)
    #expect(all[0].method == .linearProbe)
  }

  @Test func mistakesAreNamedWithTheirLine() {
    let head = "model: resnet18\nstages:\n  - name: a\n"
    #expect(message(head + "    maxEpoch: 5\n").contains("mine.yaml:4: unknown key 'maxEpoch'"))
    #expect(message(head + "    maxEpoch: 5\n").contains("did you mean 'maxEpochs'"))
    #expect(message(head + "    optimizer: {lerningRate: 5}\n").contains("mine.yaml:4"))
    #expect(message(head + "    maxEpochs: 0\n").contains("mine.yaml:4: '0' is no value"))
    #expect(message(head + "    task: DETECTION\n").contains("mine.yaml:4: task is the whole"))
    #expect(message(head + "    stages: []\n").contains("mine.yaml:4: stages is the whole"))
    #expect(message(head + "  - name: a\n").contains("two stages are called 'a'"))
    #expect(message(head + "    type: trian\n").contains("mine.yaml:4: 'trian' is no value"))
    #expect(message(head + "    type: trian\n").contains("did you mean 'train'"))
    #expect(message(head + "  - trian\n").contains("mine.yaml:4: 'trian' is no value"))
    #expect(message("model: resnet18\nstages: train\n").contains("a list of stages"))
  }
}
