import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("LabelMe")
struct LabelMeTests {
  private func object(_ id: Int, _ body: String, parts: String = "") -> String {
    "<object><name>o\(id)</name><deleted>0</deleted><occluded>yes</occluded><id>\(id)</id>"
      + "<parts>\(parts)</parts>\(body)</object>"
  }

  private func outline(_ points: [(Int, Int)]) -> String {
    "<polygon><username>me</username>"
      + points.map { "<pt><x>\($0.0)</x><y>\($0.1)</y></pt>" }.joined() + "</polygon>"
  }

  private func folder(_ objects: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.picture("Images/train/a.png")
    try folder.write(
      "<annotation><filename>a.png</filename><folder>train</folder><imagesize><nrows>24</nrows><ncols>32</ncols></imagesize>\(objects)</annotation>",
      to: "Annotations/train/a.xml"
    )
    return folder
  }

  @Test("outlines, boxes, masks, attributes and parts")
  func shapes() throws {
    let folder = try folder(
      object(
        3,
        "<attributes>big, age=3.5, note=\"a, b\"</attributes>" + outline([(1, 1), (9, 1), (5, 8)]),
        parts: "<hasparts>5</hasparts>"
      )
        + object(
          5,
          "<type>bounding_box</type>" + outline([(2, 3), (9, 3), (9, 8), (2, 8)]),
          parts: "<ispartof>3</ispartof>"
        )
        + object(6, "<segm><mask>m.png</mask></segm>")
        + "<object><name>gone</name><deleted>1</deleted></object>"
    )
    var image = Image(size: ImageSize(height: 24, width: 32))
    image.pixels[3 * (32 * 4 + 6)] = 200
    try folder.write(Data(ImageFile.png(image)), to: "Masks/train/m.png")
    let dataset = try folder.read()
    #expect(dataset.format == "label_me")
    #expect(dataset.kinds(.leftOut).isEmpty, "\(dataset.problems)")
    let found = dataset.items.values.joined().first?.annotations ?? []
    try #require(found.count == 3)
    #expect(found[0].region == .polygon(Polygon([1, 1, 9, 1, 5, 8])))
    #expect(
      found[0].attributes == [
        "occluded": .flag(true), "username": .text("me"), "big": .flag(true), "age": .number(3.5),
        "note": .text("a, b"),
      ]
    )
    #expect(found[1].box == BoundingBox(2, 3, 9, 8) && found[1].region == nil)
    #expect(found.map(\.group) == [1, 1, 0])
    let size = ImageSize(height: 24, width: 32)
    #expect(try found[2].region?.mask(size: size).bounds == BoundingBox(6, 4, 7, 5))

    let second = try TemporaryFolder()
    try LabelMeFormat().write(dataset, to: second.url)
    let again = try second.read().items.values.joined().first?.annotations ?? []
    try #require(again.count == 3)
    #expect(again[0] == found[0] && again[1] == found[1])
    #expect(try again[2].region?.mask(size: size) == found[2].region?.mask(size: size))
  }

  @Test(
    "objects that cannot be used are named",
    arguments: [
      ("<polygon><pt><x>1</x></pt></polygon>", "no two numbers"),
      ("<polygon><pt><x>1</x><y>nan</y></pt></polygon>", "no two numbers"),
      ("<polygon></polygon>", "fewer than three points"), ("", "neither outline nor mask"),
      ("<segm></segm>", "without a file"), ("<segm><mask>x.png</mask></segm>", "does not exist"),
      ("<type>bounding_box</type><polygon/>", "has no points"),
    ]
  )
  func damage(_ body: String, _ reason: String) throws {
    let folder = try folder(object(1, body))
    let reading = try LabelMeFormat().read(.root(folder.url, format: nil))
    #expect(reading.problems.first?.message.contains(reason) ?? false, "\(reading.problems)")
    #expect(reading.items[.train]?.count == 1)
  }

  @Test("labelme's JSON: every kind of shape")
  func json() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    let mask = Data(
      try ImageFile.png(
        Image(size: ImageSize(height: 2, width: 3), red: 255, green: 255, blue: 255)
      )
    ).base64EncodedString()
    let shapes = [
      #"{"label":"p","points":[[1,1],[9,1],[5,8]],"group_id":0,"shape_type":"polygon","flags":{"odd":true,"x":false},"description":""}"#,
      #"{"label":"r","points":[[9,8],[2,3]],"group_id":null,"shape_type":"rectangle","flags":{}}"#,
      #"{"label":"c","points":[[10,10],[13,14]],"shape_type":"circle"}"#,
      #"{"label":"l","points":[[1,1],[3,4]],"shape_type":"line"}"#,
      #"{"label":"m","points":[[4.5,5],[6,6]],"shape_type":"mask","mask":"\#(mask)"}"#,
      #"{"label":"k","points":[[1,1],[3,4]],"shape_type":"points"}"#,
      #"{"label":"bad","points":[[1,1],[3,4]],"shape_type":"polygon"}"#,
      #"{"label":"new","points":[[1,1],[3,4]],"shape_type":"blob"}"#,
    ]
    try folder.write(
      "{\"version\":\"5.4\",\"flags\":{\"night\":true,\"rain\":false},\n\"shapes\":[\n\(shapes.joined(separator: ",\n"))],\n\"imagePath\":\"..\\\\x\\\\a.png\",\"imageData\":null,\"imageHeight\":24,\"imageWidth\":32}",
      to: "a.json"
    )
    let dataset = try folder.read()
    #expect(dataset.format == "labelme_json")
    let found = dataset.items.values.joined().first?.annotations ?? []
    try #require(found.count == 7)
    #expect(found[0] == .label("night"))
    #expect(found[1].region == .polygon(Polygon([1, 1, 9, 1, 5, 8])) && found[1].group == 1)
    #expect(found[1].attributes == ["odd": .flag(true)])
    #expect(found[2].box == BoundingBox(2, 3, 9, 8))
    #expect(
      found[3].region == .ellipse(RotatedBox(x: 10, y: 10, width: 10, height: 10, angle: 0))
    )
    #expect(found[4].region == .polyline([1, 1, 3, 4]))
    #expect(found[5].box == BoundingBox(4, 5, 7, 7))
    #expect(found[6].keypoints?.count == 2)
    let lines = dataset.problems.filter { $0.kind == "shape that cannot be used" }.map(\.location)
    #expect(lines == ["a.json:9", "a.json:10"])
  }
}
