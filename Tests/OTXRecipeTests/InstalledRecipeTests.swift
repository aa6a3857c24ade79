import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXRecipe

/// Recipes that lie beside an installed program.
@Suite struct InstalledRecipeTests {
  private func entries(_ files: [String: String]) throws -> [RecipeEntry] {
    let folder = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
    return RecipeLibrary.entries(installed: folder)
  }

  private let inside = RecipeLibrary.entries(installed: nil)

  @Test func aFileReplacesTheRecipeOfItsName() throws {
    let found = try entries([
      "resnet18.yaml": "task: MULTI_CLASS_CLS\nmodel: resnet18\nmaxEpochs: 7\n"
    ])
    #expect(found.map(\.name) == inside.map(\.name))
    let changed = try #require(found.first { $0.name == "resnet18" })
    #expect(changed.recipe.training.maxEpochs == 7)
    #expect(changed.file?.lastPathComponent == "resnet18.yaml")
    // It stands on defaults alone, as the one inside the program does.
    let defaults = Recipe(
      name: "resnet18",
      task: .multiClassClassification,
      model: .init("resnet18")
    )
    #expect(changed.recipe.training.optimizer == defaults.training.optimizer)
  }

  @Test func anotherFileIsAnotherRecipe() throws {
    let found = try entries(["quick.yaml": "model: resnet18\nmaxEpochs: 2\n", "readme.txt": "no"])
    #expect(found.map(\.name) == inside.map(\.name) + ["quick"])
    #expect(found.last?.recipe.training.maxEpochs == 2)
  }

  @Test func aFileThatIsNoRecipeLeavesTheOneInside() throws {
    let found = try entries(["resnet18.yaml": "maxEpochz: 7\n", "other.yaml": ": :"])
    #expect(found == inside)
  }

  @Test func aListOfModelsIsARecipeEach() throws {
    let found = try entries([
      "many.yaml": "task: MULTI_CLASS_CLS\nmodels: [one, two]\nmaxEpochs: 7\n"
    ])
    let names = ["one", "two"]
    #expect(found.map(\.name) == inside.map(\.name) + names)
    #expect(found.suffix(2).map(\.recipe.model.name) == names)
    #expect(found.suffix(2).allSatisfy { $0.recipe.training.maxEpochs == 7 })
    // As a user's own recipe it would not say which of them is meant.
    let error = #expect(throws: ConfigurationError.self) {
      try Recipe(yaml: "task: MULTI_CLASS_CLS\nmodels: [one, two]\n", source: "many.yaml")
    }
    #expect("\(try #require(error))".contains("name one of them: one, two"))
  }

  /// What is installed is made from the same files: nothing changes by installing.
  @Test func theFilesOfTheSourcesSayTheSame() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Recipes")
    let found = RecipeLibrary.entries(installed: sources)
    #expect(found.map(\.recipe) == inside.map(\.recipe))
    #expect(found.allSatisfy { $0.file != nil })
  }
}
