import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@Suite("YOLO")
struct YOLOTests {
  /// Two pictures of 100 by 200 pixels in train, one in val.
  private func folder(_ yaml: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["images/train/a", "images/train/b", "images/val/c"] {
      try folder.picture(name + ".png", height: 100, width: 200)
    }
    try folder.write("0 0.5 0.5 0.25 0.5\n1 0.1 0.2 0.1 0.2\n", to: "labels/train/a.txt")
    try folder.write("", to: "labels/train/b.txt")
    try folder.write("1 0.5 0.5 1 1\n", to: "labels/val/c.txt")
    if !yaml.isEmpty { try folder.write(yaml, to: "data.yaml") }
    return folder
  }

  private func problems(_ dataset: Dataset) -> [DatasetProblem] {
    dataset.problems.filter { $0.kind != "no test subset" }
  }

  @Test(
    "data.yaml names classes as a list or a map, and subsets in several ways",
    arguments: [
      "train: images/train\nval: images/val\nnc: 2\nnames: [cat, dog]\n",
      "path: .\ntrain: images/train/\nval: images/val\nnames:\n  0: cat\n  1: dog\n",
      // As Roboflow writes it.
      "train: ../images/train\nval: ../images/val\nnames: ['cat', 'dog']\nroboflow:\n  version: 1\n",
      "train: [images/train]\nval: val.txt\nnames: [cat, dog]\n",
      "path: ../elsewhere\ntrain: ./images/train\nvalid: images/val\nnames: [cat, dog]\n",
    ]
  )
  func dataFiles(_ yaml: String) throws {
    let folder = try folder(yaml)
    try folder.write("./images/val/c.png\n", to: "val.txt")
    let dataset = try folder.read()
    #expect(dataset.format == "yolo")
    #expect(dataset.labels.names == ["cat", "dog"])
    #expect(dataset.items[.train]?.map(\.id) == ["images/train/a.png", "images/train/b.png"])
    #expect(
      dataset.boxes(.train, 0) == [BoundingBox(75, 25, 125, 75), BoundingBox(10, 10, 30, 30)]
    )
    #expect(dataset.boxes(.train, 1).isEmpty)
    #expect(dataset.boxes(.val, 0) == [BoundingBox(0, 0, 200, 100)])
    #expect(problems(dataset).isEmpty, "\(dataset.problems)")
    // The file itself can be named too.
    let named = try folder.read("data.yaml")
    #expect(named.items.mapValues(\.count) == dataset.items.mapValues(\.count))
  }

  @Test("Darknet's files, made for another folder")
  func darknet() throws {
    let folder = try TemporaryFolder()
    for name in ["1", "2"] {
      try folder.picture("obj_train_data/\(name).png", height: 100, width: 200)
      try folder.write("1 0.5 0.5 0.5 0.5\n", to: "obj_train_data/\(name).txt")
    }
    try folder.write(
      "classes = 3\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
      to: "obj.data"
    )
    try folder.write("data/obj_train_data/1.png\ndata/obj_train_data/2.png\n", to: "train.txt")
    try folder.write("a\nb\n", to: "obj.names")
    let dataset = try folder.read()
    #expect(dataset.format == "yolo")
    #expect(dataset.items.values.joined().count == 2)
    #expect(dataset.boxes(.train, 0) == [BoundingBox(50, 25, 150, 75)])
    #expect(dataset.problems.contains { $0.message.contains("classes = 3, but obj.names has 2") })
  }

  @Test(
    "Darknet's list for validation by its own name and by others'",
    arguments: ["valid", "val"]
  )
  func darknetValidation(_ key: String) throws {
    let folder = try TemporaryFolder()
    for name in ["1", "2"] {
      try folder.picture("\(name).png")
      try folder.write("0 0.5 0.5 0.5 0.5\n", to: "\(name).txt")
    }
    try folder.write("train = train.txt\n\(key) = val.txt\nnames = obj.names\n", to: "obj.data")
    try folder.write("1.png\n", to: "train.txt")
    try folder.write("2.png\n", to: "val.txt")
    try folder.write("a\n", to: "obj.names")
    #expect(try folder.read().items.mapValues(\.count) == [.train: 1, .val: 1])
  }

  @Test("folders alone, with a list of names or without")
  func foldersAlone() throws {
    let bare = try folder("")
    let unnamed = try bare.read()
    #expect(unnamed.format == "yolo")
    #expect(unnamed.labels.names == ["class_0", "class_1"])
    #expect(unnamed.kinds(.noted).contains("classes without names"))
    try bare.write("cat\ndog\n", to: "classes.txt")
    #expect(try bare.read().labels.names == ["cat", "dog"])

    // Roboflow's arrangement.
    let parted = try TemporaryFolder()
    try parted.picture("train/images/a.png")
    try parted.write("0 0.5 0.5 0.5 0.5", to: "train/labels/a.txt")
    try parted.picture("valid/images/b.png")
    try parted.write("0 0.5 0.5 0.5 0.5", to: "valid/labels/b.txt")
    try parted.write("cat", to: "train/labels/classes.txt")
    let dataset = try parted.read()
    #expect(dataset.format == "yolo")
    #expect(dataset.labels.names == ["cat"])
    #expect(dataset.items.mapValues(\.count) == [.train: 1, .val: 1])
    #expect(problems(dataset).isEmpty, "\(dataset.problems)")
  }

  @Test("a line that cannot be used is named with file and line; the others count")
  func badLines() throws {
    let folder = try folder("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    let lines = [
      "0 0.5 0.5 0.2 0.2", "2 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.2", "0 0.5 1.2 0.2 0.2",
      "0 nan 0.5 0.2 0.2", "cat 0.5 0.5 0.2 0.2", "0.5 0.5 0.5 0.2 0.2", "0 0.5 0.5 0 0.2",
      "0 0.5 0.5 0.2 0.2 0.9", "", "1.0 0.5 0.5 1.0004 0.2", "0 0.5 0.5 0.2 0.2",
    ]
    try folder.write(lines.joined(separator: "\r\n"), to: "labels/train/a.txt")
    let dataset = try folder.read()
    #expect(dataset.boxes(.train, 0).count == 2)
    let found = dataset.problems.filter { $0.location.hasPrefix("labels/train/a.txt:") }
    let expected = [
      (2, "class 2, but data.yaml names 2 (0 to 1)"), (3, "4 columns"), (4, "1.2 lies outside"),
      (5, "'nan' is no number"), (6, "'cat' is no number"), (7, "class 0.5 is no whole number"),
      (8, "0.0 wide"), (9, "6 columns"), (12, "stands twice"),
    ]
    #expect(found.count == expected.count, "\(found)")
    for (problem, (line, text)) in zip(found, expected) {
      #expect(problem.location == "labels/train/a.txt:\(line)")
      #expect(problem.message.contains(text), "\(problem.message)")
    }
    let error = folder.readingError(strict: true)
    #expect(error.contains("labels/train/a.txt:2"), "\(error)")
  }

  @Test("outlines give boxes, stay in the item and are written again")
  func outlines() throws {
    let folder = try folder("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    try folder.write("1 0.1 0.2 0.5 0.1 0.4 0.8\n0 0.5 0.5 0.1 0.1\n", to: "labels/train/a.txt")
    let dataset = try folder.read()
    let item = try #require(dataset.items[.train]?.first)
    #expect(dataset.boxes(.train, 0).first == BoundingBox(20, 10, 100, 80))
    #expect(item.annotations[0].region == .polygon(Polygon([20, 20, 100, 10, 80, 80])))
    let second = try TemporaryFolder()
    try Formats.writable(named: "yolo_ultralytics").write(dataset, to: second.url)
    let again = try second.read()
    #expect(again.items[.train]?.first?.annotations == item.annotations)
  }

  @Test("keypoints after a box are read with their names, and written again")
  func keypoints() throws {
    let yaml = """
      train: images/train
      val: images/val
      names: [cat, dog]
      kpt_shape: [2, 3]
      flip_idx: [1, 0]
      kpt_names: {0: [left, right]}

      """
    let folder = try folder(yaml)
    try folder.write(
      "0 0.5 0.5 0.2 0.2 0.1 0.1 2 9 9 0\n0 0.5 0.5 0.2 0.2 0.1 0.1 7 0 0 0\n1 0.5 0.5 0.2 0.4\n",
      to: "labels/train/a.txt"
    )
    let dataset = try folder.read()
    let known = Keypoints(points: [20, 10, 0, 0], visibilities: [.visible, .absent])
    let expected = [
      Annotation.keypoints(known, label: "cat", box: BoundingBox(80, 40, 120, 60)),
      .box(BoundingBox(80, 30, 120, 70), label: "dog"),
    ]
    #expect(dataset.items[.train]?.first?.annotations == expected)
    #expect(dataset.labelDetails.keypoints["cat"]?.names == ["left", "right"])
    #expect(dataset.labelDetails.keypoints["dog"]?.flips == [1, 0])
    #expect(dataset.problems.contains { $0.location == "labels/train/a.txt:2" })
    let second = try TemporaryFolder()
    try Formats.writable(named: "yolo_ultralytics").write(dataset, to: second.url)
    let again = try second.read()
    #expect(again.items[.train]?.first?.annotations.first == expected[0])
    #expect(again.labelDetails == dataset.labelDetails)
    #expect(
      try self.folder(yaml.replacing("[2, 3]", with: "[2]")).readingError().contains("kpt_shape")
    )
    let flips = try self.folder(yaml.replacing("[1, 0]", with: "[1, 2]"))
    #expect(
      flips.readingError().contains("data.yaml:5: flip_idx: expected each number from 0 to 1")
    )
  }

  @Test("corners of rectangles are turned boxes; other outlines of four points where it is said")
  func turnedBoxes() throws {
    let yaml = "train: images/train\nval: images/val\nnames: [cat, dog]\n"
    let folder = try folder(yaml)
    func regions(_ text: String, format: String? = nil) throws -> [Region?] {
      try folder.write(text, to: "labels/train/a.txt")
      let items = try folder.read(format: format).items[.train]
      return items?.first?.annotations.map(\.region) ?? []
    }
    let rectangle = "0 0.25 0.2 0.5 0.7 0.25 1.2 0 0.7\n"
    let skewed = "1 0.1 0.1 0.5 0.1 0.5 0.5 0.2 0.9\n"
    let turned = RotatedBox(corners: [50, 20, 100, 70, 50, 120, 0, 70])
    #expect(try regions(rectangle) == [.rotatedBox(turned)])
    // Beyond the picture's edge an outline ends, a turned box does not.
    #expect(
      try regions(rectangle + skewed) == [
        .polygon(Polygon([50, 20, 100, 70, 50, 100, 0, 70])),
        .polygon(Polygon([20, 10, 100, 10, 100, 50, 40, 90])),
      ]
    )
    let named = try regions(rectangle + skewed, format: "roboflow_yolo_obb")
    #expect(named.first == .rotatedBox(turned) && named.count == 2)
    try folder.write(yaml + "task: obb\n", to: "data.yaml")
    let dataset = try folder.read()
    #expect(dataset.items[.train]?.first?.annotations[0].region == .rotatedBox(turned))
    let second = try TemporaryFolder()
    try Formats.writable(named: "yolo_ultralytics").write(dataset, to: second.url)
    let again = try second.read().items[.train]?.first?.annotations[0].region
    guard case .rotatedBox(let box) = again else {
      Issue.record("\(String(describing: again))")
      return
    }
    #expect(zip(box.corners, turned.corners).allSatisfy { abs($0 - $1) < 0.01 })
  }

  @Test("Roboflow's turned boxes are pixels with names")
  func roboflow() throws {
    let folder = try TemporaryFolder()
    try folder.picture("train/images/a.png", height: 100, width: 200)
    try folder.write(
      "50 20 100 70 50 120 0 70 dog 1\n1 1 5 1 5 5 1 5 bird 0\n1 2 3\n",
      to: "train/labelTxt/a.txt"
    )
    try folder.write("train: ../train/images\nnames: ['cat', 'dog']\nnc: 2\n", to: "data.yaml")
    let dataset = try folder.read(format: "roboflow_yolo_obb")
    let annotation = try #require(dataset.items.values.joined().first?.annotations.first)
    #expect(annotation.label == "dog" && annotation.isDifficult)
    #expect(
      annotation.region == .rotatedBox(RotatedBox(corners: [50, 20, 100, 70, 50, 120, 0, 70]))
    )
    let lines = dataset.problems.map(\.location).filter { $0.hasPrefix("train/labelTxt/a.txt:") }
    #expect(lines == ["train/labelTxt/a.txt:2", "train/labelTxt/a.txt:3"])
  }

  @Test("yolo is written as Darknet's files")
  func darknetWriting() throws {
    let folder = try folder("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    let dataset = try folder.read()
    let second = try TemporaryFolder()
    try Formats.writable(named: "yolo").write(dataset, to: second.url)
    let data = try String(contentsOf: second.url.appending(path: "obj.data"), encoding: .utf8)
    #expect(data.hasPrefix("classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\n"))
    let list = try String(contentsOf: second.url.appending(path: "valid.txt"), encoding: .utf8)
    #expect(list == "data/obj_valid_data/c.png\n")
    let again = try second.read()
    #expect(again.boxes(.train, 0) == dataset.boxes(.train, 0))
  }

  @Test("files that do not meet are named: labels without pictures, pictures without labels")
  func loneFiles() throws {
    let folder = try folder("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    try folder.write("0 0.5 0.5 0.2 0.2\n", to: "labels/train/lost.txt")
    try folder.picture("images/train/d.png")
    let dataset = try folder.read()
    #expect(dataset.items[.train]?.count == 3)
    let orphan = try #require(
      dataset.problems.first { $0.kind == "label file without a picture" }
    )
    #expect(orphan.location == "labels/train/lost.txt" && orphan.remedy == .leftOut)
    let bare = try #require(dataset.problems.first { $0.kind == "picture without a label file" })
    #expect(bare.message.contains("1 picture of train without a label file"))
    #expect(bare.message.contains("images/train/d.png"))
  }

  @Test("what a data.yaml names and is not there is an error with its line")
  func missingFolders() throws {
    let folder = try folder("names: [cat, dog]\ntrain: pictures\nval: images/val\n")
    let error = folder.readingError()
    #expect(error.contains("data.yaml:2: train: there is nothing at 'pictures'"), "\(error)")
    try folder.write(
      "names: [cat, dog]\ntrain: images/train\nval: images/val\ntest: images/test\n",
      to: "data.yaml"
    )
    let dataset = try folder.read()
    #expect(problems(dataset).map(\.location) == ["data.yaml:4"])
    let wrong = try self.folder("names: {cat: 0}\ntrain: images/train\n")
    #expect(wrong.readingError().contains("'cat' is no class number"))
  }

  @Test("two pictures whose names differ in their endings keep a label file each")
  func sharedStems() throws {
    let folder = try TemporaryFolder()
    let image = Image(size: ImageSize(height: 8, width: 8))
    let items = ["a.png", "a.jpg"].map { name in
      DatasetItem(
        id: name,
        image: .memory(image),
        annotations: [.box(BoundingBox(0, 0, name == "a.png" ? 4 : 6, 4), label: "x")]
      )
    }
    let dataset = Dataset(
      format: "",
      root: folder.url,
      labels: LabelInfo(names: ["x"]),
      items: [.train: items]
    )
    try YOLOFormat().write(dataset, to: folder.url)
    let read = try folder.read()
    let widths =
      (read.items[.train] ?? []).indices.flatMap { read.boxes(.train, $0) }.map(\.width)
      + (read.items[.val] ?? []).indices.flatMap { read.boxes(.val, $0) }.map(\.width)
    #expect(widths.sorted() == [4, 6])
  }
}
