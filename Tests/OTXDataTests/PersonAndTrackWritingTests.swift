import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@Suite("Writing persons and tracks")
struct PersonAndTrackWritingTests {
  private let size = ImageSize(height: 12, width: 16)

  @Test("Market-1501's names are made of attributes, and read again")
  func market() throws {
    let folder = try TemporaryFolder()
    for name in [
      "bounding_box_train/0002_c1s3_000151_00.png", "bounding_box_test/0001_c1s1_001051_02.png",
      "query/0001_c2s3_000111_00.png",
    ] { try folder.picture(name) }
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    let again = try TemporaryFolder()
    try Market1501Format().write(dataset, to: again.url)
    let read = try DatasetReader.read(.root(again.url, format: nil), for: .inspection)
    #expect(
      read.items.mapValues { $0.map(\.attributes) }
        == dataset.items.mapValues { $0.map(\.attributes) }
    )
    var nameless = dataset
    nameless.items[.train]?[0].attributes["person_id"] = nil
    #expect(throws: DataError.self) {
      try Market1501Format().write(nameless, to: again.url.appending(path: "other"))
    }
  }

  @Test("MOTS' pixels hold class and object, and are read again")
  func mots() throws {
    let polygons = [[1, 1, 6, 1, 6, 5, 1, 5], [8, 2, 14, 2, 14, 9, 8, 9]].map {
      Polygon($0.map { Float($0) })
    }
    let item = DatasetItem(
      id: "a.png",
      image: .memory(Image(size: size)),
      size: size,
      annotations: [
        .region(.polygon(polygons[0]), label: "dog"), .region(.polygon(polygons[1]), label: "dog"),
      ]
    )
    let dataset = Dataset(
      format: "coco",
      root: URL(filePath: "/data"),
      labels: LabelInfo(names: ["cat", "dog"]),
      items: [.train: [item], .val: [item]]
    )
    let folder = try TemporaryFolder()
    try MOTSFormat().write(dataset, to: folder.url)
    let read = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    #expect(read.format == "mots")
    #expect(read.labels.names == ["cat", "dog"])
    let map = try #require(read.items[.train]?.first?.annotations.first?.labelMap)
    let segments = try map.segments(size: size)
    #expect(segments.map(\.label) == ["dog", "dog"])
    #expect(segments.map(\.mask) == polygons.map { $0.mask(size: size) })
  }
}
