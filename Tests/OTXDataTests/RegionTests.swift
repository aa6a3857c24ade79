import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@Suite("Regions")
struct RegionTests {
  struct Case: Decodable {
    var height: Int
    var width: Int
    var parts: [[Float]]
    var area: Int
    var counts: String
  }

  static func cases() throws -> [String: Case] {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/regions.json")
    return try JSONDecoder().decode([String: Case].self, from: Data(contentsOf: url))
  }

  @Test("polygons are filled as pycocotools fills them")
  func filling() throws {
    for (name, golden) in try RegionTests.cases() {
      let size = ImageSize(height: golden.height, width: golden.width)
      let mask = Polygon(parts: golden.parts).mask(size: size)
      let expected = RunLengthMask(size: size, compressed: golden.counts.utf8)
      #expect(mask.bitmap == expected?.bitmap, "\(name)")
      #expect(mask.area == golden.area, "\(name)")
    }
  }

  @Test("the outlines of a mask give that mask again")
  func outlines() throws {
    for (name, golden) in try RegionTests.cases() {
      let size = ImageSize(height: golden.height, width: golden.width)
      let mask = try #require(RunLengthMask(size: size, compressed: golden.counts.utf8))
      let polygon = mask.polygon()
      #expect((polygon == nil) == (golden.area == 0))
      #expect(polygon?.mask(size: size).bitmap ?? mask.bitmap == mask.bitmap, "\(name)")
      #expect(abs((polygon?.area ?? 0) - Float(golden.area)) < 0.5, "\(name)")
    }
    // Noise: many groups that touch by corners, with holes in holes.
    let size = ImageSize(height: 37, width: 41)
    var state: UInt32 = 7
    let bitmap = (0..<size.height * size.width).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return state >> 24 > 90
    }
    let mask = RunLengthMask(size: size, bitmap: bitmap)
    #expect(mask.polygon()?.mask(size: size).bitmap == bitmap)
  }

  @Test("masks of two regions are joined")
  func union() {
    let size = ImageSize(height: 5, width: 4)
    func mask(_ pixels: Set<Int>) -> RunLengthMask {
      RunLengthMask(size: size, bitmap: (0..<20).map(pixels.contains))
    }
    #expect(mask([0, 4, 9, 19]).union(mask([4, 8, 12])) == mask([0, 4, 8, 9, 12, 19]))
    #expect(mask([]).union(mask([])) == RunLengthMask(empty: size))
  }

  @Test("coordinates of any kind do no harm")
  func wildCoordinates() {
    let size = ImageSize(height: 9, width: 9)
    let wild: [Float] = [.nan, .infinity, -.infinity, 1e38, -1e38, 3, 0.5, .zero]
    #expect(Polygon(wild).mask(size: size).counts.reduce(0, +) == 81)
    #expect(Polygon([1, 1, 2] + [2]).mask(size: size).area == 0)
    #expect(Polygon([]).mask(size: ImageSize(height: 0, width: 0)).area == 0)
  }

  @Test("turned boxes, ellipses and lines become masks")
  func otherRegions() throws {
    let size = ImageSize(height: 40, width: 40)
    let box = RotatedBox(x: 20, y: 20, width: 20, height: 10, angle: 0)
    #expect(try Region.rotatedBox(box).mask(size: size).area == 200)
    let area = try Region.ellipse(box).mask(size: size).area
    #expect(abs(Double(area) - 50 * Double.pi) < 6)
    #expect(try Region.polyline([1, 1, 9, 9]).mask(size: size).area == 0)
    #expect(throws: DataError.self) {
      try Region.mask(RunLengthMask(empty: ImageSize(height: 1, width: 1))).mask(size: size)
    }
  }
}

@Suite("Label maps")
struct LabelMapTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// A grey PNG of numbers.
  func indexFile(_ values: [UInt32], height: Int, width: Int, name: String = "m.png") throws -> URL
  {
    let image = IndexImage(size: ImageSize(height: height, width: width), values: values)
    return try folder.write(Data(image.png()), to: name)
  }

  func texts(_ map: LabelMap) throws -> [String] {
    try map.segments().map { segment in
      let pixels = segment.mask.bitmap.enumerated().filter(\.element).map { "\($0.offset)" }
      return "\(segment.label) \(segment.instance ?? -1): \(pixels.joined(separator: " "))"
    }
  }

  let table = LabelTable([0: "sky", 3: "car", 7: "road"])

  @Test("numbers become labels; others are ignored")
  func indices() throws {
    let url = try indexFile([0, 0, 3, 7, 7, 5], height: 2, width: 3)
    let map = LabelMap(url: url, table: table)
    #expect(try texts(map) == ["sky -1: 0 1", "car -1: 2", "road -1: 3 4"])
    let dense = try map.labelIndices(["car": 1, "sky": 0])
    #expect(dense.pixels == [0, 0, 1, 255, 255, 255])
    #expect(dense.size == ImageSize(height: 2, width: 3))
  }

  @Test("instances by quotient, product and a second picture")
  func instances() throws {
    let quotient = try indexFile([3, 3001, 3002, 7], height: 1, width: 4)
    var map = LabelMap(url: quotient, instances: .quotient(1000), table: table)
    #expect(try texts(map) == ["car -1: 0", "car 1: 1", "car 2: 2", "road -1: 3"])

    let product = try indexFile([5, 3 * 256, 3 * 256 + 1, 7 * 256], height: 1, width: 4)
    map = LabelMap(url: product, instances: .product(256), table: table)
    #expect(try texts(map) == ["sky 5: 0", "car -1: 1", "car 1: 2", "road -1: 3"])

    let labels = try indexFile([3, 3, 3, 7], height: 2, width: 2)
    let objects = try indexFile([1, 2, 2, 0], height: 2, width: 2, name: "o.png")
    map = LabelMap(url: labels, instances: .file(objects, .index), table: table)
    #expect(try texts(map) == ["car 1: 0", "car 2: 1 2", "road -1: 3"])

    let other = try indexFile([1, 2], height: 1, width: 2, name: "p.png")
    map.instances = .file(other, .index)
    #expect(throws: DataError.self) { try map.segments() }
    map.instances = .quotient(0)
    #expect(try texts(map).count == 2)
    #expect(throws: DataError.self) { try map.segments(size: ImageSize(height: 9, width: 9)) }
  }

  @Test("colours become labels; ADE20K's colours hold label and object")
  func colors() throws {
    let pixels: [UInt8] = [128, 0, 0, 0, 0, 0, 10, 44, 9]
    let image = Image(size: ImageSize(height: 1, width: 3), pixels: pixels)
    let url = try folder.write(Data(ImageFile.png(image)), to: "c.png")
    var map = LabelMap(
      url: url,
      encoding: .color,
      table: LabelTable([0x800000: "building", 0: "void"])
    )
    #expect(try texts(map) == ["void -1: 1", "building -1: 0"])
    map.instances = .ade20k
    map.table = LabelTable([300: "lamp"])
    #expect(try texts(map) == ["lamp 9: 2"])
    // Numbers are wanted, and the picture has colours.
    map = LabelMap(url: url, table: table)
    #expect(throws: DataError.self) { try map.segments() }
  }

  @Test("an object's mask is taken out of a file")
  func maskFile() throws {
    let grey = try indexFile([0, 1, 2, 2], height: 2, width: 2)
    #expect(try MaskFile(url: grey, selection: .nonZero).mask().area == 3)
    #expect(
      try MaskFile(url: grey, selection: .index(2)).mask().bitmap == [false, false, true, true]
    )
    #expect(try MaskFile(url: grey, selection: .index(-2)).mask().area == 0)
    let pixels: [UInt8] = [1, 2, 3, 0, 0, 0, 1, 2, 3, 9, 9, 250]
    let image = Image(size: ImageSize(height: 2, width: 2), pixels: pixels)
    let color = try folder.write(Data(ImageFile.png(image)), to: "c.png")
    let wanted = Color(red: 1, green: 2, blue: 3)
    #expect(try MaskFile(url: color, selection: .color(wanted)).mask().area == 2)
    #expect(
      try MaskFile(url: color, selection: .blueRank(2)).mask().bitmap == [
        false, false, false, true,
      ]
    )
    #expect(try MaskFile(url: color, selection: .blueRank(9)).mask().area == 0)
    let region = Region.maskFile(MaskFile(url: color, selection: .nonZero))
    #expect(try region.mask(size: ImageSize(height: 2, width: 2)).area == 3)
    #expect(throws: DataError.self) { try region.mask(size: ImageSize(height: 3, width: 2)) }
  }

  @Test("numbers of 16 bits are written and read")
  func deepNumbers() throws {
    let url = try indexFile([0, 255, 256, 65535], height: 4, width: 1)
    #expect(try IndexImage.read(url, as: .index).values == [0, 255, 256, 65535])
    let colors = try IndexImage.read(url, as: .color).values
    #expect(colors == [0, 0, 0x010101, 0xFFFFFF])
    let image = IndexImage(size: ImageSize(height: 1, width: 1), values: [65536])
    #expect(throws: DataError.self) { try image.png() }
  }
}
