import Foundation
import OTX
import OTXCore
import OTXRecipe
import Testing

extension Facade {
  @Suite("Runs within a time") struct TimedRuns {
    @Test("a run ends in its time; its recipe repeats it without a clock")
    func endsInTime() async throws {
      let playground = try Playground.classification()
      let listener = Listener()
      let start = ContinuousClock.now
      let run = try await playground.train(
        try tinyRequest("mobilenet_v3_small", epochs: 3, "timeBudget=60s"),
        observers: [listener]
      )
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(seconds <= 63)
      let recipe = try Recipe(contentsOf: run.recipe)
      #expect(recipe.training.timeBudget == .none)
      #expect((1...3).contains(recipe.training.maxEpochs))
      let text = try String(contentsOf: run.recipe, encoding: .utf8)
      #expect(text.contains("maxEpochs: \(recipe.training.maxEpochs) ("))
      #expect(listener.messages.contains { $0.hasPrefix("maxEpochs: ") })
      let leftovers = try FileManager.default.contentsOfDirectory(atPath: run.directory.path)
      #expect(!leftovers.contains(".time-trial"))
    }

    @Test("a time that is too short says what would fit")
    func tooShort() async throws {
      let playground = try Playground.classification([.train: 64, .val: 6])
      let error = await #expect(throws: ConfigurationError.self) {
        try await playground.train(
          try tinyRequest("mobilenet_v3_small", epochs: 2, "timeBudget=0.1s")
        )
      }
      #expect("\(try #require(error))".hasPrefix("0.1s is "))
    }
  }
}
