import Foundation
import OTXCore
import Testing

@testable import OTXRecipe

/// Input sizes and tiles against Python OTX 2.6 (`Tools/goldens/auto_sizes.py`).
@Suite("Sizes fitted to data") struct AdaptedSizeTests {
  struct Row: Decodable, Sendable, CustomTestStringConvertible {
    var height: Double
    var width: Double
    var smallest: Double?
    var mean: Double?
    var largest: Double?
    var count: Int
    var multiple: Int
    var size: [Int]
    var tile: Int?
    var overlap: Double?
    var instances: Int?
    var testDescription: String { "\(height)x\(width), \(smallest ?? 0)" }
  }

  static let rows: [Row] = {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/auto_sizes.json")
    return (try? JSONDecoder().decode([Row].self, from: Data(contentsOf: url))) ?? []
  }()

  @Test("all numbers are there") func numbers() { #expect(AdaptedSizeTests.rows.count == 24) }

  @Test("the size is Python OTX's", arguments: rows)
  func size(row: Row) {
    let size = AutoConfigurator.adaptedSize(
      largest: (row.height, row.width),
      smallest: row.smallest,
      multiple: row.multiple
    )
    #expect([size.height, size.width] == row.size)
  }

  @Test("tile and overlap are Python OTX's", arguments: rows.filter { $0.tile != nil })
  func tiles(row: Row) throws {
    guard let smallest = row.smallest, let mean = row.mean, let largest = row.largest else {
      return
    }
    var profile = AutoConfiguratorTests.cells()
    profile.objectSides = .init(robustMin: smallest, mean: mean, robustMax: largest)
    profile.maximumObjectCount = row.count
    let on = RecipeOverride(key: "data.tiling.enabled", value: "true", source: "--set")
    let recipe = try AutoConfigurator(models: testModels)
      .configure(profile: profile, request: RecipeRequest(overrides: [on])).recipe
    let tiling = try #require(recipe.data.tiling.settled)
    #expect(tiling.tileSize.height == row.tile && tiling.tileSize.width == row.tile)
    #expect(abs(tiling.overlap - (row.overlap ?? -1)) < 1e-9)
    // Python keeps as many objects as the training pictures have at the most; here room is left for
    // fuller ones.
    #expect(tiling.maximumInstanceCount >= row.instances ?? .max)
  }
}
