import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

/// Holds for every format that datasets of pixel labels can be written in.
@Suite("Every format of pixel labels")
struct PixelContractTests {
  static let size = ImageSize(height: 12, width: 16)

  /// Two pictures a subset: one with two overlapping objects of one label, one with a polygon of
  /// another label.
  static func sample() throws -> Dataset {
    func square(_ x: Int, _ y: Int, _ side: Int) -> Region {
      let bitmap = (0..<size.height * size.width).map { index in
        let (row, column) = (index / size.width, index % size.width)
        return (x..<x + side).contains(column) && (y..<y + side).contains(row)
      }
      return .mask(RunLengthMask(size: size, bitmap: bitmap))
    }
    let image = Image(size: size, red: 90, green: 100, blue: 110)
    let items = [Subset.train, .val, .test].map { subset in
      (
        subset,
        [
          DatasetItem(
            id: "a-\(subset.rawValue).png",
            image: .memory(image),
            annotations: [
              .region(square(1, 1, 5), label: "car"), .region(square(3, 3, 5), label: "car"),
            ]
          ),
          DatasetItem(
            id: "b-\(subset.rawValue).png",
            image: .memory(image),
            annotations: [
              .region(.polygon(Polygon([2, 2, 14, 2, 14, 9, 2, 9])), label: "big road")
            ]
          ),
        ]
      )
    }
    return Dataset(
      format: "memory",
      root: URL(filePath: "/sample"),
      labels: LabelInfo(names: ["big road", "car"]),
      items: Dictionary(uniqueKeysWithValues: items)
    )
  }

  /// Formats with a place for pixels; `nil` where the sample is refused.
  static func written(_ name: String) throws -> TemporaryFolder? {
    let folder = try TemporaryFolder()
    do {
      try Formats.writable(named: name).write(sample(), to: folder.url)
    } catch DataError.invalidItem {
      return nil
    }
    return folder
  }

  /// The pixels of each label, whatever holds them.
  static func pixels(_ item: DatasetItem) throws -> [String: Set<Int>] {
    var result: [String: Set<Int>] = [:]
    func add(_ mask: RunLengthMask, _ label: String) {
      result[label, default: []].formUnion(mask.bitmap.indices.filter { mask.bitmap[$0] })
    }
    for annotation in item.annotations {
      if let map = annotation.labelMap {
        for segment in try map.segments(size: item.size) { add(segment.mask, segment.label) }
      } else if let region = annotation.region, let label = annotation.label {
        add(try region.mask(size: size), label)
      }
    }
    return result
  }

  static let formats = [
    "camvid", "cityscapes", "kitti_segmentation", "mvtec",
  ]

  @Test("writes the pixels that it reads", arguments: formats)
  func roundTrip(_ format: String) throws {
    func name(_ item: DatasetItem) -> String { URL(filePath: item.id).lastPathComponent }
    let sample = try PixelContractTests.sample()
    let folder = try #require(try PixelContractTests.written(format), "\(format) holds no pixels")
    let found = try folder.read()
    #expect(found.format == format)
    #expect(found.labels == sample.labels)
    let problems = found.problems.filter { $0.kind != "label without annotations" }
    #expect(problems.isEmpty, "\(problems)")
    for (subset, items) in sample.items {
      let read = try #require(found.items[subset], "\(subset)")
      #expect(read.count == items.count)
      for (own, other) in zip(read.sorted { name($0) < name($1) }, items) {
        #expect(
          try PixelContractTests.pixels(own) == PixelContractTests.pixels(other),
          "\(own.id)"
        )
      }
    }
    let second = try TemporaryFolder()
    try Formats.writable(named: format).write(found, to: second.url)
    let again = try second.read()
    #expect(again.labels == found.labels)
    #expect(
      try again.items.mapValues { try $0.map(PixelContractTests.pixels) }
        == found.items.mapValues { try $0.map(PixelContractTests.pixels) }
    )
  }

  @Test("is certain of no other's folder", arguments: formats)
  func foreign(_ name: String) throws {
    let folder = try #require(try PixelContractTests.written(name))
    for format in Formats.all where format.name != name {
      if case .certain(let reason) = format.recognizes(folder.url) {
        Issue.record("\(format.name) is certain of a dataset in \(name): \(reason)")
      }
    }
  }

  @Test("objects of which no pixels are known are refused before anything is written")
  func boxes() throws {
    var dataset = try PixelContractTests.sample()
    let box = BoundingBox(x1: 1, y1: 1, x2: 4, y2: 4)
    dataset.items[.val]?[0].annotations.append(.box(box, label: "car"))
    for name in PixelContractTests.formats where name != "mvtec" {
      let folder = try TemporaryFolder()
      #expect(throws: DataError.self) {
        try Formats.writable(named: name).write(dataset, to: folder.url)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
  }
}
