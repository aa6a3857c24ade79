import Foundation
import OTXCore
import OTXData
import OTXTesting
import Testing

/// The folder with real data sets, where there is one.
let realData = ProcessInfo.processInfo.environment["OTX_TEST_DATA"].map { URL(filePath: $0) }

@Suite("Real data", .enabled(if: realData != nil))
struct RealDataTests {
  @Test("BCCD as COCO in Roboflow's layout")
  func bccd() throws {
    let root = try #require(realData).appending(path: "bccd")
    let dataset = try DatasetReader.read(.root(root, format: nil))
    #expect(dataset.format == "coco")
    #expect(dataset.labels.names == ["Platelets", "RBC", "WBC"])
    #expect(dataset.items.mapValues(\.count) == [.train: 205, .val: 87, .test: 72])
    let profile = dataset.profile()
    #expect(profile.annotationCount == 4886)
    #expect(profile.tasks.map(\.task) == [.detection])
    #expect(profile.labelCounts.map(\.count) == [209, 2381, 214])
    // 'cells' stands above the others and is no label of an object: nothing to complain of.
    #expect(dataset.problems.isEmpty, "\(dataset.problems)")
  }

  @Test("BCCD as Pascal VOC says the same as BCCD as COCO")
  func sameInBothFormats() throws {
    let root = try #require(realData)
    let coco = try DatasetReader.read(.root(root.appending(path: "bccd"), format: nil))
    // The pictures are those of the COCO set; copies of the set may hold broken links to them.
    let folder = try TemporaryFolder()
    for part in ["Annotations", "ImageSets"] {
      try folder.copy(root.appending(path: "bccd_voc/\(part)"), to: part)
    }
    for item in coco.items.values.joined() {
      guard let url = item.image.url else { continue }
      let name = url.lastPathComponent
      try folder.copy(url, to: "JPEGImages/\(name)")
    }
    let voc = try folder.read()
    #expect(voc.format == "voc")
    #expect(voc.labels == coco.labels)
    #expect(voc.kinds(.leftOut) == ["box of zero size", "box of zero size"])
    for subset in [Subset.train, .val, .test] {
      func boxes(_ dataset: Dataset) -> [String: [Annotation]] {
        Dictionary(
          uniqueKeysWithValues: (dataset.items[subset] ?? []).map {
            // VOC says more of some objects: `truncated`.
            (
              URL(filePath: $0.id).lastPathComponent,
              $0.annotations.map { Annotation(label: $0.label, box: $0.box) }
            )
          }
        )
      }
      #expect(boxes(voc) == boxes(coco))
    }
  }

  @Test(
    "samples of the formats are recognised",
    arguments: [
      ("coco_dataset/coco", "coco", 2), ("coco_dataset/coco_instances", "coco", 2),
      ("coco_dataset/coco_person_keypoints", "coco", 2), ("voc_dataset/voc_dataset1", "voc", 2),
      ("voc_dataset/voc_dataset3", "voc", 1), ("imagenet_dataset", "imagenet", 4),
      ("imagenet_subsets_dataset", "imagenet", 12), ("yolo_dataset/strict", "yolo", 1),
      ("yolo_dataset/labels", "yolo", 2), ("yolo_dataset/annotations", "yolo", 1),
    ]
  )
  func samples(_ path: String, _ format: String, _ itemCount: Int) throws {
    let root = try #require(realData).appending(path: "formats/\(path)")
    let dataset = try DatasetReader.read(.root(root, format: nil))
    #expect(dataset.format == format)
    #expect(dataset.items.values.joined().count == itemCount)
  }

  @Test(
    "samples of other formats are not taken for ours",
    arguments: [
      "cvat_dataset/for_images", "mpii_json_dataset", "mvtec_dataset",
    ]
  )
  func others(_ path: String) throws {
    let root = try #require(realData).appending(path: "formats/\(path)")
    #expect {
      try DatasetReader.read(.root(root, format: nil))
    } throws: { error in
      if case DataError.unknownFormat = error { true } else { false }
    }
  }

  @Test("BCCD in training batches")
  func batches() throws {
    let root = try #require(realData).appending(path: "bccd")
    let dataset = try DatasetReader.read(.root(root, format: nil))
    let module = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 320, width: 320)),
      augmentations: [.minIoURandomCrop(), .horizontalFlip()],
      batchSize: 8,
      workerCount: 2
    )
    let stream = try module.batches(.train, mode: .training(epoch: 0))
    var count = 0
    while let batch = try stream.next() {
      count += batch.count
      #expect(batch.images.size == ImageSize(height: 320, width: 320))
    }
    #expect(count == 205)
  }
}
