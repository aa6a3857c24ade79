import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Testing

extension Facade {
  /// From an exported model to a smaller one that says the same.
  @Suite("Optimising", .serialized) struct Optimising {
    /// A model that was trained a little and exported, with its data.
    private func exported(
      _ counts: [Subset: Int] = [.train: 12, .val: 6]
    ) async throws -> (place: Playground, xml: URL) {
      let place = try Playground.classification(counts)
      let run = try await place.train(try tinyRequest("mobilenet_v3_small", epochs: 1))
      let engine = try Engine(model: run.result.checkpoint, data: place.location)
      let exported = try await engine.export(to: place.folder.url.appending(path: "openvino"))
      return (place, exported.model.xml)
    }

    private func names(in folder: URL) -> [String] {
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
      return (names ?? []).sorted()
    }

    @Test func aModelOfWholeNumbersIsChecked() async throws {
      let (place, xml) = try await exported()
      let folder = place.folder.url.appending(path: "int8")
      let engine = try Engine(model: xml, data: place.location)
      var options = OptimizeOptions()
      options.maxDrop = 1
      let listener = Listener()
      let result = try await engine.optimize(to: folder, options: options, observers: [listener])
      #expect(
        names(in: folder) == [
          "confidence_threshold", "config.json", "label_schema.json", "openvino.bin",
          "openvino.xml", "parity.json",
        ]
      )
      #expect(result.quantizedOperationCount > 20)
      #expect(result.calibrationItemCount == 12 && result.validationItemCount == 6)
      // The gates' small layers, a third of all weights, stay as they are.
      #expect(result.byteCountAfter * 10 < result.byteCountBefore * 6)
      #expect(result.metric == "accuracy" && result.drop != nil)
      #expect(result.latencies.map(\.name).prefix(2) == ["fp32", "int8"])
      let ranges = listener.events.filter {
        if case .preparing("ranges", _, of: 12) = $0 { true } else { false }
      }
      #expect(ranges.count == 12)

      let quantised = try Engine(model: result.model.xml, data: place.location)
      #expect(await quantised.info == engine.info)
      let scores = try await quantised.evaluate(on: .val)
      expectClose(scores.performance, try #require(result.after), atol: 1e-6)
      await #expect(throws: ModelError.self) { try await quantised.optimize(to: folder) }
    }

    @Test func layersGoBackUntilTheScoreFits() async throws {
      let (place, xml) = try await exported()
      let engine = try Engine(model: xml, data: place.location)
      var options = OptimizeOptions()
      options.maxDrop = 0
      options.keepsSpeed = false
      let folder = place.folder.url.appending(path: "int8")
      let result = try await engine.optimize(to: folder, options: options)
      #expect(try #require(result.drop) <= 0)
      let parity = try Data(contentsOf: folder.appending(path: "parity.json"))
      let object = try JSONSerialization.jsonObject(with: parity) as? [String: Any]
      #expect(object?["revertedForScore"] as? [String] == result.revertedForScore)
    }

    @Test(arguments: [OptimizationType.int8, .fp16])
    func weightsAloneAreStoredSmaller(_ type: OptimizationType) async throws {
      let (place, xml) = try await exported()
      let engine = try Engine(model: xml, data: place.location)
      var options = OptimizeOptions()
      options.type = type
      options.maxDrop = 1
      let folder = place.folder.url.appending(path: type.rawValue)
      let result = try await engine.optimize(to: folder, options: options)
      #expect(result.type == type && result.calibrationItemCount == 0)
      let share = Double(result.byteCountAfter) / Double(result.byteCountBefore)
      #expect(share < (type == .int8 ? 0.6 : 0.7))
    }

    @Test func withoutGroundTruthTheUserDecides() async throws {
      let (place, xml) = try await exported()
      let pictures = place.folder.url.appending(path: "one")
      try SampleDataset(counts: [.train: 3], size: ImageSize(height: 64, width: 64))
        .drawClassification(at: pictures)
      let engine = try Engine(model: xml, data: .root(pictures, format: nil))
      let folder = place.folder.url.appending(path: "int8")
      var options = OptimizeOptions()
      options.keepsSpeed = false
      if engine.dataProblems.isEmpty {
        await #expect(throws: DataError.self) {
          try await engine.optimize(to: folder, options: options)
        }
        #expect(!names(in: folder).contains("openvino.xml"))
      }
      options.force = true
      let listener = Listener()
      let result = try await engine.optimize(to: folder, options: options, observers: [listener])
      #expect(result.calibrationItemCount <= 3)
      #expect(listener.warnings.contains { $0.contains("300 are better") })
    }

    @Test(arguments: [("subsetSize", 0.0), ("maxDrop", -1), ("maxDrop", .nan)])
    func optionsWithoutSenseAreRefused(_ name: String, _ value: Double) {
      var options = OptimizeOptions()
      if name == "subsetSize" { options.subsetSize = 0 } else { options.maxDrop = value }
      #expect(throws: ConfigurationError.self) { try options.validate() }
    }
  }
}
