import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXData

@Suite("Pascal VOC")
struct VOCTests {
  private func object(_ name: String, _ box: [String], extra: String = "") -> String {
    """
      <object><name>\(name)</name>\(extra)
        <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
        <bndbox><xmin>\(box[0])</xmin><ymin>\(box[1])</ymin><xmax>\(box[2])</xmax><ymax>\(box[3])</ymax></bndbox>
      </object>
    """
  }

  private func document(_ objects: String..., filename: String = "a.png") -> String {
    """
    <?xml version="1.0"?>
    <!-- drawn -->
    <annotation verified="yes">
      <filename>\(filename)</filename>
      <size><width>32</width><height>24</height><depth>3</depth></size>
    \(objects.joined(separator: "\n"))
    </annotation>

    """
  }

  private func standard() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["a", "b", "c"] {
      try folder.picture("JPEGImages/\(name).png")
      try folder.write(
        document(object("cat", ["1", "2", "11", "14"]), filename: "\(name).png"),
        to: "Annotations/\(name).xml"
      )
    }
    try folder.write("a\n# a comment\nb\n", to: "ImageSets/Main/train.txt")
    try folder.write("c  1\n", to: "ImageSets/Main/val.txt")
    try folder.write("a\nb\nc\n", to: "ImageSets/Main/trainval.txt")
    return folder
  }

  /// Without its group.
  private func plain(_ annotation: Annotation) -> Annotation {
    var annotation = annotation
    annotation.group = 0
    return annotation
  }

  @Test("lists, boxes and flags are read")
  func standardLayout() throws {
    let folder = try standard()
    try folder.write(
      document(
        object("cat", ["1", "2", "11", "14"]),
        object(
          "R&amp;D <dog>".replacingOccurrences(of: "<dog>", with: "&lt;dog&gt;"),
          ["3.5", "4", "8", "9"],
          extra: "<difficult>1</difficult>"
        )
      ),
      to: "Annotations/a.xml"
    )
    let dataset = try folder.read()
    #expect(dataset.format == "voc")
    #expect(
      dataset.items.mapValues { $0.map(\.id) } == [
        .train: ["JPEGImages/a.png", "JPEGImages/b.png"], .val: ["JPEGImages/c.png"],
      ]
    )
    #expect(
      dataset.items[.train]?[0].annotations.filter { $0.label != "head" }.map(plain) == [
        .box(BoundingBox(1, 2, 11, 14), label: "cat"),
        .box(BoundingBox(3.5, 4, 8, 9), label: "R&D <dog>", isDifficult: true),
      ]
    )
    #expect(dataset.labels.names == ["R&D <dog>", "cat", "head"])
    #expect(dataset.problems.map(\.kind) == ["no test subset"])
  }

  @Test("without lists everything is for training; trainval stands in for train")
  func withoutLists() throws {
    let folder = try standard()
    try FileManager.default.removeItem(at: folder.url.appending(path: "ImageSets/Main/train.txt"))
    let dataset = try VOCFormat().read(.root(folder.url, format: nil))
    #expect(dataset.items.mapValues(\.count) == [.train: 3, .val: 1])
    try FileManager.default.removeItem(at: folder.url.appending(path: "ImageSets"))
    let all = try VOCFormat().read(.root(folder.url, format: nil))
    #expect(all.items.mapValues(\.count) == [.train: 3])
  }

  @Test("pictures in training and in validation are pointed out")
  func sharedPictures() throws {
    let folder = try standard()
    try folder.write("c\na\n", to: "ImageSets/Main/val.txt")
    let dataset = try folder.read()
    #expect(dataset.kinds(.noted).contains("picture in two subsets"))
  }

  @Test("a folder for each subset, files beside the pictures")
  func beside() throws {
    let folder = try TemporaryFolder()
    for subset in ["train", "valid"] {
      try folder.picture("\(subset)/a.png")
      try folder.write(document(object("cat", ["1", "2", "11", "14"])), to: "\(subset)/a.xml")
    }
    let dataset = try folder.read()
    #expect(dataset.format == "voc")
    #expect(dataset.items.mapValues(\.count) == [.train: 1, .val: 1])
  }

  @Test("one folder of files and pictures")
  func flat() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] {
      try folder.picture("\(name).png")
      try folder.write(
        document(object("cat", ["1", "2", "11", "14"]), filename: "\(name).png"),
        to: "\(name).xml"
      )
    }
    #expect(try folder.read().format == "voc")
    let named = SubsetLocation(annotations: folder.url)
    let dataset = try DatasetReader.read(.subsets([.train: named, .val: named], format: nil))
    #expect(dataset.items.mapValues(\.count) == [.train: 2, .val: 2])
  }

  @Test("files and lists that the user names")
  func namedLocations() throws {
    let folder = try standard()
    let list = folder.url.appending(path: "ImageSets/Main/train.txt")
    let files = folder.url.appending(path: "Annotations")
    let pictures = folder.url.appending(path: "JPEGImages")
    let dataset = try DatasetReader.read(
      .subsets(
        [
          .train: SubsetLocation(annotations: list),
          .val: SubsetLocation(annotations: files, root: pictures),
        ],
        format: "voc"
      )
    )
    #expect(dataset.items.mapValues(\.count) == [.train: 2, .val: 3])
  }

  @Test("a label map decides the order of labels")
  func labelMap() throws {
    let folder = try standard()
    try folder.write(
      document(object("ant", ["1", "2", "11", "14"]), filename: "b.png"),
      to: "Annotations/b.xml"
    )
    try folder.write("# label:color\nbackground:0,0,0::\ncat:1,2,3::\nant:::\n", to: "labelmap.txt")
    #expect(try folder.read().labels.names == ["cat", "ant", "head"])
  }

  @Test("damage is named with its line, the rest is kept")
  func damage() throws {
    let folder = try standard()
    func problem(_ text: String) throws -> String {
      try folder.write(text, to: "Annotations/a.xml")
      let dataset = try folder.read()
      let problems = dataset.problems.filter { $0.remedy == .leftOut }
      #expect(problems.count == 1, "\(text): \(problems)")
      #expect(dataset.items[.train]?.contains { $0.id == "JPEGImages/b.png" } ?? false)
      return problems.first.map { "\($0.location): \($0.message)" } ?? ""
    }
    let good = document(object("cat", ["1", "2", "11", "14"]))
    #expect(try problem(String(good.prefix(200))).hasPrefix("Annotations/a.xml:"))
    #expect(
      try problem(good.replacingOccurrences(of: "</annotation>", with: "")).contains(
        "<annotation> of line 3 is not closed"
      )
    )
    #expect(
      try problem(good.replacingOccurrences(of: "</bndbox>\n  </object>", with: "</object>"))
        .contains("closes <bndbox>")
    )
    #expect(try problem("").contains("is empty"))
    #expect(try problem("no xml").contains("is not XML"))
    #expect(try problem("<html></html>").contains("holds <html>"))
    #expect(
      try problem(document(object("cat", ["1", "2", "x", "14"])))
        == "Annotations/a.xml:8: <xmax> of 'cat' is not a number: 'x'"
    )
    #expect(
      try problem(document(object("cat", ["1", "2", "nan", "14"]))).contains(
        "not made of finite numbers"
      )
    )
    #expect(try problem(document(object("cat", ["5", "2", "5", "14"]))).contains("has no area"))
    #expect(
      try problem(document("  <object><name>cat</name></object>")).contains(
        "the object 'cat' has no <bndbox>"
      )
    )
    #expect(try problem(document("  <object></object>")).contains("an <object> needs a <name>"))
  }

  @Test("listed names without files are named")
  func missing() throws {
    let folder = try standard()
    try folder.write("a\nb\nlost\n", to: "ImageSets/Main/train.txt")
    #expect(try folder.read().kinds(.leftOut) == ["missing annotation file"])
    try FileManager.default.removeItem(at: folder.url.appending(path: "JPEGImages/b.png"))
    #expect(try folder.read().kinds(.leftOut) == ["missing annotation file", "missing picture"])
  }

  @Test("hostile XML ends in an error")
  func hostile() {
    let deep = String(repeating: "<a>", count: 100_000)
    for text in [
      deep, "<a", "<a><", "<a>&#xD800;</a>", "<a>&lol;</a>", "<a b=\"", "<!--", "<a><![CDATA[",
      "<>",
      "<a></b>", "<a/><b/>",
    ] {
      #expect(throws: DataError.self, "\(text.prefix(20))") {
        try XMLScanner.read(Array(text.utf8), name: "a.xml")
      }
    }
  }
}
