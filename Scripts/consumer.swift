// The program that Scripts/test-consumer.sh builds in a package of its own: one training step, and the checkpoint read
// again.
import Foundation
import OTX

@main
enum Consumer {
  static func main() async throws {
    let root = URL(filePath: CommandLine.arguments[1], directoryHint: .isDirectory)
    let data = root.appending(path: "data")
    try SampleDataset(counts: [.train: 4, .val: 2, .test: 2]).drawClassification(at: data)
    let oneStep = try RecipeRequest(
      overrides: ["maxEpochs=1", "batchSize=4", "inputSize=64x64", "precision=fp32"].map {
        try RecipeOverride(assignment: $0, source: "the test")
      })
    let engine = try Engine(
      dataRoot: data, recipe: oneStep, workspace: Workspace(root: root.appending(path: "runs")))
    let run = try await engine.train()
    let trained = try Engine(model: run.directory)
    guard trained.task == .multiClassClassification, run.result.stepCount == 1 else {
      fatalError("expected one step of classification, got \(run.result)")
    }
    print("trained one step on OTX as a dependency: \(run.result.checkpoint.lastPathComponent)")
  }
}
