import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@Suite("Datumaro's JSON")
struct DatumaroFormatTests {
  private let size = ImageSize(height: 24, width: 32)

  /// One annotation of every kind, and of every mixture that objects have.
  private func annotations(_ folder: TemporaryFolder) throws -> [Annotation] {
    let bitmap = (0..<size.height * size.width).map { (3..<9).contains($0 % size.width) }
    let polygon = Region.polygon(
      Polygon(parts: [[4, 4, 20.3, 4, 20.3, 16.7], [1, 1, 3, 1, 3, 3, 1, 3]])
    )
    let turned = RotatedBox(x: 16, y: 12, width: 10.5, height: 4, angle: 33)
    let keypoints = Keypoints(
      points: [5, 5, 9.1, 9, 0, 0],
      visibilities: [.visible, .hidden, .absent]
    )
    var all = Annotation(
      label: "cat",
      box: BoundingBox(0.1, 0.2, 20.7, 16.9),
      region: polygon,
      isCrowd: true,
      isDifficult: true
    )
    all.keypoints = keypoints
    all.id = 0
    all.attributes = [
      "weather": .text("a \"fine\" day\n"), "score": .number(0.25), "count": .number(3),
      "seen": .flag(false), "track": .numbers([1, 2.5]),
    ]
    var member = Annotation.box(BoundingBox(1, 1, 5, 5), label: "dog")
    (member.group, member.id) = (7, 12)
    var second = Annotation.region(polygon, label: "dog", box: BoundingBox(0, 0, 21, 17))
    (second.group, second.id) = (7, 12)
    return [
      all, member, second, .label("dog"), .caption("two\nanimals"),
      .box(BoundingBox(3, 3, 30, 20), label: nil),
      .region(.mask(RunLengthMask(size: size, bitmap: bitmap)), label: "cat"),
      .region(.rotatedBox(turned), label: "cat"), .region(.ellipse(turned), label: "dog"),
      .region(.polyline([1, 2, 3, 4, 9, 9]), label: "cat"),
      .keypoints(keypoints, label: "cat"),
    ]
  }

  private func dataset(_ annotations: [Annotation]) -> Dataset {
    var details = LabelDetails()
    details.parents = ["cat": "animal"]
    details.colors = ["dog": Color(red: 1, green: 2, blue: 3)]
    details.exclusiveGroups = [LabelGroup(name: "animals", labels: ["cat", "dog"])]
    details.keypoints = [
      "cat": KeypointLayout(
        names: ["nose", "eye", "ear"],
        edges: [KeypointLayout.Edge(from: 1, to: 2)]
      )
    ]
    var item = DatasetItem(
      id: "a.png",
      image: .memory(Image(size: size, red: 9, green: 9, blue: 9)),
      annotations: annotations
    )
    item.attributes = ["place": .text("Bad Tölz"), "number": .number(4)]
    return Dataset(
      format: "memory",
      root: URL(filePath: "/"),
      labels: LabelInfo(names: ["dog", "cat"]),
      labelDetails: details,
      items: [.train: [item], .val: [item]]
    )
  }

  @Test("holds all that a dataset says")
  func exact() throws {
    let folder = try TemporaryFolder()
    let dataset = dataset(try annotations(folder))
    try DatumaroFormat().write(dataset, to: folder.url)
    let read = try DatumaroFormat().read(.root(folder.url, format: nil))
    #expect(read.problems.isEmpty, "\(read.problems)")
    #expect(read.labels == ["dog", "cat"])
    #expect(read.labelDetails == dataset.labelDetails)
    for subset in [Subset.train, .val] {
      let item = try #require(read.items[subset]?.first)
      #expect(item.size == size)
      #expect(item.attributes == dataset.items[subset]?.first?.attributes)
      let known = dataset.items[subset]?.first?.annotations ?? []
      #expect(item.annotations.count == known.count)
      for (ours, theirs) in zip(item.annotations, known) { #expect(ours == theirs) }
    }
    #expect(try folder.read().format == "datumaro")
  }

  @Test("holds label maps")
  func labelMaps() throws {
    let folder = try TemporaryFolder()
    var image = Image(size: size, red: 0, green: 0, blue: 0)
    for index in 0..<90 { image.pixels[3 * index] = 128 }
    try folder.write(Data(ImageFile.png(image)), to: "labels.png")
    let map = LabelMap(
      url: folder.url.appending(path: "labels.png"),
      encoding: .color,
      table: LabelTable([0: "dog", 128 << 16: "cat"])
    )
    let target = try TemporaryFolder()
    try DatumaroFormat().write(dataset([.labelMap(map)]), to: target.url)
    let read = try DatumaroFormat().read(.root(target.url, format: nil))
    let annotations = read.items[.train]?.first?.annotations ?? []
    let own = try #require(annotations.first?.labelMap)
    #expect(annotations.count == 1)
    #expect(own.url.path == target.url.appending(path: "masks/train/a.png").path)
    #expect(try own.segments() == map.segments())
  }

  @Test("joins what Datumaro keeps apart, by group, number and label")
  func joining() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/train/a.png")
    try folder.write(
      """
      {"categories": {"label": {"labels": [{"name": "cat", "parent": ""}]},
        "points": {"items": [{"label_id": 0, "labels": ["a", "b"], "joints": [[1, 2]]}]}},
       "items": [{"id": "a", "image": {"path": "a.png"}, "annotations": [
        {"type": "polygon", "id": 4, "group": 4, "label_id": 0, "points": [0, 0, 4, 0, 4, 4]},
        {"type": "polygon", "id": 4, "group": 4, "label_id": 0, "points": [9, 9, 8, 0, 4, 4]},
        {"type": "bbox", "id": 4, "group": 4, "label_id": 0, "bbox": [0, 0, 10, 10],
         "attributes": {"is_crowd": true}},
        {"type": "bbox", "id": 0, "group": 5, "label_id": 0, "bbox": [1, 0, 10, 10]},
        {"type": "bbox", "id": 0, "group": 5, "label_id": 0, "bbox": [2, 0, 10, 10]},
        {"type": "bbox", "id": 0, "group": 0, "label_id": 7, "bbox": [2, 0, 10, 10]},
        {"type": "cuboid_3d", "id": 0, "group": 0, "label_id": 0, "position": [0, 0, 0]}]},
       {"id": "b", "video": {"path": "b.mp4"}, "annotations": []}]}
      """,
      to: "annotations/train.json"
    )
    let read = try DatumaroFormat().read(.root(folder.url, format: nil))
    let annotations = read.items[.train]?.first?.annotations ?? []
    #expect(annotations.map(\.box?.x1) == [0, 1, 2])
    let first = try #require(annotations.first)
    #expect(first.isCrowd && first.id == 4 && first.group == 0)
    if case .polygon(let polygon)? = first.region {
      #expect(polygon.partCount == 2)
    } else {
      Issue.record("\(first)")
    }
    #expect(annotations[1].group == 5 && annotations[2].group == 5)
    #expect(read.labelDetails.keypoints["cat"]?.edges == [KeypointLayout.Edge(from: 0, to: 1)])
    #expect(
      read.problems.map(\.kind) == [
        "unknown label", "incomplete annotation", "item without a picture",
      ]
    )
  }

  @Test("files that cannot be used are errors with a place")
  func damage() throws {
    let folder = try TemporaryFolder()
    func error(_ text: String) throws -> String {
      try folder.write(text, to: "annotations/train.json")
      return folder.readingError("annotations/train.json", format: "datumaro")
    }
    #expect(try error(#"{"categories": {}}"#).contains("has no 'items'"))
    #expect(try error(#"{"items": []}"#).contains("has no 'categories'"))
    #expect(try error("[]").contains("train.json:1:1: is not Datumaro's"))
    #expect(
      try error(#"{"dm_format_version": "2.0", "categories": {}, "items": []}"#).contains("2.0")
    )
    #expect(try error(#"{"categories": {}, "items": [{"id": "a"#).contains("is cut short"))
    #expect(try error(#"{"categories": {}, "items": [1]}"#).contains("list of objects"))
  }
}
