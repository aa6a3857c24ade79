import Foundation
import OTX

/// Trains on the folder that is named, or on drawn pictures; scores the model, exports it and runs
/// what was exported.
@main
enum QuickStart {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst().map { URL(filePath: $0) }
    let data = arguments.first ?? URL(filePath: "shapes")
    if arguments.isEmpty { try SampleDataset().drawDetection(at: data) }

    let quick = try RecipeRequest(overrides: [
      RecipeOverride(assignment: "maxEpochs=2", source: "QuickStart")
    ])
    let engine = try Engine(dataRoot: data, recipe: quick)
    for decision in engine.decisions { print(decision) }
    let run = try await engine.train()
    let scores = try await engine.evaluate(on: .test)
    print("\(scores.performanceMetric): \(scores.performance)")
    let exported = try await engine.export(to: run.directory.appending(path: "openvino"))
    let deployed = try Engine(model: exported.model.xml, data: .root(data, format: nil))
    print("OpenVINO: \(try await deployed.evaluate(on: .test).performance)")
  }
}
