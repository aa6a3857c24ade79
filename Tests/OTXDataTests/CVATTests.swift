import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXData

@Suite("CVAT")
struct CVATTests {
  private func folder(_ body: String, labels: String = "") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.picture("images/a.png")
    try folder.write(
      """
      <?xml version="1.0" encoding="utf-8"?>
      <annotations><version>1.1</version><meta><task><labels>
      <label><name>cat</name><color>#ff0001</color><attributes>
      <attribute><name>code</name><input_type>text</input_type></attribute>
      <attribute><name>age</name><input_type>number</input_type></attribute></attributes></label>
      <label><name>person</name><type>skeleton</type></label>
      <label><name>nose</name><type>points</type><parent>person</parent></label>
      <label><name>hand</name><type>points</type><parent>person</parent></label>
      </labels><original_size><width>32</width><height>24</height></original_size></task></meta>
      \(body)
      </annotations>
      """,
      to: "annotations.xml"
    )
    return folder
  }

  private let shapes = """
    <image id="3" name="a.png" width="32" height="24">
    <box label="cat" occluded="1" xtl="1" ytl="2" xbr="11" ybr="8" z_order="2" group_id="4">
    <attribute name="code">007</attribute><attribute name="age">3.5</attribute></box>
    <box label="cat" xtl="10" ytl="10" xbr="20" ybr="14" rotation="30.0"/>
    <polygon label="" points="1,2;3,4;6,5"/>
    <polyline label="cat" points="1,2;3,4"/>
    <ellipse label="cat" cx="10" cy="11" rx="4" ry="2"/>
    <mask label="cat" rle="1, 2, 1, 2" left="4" top="5" width="3" height="2"/>
    <skeleton label="person"><points label="hand" outside="0" occluded="1" points="5,6"/>
    <points label="nose" outside="0" points="1,2"/></skeleton>
    <points label="cat" points="1,1;2,2"/>
    <tag label="cat"/>
    </image>
    """

  @Test("every shape of a picture")
  func pictures() throws {
    let folder = try folder(shapes)
    let dataset = try folder.read()
    #expect(dataset.format == "cvat")
    #expect(dataset.problems.filter { $0.remedy == .leftOut }.isEmpty)
    let item = try #require(dataset.items.values.joined().first)
    let found = item.annotations
    try #require(found.count == 9)
    #expect(found[0].box == BoundingBox(1, 2, 11, 8) && found[0].group == 4)
    #expect(
      found[0].attributes == [
        "occluded": .flag(true), "z_order": .number(2), "code": .text("007"), "age": .number(3.5),
      ]
    )
    #expect(
      found[1].region == .rotatedBox(RotatedBox(x: 15, y: 12, width: 10, height: 4, angle: 30))
    )
    #expect(found[2].label == nil && found[2].region == .polygon(Polygon([1, 2, 3, 4, 6, 5])))
    #expect(found[3].region == .polyline([1, 2, 3, 4]))
    #expect(
      found[4].region == .ellipse(RotatedBox(x: 10, y: 11, width: 8, height: 4, angle: 0))
    )
    guard case .mask(let mask) = found[5].region else {
      Issue.record("\(found[5])")
      return
    }
    // Row by row: .##/.##
    #expect(mask.area == 4 && mask.bounds == BoundingBox(5, 5, 7, 7))
    #expect(
      found[6].keypoints == Keypoints(points: [1, 2, 5, 6], visibilities: [.visible, .hidden])
    )
    #expect(found[7].keypoints?.count == 2)
    #expect(found[8] == .label("cat"))
    #expect(dataset.labelDetails.keypoints["person"]?.names == ["nose", "hand"])
    #expect(dataset.labelDetails.colors["cat"] == Color(red: 255, green: 0, blue: 1))

    let second = try TemporaryFolder()
    try CVATFormat().write(dataset, to: second.url)
    let again = try second.read()
    #expect(again.items.values.joined().first?.annotations.count == 9)
    for (old, new) in zip(found, again.items.values.joined().first?.annotations ?? []) {
      // Without the kinds of attributes, words stay words.
      #expect(old.region == new.region && old.keypoints == new.keypoints && old.label == new.label)
      #expect(old.attributes.mapValues(\.description) == new.attributes.mapValues(\.description))
      #expect(old.group == new.group && old.kind == new.kind)
    }
    #expect(again.labelDetails == dataset.labelDetails)
  }

  @Test("tracks are shapes of frames; outside of the picture there is none")
  func videos() throws {
    let folder = try folder(
      """
      <track id="7" label="cat">
      <box frame="10" outside="0" keyframe="1" xtl="3" ytl="4" xbr="10" ybr="5"/>
      <box frame="13" outside="1" keyframe="1" xtl="3" ytl="4" xbr="10" ybr="5"/></track>
      <track id="8" label="cat"><box frame="13" outside="0" xtl="1" ytl="1" xbr="2" ybr="2"/>
      <box outside="0" xtl="1" ytl="1" xbr="2" ybr="2"/></track>
      """
    )
    for frame in [10, 13] { try folder.picture("images/frame_0000\(frame).png") }
    let reading = try CVATFormat().read(.root(folder.url, format: nil))
    let items = try #require(reading.items[.train])
    #expect(items.map(\.id) == ["images/frame_000010.png", "images/frame_000013.png"])
    #expect(items[0].annotations.map(\.id) == [7] && items[1].annotations.map(\.id) == [8])
    #expect(items[0].attributes == ["frame": .number(10)])
    #expect(reading.problems.map(\.kind).contains("shape without a frame"))
  }

  @Test("subsets of a project have pictures of the same names")
  func project() throws {
    let folder = try folder(
      ["Train", "Validation"].map {
        "<image id=\"0\" name=\"b.png\" subset=\"\($0)\" width=\"32\" height=\"24\"/>"
      }.joined()
    )
    for name in ["Train", "Validation"] { try folder.picture("images/\(name)/b.png") }
    let items = try CVATFormat().read(.root(folder.url, format: nil)).items
    #expect(items[.train]?.map(\.id) == ["images/Train/b.png"])
    #expect(items[.val]?.map(\.id) == ["images/Validation/b.png"])
  }

  @Test(
    "shapes that cannot be used are named with their line",
    arguments: [
      (
        "<box label=\"cat\" xtl=\"1\" ytl=\"2\" xbr=\"x\" ybr=\"8\"/>",
        "'xbr' of <box> is not a number"
      ),
      ("<box label=\"cat\" xtl=\"1\"/>", "<box> has no 'ytl'"),
      ("<polygon points=\"1,2;3\"/>", "is not 'x,y'"),
      ("<polygon points=\"1,2;3,4\"/>", "three points"),
      ("<points points=\"\"/>", "has no points"), ("<cuboid/>", "<cuboid> is not read"),
      ("<mask rle=\"9\" left=\"0\" top=\"0\" width=\"2\" height=\"2\"/>", "more than its 2 x 2"),
      ("<mask rle=\"1\" left=\"0\" top=\"0\" width=\"2\" height=\"2\"/>", "fewer than its 2 x 2"),
      ("<mask rle=\"1\" left=\"31\" top=\"0\" width=\"2\" height=\"2\"/>", "beyond the picture"),
      ("<mask rle=\"1\" left=\"1e30\" top=\"0\" width=\"2\" height=\"2\"/>", "no whole number"),
      ("<tag/>", "a tag needs a label"),
    ]
  )
  func damage(_ shape: String, _ reason: String) throws {
    let folder = try folder(
      "<image id=\"0\" name=\"a.png\" width=\"32\" height=\"24\">\n\(shape)</image>"
    )
    let problems = try CVATFormat().read(.root(folder.url, format: nil)).problems
    #expect(problems.first?.message.contains(reason) ?? false, "\(problems)")
    #expect(problems.first?.location == "annotations.xml:11")
  }
}
