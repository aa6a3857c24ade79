import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Testing

extension Facade {
  /// From a checkpoint to a quantised model, and to weights that go on.
  @Suite("Fine-tuning for whole numbers", .serialized) struct QuantizationAware {
    private func trained(
      _ counts: [Subset: Int] = [.train: 12, .val: 6]
    ) async throws -> (place: Playground, checkpoint: URL) {
      let place = try Playground.classification(counts)
      let run = try await place.train(try tinyRequest("mobilenet_v3_small", epochs: 1))
      return (place, run.result.checkpoint)
    }

    private func names(in folder: URL) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    @Test("what comes out loads, is scored, goes on, and is exported")
    func roundTrip() async throws {
      let (place, checkpoint) = try await trained()
      let engine = try Engine(model: checkpoint, data: place.location)
      let before = try await engine.evaluate(on: .val)
      let folder = place.folder.url.appending(path: "qat")
      var options = OptimizeOptions()
      // What is quicker is measured, and differs from time to time.
      options.keepsSpeed = false
      options.epochs = 2
      options.maxDrop = 1
      let listener = Listener()
      let result = try await engine.optimize(to: folder, options: options, observers: [listener])
      #expect(
        names(in: folder) == [
          "confidence_threshold", "config.json", "label_schema.json", "openvino.bin",
          "openvino.xml", "parity.json", "weights.pth",
        ]
      )
      #expect(result.before == before.performance)
      #expect(result.quantizedOperationCount > 20)
      for text in ["Original accuracy", "Compressed accuracy", "Absolute drop", "Relative drop"] {
        #expect(listener.messages.contains { $0.hasPrefix(text) }, "\(text)")
      }
      let parity = try Data(contentsOf: folder.appending(path: "parity.json"))
      let object = try JSONSerialization.jsonObject(with: parity) as? [String: Any]
      #expect(object?["before"] as? Double == result.before)

      let quantised = try Engine(model: result.model.xml, data: place.location)
      let scores = try await quantised.evaluate(on: .val)
      expectClose(scores.performance, try #require(result.after), atol: 1e-6)

      // The weights are plain ones: other than before, scored, exported and optimised again.
      let weights = try #require(result.checkpoint)
      #expect(try CheckpointFile.read(weights).state != CheckpointFile.read(checkpoint).state)
      let again = try Engine(model: weights, data: place.location)
      _ = try await again.evaluate(on: .val)
      _ = try await again.export(to: place.folder.url.appending(path: "openvino"))
      options.epochs = 1
      let second = try await again.optimize(
        to: place.folder.url.appending(path: "second"),
        options: options
      )
      #expect(second.quantizedOperationCount == result.quantizedOperationCount)
    }

    @Test("a score that drops too far leaves nothing")
    func tooFar() async throws {
      let (place, checkpoint) = try await trained()
      let engine = try Engine(model: checkpoint, data: place.location)
      let folder = place.folder.url.appending(path: "qat")
      var options = OptimizeOptions()
      options.epochs = 1
      // A rate at which nothing is left of what was learned.
      options.learningRateFactor = 1e6
      options.maxDrop = -0.0
      let before = try await engine.evaluate(on: .val).performance
      do {
        let result = try await engine.optimize(to: folder, options: options)
        // By chance it may be as good: then it is not worse than allowed.
        #expect(try #require(result.after) >= before)
      } catch {
        #expect(names(in: folder).isEmpty, "\(error)")
      }
    }

    @Test("without a validation subset, or for a type of exported models, it is refused")
    func refused() async throws {
      let (place, checkpoint) = try await trained()
      let engine = try Engine(model: checkpoint, data: place.location)
      var options = OptimizeOptions()
      options.type = .fp16
      let folder = place.folder.url.appending(path: "qat")
      let error = await #expect(throws: ConfigurationError.self) {
        try await engine.optimize(to: folder, options: options)
      }
      #expect("\(try #require(error))".contains("exported models"))
      options = OptimizeOptions()
      options.learningRateFactor = 0
      await #expect(throws: ConfigurationError.self) {
        try await engine.optimize(to: folder, options: options)
      }
    }
  }
}
