import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

/// Holds for every format in the list, so that a listed format is a tested one.
@Suite("Every dataset format")
struct FormatContractTests {
  /// A tiny dataset of each task that a format could hold.
  static func samples() throws -> [(task: TaskType, dataset: Dataset)] {
    let sample = SampleDataset(
      counts: [.train: 5, .val: 3, .test: 2],
      size: ImageSize(height: 48, width: 64)
    )
    return [
      (.detection, try sample.detection()),
      (.multiClassClassification, try sample.classification()),
      (.multiLabelClassification, try sample.multiLabel()),
      (.hierarchicalClassification, try sample.hierarchical()),
    ]
  }

  /// The name of the listed format that a name stands for: a variant's is that of its format.
  static func family(of name: String) -> String {
    let format = Formats.all.first { $0.name == name || $0.variants.contains { $0.name == name } }
    return format?.name ?? name
  }

  /// In formats of turned boxes every box is one: those that are not turned are plain.
  private func upright(_ annotation: Annotation) -> Annotation {
    var annotation = annotation
    if case .rotatedBox(let box) = annotation.region,
      box.angle.truncatingRemainder(dividingBy: 90) == 0
    {
      annotation.region = nil
    }
    return annotation
  }

  @Test("writes what it reads", arguments: Formats.writable.map(\.name))
  func roundTrip(_ name: String) throws {
    let format = try Formats.writable(named: name)
    var taskCount = 0
    for (task, dataset) in try FormatContractTests.samples() {
      let folder = try TemporaryFolder()
      do {
        try format.write(dataset, to: folder.url)
      } catch DataError.invalidItem {
        continue  // The format has no place for this task's annotations.
      }
      guard let read = try? folder.read(format: name) else { continue }
      if read.items.values.joined().allSatisfy({ $0.annotations.isEmpty }) { continue }
      // A format need not have a place for the tree.
      if task == .hierarchicalClassification,
        try folder.read().labelDetails.parents != dataset.labelDetails.parents
      {
        continue
      }
      taskCount += 1

      // Recognised without being told, and read the same.
      let found = try folder.read()
      #expect(found.format == FormatContractTests.family(of: name))
      #expect(found.labels == dataset.labels)
      // So few pictures need not show every label in train.
      let problems = found.problems.filter { $0.kind != "label that is not trained" }
      #expect(problems.isEmpty, "\(problems)")
      #expect(found.profile().tasks.first?.task == task)
      for (subset, items) in dataset.items {
        func content(_ items: [DatasetItem]) -> [String: [Annotation]] {
          Dictionary(
            uniqueKeysWithValues: items.map {
              (URL(filePath: $0.id).lastPathComponent, $0.annotations.map(upright))
            }
          )
        }
        #expect(content(found.items[subset] ?? []) == content(items), "\(subset)")
        #expect(
          found.items[subset]?.allSatisfy { $0.size == ImageSize(height: 48, width: 64) } ?? false
        )
      }

      // What was read can be written again, pictures copied byte for byte.
      let second = try TemporaryFolder()
      try format.write(found, to: second.url)
      let again = try second.read()
      #expect(
        again.items.mapValues { $0.map(\.annotations) }
          == found.items.mapValues { $0.map(\.annotations) }
      )
    }
    // A variant may be about what the samples have nothing of; its own tests write it.
    let isVariant = FormatContractTests.family(of: name) != name
    // Frames of films have names of their own.
    let isTestedElsewhere =
      isVariant || PixelContractTests.formats.contains(name)
      || ["ava", "image_dir", "image_zip", "market1501", "mots"].contains(name)
    #expect(taskCount > 0 || isTestedElsewhere, "no task can be written in \(name)")
  }

  @Test("has a name of its own and says what it looks like")
  func names() {
    #expect(Set(Formats.all.map(\.name)).count == Formats.all.count)
    for format in Formats.all {
      #expect(format.name == format.name.lowercased())
      #expect(!format.title.isEmpty && !format.layouts.isEmpty)
    }
  }

  @Test("does not take other things for its own")
  func foreign() throws {
    for format in Formats.all {
      let folder = try TemporaryFolder()
      guard case .no = format.recognizes(folder.url) else {
        Issue.record("\(format.name) takes an empty folder")
        continue
      }
      guard case .no = format.recognizes(folder.url.appending(path: "missing")) else {
        Issue.record("\(format.name) takes a missing folder")
        continue
      }
      for (name, text) in [("notes.txt", "hello there"), ("numbers.csv", "day,price\n1,2\n")] {
        let file = try folder.write(text, to: name)
        if case .certain = format.recognizes(file) {
          Issue.record("\(format.name) is certain of \(name)")
        }
      }
    }
    let samples = try FormatContractTests.samples()
    for other in Formats.writable {
      let folder = try TemporaryFolder()
      for (_, dataset) in samples { try? other.write(dataset, to: folder.url) }
      for format in Formats.all where format.name != FormatContractTests.family(of: other.name) {
        if case .certain = format.recognizes(folder.url) {
          Issue.record("\(format.name) is certain of a dataset in \(other.name)")
        }
      }
    }
  }

  @Test("an unknown format's name gets a suggestion")
  func unknownName() {
    let error = #expect(throws: ConfigurationError.self) { try Formats.named("cocoo") }
    #expect(error?.description.contains("did you mean 'coco'?") ?? false)
  }
}
