import Foundation
import OTXCore
import OTXData
import OTXTesting
import Testing

/// Which task a dataset is for, where its annotations could serve several.
@Suite("The task of a dataset")
struct TaskChoiceTests {
  private let image = Image(size: ImageSize(height: 8, width: 8))

  private func dataset(
    _ pictures: [[Annotation]],
    labels: [String] = ["a", "b"],
    details: LabelDetails = LabelDetails(),
    attributes: [String: AttributeValue] = [:]
  ) -> Dataset {
    let items = pictures.enumerated().map { index, annotations in
      var item = DatasetItem(id: "\(index)", image: .memory(image), annotations: annotations)
      item.attributes = attributes
      return item
    }
    return Dataset(
      format: "test",
      root: URL(filePath: "/"),
      labels: LabelInfo(names: labels),
      labelDetails: details,
      items: [.train: items]
    )
  }

  private let box = Annotation.box(BoundingBox(x1: 0, y1: 0, x2: 4, y2: 4), label: "a")

  @Test("boxes are for detection, although they say which labels a picture shows")
  func detection() {
    let profile = dataset([[box], [box, box], []]).profile()
    #expect(profile.tasks.map(\.task) == [.detection])
    #expect(
      profile.otherTasks.map(\.task) == [.multiLabelClassification, .hierarchicalClassification]
    )
    #expect(profile.otherTasks.map(\.itemCount) == [2, 2])
  }

  @Test("one label a picture is multi-class, and stays so where a few have two")
  func multiClass() {
    let one = [[Annotation]](repeating: [.label("a")], count: 40)
    #expect(dataset(one).profile().tasks.map(\.task) == [.multiClassClassification])
    let few = one + [[.label("a"), .label("b")]]
    #expect(dataset(few).profile().tasks.map(\.task) == [.multiClassClassification])
    // The same label twice is one.
    #expect(
      dataset([[.label("a"), .label("a")], [.label("b")]]).profile().tasks.map(\.task)
        == [.multiClassClassification]
    )
  }

  @Test("several labels a picture are multi-label")
  func multiLabel() {
    let pictures: [[Annotation]] = [[.label("a"), .label("b")], [.label("b")], []]
    let tasks = dataset(pictures).profile().tasks
    #expect(tasks.first?.task == .multiLabelClassification && tasks.first?.itemCount == 2)
  }

  @Test("labels above each other are hierarchical")
  func hierarchical() throws {
    var details = LabelDetails()
    details.parents = ["b": "a"]
    let tree = dataset([[.label("b")], [.label("a")]], details: details)
    #expect(tree.profile().tasks.map(\.task) == [.hierarchicalClassification])
    // A super-category that is no label is a remark.
    details.parents = ["b": "letters"]
    let remark = dataset([[.label("b")], [.label("a")]], details: details)
    #expect(remark.profile().tasks.map(\.task) == [.multiClassClassification])
    // Folders in folders.
    let folder = try TemporaryFolder()
    try ImageFolderFormat().write(
      dataset(
        [[.label("animal/cat")], [.label("animal/dog")], [.label("car")], [.label("car")]],
        labels: ["animal/cat", "animal/dog", "car"]
      ),
      to: folder.url
    )
    let read = try folder.read()
    #expect(read.profile().tasks.first?.task == .hierarchicalClassification)
    let hierarchy = try LabelHierarchy(of: read)
    #expect(hierarchy.groups.map(\.labels) == [["animal", "car"], ["animal/cat", "animal/dog"]])
  }

  @Test("numbers without annotations are regression")
  func regression() throws {
    let numbers = dataset([[], []], labels: [], attributes: ["age": .number(3)])
    #expect(numbers.profile().tasks.map(\.task) == [.regression])
    let both = dataset([[.label("a")], [.label("b")]], attributes: ["age": .number(3)])
    #expect(both.profile().tasks.map(\.task) == [.multiClassClassification])
    #expect(both.profile().otherTasks.contains { $0.task == .regression })
  }

  @Test("columns of numbers are read as attributes, and a column of few whole numbers as labels")
  func tables() throws {
    let folder = try TemporaryFolder()
    let sample = SampleDataset(counts: [.train: 12], size: ImageSize(height: 24, width: 32))
    try ImageFolderFormat().write(sample.classification(), to: folder.url.appending(path: "p"))
    let files = try FileManager.default.subpathsOfDirectory(
      atPath: folder.url.appending(path: "p").path
    ).filter { $0.hasSuffix(".jpg") }.sorted()
    func read(_ header: String, _ row: (Int) -> String) throws -> Dataset {
      let lines = files.enumerated().map { "p/\($1),\(row($0))" }
      try folder.write("image,\(header)\n" + lines.joined(separator: "\n"), to: "train.csv")
      return try folder.read("train.csv")
    }
    let measured = try read("age,weight") { "\($0),\(Double($0) * 1.5)" }
    #expect(measured.profile().tasks.first?.task == .regression)
    #expect(
      measured.items.values.joined().allSatisfy {
        $0.attributes.keys.sorted() == ["age", "weight"] && $0.annotations.isEmpty
      }
    )
    #expect(try read("age") { "\(Double($0) + 0.5)" }.profile().tasks.first?.task == .regression)
    #expect(
      try read("kind") { "\($0 % 3)" }.profile().tasks.first?.task == .multiClassClassification
    )
    let damaged = try read("age,weight") { $0 == 5 ? "x,1" : "\($0),\(Double($0) * 1.5)" }
    #expect(damaged.labels.count == 0 || !damaged.problems.isEmpty)
  }
}
