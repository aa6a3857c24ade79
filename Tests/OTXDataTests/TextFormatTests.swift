import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Formats of plain text")
struct TextFormatTests {
  private func read(_ folder: TemporaryFolder, _ format: String) throws -> FormatReading {
    try Formats.named(format).read(.root(folder.url, format: format))
  }

  /// What is written is read again as it was.
  private func expectRoundTrip(_ folder: TemporaryFolder, _ format: String) throws {
    let dataset = try folder.read(format: format)
    let second = try TemporaryFolder()
    try Formats.writable(named: format).write(dataset, to: second.url)
    let again = try second.read(format: format)
    for (subset, items) in dataset.items {
      let others = again.items[subset] ?? []
      #expect(items.map(\.annotations) == others.map(\.annotations), "\(format) \(subset)")
    }
  }

  @Test("DOTA: turned boxes, labels with blanks, lines of the head")
  func dota() throws {
    let folder = try TemporaryFolder()
    try folder.picture("train/images/a.png", height: 50, width: 50)
    try folder.write(
      "\u{FEFF}imagesource:GoogleEarth\r\ngsd:0.1\r\n10 0 20 10 10 20 0 10 small vehicle 1\r\n0 0 9 0 9 9 0 9 plane 2\r\n1 2 3\r\n0 0 9 0 9 9 0 9 plane",
      to: "train/labelTxt-v1.5/a.txt"
    )
    let reading = try read(folder, "dota")
    let found = reading.items[.train]?.first?.annotations ?? []
    try #require(found.count == 3)
    guard case .rotatedBox(let box) = found[0].region else {
      Issue.record("\(found[0])")
      return
    }
    #expect(abs(box.angle - 45) < 1e-4 && abs(box.width - 14.142136) < 1e-4)
    #expect(found[0].label == "small vehicle" && found[0].isDifficult)
    #expect(found[1].attributes == ["difficulty": .number(2)] && !found[1].isDifficult)
    #expect(found[2].label == "plane")
    #expect(reading.problems.map(\.location) == ["train/labelTxt-v1.5/a.txt:5"])
    #expect(try folder.read().format == "dota")
  }

  @Test("KITTI: flags, values in space, pictures for testing")
  func kitti() throws {
    let folder = try TemporaryFolder()
    for name in ["training/image_2/a", "training/image_2/b", "testing/image_2/c"] {
      try folder.picture(name + ".png")
    }
    try folder.write(
      "Car 0.25 2 -1.5 1 2 11 12 1.5 1.6 3.9 -2 1.7 20 0.3\nCar 0 0\nVan 1 0 -10 0 0 5 5 -1 -1 -1 -1000 -1000 -1000 -10 0.75\n",
      to: "training/label_2/a.txt"
    )
    let reading = try read(folder, "kitti_detection")
    let found = reading.items[.train]?.first?.annotations ?? []
    try #require(found.count == 2)
    #expect(
      found[0].attributes == [
        "truncated": .flag(true), "truncation": .number(0.25), "occluded": .flag(true),
        "occlusion": .number(2), "alpha": .number(-1.5), "dimensions": .numbers([1.5, 1.6, 3.9]),
        "location": .numbers([-2, 1.7, 20]), "rotation_y": .number(0.3),
      ]
    )
    #expect(found[1].attributes == ["truncated": .flag(true), "score": .number(0.75)])
    #expect(reading.items[.test]?.count == 1)
    #expect(
      reading.problems.map(\.kind) == ["line that is no object", "picture without a label file"]
    )
    try expectRoundTrip(folder, "kitti_detection")
    #expect(try folder.read().format == "kitti_detection")
  }

  @Test("WIDER FACE: faces, events, pictures without faces")
  func widerFace() throws {
    let folder = try TemporaryFolder()
    for name in ["0--Parade/a", "0--Parade/b", "2--Meeting/c"] {
      try folder.picture("WIDER_train/images/\(name).png")
    }
    try folder.write(
      "0--Parade/a.png\n2\n1 2 3 4 2 0 1 0 0 1 \n5 6 7 8\n0--Parade/b.png\n0\n0 0 0 0 0 0 0 0 0 0 \n2--Meeting/c.png\n1\nx y 3 4\n",
      to: "wider_face_split/wider_face_train_bbx_gt.txt"
    )
    let reading = try read(folder, "wider_face")
    let items = reading.items[.train] ?? []
    try #require(items.count == 3)
    #expect(items[0].annotations.count == 3 && items[0].annotations[0] == .label("Parade"))
    #expect(items[0].annotations[1].box == BoundingBox(1, 2, 4, 6))
    #expect(
      items[0].annotations[1].attributes == [
        "blur": .number(2), "illumination": .number(1), "pose": .number(1),
      ]
    )
    #expect(items[1].annotations == [.label("Parade")])
    #expect(reading.labels == ["Parade", "Meeting"])
    #expect(reading.problems.map(\.location) == ["wider_face_split/wider_face_train_bbx_gt.txt:10"])
    try expectRoundTrip(folder, "wider_face")
  }

  @Test("ICDAR's words, places and characters")
  func icdar() throws {
    let words = try TemporaryFolder()
    for name in ["a", "b"] { try words.picture("train/images/\(name).png") }
    try words.write("a.png, \"say \\\"no\\\", twice\"\nb.png, no\n\n", to: "train/gt.txt")
    let captions = try read(words, "icdar_word_recognition")
    #expect(captions.items[.train]?.map(\.annotations) == [[.caption("say \"no\", twice")]])
    #expect(captions.problems.map(\.location) == ["train/gt.txt:2", "train/images"])
    #expect(try words.read().format == "icdar")

    let places = try TemporaryFolder()
    try places.picture("train/images/a.png")
    try places.write(
      "\u{FEFF}0,0,9,1,9,6,1,7,one, two\n1 2 8 9 \"three\"\nword\n",
      to: "train/gt_a.txt"
    )
    let found = try read(places, "icdar_text_localization").items[.train]?[0].annotations ?? []
    try #require(found.count == 2)
    #expect(found[0].region == .polygon(Polygon([0, 0, 9, 1, 9, 6, 1, 7])))
    #expect(found.map { $0.attributes["text"]?.description } == ["one, two", "three"])
    #expect(found[1].box == BoundingBox(1, 2, 8, 9))
    try expectRoundTrip(places, "icdar_text_localization")
    #expect(try places.read().format == "icdar")
  }

  @Test("ICDAR's characters are masks of their colours")
  func characters() throws {
    let folder = try TemporaryFolder()
    try folder.picture("train/images/a.png", height: 4, width: 6)
    var image = Image(size: ImageSize(height: 4, width: 6), red: 255, green: 255, blue: 255)
    for (x, color) in [(0, [10, 20, 30]), (3, [40, 50, 60]), (4, [40, 50, 60])] {
      for (channel, value) in color.enumerated() { image.pixels[3 * x + channel] = UInt8(value) }
    }
    try folder.write(Data(BitmapFile.bytes(image)), to: "train/a_GT.bmp")
    try folder.write(
      "10 20 30 0 0 0 0 1 1 \"A\"\n40 50 60 4 0 3 0 5 1 \"b\"\n\n#1 2 3 4 0 3 0 5 1 \"c\"\n1 2\n",
      to: "train/a_GT.txt"
    )
    let reading = try read(folder, "icdar_text_segmentation")
    let found = reading.items[.train]?.first?.annotations ?? []
    try #require(found.count == 3)
    #expect(found.map(\.group) == [1, 1, 0])
    let size = ImageSize(height: 4, width: 6)
    #expect(try found.map { try $0.region?.mask(size: size).area } == [1, 2, 0])
    #expect(found[1].attributes["text"] == .text("b"))
    #expect(found[2].attributes["text"] == .text(" "))
    #expect(reading.problems.map(\.location) == ["train/a_GT.txt:5"])
    let dataset = try folder.read(format: "icdar_text_segmentation")
    let second = try TemporaryFolder()
    try Formats.writable(named: "icdar_text_segmentation").write(dataset, to: second.url)
    let again = try second.read().items.values.joined().first?.annotations ?? []
    #expect(try again.prefix(2).map { try $0.region?.mask(size: size).area } == [1, 2])
    #expect(again.first?.attributes["text"] == .text("A"))
  }
}
