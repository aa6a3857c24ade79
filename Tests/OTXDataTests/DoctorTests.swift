import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("The dataset doctor")
struct DoctorTests {
  /// A picture of two shades whose look depends on `number`.
  private func picture(_ number: Int, height: Int = 48, width: Int = 64) -> Image {
    var image = Image(
      size: ImageSize(height: height, width: width),
      red: 200,
      green: 190,
      blue: 180
    )
    for y in 0..<height {
      for x in 0..<width where (x * (number + 3) / 17 + y * (number + 1) / 13) % 2 == 0 {
        let index = (y * width + x) * 3
        (image.pixels[index], image.pixels[index + 1]) = (UInt8(20 + number * 7 % 90), 60)
      }
    }
    return image
  }

  private func save(_ image: Image, _ path: String, in folder: TemporaryFolder) throws {
    try folder.write(Data(ImageFile.png(image)), to: path)
  }

  @Test("before training, a file that lies under two labels is named")
  func contradictions() throws {
    let folder = try classification()
    let twin = try Data(contentsOf: folder.url.appending(path: "train/cat/1.png"))
    try folder.write(twin, to: "train/dog/twin.png")
    // The same picture twice under one label says nothing wrong.
    try folder.write(twin, to: "train/cat/again.png")
    let problems = try DatasetReader.read(.root(folder.url, format: nil)).contradictions()
    let only = try #require(problems.first)
    #expect(problems.count == 1 && only.location.hasSuffix("dog/twin.png"))
    #expect(only.message.contains("'cat'") && only.message.contains("'dog'"))
    #expect(only.message.contains("--task MULTI_LABEL_CLS") && only.remedy == .noted)
  }

  private func examine(_ folder: TemporaryFolder) -> [DatasetFinding] {
    DatasetDoctor.examine(.root(folder.url, format: nil), calledAs: "DATA").findings
  }

  /// Two labels, three pictures each in train, one each in val.
  private func classification() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (offset, label) in ["cat", "dog"].enumerated() {
      for number in 0..<3 {
        try save(picture(10 * offset + number), "train/\(label)/\(number).png", in: folder)
      }
      try save(picture(10 * offset + 7), "val/\(label)/7.png", in: folder)
    }
    return folder
  }

  @Test("finds copies of training pictures in what is scored, and the fix takes them out of train")
  func leaks() throws {
    let folder = try classification()
    try save(picture(1), "val/cat/again.png", in: folder)
    let finding = try #require(examine(folder).first { $0.kind == "copies across subsets" })
    #expect(finding.severity == .error)
    #expect(finding.message.contains("train/train/cat/1.png"))
    #expect(finding.message.contains("val/val/cat/again.png"))
    #expect(finding.suggestion.contains("otx data fix DATA"))
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    let fixed = DatasetFixer.fix(dataset)
    #expect(fixed.dataset.items[.train]?.map(\.id).contains("train/cat/1.png") == false)
    #expect(fixed.dataset.items[.val]?.count == 3)
    #expect(fixed.changes.count == 1)
  }

  @Test("finds pictures that only look the same, and leaves others alone")
  func lookalikes() throws {
    let folder = try classification()
    var changed = picture(11)
    for index in stride(from: 0, to: changed.pixels.count, by: 97) {
      changed.pixels[index] = changed.pixels[index] &+ (changed.pixels[index] < 250 ? 3 : 0)
    }
    try save(changed, "val/dog/again.png", in: folder)
    let findings = examine(folder).filter { $0.kind.hasPrefix("near-duplicates") }
    #expect(findings.count == 1)
    #expect(findings.first?.kind == "near-duplicates across subsets")
    #expect(findings.first?.message.contains("dog/1.png") ?? false)
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    #expect(DatasetFixer.fix(dataset).changes.isEmpty)
    var options = DatasetFixer.Options()
    options.removesNearDuplicates = true
    let fixed = DatasetFixer.fix(dataset, options: options)
    #expect(fixed.dataset.items[.train]?.count == 5)
  }

  @Test("finds a picture whose damage its header does not show")
  func damage() throws {
    let folder = try classification()
    var bytes = try ImageFile.jpeg(picture(30, height: 200, width: 200))
    bytes.replaceSubrange(700..<900, with: [UInt8](repeating: 0xFF, count: 200))
    try folder.write(Data(bytes), to: "train/cat/damaged.jpg")
    let finding = try #require(examine(folder).first { $0.kind == "damaged picture" })
    #expect(finding.location == "train/cat/damaged.jpg")
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    let fixed = DatasetFixer.fix(dataset)
    #expect(fixed.dataset.items[.train]?.contains { $0.id.hasSuffix("damaged.jpg") } == false)
  }

  @Test("finds labels of two spellings, and the fix makes them one")
  func spellings() throws {
    let folder = try classification()
    try save(picture(40), "train/Cat/0.png", in: folder)
    let finding = try #require(
      examine(folder).first { $0.kind == "labels that differ in case or space" }
    )
    #expect(finding.message.contains("Cat") && finding.message.contains("cat"))
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    let fixed = DatasetFixer.fix(dataset)
    #expect(fixed.dataset.labels.names == ["cat", "dog"])
    #expect(fixed.dataset.items[.train]?.flatMap(\.annotations).count { $0.label == "cat" } == 4)
  }

  @Test("finds objects that are marked twice and outlines that cross themselves")
  func objects() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] {
      try save(picture(name == "a" ? 1 : 5), "images/train/\(name).png", in: folder)
    }
    try folder.write("train: images/train\nnames: [cat]\n", to: "data.yaml")
    try folder.write(
      "0 0.5 0.5 0.4 0.4\n0 0.501 0.5 0.4 0.4\n0 0.2 0.2 0.1 0.1\n",
      to: "labels/train/a.txt"
    )
    try folder.write("0 0.1 0.1 0.9 0.9 0.9 0.1 0.1 0.9\n", to: "labels/train/b.txt")
    let findings = examine(folder)
    #expect(findings.count { $0.kind == "object that is marked twice" } == 1)
    #expect(findings.count { $0.kind == "polygon that crosses itself" } == 1)
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    #expect(DatasetFixer.fix(dataset).dataset.items[.train]?.first?.annotations.count == 2)
  }

  @Test("finds label maps of another size than their pictures, and missing ones")
  func labelMaps() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] {
      try save(picture(name == "a" ? 1 : 5), "train/\(name).png", in: folder)
    }
    for (name, width) in [("a", 64), ("b", 60)] {
      let map = Image(size: ImageSize(height: 48, width: width))
      try save(map, "trainannot/\(name).png", in: folder)
    }
    try folder.write(
      "train/a.png trainannot/a.png\ntrain/b.png trainannot/b.png\n",
      to: "train.txt"
    )
    let findings = examine(folder).filter { $0.kind == "unusable label map" }
    #expect(findings.map(\.message) == ["trainannot/b.png has 48x60 pixels and its picture 48x64"])
  }

  @Test("says that a folder is no dataset, as a finding")
  func unreadable() throws {
    let folder = try TemporaryFolder()
    try folder.write("hello", to: "notes.txt")
    let diagnosis = DatasetDoctor.examine(.root(folder.url, format: nil), calledAs: "DATA")
    #expect(diagnosis.dataset == nil)
    #expect(diagnosis.errorCount == 1)
  }

  @Test("rare labels and imbalance are told")
  func balance() throws {
    let folder = try classification()
    let findings = examine(folder)
    #expect(findings.contains { $0.kind == "rare label" && $0.message.contains("cat (3)") })
    #expect(!findings.contains { $0.kind == "imbalance" })
  }
}

@Suite("Splitting anew")
struct DatasetSplitterTests {
  private func dataset() throws -> Dataset {
    try SampleDataset(
      counts: [.train: 20, .val: 6, .test: 4],
      size: ImageSize(height: 16, width: 16)
    )
    .classification()
  }

  @Test("every item is in one subset, shares are met, labels are spread")
  func shares() throws {
    let dataset = try dataset()
    let parted = try DatasetSplitter.split(
      dataset,
      ratios: [0.6, 0.2, 0.2],
      isStratified: true,
      seed: 3
    )
    #expect(parted.items.mapValues(\.count) == [.train: 18, .val: 6, .test: 6])
    let names = parted.items.values.joined().map(\.id)
    #expect(Set(names).count == 30)
    for subset in [Subset.train, .val, .test] {
      let labels = Set((parted.items[subset] ?? []).flatMap(\.annotations).compactMap(\.label))
      #expect(labels == Set(dataset.labels.names), "\(subset)")
    }
    let again = try DatasetSplitter.split(
      dataset,
      ratios: [0.6, 0.2, 0.2],
      isStratified: true,
      seed: 3
    )
    #expect(again.items == parted.items)
  }

  @Test("two shares leave no test subset; wrong shares are refused")
  func ratios() throws {
    let dataset = try dataset()
    let parted = try DatasetSplitter.split(dataset, ratios: [3, 1], isStratified: false, seed: 0)
    #expect(parted.items[.test] == nil)
    #expect(parted.items[.val]?.count == 8)
    for ratios in [[1.0], [0, 1], [-1, 2], [0.5, 0.2, 0.2, 0.1], [.nan, 1]] {
      #expect(throws: ConfigurationError.self) {
        try DatasetSplitter.split(dataset, ratios: ratios, isStratified: true, seed: 0)
      }
    }
  }
}

@Suite("Labels that are changed on reading")
struct LabelOptionsTests {
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for label in ["cat", "dog", "lion", "wolf"] {
      for number in 0..<2 { try folder.picture("train/\(label)/\(number).png") }
      try folder.picture("val/\(label)/2.png")
    }
    return folder
  }

  private func read(_ change: (inout LabelOptions) -> Void) throws -> Dataset {
    var options = LabelOptions()
    change(&options)
    let folder = try folder()
    return try DatasetReader.read(.root(folder.url, format: nil), labels: options)
  }

  @Test("renamed to one name, they are one label")
  func merging() throws {
    let dataset = try read { $0.rename = ["lion=cat", "wolf=dog"] }
    #expect(dataset.labels.names == ["cat", "dog"])
    #expect(dataset.items[.train]?.flatMap(\.annotations).count { $0.label == "cat" } == 4)
  }

  @Test("dropped, kept and ordered")
  func dropping() throws {
    let dropped = try read { $0.drop = ["wolf"] }
    #expect(dropped.labels.names == ["cat", "dog", "lion"])
    #expect(dropped.items[.train]?.count == 8, "pictures stay")
    #expect(dropped.problems.contains { $0.kind == "annotation of a dropped label" })
    #expect(try read { $0.keep = ["dog", "cat"] }.labels.names == ["cat", "dog"])
    #expect(
      try read { $0.order = ["wolf", "cat"] }.labels.names == ["wolf", "cat", "dog", "lion"]
    )
  }

  @Test("objects of ignored labels are neither hits nor misses")
  func ignoring() throws {
    let sample = SampleDataset(counts: [.train: 4], size: ImageSize(height: 48, width: 64))
    let folder = try TemporaryFolder()
    try COCOFormat().write(try sample.detection(), to: folder.url)
    var options = LabelOptions()
    options.ignore = ["circle"]
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), labels: options)
    #expect(!dataset.labels.names.contains("circle"))
    let circles = dataset.items.values.joined().flatMap(\.annotations).filter {
      $0.label == "circle"
    }
    #expect(!circles.isEmpty && circles.allSatisfy(\.isCrowd))
    // Whatever a model finds there counts for nothing.
    let item = try #require(
      dataset.items[.train]?.first { $0.annotations.contains { $0.label == "circle" } }
    )
    let entity = try Detection.entity(from: item, image: item.picture(), labels: dataset.labels)
    #expect(entity.objects.filter(\.isCrowd).map(\.label).contains(0))
    #expect(Set(entity.objects.filter(\.isCrowd).map(\.label)) == Set(0..<dataset.labels.count))
  }

  @Test("unknown names are errors with a hint")
  func unknown() {
    let error = #expect(throws: ConfigurationError.self) { try read { $0.drop = ["wolv"] } }
    #expect(error?.description.contains("did you mean 'wolf'?") ?? false)
    #expect(throws: ConfigurationError.self) { try read { $0.rename = ["wolf"] } }
    #expect(throws: ConfigurationError.self) { try read { $0.rename = ["wolf=dog", "wolf=cat"] } }
  }
}
