import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import Testing

@Suite("The road, from a folder of pictures to an exported model", .serialized)
struct RoadTests {
  @Test("classification")
  func classification() async throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "otx road \(UUID())")
    defer { try? FileManager.default.removeItem(at: root) }
    let data = root.appending(path: "data")
    try SampleDataset(
      counts: [.train: 48, .val: 12, .test: 12],
      size: ImageSize(height: 64, width: 64)
    ).drawClassification(at: data)
    let request = RecipeRequest(
      model: "resnet18",
      overrides: [
        try RecipeOverride(assignment: "inputSize=64x64", source: "test"),
        try RecipeOverride(assignment: "batchSize=8", source: "test"),
        try RecipeOverride(assignment: "maxEpochs=3", source: "test"),
      ]
    )
    let workspace = Workspace(root: root.appending(path: "work"))
    let engine = try Engine(dataRoot: data, recipe: request, workspace: workspace)
    let run = try await engine.train()
    print(run.result)
    let trained = try Engine(model: run.result.checkpoint, data: .root(data, format: nil))
    let scores = try await trained.evaluate(on: .val)
    print(scores)
    let exported = try await trained.export(to: root.appending(path: "openvino"))
    print(exported)
    let ir = try Engine(model: exported.model.xml, data: .root(data, format: nil))
    let irScores = try await ir.evaluate(on: .val)
    #expect(abs(irScores.performance - scores.performance) < 1e-6)
  }
}
