import Foundation
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Synchronization
import Testing

@testable import OTX

extension Facade {
  /// Tiles on the whole way: trained, evaluated later, exported, predicted with.
  @Suite("A run in tiles") struct TiledRunTests {
    private let tiles = [
      "data.tiling.enabled=true", "data.tiling.tileSize=64", "data.tiling.overlap=0.25",
    ]

    @Test("scores and predictions are of whole pictures, put together from tiles")
    func boring() async throws {
      let place = try Playground.detection([.train: 4, .val: 3])
      let request = RecipeRequest(
        model: BoringBackend.model(for: .detection),
        overrides: try tiles.map { try RecipeOverride(assignment: $0, source: "test") }
      )
      let engine = try place.engine(request, registry: EngineRegistry([BoringBackend()]))
      #expect(await engine.info.tiling?.tileSize == ImageSize(height: 64, width: 64))
      let told = Mutex<[[Int]]>([])
      let scores = try await engine.evaluate(on: .val) { done, count in
        told.withLock { $0.append([done, count]) }
      }
      #expect(scores.itemCount == 3)
      #expect(told.withLock { $0.last } == [3, 3])
      let picture = try #require(
        FileManager.default.enumerator(atPath: place.data.path)?.compactMap { $0 as? String }
          .first { $0.contains("val") && $0.hasSuffix("png") || $0.hasSuffix("jpg") }
      )
      var found: [Detection.Prediction] = []
      try await engine.typed(as: Detection.self)
        .predict([place.data.appending(path: picture)]) { _, size, prediction in
          #expect(size == ImageSize(height: 96, width: 128))
          found.append(prediction)
        }
      // It finds one thing in each tile, as large as that: tiles begin at 0 and 32 of 96, and at 0,
      // 48 and 64 of 128. Those at 48 and 64 overlap by more than 0.45.
      #expect(found.count == 1)
      let boxes = found[0].objects.map(\.box)
      #expect(boxes.count == 4)
      #expect(boxes.contains(BoundingBox(x1: 48, y1: 32, x2: 112, y2: 96)))
    }

    @Test("a checkpoint and an exported model go on in tiles without being told")
    func road() async throws {
      let place = try Playground.detection()
      let request = try tinyRequest("yolox_tiny", size: 64, epochs: 1)
      var overrides = request.overrides
      overrides += try tiles.map { try RecipeOverride(assignment: $0, source: "test") }
      let run = try await place.train(
        RecipeRequest(model: request.model, overrides: overrides)
      )
      let tiling = run.result.info.tiling
      #expect(tiling?.tileSize == ImageSize(height: 64, width: 64) && tiling?.overlap == 0.25)
      let engine = try Engine(model: run.result.checkpoint, data: place.location)
      #expect(engine.recipe.data.tiling.settled == tiling)
      let scores = try await engine.evaluate(on: .val)
      #expect(scores.itemCount == 4)
      expectClose(
        scores.report.values["map_50"] ?? -1,
        run.result.best.values["map_50"] ?? -2,
        atol: 1e-6
      )
      let out = place.folder.url.appending(path: "ir")
      let exported = try await engine.export(to: out)
      let deployed = try Engine(model: exported.model.xml, data: place.location)
      #expect(deployed.recipe.data.tiling.settled == tiling)
      let again = try await deployed.evaluate(on: .val)
      expectClose(
        again.report.values["map_50"] ?? -1,
        scores.report.values["map_50"] ?? -2,
        atol: 1e-3
      )
      // Told otherwise, it takes pictures whole.
      let whole = try Engine(
        model: run.result.checkpoint,
        data: place.location,
        overrides: [try RecipeOverride(assignment: "data.tiling.enabled=false", source: "test")]
      )
      #expect(whole.recipe.data.tiling.settled == nil)
      #expect(try await whole.evaluate(on: .val).itemCount == 4)
    }

    @Test("classification in tiles is refused")
    func classification() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let request = RecipeRequest(
        model: BoringBackend.model(for: .multiClassClassification),
        overrides: [try RecipeOverride(assignment: "data.tiling.enabled=true", source: "test")]
      )
      let error = #expect(throws: ConfigurationError.self) {
        try place.engine(request, registry: EngineRegistry([BoringBackend()]))
      }
      #expect(error?.description.contains("DETECTION") == true)
    }
  }
}
