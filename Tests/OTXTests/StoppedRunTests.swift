import Foundation
import OTXTesting
import Testing

@testable import OTX

extension Facade {
  /// Runs that stopped, by their folders.
  @Suite("Runs that stopped") struct StoppedRuns {
    /// Cancels the task that trains after a step.
    private final class Stopper: TrainingObserver {
      let step: Int
      init(after step: Int) { self.step = step }
      func observe(_ event: TrainingEvent) {
        guard case .step(let figures) = event, figures.iteration == step else { return }
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }

    private func text(_ name: String, in run: URL) throws -> String {
      try String(contentsOf: run.appending(path: name), encoding: .utf8)
    }

    @Test("an interrupted run goes on to the same files")
    func interrupted() async throws {
      let place = try Playground.classification([.train: 12, .val: 4])
      let request = try tinyRequest("resnet18", epochs: 3, "validationInterval=0.5", "emaDecay=0.9")
      let whole = try await place.train(request)
      let stopped = try await Task {
        try await place.train(request, observers: [Stopper(after: 4)])
      }.value
      #expect(stopped.result.isInterrupted && stopped.result.stepCount == 4)
      #expect(place.workspace.newestUnfinishedRun?.path == stopped.directory.path)

      let engine = try Engine(resuming: stopped.directory)
      let listener = Listener()
      let run = try await engine.train(observers: [listener], environment: place.environment)
      #expect(run.directory.lastPathComponent == stopped.directory.lastPathComponent)
      #expect(try weights(of: run) == weights(of: whole))
      for name in ["metrics.csv", "performance.json", "recipe.yaml", "label_schema.json"] {
        #expect(try text(name, in: run.directory) == text(name, in: whole.directory), "\(name)")
      }
      #expect(listener.lines.contains("Going on in epoch 2 after step 1 of 3"))
      #expect(try text("train.log", in: run.directory).contains("Going on in epoch 2"))
      #expect(place.workspace.newestUnfinishedRun == nil)

      // It is finished now, says so, and how to train it further.
      let error = #expect(throws: ConfigurationError.self) { try Engine(resuming: run.directory) }
      #expect(error?.description.contains("is finished (all 3 epochs are trained)") == true)
      #expect(error?.description.contains("--max-epochs") == true)
      let more = try RecipeOverride(assignment: "maxEpochs=4", source: "--max-epochs")
      let longer = try await Engine(resuming: run.directory, overrides: [more])
        .train(environment: place.environment)
      #expect(longer.result.epochs == 4)
    }

    @Test("without a checkpoint it starts again with its recipe, and says so")
    func noCheckpoint() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let request = try tinyRequest("resnet18", epochs: 2)
      let whole = try await place.train(request)
      let stopped = try await Task {
        try await place.train(request, observers: [Stopper(after: 1)])
      }.value
      // As if it had been killed before it could write anything of what it learned.
      for name in ["last.pth", "weights.pth", "performance.json"] {
        try FileManager.default.removeItem(at: stopped.directory.appending(path: name))
      }
      let leftover = stopped.directory.appending(path: ".otx-4194999-0.partial")
      try Data("half".utf8).write(to: leftover)
      let listener = Listener()
      let run = try await Engine(resuming: stopped.directory)
        .train(observers: [listener], environment: place.environment)
      #expect(try weights(of: run) == weights(of: whole))
      #expect(
        try text("metrics.csv", in: run.directory) == text("metrics.csv", in: whole.directory)
      )
      #expect(listener.messages.contains { $0.contains("before its first checkpoint") })
      #expect(!FileManager.default.fileExists(atPath: leftover.path))
    }

    @Test("what would make another run of it is refused")
    func contradictions() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let stopped = try await Task {
        try await place.train(
          try tinyRequest("resnet18", epochs: 2),
          observers: [Stopper(after: 1)]
        )
      }.value
      func resume(_ assignment: String) throws {
        let change = try RecipeOverride(assignment: assignment, source: "--set")
        _ = try Engine(resuming: stopped.directory, overrides: [change])
      }
      let error = #expect(throws: ConfigurationError.self) { try resume("batchSize=2") }
      #expect(error?.description.contains("batchSize cannot change") == true)
      try resume("batchSize=4")
      try resume("checkpoint.intervalMinutes=1")
      // No run at all.
      #expect(throws: ConfigurationError.self) { try Engine(resuming: place.data) }
    }

    @Test("a run that another process trains is left alone")
    func locked() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let stopped = try await Task {
        try await place.train(
          try tinyRequest("resnet18", epochs: 2),
          observers: [Stopper(after: 1)]
        )
      }.value
      let lock = try RunLock(stopped.directory)
      let error = await #expect(throws: ConfigurationError.self) {
        try await Engine(resuming: stopped.directory).train(environment: place.environment)
      }
      #expect(error?.description.contains("process \(getpid())") == true)
      withExtendedLifetime(lock) {}
    }

    @Test("other pictures are noticed")
    func changedData() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let stopped = try await Task {
        try await place.train(
          try tinyRequest("resnet18", epochs: 2),
          observers: [Stopper(after: 1)]
        )
      }.value
      let files = FileManager.default.enumerator(at: place.data, includingPropertiesForKeys: nil)
      let picture = try #require(
        files?.compactMap { $0 as? URL }.first {
          $0.pathExtension == "jpg" && $0.path.contains("/train/")
        }
      )
      try (Data(contentsOf: picture) + Data([0])).write(to: picture)
      let error = await #expect(throws: DataError.self) {
        try await Engine(resuming: stopped.directory).train(environment: place.environment)
      }
      #expect(error?.description.contains("pictures of the train subset are other files") == true)
      let run = try await Engine(resuming: stopped.directory, allowsChangedData: true)
        .train(environment: place.environment)
      #expect(run.result.epochs == 2)
    }
  }
}
