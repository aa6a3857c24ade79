import Foundation
import OTX
import OTXCore
import OTXData
import OTXTesting
import Testing

@testable import OTXOpenVINO

extension Facade {
  /// What optimising does with models that lose much and with data that is not all there.
  @Suite("Optimising within bounds", .serialized) struct OptimizingWithinBounds {
    /// A model that was trained until it knows its pictures, exported.
    private func exported(epochs: Int) async throws -> (place: Playground, xml: URL) {
      let place = try Playground.classification([.train: 12, .val: 12])
      let request = try tinyRequest("resnet18", epochs: epochs, "method=linear_probe")
      let run = try await place.train(request)
      let engine = try Engine(model: run.result.checkpoint, data: place.location)
      let exported = try await engine.export(to: place.folder.url.appending(path: "openvino"))
      return (place, exported.model.xml)
    }

    /// The same function, written so that whole numbers cannot hold it: one input of the last layer is
    /// `factor` times as large, and its weights are as much smaller.
    ///
    /// - Returns: The name of that layer.
    private func spoil(_ xml: URL, by factor: Float, to target: URL) throws -> String {
      let model = try ConvertedModel(reading: xml)
      let nodes = try ModelGraph(model)
      let graph = nodes.graph
      let layer = try #require(graph.nodes.lastIndex { $0.type == "MatMul" })
      let constant = try #require(graph.constant(of: layer, input: 1))
      let shape = try #require(graph.nodes[constant].outputs[0].shape).compactMap(\.self)
      var (weights, scales) = (try nodes.constant(constant), [Float](repeating: 1, count: shape[1]))
      scales[0] = factor
      for row in 0..<shape[0] { weights[row * shape[1]] /= factor }
      try nodes.setConstant(weights, shape: shape, of: layer, input: 1, named: "spoilt")
      try nodes.insertMultiply(
        scales,
        shape: [1, shape[1]],
        at: .input(layer, 0),
        named: "spoiling"
      )
      try model.save(to: target, halfPrecision: false)
      return graph.nodes[layer].name
    }

    private func names(in folder: URL) -> [String] {
      (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    }

    @Test func theLayerThatCostsTheScoreGoesBack() async throws {
      let (place, xml) = try await exported(epochs: 30)
      let spoilt = place.folder.url.appending(path: "spoilt.xml")
      let layer = try spoil(xml, by: 1e6, to: spoilt)
      let engine = try Engine(model: spoilt, data: place.location)
      var options = OptimizeOptions()
      options.keepsSpeed = false
      // The last layers alone: few are ranked. Rounding may turn a picture; the layer turns more.
      options.ignoredScope.types = ["Convolution", "Add"]
      options.maxDrop = 0.1
      let listener = Listener()
      let folder = place.folder.url.appending(path: "int8")
      let result = try await engine.optimize(to: folder, options: options, observers: [listener])
      #expect(try #require(result.before) > 0.6)
      #expect(try #require(result.drop) <= 0.1)
      #expect(result.revertedForScore.contains(layer))
      #expect(result.quantizedOperationCount > 0)
      #expect(
        listener.messages.contains { $0.contains("left in real numbers for") && $0.contains(layer) }
      )
      let kept = try Engine(model: result.model.xml, data: place.location)
      #expect(try await kept.evaluate(on: .val).performance >= (result.before ?? 1) - 0.1)

      // Whoever insists gets it as it is, and is told.
      options.force = true
      let forced = try await engine.optimize(to: folder, options: options, observers: [listener])
      #expect(try #require(forced.drop) > 0.1)
      #expect(forced.revertedForScore.isEmpty)
      #expect(listener.warnings.contains { $0.contains("more than the allowed 0.1000") })
    }

    @Test func nothingIsWrittenBeyondTheBound() async throws {
      let (place, xml) = try await exported(epochs: 30)
      let spoilt = place.folder.url.appending(path: "spoilt.xml")
      _ = try spoil(xml, by: 1e-6, to: spoilt)
      let engine = try Engine(model: spoilt, data: place.location)
      let folder = place.folder.url.appending(path: "int8")
      // Weights alone cannot be kept either, and there is no layer to go back.
      var options = OptimizeOptions()
      options.type = .int8
      let before = names(in: folder)
      let error = await #expect(throws: ModelError.self) {
        try await engine.optimize(to: folder, options: options)
      }
      #expect("\(try #require(error))".contains("--force"))
      #expect(names(in: folder) == before)
    }

    @Test func damagedPicturesAreLeftOutAndNamed() async throws {
      let (place, xml) = try await exported(epochs: 1)
      var options = OptimizeOptions()
      options.keepsSpeed = false
      options.maxDrop = 1
      let train = place.data.appending(path: "train")
      let files = try FileManager.default.subpathsOfDirectory(atPath: train.path).sorted()
        .map { train.appending(path: $0) }.filter { $0.pathExtension != "" }
      for file in files.prefix(2) { try Data(contentsOf: file).prefix(200).write(to: file) }
      let listener = Listener()
      let folder = place.folder.url.appending(path: "int8")
      let engine = try Engine(model: xml, data: place.location)
      let result = try await engine.optimize(to: folder, options: options, observers: [listener])
      #expect(result.calibrationItemCount == files.count - 2)
      let warnings = listener.warnings + engine.dataProblems.map(\.message)
      for file in files.prefix(2) {
        let places = listener.warnings + engine.dataProblems.map { "\($0.location)" }
        #expect(places.contains { $0.contains(file.lastPathComponent) }, "\(warnings)")
      }

      for file in files { try Data(contentsOf: file).prefix(200).write(to: file) }
      let kept = try Data(contentsOf: folder.appending(path: "openvino.xml"))
      let none = try Engine(model: xml, data: place.location)
      await #expect(throws: DataError.self) {
        try await none.optimize(to: folder, options: options)
      }
      #expect(try Data(contentsOf: folder.appending(path: "openvino.xml")) == kept)
    }
  }
}
