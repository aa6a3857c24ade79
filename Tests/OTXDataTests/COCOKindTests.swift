import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Kinds of COCO files")
struct COCOKindTests {
  private let size = ImageSize(height: 24, width: 32)

  private func file(_ annotations: String, categories: String? = nil) -> String {
    let categories =
      categories
      ?? #"{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"}"#
    return """
      {"images": [{"id": 1, "file_name": "a.png", "height": 24, "width": 32}],
       "annotations": [\(annotations)], "categories": [\(categories)]}
      """
  }

  private func reading(
    _ annotations: String,
    kind: String = "instances",
    categories: String? = nil
  ) throws -> FormatReading {
    let folder = try TemporaryFolder()
    try folder.picture("images/train/a.png")
    try folder.write(
      file(annotations, categories: categories),
      to: "annotations/\(kind)_train.json"
    )
    return try COCOFormat().read(.root(folder.url, format: nil))
  }

  private func first(_ reading: FormatReading) throws -> Annotation {
    try #require(reading.items[.train]?.first?.annotations.first)
  }

  @Test("outlines of one and of several parts")
  func polygons() throws {
    let one = try first(
      reading(
        #"{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 4, 2, 4, 6]]}"#
      )
    )
    #expect(one.region == .polygon(Polygon([1, 2, 4, 2, 4, 6])))
    #expect(one.box == BoundingBox(1, 2, 4, 6))
    let several = try first(
      reading(
        #"{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 2, 4, 2, 4, 6], [9, 9, 12, 9, 12, 12.5]]}"#
      )
    )
    #expect(
      several.region == .polygon(Polygon(parts: [[1, 2, 4, 2, 4, 6], [9, 9, 12, 9, 12, 12.5]]))
    )
    #expect(several.box == BoundingBox(1, 2, 12, 12.5), "without 'bbox', that of the region")
  }

  @Test("masks in run lengths, packed and not; attributes, scores")
  func masks() throws {
    let mask = RunLengthMask(size: size, bitmap: (0..<24 * 32).map { $0 % 32 < 4 })
    let counts = mask.counts.map(String.init).joined(separator: ", ")
    for text in ["[\(counts)]", "\"\(mask.compressed)\""] {
      let annotation = try first(
        reading(
          """
          {"id": 1, "image_id": 1, "category_id": 2, "bbox": [0, 0, 4, 24], "iscrowd": 1,
           "segmentation": {"size": [24, 32], "counts": \(text)}, "score": 0.5,
           "attributes": {"occluded": true, "name": "x", "list": [1, "a"], "none": null}}
          """
        )
      )
      #expect(annotation.region == .mask(mask))
      #expect(annotation.isCrowd)
      #expect(
        annotation.attributes == [
          "occluded": .flag(true), "name": .text("x"), "list": .text(#"[1, "a"]"#),
          "score": .number(0.5),
        ]
      )
    }
  }

  @Test(
    "a region that cannot be used is named, and its box is kept",
    arguments: [
      "[[1, 2, 3]]", "[[1, 2, 3, 4, 5, 6, 7]]", "[[1, 2, 3, NaN, 5, 6]]",
      #"{"size": [24, 32], "counts": [1, 2]}"#, #"{"size": [2, 2], "counts": [0, 4]}"#,
      #"{"size": [24, 32], "counts": "~~"}"#,
      #"{"size": [1e300, 1e300], "counts": [4000000000]}"#, #"{"counts": []}"#,
    ]
  )
  func badRegions(_ segmentation: String) throws {
    let reading = try reading(
      #"{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": \#(segmentation)}"#
    )
    #expect(try first(reading) == .box(BoundingBox(1, 2, 4, 6), label: "cat"))
    #expect(reading.problems.map(\.kind) == ["unusable region"])
    #expect(reading.problems.first?.remedy == .noted)
  }

  @Test("super-categories, key points' names and lines")
  func details() throws {
    let reading = try reading(
      #"{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0]}"#,
      kind: "person_keypoints",
      categories:
        #"{"id": 1, "name": "person", "supercategory": "person", "keypoints": ["a", "b", "c"], "skeleton": [[1, 2], [2, 3]]}"#
    )
    let expected = Keypoints(
      points: [1, 2, 3, 4, 0, 0],
      visibilities: [.visible, .hidden, .absent]
    )
    #expect(try first(reading).keypoints == expected)
    let layout = try #require(reading.labelDetails.keypoints["person"])
    #expect(layout.names == ["a", "b", "c"])
    #expect(layout.edges.map(\.from) == [0, 1] && layout.edges.map(\.to) == [1, 2])
    #expect(reading.labelDetails.parents.isEmpty, "a label is not above itself")
    #expect(try self.reading("").labelDetails.parents == ["cat": "animal"])
  }

  @Test("instances, key points and captions are joined; what would stand twice is not read")
  func joining() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/train/a.png")
    let box = #""image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]"#
    try folder.write(file("{\"id\": 7, \(box)}"), to: "annotations/instances_train.json")
    try folder.write(
      file("{\"id\": 7, \(box), \"keypoints\": [1, 2, 2]}"),
      to: "annotations/person_keypoints_train.json"
    )
    try folder.write(
      file(#"{"id": 1, "image_id": 1, "caption": "a cat"}"#),
      to: "annotations/captions_train.json"
    )
    try folder.write(file("{\"id\": 1, \(box)}"), to: "annotations/stuff_train.json")
    let reading = try COCOFormat().read(.root(folder.url, format: nil))
    let annotations = reading.items[.train]?.first?.annotations ?? []
    #expect(reading.items[.train]?.count == 1)
    #expect(annotations.map(\.kind) == [.object, .caption])
    #expect(annotations.first?.keypoints?.points == [1, 2])
    #expect(reading.problems.map(\.location) == ["annotations/stuff_train.json"])
    let stuff = try Formats.named("coco_stuff").read(.root(folder.url, format: nil))
    #expect(stuff.items[.train]?.first?.annotations.count == 1)
    let captions = try Formats.named("coco_captions").read(.root(folder.url, format: nil))
    #expect(captions.items[.train]?.first?.annotations == [.caption("a cat")])
  }

  /// Annotations that each kind holds, in a dataset with the labels cat and dog.
  private func dataset(_ annotations: [Annotation]) -> Dataset {
    let item = DatasetItem(
      id: "a.png",
      image: .memory(Image(size: size, red: 9, green: 9, blue: 9)),
      annotations: annotations
    )
    var details = LabelDetails()
    details.parents = ["cat": "animal"]
    return Dataset(
      format: "memory",
      root: URL(filePath: "/"),
      labels: LabelInfo(names: ["cat", "dog"]),
      labelDetails: details,
      items: [.train: [item]]
    )
  }

  @Test("what is written is read again")
  func roundTrip() throws {
    let mask = RunLengthMask(size: size, bitmap: (0..<24 * 32).map { $0 % 32 < 4 })
    var all = Annotation.region(
      .polygon(Polygon(parts: [[1, 2, 4.3, 2, 4, 6], [9, 9, 12, 9, 12, 12.1]])),
      label: "dog",
      box: BoundingBox(0.1, 0.7, 13.3, 13.9)
    )
    all.keypoints = Keypoints(points: [1, 2.5], visibilities: [.hidden])
    all.attributes = ["occluded": .flag(true)]
    all.isDifficult = true
    let annotations: [Annotation] = [
      all, .region(.mask(mask), label: "cat", isCrowd: true),
      .box(BoundingBox(3, 4, 9, 9), label: "cat"), .caption("a \"cat\"\nand a dog"),
    ]
    let folder = try TemporaryFolder()
    try COCOFormat().write(dataset(annotations), to: folder.url)
    let read = try COCOFormat().read(.root(folder.url, format: nil))
    #expect(read.problems.isEmpty, "\(read.problems)")
    #expect(read.labelDetails.parents == ["cat": "animal"])
    #expect(read.items[.train]?.first?.annotations == annotations)
  }

  @Test("panoptic segments are written as a picture of numbers")
  func panoptic() throws {
    let left = RunLengthMask(size: size, bitmap: (0..<24 * 32).map { $0 % 32 < 4 })
    let right = RunLengthMask(size: size, bitmap: (0..<24 * 32).map { $0 % 32 > 20 })
    let folder = try TemporaryFolder()
    let format = try Formats.writable(named: "coco_panoptic")
    try format.write(
      dataset([
        .region(.mask(left), label: "dog"), .region(.mask(right), label: "dog", isCrowd: true),
      ]),
      to: folder.url
    )
    let read = try COCOFormat().read(.root(folder.url, format: nil))
    let annotations = read.items[.train]?.first?.annotations ?? []
    #expect(annotations.map(\.isCrowd) == [false, true])
    #expect(try annotations.compactMap { try $0.region?.mask(size: size) } == [left, right])
  }

  @Test("what COCO cannot hold is refused before anything is written")
  func refused() throws {
    let object = Annotation.box(BoundingBox(3, 4, 9, 9), label: "cat")
    let cases: [[Annotation]] = [
      [.region(.polyline([1, 2, 3, 4]), label: "cat")], [object, .label("dog")],
      [.box(BoundingBox(3, 4, 9, 9), label: nil)],
      [
        .labelMap(
          LabelMap(url: URL(filePath: "/none.png"), table: LabelTable([1: "cat"]))
        )
      ],
    ]
    for annotations in cases {
      let folder = try TemporaryFolder()
      let dataset = dataset(annotations)
      #expect(throws: DataError.self) { try COCOFormat().write(dataset, to: folder.url) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
  }

  @Test("a long list is read the same in parts as in one")
  func longLists() throws {
    // Objects within lists and brackets within texts, where a part may seem to begin.
    let entries = (0..<24_000).map { number in
      #"{"id": \#(number), "image_id": 1, "attributes": {"text": "}, {\"id\": 5", "list": [{"id": 1}, {"id": 2}]}, "category_id": \#(1 + number % 2), "bbox": [1, 2, 3, \#(4 + number % 7)]}"#
    }
    let reading = try reading(entries.joined(separator: ", "))
    let annotations = try #require(reading.items[.train]?.first?.annotations)
    #expect(annotations.count == 24_000)
    #expect(reading.problems.isEmpty)
    let wrong = annotations.indices.filter { number in
      annotations[number].label != (number % 2 == 0 ? "cat" : "dog")
        || annotations[number].box != BoundingBox(1, 2, 4, Float(6 + number % 7))
    }
    #expect(wrong.isEmpty)
  }
}
