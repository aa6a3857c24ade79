import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

/// What lies in folders of pictures besides pictures: named, never a crash, never dropped silently.
@Suite("Bad pictures")
struct BadPictureTests {
  /// Two classes of good pictures, and what `add` puts among them.
  private func read(
    _ folder: TemporaryFolder,
    _ add: (TemporaryFolder) throws -> Void
  ) throws -> (Dataset, [String]) {
    for path in ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"] {
      try folder.picture("train/\(path)")
      try folder.picture("val/\(path)")
    }
    try add(folder)
    let dataset = try folder.read()
    let problems = dataset.problems.filter { $0.kind != "no test subset" }
    return (dataset, problems.map { "\($0.location): \($0.message)" })
  }

  private func link(_ folder: TemporaryFolder, _ path: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.url.appending(path: path).path,
      withDestinationPath: target
    )
  }

  @Test("each is left out by name, with what it is")
  func leftOut() throws {
    let (dataset, problems) = try read(TemporaryFolder()) { folder in
      try folder.write("", to: "train/cat/empty.jpg")
      try folder.write("../../images/5.jpg", to: "train/cat/link.jpg")
      try folder.write("just words\n", to: "train/cat/text.jpg")
      try folder.write("GIF89a.........", to: "train/cat/moving.gif")
      try folder.write("x", to: "train/cat/folder.jpg/inside.txt")
      try link(folder, "train/cat/dangling.jpg", to: "/nowhere/5.jpg")
      let whole = try ImageFile.jpeg(Image(size: ImageSize(height: 40, width: 40)))
      try folder.write(Data(whole[..<(whole.count / 2)]), to: "train/cat/cut.jpg")
    }
    #expect(dataset.items[.train]?.count == 4)
    func problem(_ name: String) -> String { problems.first { $0.contains("/\(name)") } ?? "none" }
    #expect(problem("empty.jpg").hasSuffix("the picture is empty (0 bytes)"))
    #expect(problem("link.jpg").contains("a symbolic link copied as a file?"))
    #expect(problem("text.jpg").contains("it holds text"))
    #expect(problem("moving.gif").contains("it is a GIF: convert it to PNG"))
    #expect(problem("folder.jpg").contains("the picture is a folder"))
    #expect(problem("dangling.jpg").contains("is a link to '/nowhere/5.jpg', which does not exist"))
    #expect(problem("cut.jpg").contains("damaged JPEG"))
    #expect(problems.count == 7, "\(problems)")
  }

  @Test("names that differ in case alone are kept and noted")
  func sameName() throws {
    let (dataset, problems) = try read(TemporaryFolder()) { folder in
      try folder.picture("train/cat/A.png")
    }
    #expect(problems.isEmpty)
    #expect(dataset.items[.train]?.count == 5)
    let (twice, notes) = try read(TemporaryFolder()) { folder in
      try folder.picture("train/cat/a.png")
      try folder.picture("train/cat/A.png")
    }
    #expect(twice.items[.train]?.count == 6)
    #expect(notes.count == 1)
    #expect(notes.first?.contains("differ in case alone") ?? false, "\(notes)")
  }

  @Test("pictures of one pixel and of 20,000 columns train and evaluate")
  func extremeSizes() throws {
    let place = try TemporaryFolder()
    let (dataset, problems) = try read(place) { folder in
      try folder.picture("train/cat/dot.png", height: 1, width: 1)
      let wide = Image(size: ImageSize(height: 30, width: 20_000), red: 9, green: 9, blue: 9)
      try folder.write(Data(ImageFile.jpeg(wide)), to: "train/dog/wide.jpg")
    }
    #expect(problems.isEmpty)
    let module = try DataModule<MultiClassClassification>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32)),
      augmentations: [.randomResizedCrop(), .horizontalFlip(), .photometricDistortion()],
      batchSize: 3,
      workerCount: 1,
      reducedDecoding: .auto
    )
    for mode in [BatchMode.training(epoch: 0), .evaluation] {
      let stream = try module.batches(.train, mode: mode)
      var count = 0
      while let batch = try stream.next() { count += batch.count }
      #expect(count == 6)
    }
    withExtendedLifetime(place) {}
  }
}
