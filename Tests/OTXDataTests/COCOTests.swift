import Foundation
import OTXCore
import OTXData
import OTXTesting
import Testing

@Suite("COCO")
struct COCOTests {
  /// A file of two pictures, `a.png` and `b.png`, and two labels.
  private func file(
    images: String =
      #"{"id": 7, "file_name": "a.png", "height": 24, "width": 32}, {"id": 3, "file_name": "b.png"}"#,
    annotations: String =
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 10, 12], "iscrowd": 0}, {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 4.5, 5]}"#,
    categories: String = #"{"id": 5, "name": "cat"}, {"id": 2, "name": "dog"}"#
  ) -> String {
    "{\"images\": [\(images)],\n\"annotations\": [\(annotations)],\n\"categories\": [\(categories)]}"
  }

  private func pictures(_ folder: TemporaryFolder, _ path: String) throws {
    try folder.picture("\(path)/a.png")
    try folder.picture("\(path)/b.png")
  }

  @Test(
    "layouts are recognised",
    arguments: [
      ("annotations/instances_train.json", "images/train"),
      ("annotations/instances_train2017.json", "train2017"),
      ("annotations/train.json", "train"),
      ("annotations/instances_train.json", "images"),
      ("train/_annotations.coco.json", "train"),
      ("train.json", ""),
      ("labels.json", "images"),
    ]
  )
  func layouts(_ annotations: String, _ images: String) throws {
    let folder = try TemporaryFolder()
    try pictures(folder, images)
    try folder.write(file(), to: annotations)
    let dataset = try folder.read()
    #expect(dataset.format == "coco")
    #expect(dataset.labels.names == ["dog", "cat"], "in the order of the file's ids")
    // One of two goes into the missing validation subset.
    let all = (dataset.items[.train] ?? []) + (dataset.items[.val] ?? [])
    #expect(Set(all.map { URL(filePath: $0.id).lastPathComponent }) == ["a.png", "b.png"])
    let a = try #require(all.first { $0.id.hasSuffix("a.png") })
    #expect(a.annotations == [.box(BoundingBox(1, 2, 11, 14), label: "cat")])
  }

  @Test("subsets are found by their names")
  func subsets() throws {
    let folder = try TemporaryFolder()
    for name in ["train", "valid", "test"] {
      try pictures(folder, name)
      try folder.write(file(), to: "\(name)/_annotations.coco.json")
    }
    let dataset = try folder.read()
    #expect(dataset.items.mapValues(\.count) == [.train: 2, .val: 2, .test: 2])
    #expect(!dataset.problems.contains { $0.kind.contains("subset") })
    #expect(dataset.evaluationSubset == .test)
  }

  @Test("files and folders that the user names")
  func namedLocations() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "pictures")
    let annotations = try folder.write(file(), to: "notes/one.json")
    let pictures = folder.url.appending(path: "pictures")
    for location in [annotations, annotations.deletingLastPathComponent()] {
      let train = SubsetLocation(annotations: location, root: pictures)
      let dataset = try DatasetReader.read(
        .subsets([.train: train, .val: train], format: location == annotations ? nil : "coco")
      )
      #expect(dataset.items[.train]?.count == 2)
      #expect(dataset.items[.val]?.count == 2)
    }
    // A file by itself, its pictures where COCO has them.
    try folder.copy(pictures, to: "notes/images")
    #expect(try DatasetReader.read(.root(annotations, format: nil)).items[.train]?.count == 1)
  }

  @Test("several files with different ids for a label agree by name")
  func differentIDs() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    try pictures(folder, "val")
    try folder.write(file(), to: "annotations/instances_train.json")
    try folder.write(
      file(categories: #"{"id": 2, "name": "cat"}, {"id": 5, "name": "dog"}"#),
      to: "annotations/instances_val.json"
    )
    let dataset = try folder.read()
    #expect(dataset.labels.names == ["dog", "cat"])
    #expect(dataset.items[.train]?.first?.annotations.first.map(label) == "cat")
    #expect(dataset.items[.val]?.first?.annotations.first.map(label) == "dog")
  }

  private func label(_ annotation: Annotation) -> String {
    annotation.label ?? ""
  }

  @Test("crowds are kept as crowds")
  func crowds() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    try folder.write(
      file(
        annotations:
          #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 10, 12], "iscrowd": 1}, {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 5, 5], "iscrowd": true}"#
      ),
      to: "train/_annotations.coco.json"
    )
    let dataset = try folder.read()
    for annotation in dataset.items.values.joined().flatMap(\.annotations) {
      #expect(annotation.isCrowd)
    }
  }

  @Test("labels that no box uses are left out and named")
  func unusedLabels() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    try folder.write(
      file(
        categories:
          #"{"id": 0, "name": "animals"}, {"id": 5, "name": "cat"}, {"id": 2, "name": "dog"}"#
      ),
      to: "train/_annotations.coco.json"
    )
    let dataset = try folder.read()
    #expect(dataset.labels.names == ["dog", "cat"])
    #expect(dataset.problems.summary.contains { $0.contains("'animals'") })
  }

  /// What is wrong, the file's annotations, the kinds of problem, the boxes left.
  static let damageCases: [(String, String, Int)] = [
    (
      "unknown image id",
      #"{"id": 1, "image_id": 99, "category_id": 5, "bbox": [1, 2, 3, 4]}"#, 1
    ),
    (
      "unknown category id",
      #"{"id": 1, "image_id": 7, "category_id": 99, "bbox": [1, 2, 3, 4]}"#, 1
    ),
    ("incomplete annotation", #"{"id": 1, "image_id": 7, "category_id": 5}"#, 1),
    (
      "incomplete annotation",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 3]}"#, 1
    ),
    (
      "incomplete annotation",
      #"{"id": 1, "image_id": "x", "category_id": 5, "bbox": [1, 2, 3, 4]}"#, 1
    ),
    (
      "box of zero size",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 0, 4]}"#, 1
    ),
    (
      "box of negative size",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [9, 9, -3, 4]}"#, 1
    ),
    (
      "box that is not finite",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [NaN, 2, 3, 4]}"#, 1
    ),
    (
      "box that is not finite",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, Infinity, 4]}"#, 1
    ),
    (
      "box that is not finite",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, "x", 3, 4]}"#, 1
    ),
    (
      "box outside the picture",
      #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [32, 2, 3, 4]}"#, 1
    ),
    (
      "duplicate annotation",
      #"{"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 4, 5]}"#, 1
    ),
  ]

  @Test("damaged annotations are left out and named", arguments: damageCases)
  func damagedAnnotations(_ kind: String, _ annotation: String, _ boxCount: Int) throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    let good = #"{"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 4, 5]}"#
    try folder.write(
      file(annotations: "\(good),\n\(annotation)"),
      to: "train/_annotations.coco.json"
    )
    let dataset = try folder.read()
    #expect(dataset.kinds(.leftOut) == [kind])
    #expect(dataset.items.values.joined().flatMap(\.annotations).count == boxCount)
    let problem = try #require(dataset.problems.first { $0.kind == kind })
    #expect(problem.location.hasPrefix("train/_annotations.coco.json"))
    if !kind.hasPrefix("box") {
      #expect(problem.location == "train/_annotations.coco.json:3", "the line of the annotation")
    }
    // And strictly, they are an error that names them.
    let error = folder.readingError(strict: true)
    #expect(error.contains("1 problem, and none is allowed"))
    #expect(error.contains(problem.message))
  }

  @Test("boxes that reach beyond the picture are clipped and named; rounding is not")
  func clipping() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    try folder.write(
      file(
        annotations:
          #"{"id": 1, "image_id": 7, "category_id": 5, "bbox": [-3, 2, 10, 50]}, {"id": 2, "image_id": 3, "category_id": 2, "bbox": [20, 0, 12.4, 5]}"#
      ),
      to: "train/_annotations.coco.json"
    )
    let dataset = try folder.read()
    let boxes = [Subset.train, .val].map { dataset.boxes($0, 0) }
    #expect(boxes.contains([BoundingBox(0, 2, 7, 24)]))
    #expect(boxes.contains([BoundingBox(20, 0, 32, 5)]))
    #expect(dataset.kinds(.corrected) == ["box beyond the picture"])
    #expect(folder.readingError(strict: true).contains("beyond the picture's 24x32"))
  }

  @Test("damaged image entries are left out and named")
  func damagedImages() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    let good = #"{"id": 3, "file_name": "b.png"}, {"id": 4, "file_name": "a.png"}"#
    func problems(_ entry: String) throws -> [String] {
      try folder.write(
        file(
          images: "\(good), \(entry)",
          annotations: #"{"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 4, 5]}"#
        ),
        to: "train/_annotations.coco.json"
      )
      let dataset = try folder.read()
      return dataset.kinds(.leftOut) + dataset.kinds(.noted).filter { $0.contains("duplicate") }
    }
    #expect(try problems(#"{"id": 8}"#) == ["incomplete image entry"])
    #expect(try problems(#"{"file_name": "c.png"}"#) == ["incomplete image entry"])
    #expect(try problems(#"{"id": 9, "file_name": "missing.png"}"#) == ["missing picture"])
    #expect(try problems(#"{"id": 4, "file_name": "a.png"}"#) == ["duplicate image id"])
    #expect(try problems(#"{"id": 9, "file_name": "a.png"}"#) == ["duplicate picture"])
    // The same id for another picture: neither can be trusted.
    try folder.picture("train/c.png")
    #expect(try problems(#"{"id": 4, "file_name": "c.png"}"#) == ["duplicate image id"])
    let dataset = try folder.read()
    #expect(dataset.items.values.joined().map(\.id) == ["train/b.png"])
  }

  @Test("damaged pictures are left out and named")
  func damagedPictures() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    try folder.write(file(), to: "train/_annotations.coco.json")
    let whole = try Data(contentsOf: folder.url.appending(path: "train/a.png"))
    for (data, reason) in [
      (Data(), "is empty (0 bytes)"), (Data("text".utf8), "it holds text"),
      (whole.prefix(whole.count / 2), "the file ends too early"),
    ] {
      try folder.write(data, to: "train/a.png")
      let dataset = try folder.read()
      #expect(dataset.kinds(.leftOut) == ["unreadable picture"])
      #expect(
        dataset.problems.contains { $0.message.contains(reason) && $0.location.contains("a.png") }
      )
    }
    try folder.picture("train/a.png", height: 48, width: 64)
    let dataset = try folder.read()
    #expect(dataset.kinds(.leftOut) == ["wrong picture size"])
    #expect(dataset.problems.contains { $0.message.contains("48x64 pixels and not 24x32") })
  }

  @Test("a damaged annotation file of one subset is an error, though another subset is whole")
  func damagedBesideWhole() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    try pictures(folder, "valid")
    try folder.write(file(), to: "valid/_annotations.coco.json")
    for text in ["", "[1, 2]", "\"text\"", "{}"] {
      try folder.write(text, to: "train/_annotations.coco.json")
      let error = #expect(throws: DataError.self) { try folder.read() }
      #expect(error?.description.hasPrefix("train/_annotations.coco.json") == true)
    }
  }

  @Test("files that cannot be used at all are errors with a place")
  func unusableFiles() throws {
    let folder = try TemporaryFolder()
    try pictures(folder, "train")
    func error(_ text: String) throws -> String {
      try folder.write(text, to: "train/_annotations.coco.json")
      return folder.readingError(format: "coco")
    }
    let whole = file()
    for count in [80, 150, 300, whole.count - 1] {
      let message = try error(String(whole.prefix(count)))
      #expect(message.contains("train/_annotations.coco.json:"), "\(message)")
      #expect(message.contains("is cut short"), "\(message)")
    }
    #expect(
      try error(#"{"images": {}, "annotations": [], "categories": []}"#).contains(
        "'images' should be a list"
      )
    )
    #expect(
      try error(#"{"images": [1], "annotations": [], "categories": []}"#).contains(
        "'images' should be a list of objects"
      )
    )
    #expect(try error(#"{"images": [], "categories": []}"#).contains("it has no 'annotations'"))
    #expect(
      try error(file(categories: #"{"id": 1, "name": "a"}, {"id": 1, "name": "b"}"#)).contains(
        "two categories have the id 1: 'a' and 'b'"
      )
    )
    #expect(try error(file(categories: #"{"id": 1}"#)).contains("a category needs"))
    #expect(try error(file() + "x").contains("more text after the end"))
    #expect(
      try error(#"{"images": [], "annotations": [], "categories": []}"#).contains(
        "holds no pictures"
      )
    )
    #expect(try error("[1, 2]").contains("is not a COCO annotation file"))
  }

  @Test("pictures that are all missing are one clear error")
  func allMissing() throws {
    let folder = try TemporaryFolder()
    try folder.write(file(), to: "train/_annotations.coco.json")
    let message = folder.readingError()
    #expect(message.contains("none of 2 pictures is usable"))
    #expect(message.contains("2 × missing picture"))
  }
}
