import Foundation
import OTXTesting
import Testing

@testable import OTX

extension Facade {
  /// Stages in a row.
  @Suite("Stages") struct Stages {
    /// Cancels the task that trains after a step of a stage.
    private final class Stopper: TrainingObserver, @unchecked Sendable {
      let stage: Int
      let step: Int
      // Told by one thread.
      private var now = 0
      init(inStage stage: Int, after step: Int) { (self.stage, self.step) = (stage, step) }
      func observe(_ event: TrainingEvent) {
        if case .message(let text) = event, text.hasPrefix("Stage ") { now += 1 }
        guard case .step(let figures) = event, now == stage, figures.iteration == step else {
          return
        }
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }

    private func request(_ stages: String) throws -> RecipeRequest {
      let request = try tinyRequest("resnet18", epochs: 1)
      let start = try Recipe(
        yaml: "task: MULTI_CLASS_CLS\nmodel: resnet18\nweights: none\nstages:\n\(stages)",
        source: "stages.yaml",
        name: "stages",
        among: RecipeLibrary.builtIn.entries
      )
      return RecipeRequest(
        recipe: start,
        overrides: request.overrides.filter { (try? $0.keys()) != ["maxEpochs"] }
      )
    }

    private func workflow(_ place: Playground, _ stages: String) throws -> Workflow {
      try Workflow(
        data: place.location,
        recipe: try request(stages),
        workspace: place.workspace,
        weights: WeightSource(store: place.store)
      )
    }

    private let twoStages = """
        - {name: warm_up, maxEpochs: 1, optimizer: {learningRate: 0.002}}
        - {name: fine_tune, maxEpochs: 2}

      """

    @Test("each stage takes the last one's weights, and the last leaves its own at the top")
    func row() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let listener = Listener()
      let run = try await workflow(place, twoStages + "  - evaluate\n")
        .run(observers: [listener], environment: place.environment)
      let names = try FileManager.default.contentsOfDirectory(atPath: run.directory.path)
      for name in [
        "1-warm_up", "2-fine_tune", "3-evaluate", "weights.pth", "label_schema.json",
        "performance.json", "report.html", "recipe.yaml",
      ] { #expect(names.contains(name), "\(name)") }
      #expect(listener.messages.filter { $0.hasPrefix("Stage ") }.count == 3)
      #expect(listener.messages.contains("Stage 2 of 3, fine_tune (train)"))
      let first = try Recipe(contentsOf: run.directory.appending(path: "1-warm_up/recipe.yaml"))
      #expect(first.training.optimizer.learningRate == 0.002 && first.stages.isEmpty)
      let second = try Recipe(contentsOf: run.directory.appending(path: "2-fine_tune/recipe.yaml"))
      #expect(second.weights.hasSuffix("1-warm_up/weights.pth"))
      #expect(second.training.maxEpochs == 2 && second.training.optimizer.learningRate != 0.002)
      #expect(run.result.checkpoint.deletingLastPathComponent().path == run.directory.path)
      let last = try CheckpointFile.read(run.directory.appending(path: "2-fine_tune/weights.pth"))
      #expect(try weights(of: run) == last.state)
      #expect(place.workspace.newestUnfinishedRun == nil)
      #expect(throws: ConfigurationError.self) { try Workflow(resuming: run.directory) }
    }

    @Test("stopped in a stage or between two, it goes on to the same weights", arguments: [1, 2])
    func resumed(_ stage: Int) async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let whole = try await workflow(place, twoStages).run(environment: place.environment)
      let stopped = try await Task {
        try await workflow(place, twoStages).run(
          observers: [Stopper(inStage: stage, after: 1)],
          environment: place.environment
        )
      }.value
      #expect(stopped.result.isInterrupted)
      #expect(place.workspace.newestUnfinishedRun?.path == stopped.directory.path)
      #expect(Workflow.isRun(stopped.directory))
      let listener = Listener()
      let run = try await Workflow(resuming: stopped.directory)
        .run(observers: [listener], environment: place.environment)
      #expect(run.directory.lastPathComponent == stopped.directory.lastPathComponent)
      #expect(try weights(of: run) == weights(of: whole))
      let before = listener.messages.filter { $0.hasSuffix(": done before") }
      #expect(before.count == stage - 1)
    }

    @Test("a row that cannot be done is refused before it begins")
    func refused() throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      func message(_ stages: String) throws -> String {
        let error = #expect(throws: ConfigurationError.self) { try workflow(place, stages) }
        return "\(try #require(error))"
      }
      #expect(try message("  - evaluate\n").contains("needs the weights of a stage that trains"))
      #expect(try message("  - train\n  - hpo\n").contains("of the type hpo cannot be one"))
      #expect(try message("  - {name: ../up}\n").contains("cannot be the name of a folder"))
      #expect(throws: ConfigurationError.self) {
        try Workflow(data: place.location, recipe: try tinyRequest("resnet18"))
      }
      #expect(!FileManager.default.fileExists(atPath: place.workspace.root.path))
    }
  }
}
