import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// A few damaged datasets for each reader, in this process; `OTXBenchmarks fuzz` reads thousands.
@Suite("Damaged datasets")
struct FuzzTests {
  /// Cases for each format; more where someone has the time.
  private static let caseCount =
    ProcessInfo.processInfo.environment["OTX_FUZZ_CASES"].flatMap { Int($0) } ?? 8

  /// What each format writes of the tests' samples.
  private static let seeds: [String: [FolderContents]] = {
    var datasets = (try? FormatContractTests.samples().map(\.dataset)) ?? []
    if let pixels = try? PixelContractTests.sample() { datasets.append(pixels) }
    var seeds: [String: [FolderContents]] = [:]
    for format in Formats.writable {
      for dataset in datasets {
        guard let folder = try? TemporaryFolder(),
          (try? format.write(dataset, to: folder.url)) != nil,
          let contents = try? FolderContents(folder.url)
        else { continue }
        seeds[format.name, default: []].append(contents)
      }
    }
    return seeds
  }()

  @Test("are read or refused with an error that names the file", arguments: Formats.all.map(\.name))
  func readers(_ name: String) throws {
    let format = try Formats.named(name)
    // A format that is not written has at least to say no to those of others.
    let all = FuzzTests.seeds.sorted { $0.key < $1.key }.flatMap(\.value)
    let seeds = FuzzTests.seeds[name] ?? all
    try #require(!seeds.isEmpty)
    for number in 0..<FuzzTests.caseCount {
      let folder = try TemporaryFolder()
      try seeds[number % seeds.count].mutated(seed: 1, number: UInt64(number)).write(to: folder.url)
      _ = format.recognizes(folder.url)
      do { _ = try folder.read(format: name) } catch is DataError {} catch {
        Issue.record("case \(number): \(type(of: error)): \(error)")
      }
    }
  }

  @Test("the same seed and number damage the same")
  func deterministic() throws {
    let seed = try #require(FuzzTests.seeds["coco"]?.first)
    let cases = (0..<20).map { seed.mutated(seed: 3, number: $0) }
    #expect(cases == (0..<20).map { seed.mutated(seed: 3, number: $0) })
    #expect(cases.allSatisfy { $0 != seed })
    #expect(Set(cases.map { "\($0.nodes.count) \($0.byteCount)" }).count > 5)
  }

  @Test("folders that lead back to themselves are walked once")
  func circles() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/a/1.png")
    for (name, target) in [("around", "."), ("up", ".."), ("again", "../images")] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.url.appending(path: "images/\(name)").path,
        withDestinationPath: target
      )
    }
    let names = try FolderListing.allPictureNames(below: folder.url.appending(path: "images"))
    #expect(names == ["a/1.png"])
  }

  @Test("the root of the file system is no folder of pictures")
  func fileSystem() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/1.png")
    try folder.write("train: /\nval: images\nnames: [cat]\n", to: "data.yaml")
    #expect(folder.readingError(format: "yolo").contains("the root of the file system"))
  }

  @Test("a picture of labels that states more pixels than its bytes can hold takes no memory")
  func hugeHeader() throws {
    let folder = try TemporaryFolder()
    var png = try IndexImage(size: ImageSize(height: 2, width: 2), values: [0, 1, 1, 0]).png()
    png[20] = 0x04  // height: 2^26 and 2
    try folder.write(Data(png), to: "labels.png")
    let error = #expect(throws: DataError.self) {
      try IndexImage.read(folder.url.appending(path: "labels.png"), as: .index)
    }
    #expect(error?.description.contains("cannot hold") ?? false)
  }

  @Test("paths that no system knows are not looked for part by part")
  func longPaths() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/1.png")
    let long = String(repeating: "a/", count: 20_000) + "1.png"
    let start = ContinuousClock.now
    #expect(PictureList.find(long, roots: [folder.url.appending(path: "images")]) == nil)
    var finder = PictureFinder(roots: [folder.url.appending(path: "images")])
    #expect(finder.path(of: long).name == long)
    // With a look at each part both take minutes.
    #expect(ContinuousClock.now - start < .seconds(5))
    let short = PictureList.find("a/b/1.png", roots: [folder.url.appending(path: "images")])
    #expect(short?.lastPathComponent == "1.png")
  }

  @Test("a skeleton whose points have numbers beyond all sense is left out")
  func hugeEdges() throws {
    let folder = try TemporaryFolder()
    try folder.picture("images/1.png")
    try folder.write(
      #"{"images": [{"id": 1, "file_name": "1.png", "height": 24, "width": 32}], "annotations": [], "categories": [{"id": 1, "name": "cat", "keypoints": ["a"], "skeleton": [[-9223372036854775808, 1]]}]}"#,
      to: "annotations/instances_train.json"
    )
    let reading = try COCOFormat().read(.root(folder.url, format: "coco"))
    #expect(reading.labels == ["cat"])
  }
}
