import Foundation
import OTXCore
import Testing

@Suite("Annotations")
struct AnnotationTests {
  @Test("what is said of an object and of a picture are told apart")
  func kinds() throws {
    let box = BoundingBox(x1: 1, y1: 2, x2: 5, y2: 8)
    #expect(Annotation.label("cat").kind == .label)
    #expect(Annotation.box(box, label: "cat").kind == .object)
    #expect(Annotation.caption("a cat").kind == .caption)
    let map = LabelMap(url: URL(filePath: "/a.png"), table: LabelTable([2: "cat", 1: "dog"]))
    #expect(Annotation.labelMap(map).kind == .labelMap)
    #expect(Annotation.labelMap(map).labelNames == ["dog", "cat"])
    #expect(Annotation.caption("a cat").labelNames.isEmpty)
  }

  @Test("a region gives the box where the dataset gives none")
  func boxes() throws {
    let polygon = Polygon(parts: [[1, 2, 9, 3, 4, 8], [10, 1, 12, 1, 11, 4]])
    let object = Annotation.region(.polygon(polygon), label: "cat")
    #expect(object.box == BoundingBox(x1: 1, y1: 1, x2: 12, y2: 8))
    let stated = BoundingBox(x1: 0, y1: 0, x2: 20, y2: 20)
    #expect(Annotation.region(.polygon(polygon), label: "cat", box: stated).box == stated)
    #expect(polygon.partCount == 2)
    #expect(polygon.parts == [[1, 2, 9, 3, 4, 8], [10, 1, 12, 1, 11, 4]])
    #expect(Polygon([0, 0, 4, 0, 4, 3, 0, 3]).area == 12)
    #expect(Polygon([]).partCount == 0)
  }

  @Test("what few annotations have is kept, compared and taken away again")
  func extras() {
    let box = BoundingBox(x1: 1, y1: 2, x2: 5, y2: 8)
    var annotation = Annotation.box(box, label: "cat")
    let plain = annotation
    annotation.attributes["pose"] = .text("left")
    annotation.id = 7
    #expect(annotation != plain)
    var same = plain
    same.id = 7
    same.attributes = ["pose": .text("left")]
    #expect(annotation == same)
    annotation.attributes = [:]
    annotation.id = nil
    #expect(annotation == plain)
    // A million plain boxes are to stay small.
    #expect(MemoryLayout<Annotation>.stride <= 72)
  }

  @Test("key points give a box of those that are annotated")
  func keypoints() {
    let points = Keypoints(
      points: [0, 0, 10, 20, 30, 5],
      visibilities: [.absent, .hidden, .visible]
    )
    #expect(points.bounds == BoundingBox(x1: 10, y1: 5, x2: 30, y2: 20))
    #expect(Annotation.keypoints(points, label: "person").box == points.bounds)
    #expect(Keypoints(points: [3, 3], visibilities: [.absent]).bounds == nil)
  }

  @Test("a turned box has the corners that it was made of", arguments: [0, 30, 90, 135, -60])
  func rotatedBoxes(_ angle: Float) {
    let box = RotatedBox(x: 50, y: 40, width: 30, height: 10, angle: angle)
    let again = RotatedBox(corners: box.corners)
    #expect(abs(again.x - 50) < 1e-3 && abs(again.y - 40) < 1e-3)
    #expect(abs(again.width - 30) < 1e-3 && abs(again.height - 10) < 1e-3)
    let turn = (again.angle - angle).truncatingRemainder(dividingBy: 360)
    #expect(min(abs(turn), 360 - abs(turn)) < 1e-3)
  }

  @Test("a box turned by 90 degrees stands upright, clockwise on the screen")
  func directions() {
    let box = RotatedBox(x: 0, y: 0, width: 10, height: 4, angle: 90)
    let expected: [Float] = [2, -5, 2, 5, -2, 5, -2, -5]
    for (value, wanted) in zip(box.corners, expected) { #expect(abs(value - wanted) < 1e-5) }
    let ellipse = Region.ellipse(RotatedBox(x: 10, y: 10, width: 8, height: 4, angle: 90))
    #expect(ellipse.bounds.map { abs($0.x1 - 8) < 1e-5 && abs($0.y1 - 6) < 1e-5 } ?? false)
  }
}

@Suite("Run-length masks")
struct RunLengthMaskTests {
  private let size = ImageSize(height: 3, width: 4)
  /// A step: two pixels of the first column, all of the second, one of the fourth.
  private let bitmap = [
    true, true, false, false,
    true, true, false, false,
    false, true, false, true,
  ]

  @Test("runs go down the columns, zeros first")
  func runs() throws {
    let mask = RunLengthMask(size: size, bitmap: bitmap)
    #expect(mask.counts == [0, 2, 1, 3, 5, 1])
    #expect(mask.bitmap == bitmap)
    #expect(mask.area == 6)
    #expect(mask.bounds == BoundingBox(x1: 0, y1: 0, x2: 4, y2: 3))
    let single = try #require(RunLengthMask(size: size, counts: [4, 1, 7]))
    #expect(single.bounds == BoundingBox(x1: 1, y1: 1, x2: 2, y2: 2))
    #expect(RunLengthMask(size: size, counts: [12])?.bounds == nil)
  }

  /// Texts by pycocotools: `mask.encode(numpy.asfortranarray(bitmap))["counts"]`.
  @Test("COCO's compressed text is read and written as pycocotools does")
  func compressed() throws {
    let mask = RunLengthMask(size: size, bitmap: bitmap)
    #expect(mask.compressed == RunLengthMaskTests.step)
    #expect(RunLengthMask(size: size, compressed: RunLengthMaskTests.step.utf8) == mask)
    let large = ImageSize(height: 100, width: 200)
    let rectangle = (0..<100 * 200).map {
      (20..<70).contains($0 / 200) && (30..<130).contains($0 % 200)
    }
    let wide = RunLengthMask(size: large, bitmap: rectangle)
    #expect(wide.compressed == RunLengthMaskTests.rectangle)
    #expect(RunLengthMask(size: large, compressed: RunLengthMaskTests.rectangle.utf8) == wide)
  }

  private static let step = #"02114N"#
  private static let rectangle =
    #"\n2b1b100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000Tj6"#

  @Test(
    "texts that are no mask are refused",
    arguments: ["", "~", "0", "oooooooooooooooooooo", "P"]
  )
  func refused(_ text: String) {
    #expect(RunLengthMask(size: size, compressed: text.utf8) == nil)
  }

  @Test("runs that do not fill the picture are refused")
  func wrongSums() {
    #expect(RunLengthMask(size: size, counts: [3, 4]) == nil)
    #expect(RunLengthMask(size: size, counts: [.max, .max]) == nil)
  }
}
