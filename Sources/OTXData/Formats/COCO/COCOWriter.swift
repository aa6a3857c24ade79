import Foundation
import OTXCore
import OTXImage

/// Writes a dataset as COCO.
struct COCOWriter {
  enum Layout { case standard, roboflow }
  var layout: Layout
  var options = DatasetWriteOptions()

  private struct File: Encodable {
    struct Picture: Encodable {
      var id: Int
      var fileName: String
      var height: Int
      var width: Int
    }
    struct Object: Encodable {
      var id: Int
      var imageId: Int
      var categoryId: Int
      var bbox: [Float]
      var area: Float
      var iscrowd: Int
    }
    struct Category: Encodable {
      var id: Int
      var name: String
      var supercategory = "none"
    }
    var images: [Picture] = []
    var annotations: [Object] = []
    var categories: [Category]
  }

  func write(_ dataset: Dataset, to root: URL) throws {
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let folder: URL
      let annotations: URL
      switch layout {
      case .standard:
        folder = root.appending(path: "images/\(subset.rawValue)")
        annotations = root.appending(path: "annotations/instances_\(subset.rawValue).json")
      case .roboflow:
        folder = root.appending(path: subset == .val ? "valid" : subset.rawValue)
        annotations = folder.appending(path: "_annotations.coco.json")
      }
      try write(items, dataset.labels, subset, to: folder, annotations)
    }
  }

  private func write(
    _ items: [DatasetItem],
    _ labels: LabelInfo,
    _ subset: Subset,
    to folder: URL,
    _ annotations: URL
  ) throws {
    try PictureWriter.makeFolder(folder)
    try PictureWriter.makeFolder(annotations.deletingLastPathComponent())
    var file = File(
      categories: labels.names.enumerated().map {
        File.Category(id: $0.offset + 1, name: $0.element)
      }
    )
    var names = PictureWriter(folder: folder, options: options)
    for (index, item) in items.enumerated() {
      let (name, size) = try names.write(item)
      file.images.append(
        .init(id: index + 1, fileName: name, height: size.height, width: size.width)
      )
      for annotation in item.annotations {
        guard let box = annotation.box, let label = annotation.label else { continue }
        guard let category = labels.index(of: label) else {
          throw DataError.unknownLabel(label, known: labels.names, item: item.id)
        }
        let object = File.Object(
          id: file.annotations.count + 1,
          imageId: index + 1,
          categoryId: category + 1,
          bbox: [box.x1, box.y1, box.width, box.height],
          area: box.area,
          iscrowd: annotation.isCrowd ? 1 : 0
        )
        file.annotations.append(object)
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try PictureWriter.write(encoder.encode(file), to: annotations)
  }
}
