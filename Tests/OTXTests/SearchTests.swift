import Foundation
import OTXTesting
import OTXTuning
import Synchronization
import Testing

@testable import OTX

extension Facade {
  /// Searches for hyper-parameters, their trials in this process.
  @Suite("Searches") struct Searches {
    private func request(_ assignments: String...) throws -> RecipeRequest {
      let common = [
        "maxEpochs=4", "schedule.warmupSteps=0", "search.reductionFactor=2",
        "search.budget=3 trials",
        "earlyStopping.enabled=false", "report=none",
      ]
      var request = try tinyRequest("resnet18", size: 32, epochs: 4)
      request.overrides += try (common + assignments).map {
        try RecipeOverride(assignment: $0, source: "test")
      }
      return request
    }

    /// What must not depend on when it was computed.
    private func outcome(_ study: Study) -> [String] {
      study.trials.map { "\($0.values.sorted { $0.key < $1.key }) \($0.scores) \($0.state)" }
    }

    @Test("the best trial becomes an ordinary run that its recipe repeats; a stop changes nothing")
    func wholeWay() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let request = try request("schedule.name=cosine", "emaDecay=0.9")
      let found = try await place.engine(request).search(environment: place.environment)
      let study = found.study
      #expect(study.trials.count == 3)
      #expect(study.halving.rungs.map(\.resource) == [1, 2, 4])
      #expect(study.trials[0].values["batchSize"] == .number(4))
      #expect(study.trials.allSatisfy { $0.failure == nil && !$0.scores.isEmpty })
      // Weights that nobody goes on from are gone.
      for trial in study.trials where trial.id != found.best.id && !study.mayClimb(trial.id) {
        let file = found.folder.appending(path: "trial-\(trial.id)/last.pth")
        #expect(!FileManager.default.fileExists(atPath: file.path))
      }

      let listener = Listener()
      let run = try await found.train(observers: [listener], environment: place.environment)
      #expect(place.workspace.latestRun?.lastPathComponent == run.directory.lastPathComponent)
      #expect(run.result.epochs == 4)
      let recipe = try Recipe(contentsOf: run.recipe)
      #expect(recipe.training.optimizer == found.recipe.training.optimizer)
      #expect(recipe.training.batchSize == found.recipe.training.batchSize)
      #expect(listener.messages.contains { $0.contains("the best of 3 trials (search/") })
      #expect(try String(contentsOf: run.recipe, encoding: .utf8).contains("the best of 3 trials"))
      #expect(place.workspace.newestUnfinishedSearch == nil)

      // Neither pauses nor rungs left a trace: the recipe alone leads to the same weights.
      let again = try await place.train(RecipeRequest(recipe: recipe))
      #expect(try weights(of: again) == weights(of: run))

      let overview = try SearchOverview(found.folder)
      #expect(overview.table.rows.count == 3)
      #expect(try String(contentsOf: overview.writePage(), encoding: .utf8).contains("<svg"))

      // The same search, stopped in the middle of its second piece of work.
      let folder = try await place.engine(request).beginSearch()
      let (rungs, rung) = AsyncStream<Void>.makeStream()
      let stopped = Task {
        try await SearchResult.resume(folder, environment: place.environment) { event in
          if case .finished = event { rung.yield() }
        }
      }
      for await _ in rungs { break }
      stopped.cancel()
      await #expect(throws: CancellationError.self) { try await stopped.value }
      #expect(place.workspace.newestUnfinishedSearch?.lastPathComponent == folder.lastPathComponent)
      let second = try await SearchResult.resume(folder, environment: place.environment)
      #expect(outcome(second.study) == outcome(study))
    }

    @Test("a search in which every trial fails ends with the reason and the log")
    func allFail() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let request = try request(
        "optimizer.learningRate=1e30",
        "search.space={optimizer.learningRate: {values: [1e30, 1e31]}}"
      )
      let failures = Mutex(0)
      let error = await #expect(throws: EngineError.self) {
        try await place.engine(request).search(environment: place.environment) { event in
          if case .failed = event { failures.withLock { $0 += 1 } }
        }
      }
      let text = "\(try #require(error))"
      #expect(text.contains("no trial of the search came to a score"), "\(text)")
      #expect(text.contains("The end of the first trial's log"), "\(text)")
      #expect(failures.withLock { $0 } == 3)
    }

    @Test("trials of large data learn from as many pictures of each label")
    func proxy() throws {
      #expect(Dataset.proxyCount(of: 1999, share: nil) == 1999)
      #expect(Dataset.proxyCount(of: 2000, share: nil) == 500)
      #expect(Dataset.proxyCount(of: 10_000, share: nil) == 2000)
      #expect(Dataset.proxyCount(of: 10_000, share: 0.01) == 500)
      #expect(Dataset.proxyCount(of: 300, share: 0.5) == 300)
      func item(_ index: Int, _ labels: String...) -> DatasetItem {
        DatasetItem(
          id: "\(index)",
          image: .file(URL(filePath: "/\(index).png")),
          annotations: labels.map { Annotation(label: $0) }
        )
      }
      let items =
        (0..<80).map { item($0, "often") } + (80..<90).map { item($0, "often", "rare") }
        + (90..<100).map { item($0) }
      let dataset = Dataset(
        format: "drawn",
        root: URL(filePath: "/"),
        labels: LabelInfo(names: ["often", "rare"]),
        items: [.train: items, .val: items]
      )
      let part = dataset.proxy(trainingItemCount: 30, seed: 1)
      let kept = try #require(part.items[.train]).compactMap { Int($0.id) }
      #expect(kept.count == 30 && kept == kept.sorted())
      #expect(kept.count { $0 < 80 } == 10 && kept.count { (80..<90).contains($0) } == 10)
      #expect(part.items[.val]?.count == 100)
      #expect(dataset.proxy(trainingItemCount: 30, seed: 1).items == part.items)
      #expect(dataset.proxy(trainingItemCount: 30, seed: 2).items != part.items)
      #expect(dataset.proxy(trainingItemCount: 100, seed: 1).items == dataset.items)
    }

    @Test("folders that are no search, or one of a newer version, are refused")
    func otherFolders() async throws {
      let folder = try TemporaryFolder()
      await #expect(throws: ConfigurationError.self) { try await SearchResult.resume(folder.url) }
      let file = folder.url.appending(path: "search.json")
      for (text, words) in [
        (#"{"version": 99, "more": 1}"#, "newer version"), ("{", "damaged"), ("[]", "damaged"),
      ] {
        try Data(text.utf8).write(to: file)
        let error = await #expect(throws: ConfigurationError.self) {
          try await SearchResult.resume(folder.url)
        }
        #expect("\(try #require(error))".contains(words))
      }
    }
  }
}
