import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Open Images and TFRecord")
struct TableFormatTests {
  private func openImages() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.picture("images/train/a.png", height: 10, width: 20)
    try folder.picture("images/validation/b.png", height: 10, width: 20)
    try folder.write(
      "\u{FEFF}LabelName,DisplayName\r\n/m/1,\"Cat, or\r\ndog\"\r\n/m/2,Car\r\n/m/3,Van\r\n",
      to: "annotations/oidv6-class-descriptions.csv"
    )
    try folder.write(
      #"{"LabelName":"/m/0","Subcategory":[{"LabelName":"/m/2","Subcategory":[{"LabelName":"/m/3"}]},{"LabelName":"/m/1"}]}"#,
      to: "annotations/bbox_labels_600_hierarchy.json"
    )
    try folder.write(
      "ImageID,Source,LabelName,Confidence\na,x,/m/1,1\na,x,/m/2,0\n,x,/m/1,1\n",
      to: "annotations/train-annotations-human-imagelabels.csv"
    )
    try folder.write(
      "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
        + "a,x,/m/2,1,0.1,0.5,0.2,0.8,1,0,0,-1,0\na,x,/m/3,0.7,0,1,0,1,0,0,1,0,0\na,x,/m/3,1,no,1,0,1,0,0,1,0,0\n",
      to: "annotations/oidv6-train-annotations-bbox.csv"
    )
    try folder.write(
      "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\nb,x,/m/1,1,0,0.5,0,0.5\n",
      to: "annotations/validation-annotations-bbox.csv"
    )
    var mask = Image(size: ImageSize(height: 10, width: 20))
    mask.pixels[3 * (20 * 3 + 4)] = 255
    try folder.write(Data(ImageFile.png(mask)), to: "masks/train/m.png")
    try folder.write(
      "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"
        + "m.png,a,/m/2,77,0.1,0.5,0.2,0.8,0.9,\n../m.png,a,/m/2,77,0.1,0.5,0.2,0.8,0.9,\nx.png,a,/m/2,77,0.1,0.5,0.2,0.8,0.9,\n",
      to: "annotations/train-annotations-object-segmentation.csv"
    )
    return folder
  }

  @Test("Open Images: labels, boxes, masks and the tree of labels")
  func openImagesReading() throws {
    let folder = try openImages()
    let dataset = try folder.read()
    #expect(dataset.format == "open_images")
    let found = dataset.items[.train]?.first?.annotations ?? []
    try #require(found.count == 3)
    #expect(found[0] == .label("/m/1"))
    #expect(found[1].box == BoundingBox(2, 2, 10, 8))
    #expect(
      found[1].attributes == [
        "occluded": .flag(true), "box_id": .text("77"), "predicted_iou": .number(0.9),
      ]
    )
    let size = ImageSize(height: 10, width: 20)
    #expect(try found[1].region?.mask(size: size).bounds == BoundingBox(4, 3, 5, 4))
    #expect(found[2].isCrowd && found[2].attributes["score"] == .number(0.7))
    #expect(dataset.boxes(.val, 0) == [BoundingBox(0, 0, 10, 5)])
    #expect(dataset.labels.names == ["/m/1", "/m/2", "/m/3"])
    #expect(dataset.labelDetails.parents == ["/m/3": "/m/2"])
    let lines = dataset.problems.filter { $0.remedy == .leftOut }.map(\.location)
    #expect(
      lines == [
        "annotations/train-annotations-human-imagelabels.csv:4",
        "annotations/oidv6-train-annotations-bbox.csv:4",
        "annotations/train-annotations-object-segmentation.csv:3",
        "annotations/train-annotations-object-segmentation.csv:4",
      ]
    )
    let second = try TemporaryFolder()
    try OpenImagesFormat().write(dataset, to: second.url)
    let again = try second.read()
    #expect(again.labelDetails == dataset.labelDetails)
    for (old, new) in zip(found, again.items[.train]?.first?.annotations ?? []) {
      #expect(old.box == new.box && old.label == new.label && old.attributes == new.attributes)
      #expect(try old.region?.mask(size: size) == new.region?.mask(size: size))
    }
  }

  @Test("a column that is missing is an error with its file")
  func missingColumn() throws {
    let folder = try openImages()
    try folder.write("ImageID,Label\na,b\n", to: "annotations/test-annotations-bbox.csv")
    #expect(folder.readingError().contains("test-annotations-bbox.csv:1"))
  }

  private func records() throws -> (TemporaryFolder, Dataset) {
    let folder = try TemporaryFolder()
    let size = ImageSize(height: 10, width: 20)
    var bitmap = [Bool](repeating: false, count: 200)
    bitmap[45] = true
    var object = Annotation.box(BoundingBox(1, 2, 11, 8), label: "cat", isDifficult: true)
    object.region = .mask(RunLengthMask(size: size, bitmap: bitmap))
    let items = ["a.png", "b.png"].map { name in
      DatasetItem(
        id: name,
        image: .memory(Image(size: size, red: 9, green: 99, blue: 199)),
        annotations: [object, .box(BoundingBox(0, 0, 5, 5), label: "dog"), .label("dog")]
      )
    }
    let dataset = Dataset(
      format: "",
      root: folder.url,
      labels: LabelInfo(names: ["dog", "cat"]),
      items: [.train: items]
    )
    try TFRecordFormat().write(dataset, to: folder.url)
    return (folder, dataset)
  }

  @Test("TFRecords hold pictures, boxes, masks and labels")
  func tfRecords() throws {
    let (folder, dataset) = try records()
    let reading = try Formats.named("roboflow_tfrecord").read(.root(folder.url, format: nil))
    let items = try #require(reading.items[.train])
    #expect(items.map(\.id) == ["train.tfrecord/a.png", "train.tfrecord/b.png"])
    // Labels of the picture come first.
    let expected = try #require(dataset.items[.train]?[0].annotations)
    #expect(items[0].annotations == [expected[2], expected[0], expected[1]])
    #expect(reading.labels == ["dog", "cat"])
    guard case .embedded(let picture) = items[1].image else {
      Issue.record("\(items[1].image)")
      return
    }
    #expect(try picture.image().pixels.prefix(3) == [9, 99, 199])
    #expect(try picture.size() == ImageSize(height: 10, width: 20))
    #expect(try folder.read().format == "tf_detection_api")
  }

  @Test("damaged records end in an error or are named")
  func damagedRecords() throws {
    let (folder, _) = try records()
    let url = folder.url.appending(path: "train.tfrecord")
    let whole = try Data(contentsOf: url)
    func read(_ data: Data) throws -> FormatReading {
      try data.write(to: url)
      return try TFRecordFormat().read(.root(folder.url, format: nil))
    }
    let short = try read(whole.dropLast(9))
    #expect(short.items[.train]?.count == 1)
    #expect(short.problems.first?.message.contains("cut short") ?? false)
    #expect(throws: DataError.self) { try read(whole.prefix(20)) }
    var flipped = whole
    flipped[whole.count / 4] ^= 0xFF
    #expect(throws: DataError.self) { try read(flipped) }
    // A length beyond the file is not believed.
    let huge = Data(repeating: 0xFF, count: 8)
    let frame = huge + withUnsafeBytes(of: CRC32C.masked(Array(huge)).littleEndian) { Data($0) }
    #expect(throws: DataError.self) { try read(frame + Data(count: 40)) }
    // Frames that are right around content that is not.
    for content in [[UInt8]](arrayLiteral: [0x0A], [0x0A, 0xFF, 0xFF], [7], [0x0A, 2, 0x0A, 9]) {
      let reading = try read(whole + Data(TFRecordFile.framed(content)))
      #expect(reading.problems.map(\.kind) == ["damaged record"])
    }
  }

  @Test("label maps in several spellings")
  func labelMaps() {
    let text =
      "item {\n id: 2\n name: 'a b'\n}\nitem{ name: \"c}\", id: 1 display_name: 'x'}\nitem {id: x}"
    let found = TFLabelMap.read(text)
    #expect(found.map(\.label).first == "a b" && found.first?.number == 2)
  }
}
