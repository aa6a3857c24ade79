import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Formats of frames of videos")
struct VideoFormatTests {
  @Test("MOT: tracks, flags, frames that are only counted")
  func mot() throws {
    let folder = try TemporaryFolder()
    for frame in ["000001", "000003", "cover"] {
      try folder.picture("train/S1/img1/\(frame).png")
    }
    try folder.write(
      "1,7,1,2,10,8,1,2,0.5\n3,7,2,2,10,8,0,1,0\n1,x,1\n3,-1,1,1,4,4,1,-1,1\n3,8,1,1,4,4,1,4,1\n",
      to: "train/S1/gt/gt.txt"
    )
    try folder.write("person\ncar\n\n", to: "train/S1/gt/labels.txt")
    try folder.write(
      "[Sequence]\nname=S1\nimDir=img1\nseqLength=2\nimWidth=32\nimHeight=24\nimExt=.png\n",
      to: "train/S1/seqinfo.ini"
    )
    let reading = try MOTFormat().read(.root(folder.url, format: nil))
    let items = try #require(reading.items[.train])
    #expect(
      items.map { URL(filePath: $0.id).lastPathComponent }
        == ["000001.png", "000002.png", "000003.png"]
    )
    let first = try #require(items[0].annotations.first)
    #expect(first.label == "car" && first.id == 7 && first.box == BoundingBox(1, 2, 11, 10))
    #expect(first.attributes == ["visibility": .number(0.5)])
    #expect(items[2].annotations[0].isCrowd)
    #expect(items[2].annotations[1].label == nil && items[2].annotations[1].id == nil)
    #expect(reading.labels == ["person", "car", "class_3", "class_4"])
    #expect(
      reading.problems.map(\.kind) == ["picture that is no frame", "line that is no object"]
    )
    let dataset = try folder.read()
    #expect(dataset.format == "mot_seq")
    let second = try TemporaryFolder()
    try Formats.writable(named: "mot_seq_gt").write(dataset, to: second.url)
    let again = try second.read()
    for (subset, items) in dataset.items {
      #expect(items.map(\.annotations) == again.items[subset]?.map(\.annotations))
    }
    try folder.write("seqLength=99999999999\n", to: "train/S1/seqinfo.ini")
    #expect(folder.readingError().contains("seqLength"))
  }

  @Test("MOTS: a 16-bit picture of classes and instances")
  func mots() throws {
    let folder = try TemporaryFolder()
    let size = ImageSize(height: 24, width: 32)
    var values = [UInt32](repeating: 0, count: 24 * 32)
    (values[0], values[40], values[41]) = (1001, 2005, 2006)
    let map = IndexImage(size: size, values: values)
    for name in ["0001/000000", "0001/000001"] { try folder.picture("train/images/\(name).png") }
    try folder.write(Data(map.png()), to: "train/instances/0001/000000.png")
    let dataset = try folder.read()
    #expect(dataset.format == "mots")
    #expect(dataset.declaredLabels == ["car", "pedestrian"])
    let items = dataset.items.values.joined().sorted { $0.id < $1.id }
    let segments = try items[0].annotations.first?.labelMap?.segments(size: size) ?? []
    #expect(segments.map(\.label).sorted() == ["car", "pedestrian", "pedestrian"])
    #expect(items[1].annotations.isEmpty)
  }

  @Test("AVA: shares of frames, several actions of a person")
  func ava() throws {
    let folder = try TemporaryFolder()
    for second in ["0902", "0903"] { try folder.picture("frames/f_1/f_1_\(second).png") }
    try folder.write(
      "f_1,0902,0.25,0.5,0.5,1,2,7\nf_1,0902,0.25,0.5,0.5,1,9,7\nf_1,0903,,,,,,\nf_1,0903,a,1,2,3,4,5\nx\n",
      to: "annotations/ava_train_v2.2.csv"
    )
    try folder.write("f_1,0904\n", to: "annotations/ava_train_excluded_timestamps_v2.2.csv")
    try folder.write(
      "label {\n  name: \"stand\"\n  label_id: 1\n  label_type: X\n}\nlabel {\n  name: \"walk\"\n  label_id: 2\n}\n",
      to: "annotations/ava_action_list_v2.2.pbtxt"
    )
    let reading = try AVAFormat().read(.root(folder.url, format: nil))
    let items = try #require(reading.items[.train])
    #expect(items.map(\.id) == ["frames/f_1/f_1_0902.png", "frames/f_1/f_1_0903.png"])
    #expect(items[0].annotations.map(\.label) == ["walk", "action_9"])
    #expect(items[0].annotations.allSatisfy { $0.box == BoundingBox(8, 12, 16, 24) && $0.id == 7 })
    #expect(reading.labels == ["stand", "walk", "action_9"])
    let lines = reading.problems.map(\.location)
    #expect(lines == ["annotations/ava_train_v2.2.csv:4", "annotations/ava_train_v2.2.csv:5"])
    let dataset = try folder.read()
    #expect(dataset.format == "ava")
    let second = try TemporaryFolder()
    try AVAFormat().write(dataset, to: second.url)
    let again = try second.read()
    for (subset, items) in dataset.items {
      #expect(items.map(\.annotations) == again.items[subset]?.map(\.annotations))
    }
  }
}
