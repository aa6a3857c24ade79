import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// What our formats write, read by Datumaro and by us.
@Suite("Datumaro reads what we write", .enabled(if: DatumaroPrograms.python != nil))
struct WrittenForDatumaroTests {
  /// Datumaro's name for what we write under another name.
  static let names = [
    // We write a folder for each subset.
    "imagenet": "imagenet_with_subset_dirs",
    // Datumaro exports by this name and imports by the other.
    "yolo_ultralytics": "yolo",
  ]

  /// Parts of the errors where Datumaro cannot read what we write; each must occur.
  static let limits: [String: Set<String>] = [
    // Datumaro reads no outlines, and finds no dataset where the first line of a file is one.
    "yolo_ultralytics": ["Unexpected field count", "Failed to find dataset"]
  ]

  /// Formats in which Datumaro reads other things than are there, and why.
  static let unlike = [
    "mvtec": "Datumaro makes three items of each picture",
    "mvtec_detection": "Datumaro's boxes end in the last pixel of a mask, not behind it",
  ]

  @Test("written and read", arguments: Formats.writable.map(\.name))
  func written(_ name: String) throws {
    guard WrittenForDatumaroTests.unlike[name] == nil else { return }
    let format = try Formats.writable(named: name)
    let theirs = WrittenForDatumaroTests.names[name] ?? name
    let limits = WrittenForDatumaroTests.limits[name] ?? []
    var met: Set<String> = []
    var count = 0
    let pictures = try TemporaryFolder()
    for dataset in try WrittenForDatumaroTests.datasets(pictures) {
      let folder = try TemporaryFolder()
      do {
        try format.write(dataset, to: folder.url)
      } catch DataError.invalidItem {
        continue  // The format has no place for these annotations.
      }
      let reading = try format.read(.root(folder.url, format: name))
      // A dataset that leaves nothing shows nothing, but in a format of pictures alone.
      let isEmpty = reading.items.values.joined().allSatisfy { $0.annotations.isEmpty }
      if isEmpty, count > 0 { continue }
      let entry = try DatumaroPrograms.entry(folder.url, format: theirs)
      if let error = entry.error {
        // A format of ours alone: there is nothing to compare.
        if error.hasPrefix("UnknownFormatError") { return }
        let known = limits.filter(error.contains)
        #expect(!known.isEmpty, "\(error)")
        met.formUnion(known)
        continue
      }
      let differences = try DatumaroComparison.differences(entry, reading)
      #expect(
        differences.isEmpty,
        "\(differences.map(\.description).joined(separator: "\n"))"
      )
      // `coco` is recognised as its kind: `coco_instances`; what MMDetection reads, too.
      let isRecognized = entry.detected.contains { detected in
        detected == theirs || detected.hasPrefix("\(theirs)_")
          || theirs == "mmdet_coco" && detected == "coco_instances"
      }
      #expect(isRecognized, "Datumaro recognises \(entry.detected)")
      count += 1
    }
    #expect(met == limits, "an error that does not occur any more")
    #expect(count > 0 || !met.isEmpty)
  }

  /// Datasets of one picture a subset, from the richest to the plainest.
  private static func datasets(_ folder: TemporaryFolder) throws -> [Dataset] {
    let polygon = Region.polygon(Polygon([4, 4, 20, 4, 20, 16, 4, 16]))
    let size = ImageSize(height: 24, width: 32)
    let bitmap = (0..<size.height * size.width).map { (3..<9).contains($0 % size.width) }
    var difficult = Annotation.box(
      BoundingBox(1, 2, 11, 12.5),
      label: "red cell",
      isDifficult: true
    )
    difficult.attributes = ["occluded": .flag(true)]
    let keypoints = Keypoints(
      points: [5, 5, 9, 9, 0, 0],
      visibilities: [.visible, .hidden, .absent]
    )
    var person = Annotation.box(BoundingBox(2, 2, 20, 20), label: "person")
    person.attributes = ["reading": .flag(true), "truncated": .flag(true)]
    let boxes = [difficult, .box(BoundingBox(3, 3, 30, 20), label: "cat")]
    let regions: [Annotation] = [
      .region(polygon, label: "cat", box: BoundingBox(4, 4, 20, 16)),
      .region(
        .mask(RunLengthMask(size: size, bitmap: bitmap)),
        label: "red cell",
        box: BoundingBox(3, 0, 9, 24),
        isCrowd: true
      ),
    ]
    let joints: [Annotation] = [
      .keypoints(keypoints, label: "red cell", box: BoundingBox(5, 5, 10, 10))
    ]
    let kinds: [[Annotation]] = [
      boxes + regions + joints + [.label("cat"), .caption("two animals")],
      boxes + regions, boxes, regions, [.label("red cell")], [.caption("one animal")], [person],
      [.labelMap(try labelMap(folder, size: size, bitmap: bitmap))],
    ]
    return kinds.map { annotations in
      let items = [Subset.train, .val].map { subset in
        let picture = Image(size: size, red: 90, green: 120, blue: 60)
        let id = "\(subset.rawValue)_picture.png"
        return (
          subset, [DatasetItem(id: id, image: .memory(picture), annotations: annotations)]
        )
      }
      return Dataset(
        format: "memory",
        root: URL(filePath: "/"),
        labels: LabelInfo(names: ["cat", "red cell", "person"]),
        items: Dictionary(uniqueKeysWithValues: items)
      )
    }
  }

  /// A picture of labels in colours.
  private static func labelMap(
    _ folder: TemporaryFolder,
    size: ImageSize,
    bitmap: [Bool]
  ) throws -> LabelMap {
    var image = Image(size: size, red: 0, green: 0, blue: 0)
    for index in bitmap.indices where bitmap[index] { image.pixels[3 * index] = 128 }
    try folder.write(Data(ImageFile.png(image)), to: "labels.png")
    return LabelMap(
      url: folder.url.appending(path: "labels.png"),
      encoding: .color,
      table: LabelTable([0: "background", 128 << 16: "cat"])
    )
  }
}
