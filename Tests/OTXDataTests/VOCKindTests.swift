import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Pascal VOC's challenges")
struct VOCKindTests {
  /// Two pictures: one with a person, its head and a label map; one in a list alone.
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] { try folder.picture("JPEGImages/\(name).png") }
    try folder.write(
      """
      <annotation><filename>a.png</filename>
      <object><name>person</name><pose>Left</pose><truncated>1</truncated><occluded>0</occluded>
      <difficult>1</difficult>
      <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>21</ymax></bndbox>
      <part><name>head</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>6</xmax><ymax>7</ymax></bndbox></part>
      <point><x>5</x><y>6.5</y></point>
      <actions><jumping>1</jumping><reading>0</reading></actions>
      <attributes><attribute><name>size</name><value>12</value></attribute></attributes></object>
      <object><name>car</name><bndbox><xmin>8</xmin><ymin>2</ymin><xmax>20</xmax><ymax>21</ymax></bndbox></object>
      </annotation>
      """,
      to: "Annotations/a.xml"
    )
    for name in ["SegmentationClass", "SegmentationObject"] {
      var image = Image(size: ImageSize(height: 24, width: 32))
      // The colour of 15, `person`.
      for (channel, value) in [192, 128, 128].enumerated() { image.pixels[channel] = UInt8(value) }
      try folder.write(Data(ImageFile.png(image)), to: "\(name)/a.png")
    }
    try folder.write("a\nb\n", to: "ImageSets/Main/train.txt")
    try folder.write("a  1\nb -1\n", to: "ImageSets/Main/person_train.txt")
    try folder.write("a  0\nb  1\nb  7\n", to: "ImageSets/Main/car_train.txt")
    try folder.write("a\n", to: "ImageSets/Segmentation/train.txt")
    try folder.write("a 1\na 2\n", to: "ImageSets/Layout/train.txt")
    try folder.write("\"a\" 1\n", to: "ImageSets/Action/train.txt")
    return folder
  }

  private func read(_ folder: TemporaryFolder, _ format: String) throws -> FormatReading {
    try Formats.named(format).read(.root(folder.url, format: format))
  }

  @Test("everything together")
  func all() throws {
    let folder = try folder()
    let reading = try read(folder, "voc")
    let items = try #require(reading.items[.train])
    #expect(items.map(\.id) == ["JPEGImages/a.png", "JPEGImages/b.png"])
    var person = Annotation.box(BoundingBox(1, 2, 20, 21), label: "person", isDifficult: true)
    var head = Annotation.box(BoundingBox(2, 3, 6, 7), label: "head")
    person.group = items[0].annotations[1].group
    head.group = person.group
    #expect(person.group > 0)
    person.attributes = [
      "pose": .text("Left"), "truncated": .flag(true), "point": .numbers([5, 6.5]),
      "jumping": .flag(true), "reading": .flag(false), "size": .number(12),
    ]
    head.attributes = ["part": .flag(true)]
    #expect(
      Array(items[0].annotations.prefix(4)) == [
        .label("person"), person, head, .box(BoundingBox(8, 2, 20, 21), label: "car"),
      ]
    )
    let map = try #require(items[0].annotations.last?.labelMap)
    #expect(map.encoding == .color && map.table[192 << 16 | 128 << 8 | 128] == "person")
    #expect(map.table[224 << 16 | 224 << 8 | 192] == nil, "the border is no label")
    guard case .file(let objects, .color) = map.instances else {
      Issue.record("\(map.instances)")
      return
    }
    #expect(objects.path.hasSuffix("SegmentationObject/a.png"))
    #expect(items[1].annotations == [.label("car")])
    #expect(reading.labels.prefix(2) == ["background", "aeroplane"])
    #expect(reading.labels.suffix(3) == ["head", "hand", "foot"])
    #expect(reading.problems.map(\.location) == ["ImageSets/Main/car_train.txt:3"])
  }

  @Test("each challenge by its name")
  func kinds() throws {
    let folder = try folder()
    func kinds(_ format: String) throws -> [[String]] {
      try (read(folder, format).items[.train] ?? []).map { item in
        item.annotations.map { $0.labelMap == nil ? "\($0.kind) \($0.label ?? "")" : "map" }
      }
    }
    #expect(try kinds("voc_classification") == [["label person"], ["label car"]])
    #expect(try kinds("voc_detection") == [["object person", "object car"], []])
    #expect(try kinds("voc_segmentation") == [["map"]])
    #expect(try kinds("voc_instance_segmentation") == [["object person", "object car", "map"]])
    #expect(try kinds("voc_layout") == [["object person", "object head"]])
    #expect(try kinds("voc_action") == [["object person"]])
    #expect(try read(folder, "roboflow_voc").items[.train]?.count == 2)
    let action = try read(folder, "voc_action")
    #expect(action.labels == ["background", "person"])
    #expect(action.items[.train]?[0].annotations[0].attributes["jumping"] == .flag(true))
  }

  @Test("what is read is written again")
  func roundTrip() throws {
    let folder = try folder()
    for format in ["voc", "voc_instance_segmentation", "voc_layout", "voc_action"] {
      let dataset = try folder.read(format: format)
      let second = try TemporaryFolder()
      try Formats.writable(named: format).write(dataset, to: second.url)
      let again = try second.read(format: format)
      for (subset, items) in dataset.items {
        for (old, new) in zip(items, again.items[subset] ?? []) {
          let isSame = zip(old.annotations, new.annotations).allSatisfy { old, new in
            old == new || (old.labelMap != nil && old.labelMap?.table == new.labelMap?.table)
          }
          #expect(isSame && old.annotations.count == new.annotations.count, "\(format) \(old.id)")
        }
        #expect(items.count == again.items[subset]?.count)
      }
    }
  }

  @Test("numbers of a palette are labels in the order of labelmap.txt, else its colours count")
  func palettes() throws {
    func png(_ palette: [UInt8]) -> [UInt8] {
      func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        [0, 0, 0, UInt8(content.count)] + Array(name.utf8) + content + [0, 0, 0, 0]
      }
      return [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]
        + chunk("IHDR", [0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0]) + chunk("PLTE", palette)
    }
    let folder = try folder()
    try folder.write("bg:0,0,0::\nroad:9,9,9::\n", to: "labelmap.txt")
    func map(_ palette: [UInt8]) throws -> LabelMap? {
      try folder.write(Data(png(palette)), to: "SegmentationClass/a.png")
      let items = try read(folder, "voc_segmentation").items[.train]
      return items?.first?.annotations.last?.labelMap
    }
    let inOrder = try map([0, 0, 0, 9, 9, 9])
    #expect(inOrder?.encoding == .index && inOrder?.table.labels == [0: "bg", 1: "road"])
    let grey = try map([1, 1, 1, 2, 2, 2])
    #expect(grey?.encoding == .index)
    let moved = try map([7, 7, 7, 0, 0, 0, 9, 9, 9])
    #expect(moved?.encoding == .color && moved?.table[0x090909] == "road")
  }

  @Test("label lines that cannot be read are named")
  func labelMap() throws {
    let folder = try folder()
    try folder.write("cat:1,2,3::\n#\n:1,2,3\ncat\ndog:1,2\nx:300,0,0::\n", to: "labelmap.txt")
    let reading = try read(folder, "voc_detection")
    #expect(reading.labels == ["cat", "car", "person"])
    let lines = reading.problems.map(\.location).filter { $0.hasPrefix("labelmap") }
    #expect(lines == [3, 4, 5, 6].map { "labelmap.txt:\($0)" })
  }

  @Test("regions and label maps of other formats are painted in VOC's colours")
  func painting() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    let size = ImageSize(height: 24, width: 32)
    var values = [UInt32](repeating: 0, count: 24 * 32)
    (values[0], values[1]) = (7001, 7002)
    try folder.write(Data(IndexImage(size: size, values: values).png()), to: "map.png")
    let map = LabelMap(
      url: folder.url.appending(path: "map.png"),
      instances: .quotient(1000),
      table: LabelTable([7: "cat"])
    )
    let region = Region.polygon(Polygon([10, 10, 20, 10, 20, 20, 10, 20]))
    let item = DatasetItem(
      id: "a.png",
      image: .file(folder.url.appending(path: "a.png")),
      annotations: [.labelMap(map), .region(region, label: "dog")]
    )
    let dataset = Dataset(
      format: "",
      root: folder.url,
      labels: LabelInfo(names: ["cat", "dog"]),
      items: [.train: [item]]
    )
    let second = try TemporaryFolder()
    try Formats.writable(named: "voc_instance_segmentation").write(dataset, to: second.url)
    let again = try second.read(format: "voc_instance_segmentation")
    let found = again.items.values.joined().flatMap(\.annotations)
    let segments = try found.compactMap(\.labelMap).first?.segments(size: size) ?? []
    let areas = segments.map { "\($0.label) \($0.mask.area)" }.sorted()
    #expect(areas == ["cat 1", "cat 1", "dog 100"])
    #expect(found.compactMap(\.box) == [BoundingBox(10, 10, 20, 20)])
  }

  @Test("what VOC cannot hold is an error before anything is written")
  func refused() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    let item = DatasetItem(
      id: "a.png",
      image: .file(folder.url.appending(path: "a.png")),
      annotations: [.label("a/b")]
    )
    let dataset = Dataset(
      format: "",
      root: folder.url,
      labels: LabelInfo(names: ["a/b"]),
      items: [.train: [item]]
    )
    for format in ["voc", "voc_detection"] {
      #expect(throws: DataError.self) {
        try Formats.writable(named: format).write(dataset, to: folder.url.appending(path: "out"))
      }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.url.appending(path: "out").path))
  }
}
