import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Reading datasets")
struct DatasetReaderTests {
  @Test("folders that hold no dataset: what was found, what is expected")
  func unknown() throws {
    let empty = try TemporaryFolder()
    #expect(empty.readingError().contains("Found: an empty folder."))
    #expect(empty.readingError().contains("coco: {train,valid,test}/_annotations.coco.json"))
    #expect(empty.readingError("missing") == "ROOT/missing: the folder does not exist")

    let text = try TemporaryFolder()
    let file = try text.write("hello", to: "notes.txt")
    #expect(text.readingError().contains("Found: 1 .txt."))
    #expect(
      text.readingError("notes.txt").hasPrefix(
        "ROOT/notes.txt: not a dataset in a known format. Found: a file that is no annotation file."
      )
    )
    _ = file

    let flat = try TemporaryFolder()
    try flat.picture("a.png")
    try flat.write("what these are", to: "notes.txt")
    #expect(
      flat.readingError().contains(
        "Almost ImageNet folders: pictures that are not in a folder for each label."
      )
    )

    let json = try TemporaryFolder()
    try json.picture("train/a.png")
    try json.write("{\"a\": 1}", to: "train/_annotations.coco.json")
    #expect(
      json.readingError().contains("Almost COCO: train/_annotations.coco.json has no 'images'")
    )

    let voc = try TemporaryFolder()
    try voc.picture("JPEGImages/a.png")
    #expect(
      voc.readingError().contains(
        "Almost Pascal VOC: JPEGImages/ is there, Annotations/*.xml is not."
      )
    )

    let yolo = try TemporaryFolder()
    try yolo.picture("images/train/a.png")
    try yolo.picture("images/val/a.png")
    try yolo.write("cat 0.5 0.5 0.1 0.1", to: "labels/train/a.txt")
    #expect(yolo.readingError().contains("Almost YOLO: labels/train/a.txt does not begin with"))
  }

  @Test("a label that only validation has is named, with the one that was meant")
  func untrainedLabel() throws {
    let folder = try TemporaryFolder()
    for path in ["train/circle/a.png", "train/square/b.png", "val/circle/c.png"] {
      try folder.picture(path)
    }
    #expect(try folder.read().problems.allSatisfy { $0.kind != "label that is not trained" })
    try folder.picture("val/sqare/d.png")
    let problem = try folder.read().problems.first { $0.kind == "label that is not trained" }
    #expect(problem?.message.contains("'sqare'") == true)
    #expect(problem?.message.contains("did you mean 'square'?") == true)
  }

  @Test("two formats in one folder: the user is asked")
  func ambiguous() throws {
    let folder = try TemporaryFolder()
    let dataset = try SampleDataset(counts: [.train: 2, .val: 1]).detection()
    try COCOFormat().write(dataset, to: folder.url)
    try VOCFormat().write(dataset, to: folder.url)
    let message = folder.readingError()
    #expect(message == "ROOT: could be coco or voc; say which with --data-format")
    #expect(try folder.read(format: "coco").format == "coco")
  }

  @Test("folders of pictures are labels; subsets' names are not")
  func imageFolders() throws {
    let folder = try TemporaryFolder()
    for label in ["dog", "cat"] {
      for number in 0..<10 { try folder.picture("\(label)/\(number).png") }
    }
    let dataset = try folder.read()
    #expect(dataset.format == "imagenet")
    #expect(dataset.labels.names == ["cat", "dog"])
    #expect(dataset.items.mapValues(\.count) == [.train: 16, .val: 4])
    #expect(dataset.profile().tasks.map(\.task) == [.multiClassClassification])

    let split = try TemporaryFolder()
    for subset in ["train", "validation", "test"] {
      for label in ["dog", "cat"] { try split.picture("\(subset)/\(label)/1.png") }
    }
    #expect(try split.read().items.mapValues(\.count) == [.train: 2, .val: 2, .test: 2])
  }

  @Test("a missing validation subset is made of train, the same share of each label, and said")
  func split() throws {
    let labels = Array(repeating: "common", count: 80) + Array(repeating: "rare", count: 20)
    let items = labels.enumerated().map { index, label in
      DatasetItem(
        id: "\(index)",
        image: .memory(.empty),
        annotations: [.box(BoundingBox(0, 0, 1, 1), label: "everywhere"), .label(label)]
      )
    }
    let (kept, taken) = Splitter.split(items, share: 0.2, seed: 0)
    #expect(kept.count == 80 && taken.count == 20)
    #expect(taken.count { $0.annotations.contains(.label("rare")) } == 4)
    #expect(Set((kept + taken).map(\.id)).count == 100)
    #expect(Splitter.split(items, share: 0.2, seed: 0).taken == taken)
    #expect(Splitter.split(items, share: 0.2, seed: 1).taken != taken)
    // One item of a label stays in train.
    let single = Array(items.prefix(5))
    #expect(Splitter.split(single, share: 0.2, seed: 0).taken.count == 1)
    for count in 2...6 {
      let parts = Splitter.split(Array(items.prefix(count)), share: 0.2, seed: 3)
      #expect(!parts.kept.isEmpty && !parts.taken.isEmpty)
    }

    let folder = try TemporaryFolder()
    try SampleDataset(counts: [.train: 10]).drawDetection(at: folder.url)
    let dataset = try folder.read()
    #expect(dataset.items.mapValues(\.count) == [.train: 8, .val: 2])
    let notes = dataset.problems.summary
    #expect(notes.contains { $0.contains("2 of 10 train pictures are used for it") })
    #expect(notes.contains { $0.contains("evaluation uses the validation subset") })
    #expect(dataset.evaluationSubset == .val)
  }

  /// A JPEG of 12 by 20 stored pixels that EXIF turns to 20 by 12; its top left corner is white.
  private func turnedPicture() throws -> Data {
    var image = Image(size: ImageSize(height: 12, width: 20))
    for y in 0..<6 {
      for x in 0..<10 {
        for channel in 0..<3 { image.pixels[(y * 20 + x) * 3 + channel] = 255 }
      }
    }
    var bytes = try ImageFile.jpeg(image)
    // APP1: Exif, big-endian TIFF, one entry: orientation 6, a quarter turn clockwise.
    let exif: [UInt8] =
      [0xFF, 0xE1, 0, 34] + Array("Exif".utf8) + [0, 0] + Array("MM".utf8) + [0, 42, 0, 0, 0, 8]
      + [0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
    bytes.insert(contentsOf: exif, at: 2)
    return Data(bytes)
  }

  @Test("pictures that EXIF turns are used as their boxes were drawn")
  func orientation() throws {
    for (stated, corner) in [("12, \"width\": 20", 0), ("20, \"width\": 12", 1)] {
      let folder = try TemporaryFolder()
      try folder.write(turnedPicture(), to: "train/a.jpg")
      try folder.write(
        """
        {"images": [{"id": 1, "file_name": "a.jpg", "height": \(stated)}],
         "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 6, 6]}],
         "categories": [{"id": 1, "name": "x"}]}
        """,
        to: "train/_annotations.coco.json"
      )
      let dataset = try folder.read()
      #expect(dataset.kinds(.leftOut).isEmpty)
      let module = try DataModule<Detection>(
        dataset: dataset,
        preprocessing: Preprocessing(inputSize: ImageSize(height: 24, width: 24))
      )
      let batch = try #require(try module.batches(.train, mode: .evaluation).next())
      let expected =
        corner == 0 ? ImageSize(height: 12, width: 20) : ImageSize(height: 20, width: 12)
      #expect(batch.frames.map(\.originalSize) == [expected])
      // White at the top left as it is stored, at the top right when turned.
      let (left, right) = (batch.images.pixels[0], batch.images.pixels[23 * 3])
      #expect(corner == 0 ? left > 200 && right < 50 : left < 50 && right > 200)
    }
    let item = DatasetItem(
      id: "a",
      image: .memory(Image(size: ImageSize(height: 12, width: 20))),
      size: ImageSize(height: 20, width: 12),
      annotations: []
    )
    let checked = DatasetChecker.check(
      FormatReading(items: [.train: [item]]),
      root: URL(filePath: "/")
    )
    #expect(checked.problems.map(\.kind) == ["wrong picture size"])
  }

  @Test("folders of pictures that are hardly labels are not taken for labels")
  func structuralFolders() throws {
    for names in [["a", "labels"], ["a", "ground_truth"]] {
      let folder = try TemporaryFolder()
      for name in names { try folder.picture("\(name)/1.png") }
      #expect(folder.readingError().contains("Almost ImageNet folders"), "\(names)")
      #expect(try folder.read(format: "imagenet").format == "imagenet", "said explicitly, they are")
    }
    let parent = try TemporaryFolder()
    try SampleDataset(counts: [.train: 2]).drawDetection(at: parent.url.appending(path: "cells"))
    #expect(parent.readingError().contains("The folder cells/ is a COCO dataset: name that one."))
  }

  @Test("no picture is passed over without a word")
  func unusedPictures() throws {
    let classes = try TemporaryFolder()
    for path in ["cat/1.png", "cat/young/2.png", "dog/1.png", "dog/2.png", "stray.png"] {
      try classes.picture(path)
    }
    let dataset = try classes.read()
    #expect(dataset.items.values.joined().count == 5)
    #expect(dataset.labels.names == ["cat", "cat/young", "dog"])
    let unlabeled = dataset.problems.filter { $0.kind == "picture without a label" }
    #expect(unlabeled.map(\.location) == ["stray.png"])

    let coco = try TemporaryFolder()
    try SampleDataset(counts: [.train: 3]).drawDetection(at: coco.url)
    try coco.picture("train/extra.png")
    #expect(
      try coco.read().problems.summary.contains { $0.hasPrefix("1 picture in train not named") }
    )
  }

  @Test("pictures that nothing is said about are a subset of their own")
  func unlabeled() throws {
    let folder = try TemporaryFolder()
    try SampleDataset(counts: [.train: 3, .val: 1]).drawDetection(at: folder.url)
    try folder.picture("unlabeled/a/1.png")
    try folder.picture("unlabeled/2.png")
    #expect(try folder.read().items[.unlabeled]?.count == 2)
    let train = SubsetLocation(root: folder.url.appending(path: "train"))
    let unlabeled = SubsetLocation(root: folder.url.appending(path: "unlabeled"))
    let dataset = try DatasetReader.read(
      .subsets([.train: train, .unlabeled: unlabeled], format: nil)
    )
    #expect(dataset.items.mapValues(\.count) == [.train: 2, .val: 1, .unlabeled: 2])
    let module = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 24, width: 24))
    )
    #expect(module.itemCount(.unlabeled) == 2)
  }

  @Test("problems are counted by kind, the worst first")
  func summary() {
    let problems = [
      DatasetProblem(kind: "note", location: "root", message: "a note", remedy: .noted),
      DatasetProblem(kind: "bad", location: "a:1", message: "first", remedy: .leftOut),
      DatasetProblem(kind: "bad", location: "a:2", message: "second", remedy: .leftOut),
    ]
    #expect(problems.summary == ["2 × bad (left out), the first: a:1: first", "a note"])
  }

  @Test("nothing named is an error")
  func nothingNamed() {
    #expect(throws: ConfigurationError.self) { try DatasetReader.read(.subsets([:], format: nil)) }
  }

  @Test("statistics are taken of logarithms, and odd sizes do not count")
  func profile() throws {
    let sides: [Double] = Array(repeating: 100, count: 300) + [10_000]
    let items = sides.enumerated().map { index, side in
      DatasetItem(
        id: "\(index)",
        image: .memory(.empty),
        size: ImageSize(height: Int(side), width: Int(side) * 2),
        annotations: [
          .box(BoundingBox(0, 0, Float(side) / 2, Float(side) / 2), label: "b"),
          .box(BoundingBox(0, 0, 1, 1), label: "a", isCrowd: true),
        ]
      )
    }
    let dataset = Dataset(
      format: "x",
      root: URL(filePath: "/"),
      labels: LabelInfo(names: ["a", "b", "c"]),
      items: [.train: items]
    )
    let profile = dataset.profile()
    let heights = try #require(profile.imageSizes?.height)
    // mean and σ of ln: (300 ln 100 + ln 10000) / 301, and 3σ above it.
    expectClose([heights.mean, heights.robustMin], [101.5417, 100], rtol: 1e-6)
    expectClose([heights.robustMax], [224.856], rtol: 1e-4)
    let objects = try #require(profile.objectSides)
    expectClose([objects.robustMin], [50])
    #expect(profile.annotationCount == 602)
    #expect(profile.labelCounts.map(\.count) == [301, 301, 0])
    #expect(profile.tasks == [.init(task: .detection, itemCount: 301)])
  }

  @Test("a flat line and a single key point are no boxes of zero size")
  func thinObjects() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/a.png", height: 40, width: 40)
    let line = Annotation.region(.polyline([2, 9, 30, 9]), label: "edge")
    let point = Annotation.keypoints(
      Keypoints(points: [5, 6], visibilities: [.visible]),
      label: "eye"
    )
    let item = DatasetItem(
      id: "a.png",
      image: .file(folder.url.appending(path: "images/a.png")),
      annotations: [line, point]
    )
    let dataset = Dataset(
      format: "cvat",
      root: folder.url,
      labels: LabelInfo(names: ["edge", "eye"]),
      items: [.train: [item]]
    )
    let written = try TemporaryFolder()
    try Formats.writable(named: "datumaro").write(dataset, to: written.url)
    let read = try written.read()
    let annotations = try #require(read.items[.train]?.first?.annotations)
    #expect(annotations.count == 2 && annotations.allSatisfy { $0.kind == .object })
    #expect(!read.problems.contains { $0.remedy == .leftOut })
    #expect(read.profile().tasks.allSatisfy { $0.task != .detection })
  }
}
