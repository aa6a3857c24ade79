import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting

/// Small good datasets of one format: real samples, and what our own writers write.
struct FuzzSeeds {
  let folders: [FolderContents]

  /// - Parameters:
  ///   - format: The format that reads them.
  ///   - samples: A folder of real samples, any depth up to four; `nil` for none.
  /// - Throws: What reading the samples throws.
  init(_ format: any DatasetFormat, samples: URL?) throws {
    var folders: [FolderContents] = []
    for folder in samples.map({ FuzzSeeds.folders(below: $0, depth: 4) }) ?? [] {
      guard folders.count < 10 else { break }
      if case .no = format.recognizes(folder) { continue }
      guard let contents = try FolderContents(folder),
        let reading = try? format.read(.root(folder, format: format.name)),
        reading.items.values.contains(where: { !$0.isEmpty })
      else { continue }
      folders.append(contents)
    }
    if let writable = format as? any WritableDatasetFormat {
      folders += try FuzzSeeds.written(writable)
    }
    if folders.isEmpty, let samples {
      // Folders of other formats, which it has to refuse.
      folders = try FuzzSeeds.folders(below: samples, depth: 3).prefix(60).compactMap {
        try FolderContents($0, byteLimit: 1 << 17)
      }
    }
    self.folders = folders
  }

  /// Folders by path; what is too big for a seed is left out later.
  private static func folders(below root: URL, depth: Int) -> [URL] {
    guard depth > 0 else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.sorted().flatMap { name -> [URL] in
      let url = root.appending(path: name)
      let names = try? FileManager.default.contentsOfDirectory(atPath: url.path)
      return names != nil ? [url] + folders(below: url, depth: depth - 1) : []
    }
  }

  /// A damaged folder; the same seed and number give the same.
  func mutated(seed: UInt64, number: UInt64) -> FolderContents? {
    guard !folders.isEmpty else { return nil }
    let folder = folders[Int(number % UInt64(folders.count))]
    return folder.mutated(seed: seed, number: number)
  }

  private static func written(_ format: any WritableDatasetFormat) throws -> [FolderContents] {
    try datasets().compactMap { dataset in
      let root = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: root) }
      guard (try? format.write(dataset, to: root)) != nil else { return nil }
      return try FolderContents(root)
    }
  }

  /// Datasets from the richest to the plainest; no format holds all of them.
  private static func datasets() throws -> [Dataset] {
    let size = ImageSize(height: 24, width: 32)
    let bitmap = (0..<size.height * size.width).map { (3..<9).contains($0 % size.width) }
    let polygon = Region.polygon(Polygon([4, 4, 20, 4, 20, 16, 4, 16]))
    var box = Annotation.box(
      BoundingBox(x1: 1, y1: 2, x2: 11, y2: 12.5),
      label: "red cell",
      isDifficult: true
    )
    box.attributes = [
      "occluded": .flag(true), "note": .text("a <b> & \"c\", d"), "n": .number(1.5),
    ]
    let regions: [Annotation] = [
      .region(polygon, label: "cat", box: BoundingBox(x1: 4, y1: 4, x2: 20, y2: 16)),
      .region(.mask(RunLengthMask(size: size, bitmap: bitmap)), label: "red cell", isCrowd: true),
    ]
    let turned = Annotation.region(
      .rotatedBox(RotatedBox(x: 12, y: 12, width: 10, height: 6, angle: 30)),
      label: "cat"
    )
    let points = Keypoints(
      points: [5, 5, 9, 9, 0, 0],
      visibilities: [.visible, .hidden, .absent]
    )
    let joints = Annotation.keypoints(points, label: "red cell")
    let kinds: [[Annotation]] = [
      [box] + regions + [joints, turned, .label("cat"), .caption("two animals")],
      [box] + regions, [box], regions, [turned], [joints], [.label("red cell")],
      [.caption("one")],
    ]
    let rich = kinds.map { annotations in
      let items = [Subset.train, .val].map { subset in
        let image = Image(size: size, red: 90, green: 120, blue: 60)
        let items = ["a", "b"].map {
          DatasetItem(
            id: "\(subset.rawValue)_\($0).png",
            image: .memory(image),
            annotations: annotations
          )
        }
        return (subset, items)
      }
      return Dataset(
        format: "memory",
        root: URL(filePath: "/"),
        labels: LabelInfo(names: ["cat", "red cell"]),
        items: Dictionary(uniqueKeysWithValues: items)
      )
    }
    let sample = SampleDataset(
      counts: [.train: 3, .val: 2, .test: 1],
      size: ImageSize(height: 24, width: 32)
    )
    return rich + [try sample.detection(), try sample.classification()]
  }
}
