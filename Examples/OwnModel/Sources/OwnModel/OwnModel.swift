import Foundation
import OTX
import OTXCLI

/// Trains a network of one's own on drawn pictures, opens its checkpoint again, and runs its export.
@main
enum OwnModel {
  static func main() async throws {
    let registry = EngineRegistry.standard.adding(
      TorchBackend(models: ModelZoo.models + [TinyClassifier.entry])
    )
    // The whole command line with one model more: `OwnModel otx find`, `OwnModel otx train …`.
    if CommandLine.arguments.dropFirst().first == "otx" {
      exit(await Program.run(Array(CommandLine.arguments.dropFirst(2)), registry: registry))
    }
    let root = URL(
      filePath: CommandLine.arguments.dropFirst().first ?? "own-model",
      directoryHint: .isDirectory
    )
    let data = root.appending(path: "shapes")
    try SampleDataset(counts: [.train: 24, .val: 6, .test: 6]).drawClassification(at: data)

    let engine = try Engine(
      data: .root(data, format: nil),
      recipe: RecipeRequest(
        model: "tiny_classifier",
        overrides: ["maxEpochs=2", "batchSize=8", "precision=fp32"].map {
          try RecipeOverride(assignment: $0, source: "the example")
        }
      ),
      workspace: Workspace(root: root.appending(path: "runs")),
      registry: registry
    )
    let run = try await engine.train()
    let trained = try Engine(
      model: run.directory,
      data: .root(data, format: nil),
      registry: registry
    )
    let scores = try await trained.evaluate(on: .test)
    print("tiny_classifier: \(scores.performanceMetric) \(scores.performance)")

    let exported = try await trained.export(to: root.appending(path: "openvino"))
    // What was exported runs without the network's code.
    let deployed = try Engine(model: exported.model.xml, data: .root(data, format: nil))
    print("OpenVINO: \(try await deployed.evaluate(on: .test).performance)")
  }
}
