import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTX

extension Facade {
  /// What is written is what was trained, or it is not written.
  @Suite("Parity of exported models", .serialized) struct Parity {
    private func trained(_ counts: [Subset: Int]) async throws -> (Playground, Engine) {
      let place = try Playground.classification(counts)
      let run = try await place.train(try tinyRequest("mobilenet_v3_small", epochs: 1))
      return (place, try Engine(model: run.result.checkpoint, data: place.location))
    }

    @Test func theProofNamesOutputsPredictionsAndScore() async throws {
      let (place, engine) = try await trained([.train: 6, .val: 4])
      let folder = place.folder.url.appending(path: "openvino")
      let parity = try await engine.export(to: folder).parity
      #expect(parity.precision == "fp32" && Array(parity.outputs.keys) == ["logits"])
      let logits = try #require(parity.outputs["logits"])
      // At batch 1 and 3, of three labels.
      #expect(logits.valueCount == 12 && logits.meanAbsolute <= logits.maxAbsolute)
      #expect(try #require(parity.fileRelativeDifference) <= 1e-4)
      let predictions = try #require(parity.predictions)
      #expect(predictions.pictureCount == 4 && predictions.differingCount == 0)
      let saved = try Data(contentsOf: folder.appending(path: "parity.json"))
      #expect(try JSONDecoder().decode(ParityReport.self, from: saved) == parity)

      var half = ExportOptions()
      half.halfPrecision = true
      let other = try await engine.export(to: folder.appending(path: "half"), options: half).parity
      #expect(other.precision == "fp16")
      // Rounded weights show in the file, not in what was recorded.
      #expect(try #require(other.fileRelativeDifference) > logits.maxRelative)
    }

    @Test func aWeightThatChangedIsNoticedAndItsLayerNamed() async throws {
      let (place, engine) = try await trained([.train: 6, .val: 4])
      let folder = place.folder.url.appending(path: "openvino")
      let model = try await engine.export(to: folder).model
      let typed = try engine.typed(as: MultiClassClassification.self)
      func check() async throws {
        try await typed.exporting(to: folder, options: ExportOptions()) { job in
          try await job.compareLayers(of: model.xml)
        }
      }
      try await check()

      // One number of a layer before the last, by its place in the file of weights.
      let text = try String(contentsOf: model.xml, encoding: .utf8)
      let layer = try #require(text.range(of: "name=\"classifier.0.bias\""))
      let mark = try #require(text.range(of: "offset=\"", range: layer.upperBound..<text.endIndex))
      let offset = try #require(Int(text[mark.upperBound...].prefix { $0.isNumber }))
      var weights = try Data(contentsOf: model.bin)
      weights.replaceSubrange(
        offset..<offset + 4,
        with: withUnsafeBytes(of: Float(40)) { Data($0) }
      )
      try weights.write(to: model.bin)
      let error = await #expect(throws: ModelError.self) { try await check() }
      let message = try #require(error).description
      #expect(message.contains("the first layer that differs is classifier.0/linear (Add)"))
    }

    @Test func aQuantisedModelNamesItsRoughestLayers() async throws {
      let (place, engine) = try await trained([.train: 12, .val: 6])
      let exported = try await engine.export(to: place.folder.url.appending(path: "openvino"))
      let folder = place.folder.url.appending(path: "int8")
      var options = OptimizeOptions()
      options.maxDrop = 1
      options.keepsSpeed = false
      let smaller = try Engine(model: exported.model.xml, data: place.location)
      try await smaller.optimize(to: folder, options: options)
      let parity = try OptimizationParity(readingFrom: folder)
      #expect(parity.predictions?.pictureCount == 6)
      #expect(parity.source == exported.parity)
      #expect(Array(parity.outputs.keys) == ["classifier.3/linear"])
      let errors = parity.layers.map(\.difference.relativeError)
      #expect(errors.count == 10 && errors == errors.sorted(by: >) && errors[9] > 0)
      // The same layers on both sides: rounding costs a part of the numbers, not a multiple.
      #expect(errors[0] < 1)
    }
  }
}
