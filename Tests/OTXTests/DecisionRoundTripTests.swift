import Foundation
import OTX
import OTXCore
import OTXRecipe
import OTXTesting
import Testing

extension Facade {
  /// What was decided for the user goes with the run, with its weights and with every page about them.
  @Suite("Decisions") struct Decisions {
    @Test("are the same in the run's folder, in its weights and in an engine that opens these")
    func roundTrip() async throws {
      let place = try Playground.classification()
      let engine = try place.engine(tinyRequest(nil, epochs: 1, "model=resnet18"))
      let named = try #require(engine.decisions.first { $0.setting == "task" })
      #expect(named.value == TaskType.multiClassClassification.rawValue)
      #expect(!named.alternatives.isEmpty)
      let run = try await engine.train(environment: place.environment)

      let kept = try #require(DecisionFile.read(in: run.directory))
      // What is decided while training starts follows.
      #expect(kept.starts(with: engine.decisions))
      let checkpoint = run.result.checkpoint
      #expect(try CheckpointFile.readDecisions(checkpoint) == kept)
      #expect(try CheckpointFile.read(checkpoint).decisions == kept)
      let record = try #require(try PickleFile.record("otx/decisions.json", of: checkpoint))
      #expect(try JSONDecoder().decode([Decision].self, from: record) == kept)

      let trained = try Engine(model: checkpoint, data: place.location)
      #expect(trained.decisions == kept)
      let page = place.folder.url.appending(path: "scores.html")
      _ = try await trained.evaluate(on: .val, report: page)
      for file in [page, run.directory.appending(path: "report.html")] {
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains("Chosen for this data"))
        for word in ["also considered", named.alternatives[0].value, "every training image"] {
          #expect(text.contains(word), "\(word) in \(file.lastPathComponent)")
        }
      }
    }
  }
}
