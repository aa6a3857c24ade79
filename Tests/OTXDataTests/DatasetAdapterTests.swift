import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@Suite("Annotations in forms that a format holds")
struct DatasetAdapterTests {
  private let size = ImageSize(height: 20, width: 30)
  private let square: [Float] = [2, 3, 12, 3, 12, 9, 2, 9]

  private func adapt(
    _ annotations: [Annotation],
    to forms: AnnotationForms
  ) throws -> (annotations: [Annotation], changes: [String]) {
    let item = DatasetItem(
      id: "a.png",
      image: .memory(Image(size: size)),
      size: size,
      annotations: annotations
    )
    let dataset = Dataset(
      format: "coco",
      root: URL(filePath: "/data"),
      labels: LabelInfo(names: ["cat"]),
      items: [.train: [item]]
    )
    var adapter = DatasetAdapter(to: forms)
    let result = try adapter.adapt(dataset)
    return (result.items[.train]?.first?.annotations ?? [], adapter.summary)
  }

  @Test("outlines become boxes or masks, masks become outlines, each only where it must")
  func regions() throws {
    let polygon = Annotation.region(.polygon(Polygon(square)), label: "cat")
    #expect(try adapt([polygon], to: [.boxes, .polygons]).annotations == [polygon])
    let box = try adapt([polygon], to: .boxes)
    #expect(box.annotations == [.box(BoundingBox(x1: 2, y1: 3, x2: 12, y2: 9), label: "cat")])
    #expect(box.changes == ["1 polygons as boxes"])
    let mask = try adapt([polygon], to: [.boxes, .masks]).annotations
    guard case .mask(let pixels) = try #require(mask.first?.region) else {
      Issue.record("no mask: \(mask)")
      return
    }
    #expect(pixels.area == 60)
    let back = try adapt(mask, to: [.boxes, .polygons])
    #expect(back.changes == ["1 masks as polygons"])
    #expect(back.annotations.first?.box == polygon.box)
  }

  @Test("a label map becomes its segments")
  func labelMaps() throws {
    let folder = try TemporaryFolder()
    var map = Image(size: size)
    for y in 4..<8 { for x in 5..<11 { map.pixels[(y * 30 + x) * 3] = 255 } }
    try folder.write(Data(ImageFile.png(map)), to: "map.png")
    let annotation = Annotation.labelMap(
      LabelMap(
        url: folder.url.appending(path: "map.png"),
        encoding: .color,
        table: LabelTable([0xFF_0000: "cat"])
      )
    )
    let boxes = try adapt([annotation], to: .boxes)
    #expect(boxes.annotations == [.box(BoundingBox(x1: 5, y1: 4, x2: 11, y2: 8), label: "cat")])
    #expect(boxes.changes == ["1 label maps as objects", "1 masks as boxes"])
    #expect(try adapt([annotation], to: .labels).annotations.isEmpty)
  }

  @Test("what has no coarser form is left out and counted")
  func leftOut() throws {
    let line = Annotation.region(.polyline([1, 1, 9, 9]), label: "cat")
    let unnamed = Annotation.box(BoundingBox(x1: 1, y1: 1, x2: 5, y2: 5), label: nil)
    let result = try adapt(
      [
        .label("cat"), .caption("a cat"), line, unnamed,
        .box(unnamed.box ?? .init(x1: 0, y1: 0, x2: 1, y2: 1), label: "cat"),
      ],
      to: .boxes
    )
    #expect(result.annotations.count == 1)
    #expect(
      result.changes == [
        "1 captions left out", "1 labels of whole pictures left out", "1 lines left out",
        "1 objects without a label left out",
      ]
    )
  }

  @Test("turned boxes and ellipses become outlines, key points may go without their object")
  func shapes() throws {
    let turned = RotatedBox(x: 10, y: 10, width: 8, height: 4, angle: 30)
    let box = Annotation.region(.rotatedBox(turned), label: "cat")
    let outline = try adapt([box], to: [.boxes, .polygons]).annotations
    #expect(outline.first?.region == .polygon(Polygon(turned.corners)))
    let ellipse = try adapt(
      [.region(.ellipse(turned), label: "cat")],
      to: [.boxes, .polygons]
    ).annotations
    guard case .polygon(let points) = try #require(ellipse.first?.region) else {
      Issue.record("no polygon")
      return
    }
    #expect(abs(points.area - 8 * 4 * Float.pi / 4) < 0.6)
    let points2 = Keypoints(points: [3, 3, 8, 8], visibilities: [.visible, .visible])
    let person = Annotation.keypoints(points2, label: "cat")
    let plain = try adapt([person], to: .boxes).annotations
    #expect(plain == [.box(BoundingBox(x1: 3, y1: 3, x2: 8, y2: 8), label: "cat")])
  }

  @Test("a format that holds everything changes nothing")
  func everything() throws {
    let all = [
      Annotation.label("cat"), .caption("a"), .region(.polyline([1, 1, 2, 2]), label: nil),
    ]
    let result = try adapt(all, to: .all)
    #expect(result.annotations == all && result.changes.isEmpty)
  }
}
