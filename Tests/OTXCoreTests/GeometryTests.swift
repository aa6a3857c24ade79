import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct GeometryTests {
  @Test func readsSizesAsUsersTypeThem() {
    #expect(ImageSize("480x640") == ImageSize(height: 480, width: 640))
    #expect(ImageSize("320") == ImageSize(height: 320, width: 320))
    #expect(ImageSize("32X64") == ImageSize(height: 32, width: 64))
    for text in [
      "", "x", "480x", "x640", "1x2x3", "0x5", "-3", "3.5", "abc", "480 640", "9223372036854775807",
    ] {
      #expect(ImageSize(text) == nil, "\(text)")
    }
  }

  @Test func codesSizesAsText() throws {
    let size = ImageSize(height: 480, width: 640)
    let data = try JSONEncoder().encode([size])
    #expect(String(decoding: data, as: UTF8.self) == #"["480x640"]"#)
    #expect(try JSONDecoder().decode([ImageSize].self, from: data) == [size])
    let square = try JSONDecoder().decode([ImageSize].self, from: Data("[320]".utf8))
    #expect(square == [ImageSize(height: 320, width: 320)])
    for text in [#"["big"]"#, "[0]", "[null]", "[[1,2]]"] {
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode([ImageSize].self, from: Data(text.utf8))
      }
    }
  }

  @Test func overlapsOfBoxes() {
    let box = BoundingBox(x1: 0, y1: 0, x2: 10, y2: 10)
    #expect(box.iou(box) == 1)
    expectClose(box.iou(BoundingBox(x1: 5, y1: 0, x2: 15, y2: 10)), 1.0 / 3)
    #expect(box.iou(BoundingBox(x1: 10, y1: 0, x2: 20, y2: 10)) == 0)
    let empty = BoundingBox(x1: 3, y1: 3, x2: 3, y2: 3)
    #expect(empty.iou(empty) == 0)
    #expect(BoundingBox(x1: 5, y1: 5, x2: 1, y2: 9).area == 0, "turned inside out")
    #expect(!BoundingBox(x1: .nan, y1: 0, x2: 1, y2: 1).isFinite)
  }

  @Test func mapsBoxesBackIntoTheOriginalAndClips() {
    let frame = ImageFrame(
      itemID: "a",
      originalSize: ImageSize(height: 100, width: 200),
      scaleX: 2,
      scaleY: 0.5,
      offsetX: 10,
      offsetY: -5
    )
    let box = frame.original(BoundingBox(x1: 30, y1: 5, x2: 50, y2: 15))
    #expect(box == BoundingBox(x1: 10, y1: 20, x2: 20, y2: 40))
    let outside = frame.original(BoundingBox(x1: -100, y1: -100, x2: 1e9, y2: .infinity))
    #expect(outside == BoundingBox(x1: 0, y1: 0, x2: 200, y2: 100))
  }
}

@Suite struct LabelInfoTests {
  @Test func findsNamesAndIndices() {
    let labels = LabelInfo(names: ["a", "b", "a"])
    #expect(labels.index(of: "a") == 0)
    #expect(labels.index(of: "b") == 1)
    #expect(labels.index(of: "c") == nil)
    #expect(labels.name(1) == "b")
    #expect(labels.name(7) == "label 7")
    #expect(labels.name(-1) == "label -1")
  }

  @Test func isItsNamesInJSON() throws {
    let labels = LabelInfo(names: ["x", "ü"])
    let data = try JSONEncoder().encode(labels)
    #expect(String(decoding: data, as: UTF8.self) == #"{"names":["x","ü"]}"#)
    #expect(try JSONDecoder().decode(LabelInfo.self, from: data) == labels)
    #expect(LabelInfo(names: ["ü", "x"]) != labels)
  }

  @Test func dictionariesBySubsetAreJSONObjects() throws {
    let data = try JSONEncoder().encode([Subset.val: 3])
    #expect(String(decoding: data, as: UTF8.self) == #"{"val":3}"#)
    #expect(try JSONDecoder().decode([Subset: Int].self, from: data) == [.val: 3])
  }
}

@Suite struct ModelInfoTests {
  @Test func readsBackAndIsTheSameBytes() throws {
    let info = CheckpointFileTests.info
    let data = try info.jsonData()
    #expect(try ModelInfo(json: data, source: "x") == info)
    #expect(try info.jsonData() == data)
    let text = String(decoding: data, as: UTF8.self)
    #expect(text.contains(#""confidenceThreshold" : 0.325"#), "no digits that were never chosen")
    #expect(text.contains(#""inputSize" : "480x640""#))
  }

  @Test func thresholdNeverChosenIsTheDefault() throws {
    var info = CheckpointFileTests.info
    info.confidenceThreshold = nil
    #expect(try ModelInfo(json: info.jsonData(), source: "x").confidenceThreshold == nil)
    #expect(info.effectiveConfidenceThreshold == 0.35)
    info.confidenceThreshold = 0.5
    #expect(info.effectiveConfidenceThreshold == 0.5)
  }

  @Test func namesFileAndKeyOfADamagedRecord() throws {
    let error = try #require(throws: ModelError.self) {
      try ModelInfo(json: Data(#"{"formatVersion": "one"}"#.utf8), source: "model.xml")
    }
    #expect(error.description.contains("model.xml"))
    #expect(error.description.contains("formatVersion"))
  }
}
