import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

/// The texts are what `Tools/datumaro/compare.py` writes for the same annotations.
@Suite("Texts of annotations")
struct AnnotationTextTests {
  private func texts(_ annotations: [Annotation], format: String = "datumaro") throws -> [String] {
    let item = DatasetItem(id: "a", image: .file(URL(filePath: "/a.png")), annotations: annotations)
    return try AnnotationText(format: format).texts(of: item)
  }

  @Test("an object is what is known best of it")
  func objects() throws {
    let keypoints = Keypoints(points: [1, 2, 3.456, 4], visibilities: [.visible, .absent])
    #expect(
      try texts([
        .label("cat"),
        .box(BoundingBox(1, 2, 3.5, -0.001), label: nil, isDifficult: true),
        .region(
          .polygon(Polygon(parts: [[0, 0, 1, 0, 1, 1], [5, 5, 6, 5, 6, 6]])),
          label: "a b"
        ),
        .region(.polyline([1, 2, 3, 4]), label: "cat", isCrowd: true),
        .region(
          .ellipse(RotatedBox(x: 5, y: 5, width: 4, height: 2, angle: 0)),
          label: "cat"
        ),
        .keypoints(keypoints, label: "cat"),
        .caption(" two \n words"),
      ]) == [
        "box - 1 2 3.5 0 #difficult", "caption two words", "ellipse cat 3 4 7 6", "label cat",
        "points cat 1 2 2 3.46 4 0", "polygon a b 0 0 1 0 1 1", "polygon a b 5 5 6 5 6 6",
        "polyline cat 1 2 3 4 #is_crowd",
      ]
    )
  }

  @Test("a format may give boxes beside regions")
  func boxes() throws {
    let region = Region.polygon(Polygon([0, 0, 1, 0, 1, 1]))
    let keypoints = Keypoints(points: [1, 2], visibilities: [.visible])
    #expect(
      try texts([.region(region, label: "a")], format: "coco")
        == ["box a 0 0 1 1", "polygon a 0 0 1 0 1 1"]
    )
    let joints: [Annotation] = [
      .keypoints(keypoints, label: "a"),
      .keypoints(keypoints, label: "a", box: BoundingBox(0, 0, 9, 9)),
    ]
    #expect(
      try texts(joints, format: "mpii_json") == [
        "box a 0 0 9 9", "points a 1 2 2", "points a 1 2 2",
      ]
    )
  }

  @Test("masks are told apart by a checksum of their runs")
  func masks() throws {
    let size = ImageSize(height: 1, width: 5)
    // Of Datumaro's own reading of CamVid's sample.
    let left = RunLengthMask(size: size, bitmap: [true, true, false, false, false])
    let right = RunLengthMask(size: size, bitmap: [false, false, false, true, true])
    #expect(
      try texts([.region(.mask(left), label: "a"), .region(.mask(right), label: "b")])
        == ["mask a 2 0 0 2 1 ca8a94ef", "mask b 2 3 0 5 1 843ff7f9"]
    )
    let padded = try #require(RunLengthMask(size: size, counts: [3, 2, 0]))
    #expect(try texts([.region(.mask(padded), label: "b")]) == ["mask b 2 3 0 5 1 843ff7f9"])
  }

  @Test("a picture of labels is a mask for each")
  func labelMaps() throws {
    let folder = try TemporaryFolder()
    var image = Image(size: ImageSize(height: 1, width: 5), red: 0, green: 0, blue: 0)
    for (x, value) in [7, 7, 0, 9, 9].enumerated() {
      for channel in 0..<3 { image.pixels[3 * x + channel] = UInt8(value) }
    }
    try folder.write(Data(ImageFile.png(image)), to: "a.png")
    let map = LabelMap(
      url: folder.url.appending(path: "a.png"),
      table: LabelTable([7: "a", 9: "b"])
    )
    #expect(
      try texts([.labelMap(map)]) == ["mask a 2 0 0 2 1 ca8a94ef", "mask b 2 3 0 5 1 843ff7f9"]
    )
  }

  @Test("texts are the same but for rounding, and turned boxes from any side")
  func same() {
    #expect(SameText.check("box a 1 2 3.33 4", "box a 1 2 3.34 4"))
    #expect(!SameText.check("box a 1 2 3.3 4", "box a 1 2 3.4 4"))
    #expect(!SameText.check("box a 1 2 3 4", "box b 1 2 3 4"))
    #expect(!SameText.check("mask a 2 0 0 2 1 00000001", "mask a 2 0 0 2 1 00000002"))
    #expect(SameText.check("rotated a 1 1 4 2 0", "rotated a 1 1 2 4 90"))
    #expect(SameText.check("rotated a 1 1 4 2 180", "rotated a 1 1 4 2 0"))
    #expect(!SameText.check("rotated a 1 1 4 2 0", "rotated a 1 1 4 2 90"))
    #expect(!SameText.check("rotated a 1 1 4 2 0", "rotated b 1 1 4 2 0"))
  }
}
