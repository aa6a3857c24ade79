import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Testing

extension Facade {
  /// From a checkpoint to a smaller network, which is a checkpoint like any other.
  @Suite("Pruning", .serialized) struct Pruning {
    private func trained(_ model: String) async throws -> (place: Playground, checkpoint: URL) {
      let place = try Playground.classification([.train: 12, .val: 6])
      let run = try await place.train(try tinyRequest(model, epochs: 1))
      return (place, run.result.checkpoint)
    }

    private var options: OptimizeOptions {
      var options = OptimizeOptions()
      options.keepsSpeed = false
      options.epochs = 1
      options.maxDrop = 1
      options.prunedShare = 0.3
      return options
    }

    @Test("what comes out is smaller, and loads wherever checkpoints do")
    func roundTrip() async throws {
      let (place, checkpoint) = try await trained("mobilenet_v3_small")
      let engine = try Engine(model: checkpoint, data: place.location)
      let before = try await engine.evaluate(on: .val)
      let folder = place.folder.url.appending(path: "qat")
      let listener = Listener()
      let result = try await engine.optimize(to: folder, options: options, observers: [listener])
      let pruning = try #require(result.pruning)
      #expect(pruning.share >= 0.295 && pruning.share < 0.4)
      #expect(pruning.parametersAfter < pruning.parametersBefore)
      #expect(!pruning.layers.isEmpty)
      #expect(result.byteCountAfter < result.byteCountBefore)
      #expect(result.latency("unpruned fp32") != nil)
      #expect(listener.messages.contains { $0.hasPrefix("Pruned 3") })
      let parity = try Data(contentsOf: folder.appending(path: "parity.json"))
      let object = try JSONSerialization.jsonObject(with: parity) as? [String: Any]
      #expect((object?["pruning"] as? [String: Any])?["multiplyAddsAfter"] != nil)
      // The engine itself has the network that it had.
      #expect(try await engine.evaluate(on: .val).performance == before.performance)

      let weights = try #require(result.checkpoint)
      let info = try #require(try CheckpointFile.readInfo(weights))
      #expect(info.pruning != nil)
      let count = try CheckpointFile.read(weights).state.byteCount
      #expect(count < (try CheckpointFile.read(checkpoint).state.byteCount))

      let again = try Engine(model: weights, data: place.location)
      let scores = try await again.evaluate(on: .val)
      let exported = try await again.export(to: place.folder.url.appending(path: "openvino"))
      let ir = try Engine(model: exported.model.xml, data: place.location)
      expectClose(try await ir.evaluate(on: .val).performance, scores.performance, atol: 1e-3)

      // Once more, and less is left.
      let second = try await again.optimize(
        to: place.folder.url.appending(path: "second"),
        options: options
      )
      #expect(second.pruning?.multiplyAddsBefore == pruning.multiplyAddsAfter)
      let last = try #require(second.checkpoint)
      #expect(try CheckpointFile.read(last).state.byteCount < count)
      _ = try await Engine(model: last, data: place.location).evaluate(on: .val)

      // Training starts from it like from any other weights, and stays as small.
      let run = try await place.train(
        try tinyRequest("mobilenet_v3_small", epochs: 1, "weights=\(weights.path)")
      )
      #expect(try CheckpointFile.readInfo(run.result.checkpoint)?.pruning == info.pruning)
      #expect(try CheckpointFile.read(run.result.checkpoint).state.byteCount == count)
    }

    @Test("a detector learns to do without filters", arguments: ["yolox_tiny", "ssd_mobilenetv2"])
    func detector(_ model: String) async throws {
      let place = try Playground.detection()
      let run = try await place.train(try tinyRequest(model, epochs: 1))
      let engine = try Engine(model: run.result.checkpoint, data: place.location)
      let result = try await engine.optimize(
        to: place.folder.url.appending(path: "qat"),
        options: options
      )
      let pruning = try #require(result.pruning)
      #expect(pruning.share >= 0.295)
      let again = try Engine(model: try #require(result.checkpoint), data: place.location)
      let exported = try await again.export(to: place.folder.url.appending(path: "openvino"))
      let small = ExportedModel.byteCount(of: exported.model.xml)
      #expect(small < result.byteCountBefore)
      // An exported model is what it is.
      let ir = try Engine(model: exported.model.xml, data: place.location)
      let error = await #expect(throws: ConfigurationError.self) {
        try await ir.optimize(
          to: place.folder.url.appending(path: "int8"),
          options: options
        )
      }
      #expect("\(try #require(error))".contains("needs the checkpoint"))
    }

    @Test("a share that cannot be had says how far one gets, and leaves nothing")
    func tooMuch() async throws {
      let (place, checkpoint) = try await trained("shufflenet_v2_x0_5")
      let engine = try Engine(model: checkpoint, data: place.location)
      let folder = place.folder.url.appending(path: "qat")
      var options = options
      options.prunedShare = 0.9
      let error = await #expect(throws: ModelError.self) {
        try await engine.optimize(to: folder, options: options)
      }
      let text = "\(try #require(error))"
      #expect(text.contains("of the multiplications can be taken away, not 90.0 %"), "\(text)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      for share in [-0.1, 0.95, .nan] {
        options.prunedShare = share
        await #expect(throws: ConfigurationError.self) {
          try await engine.optimize(to: folder, options: options)
        }
      }
    }
  }
}
