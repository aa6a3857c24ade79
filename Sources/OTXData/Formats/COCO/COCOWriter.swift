import Foundation
import OTXCore
import OTXImage

/// Writes a dataset as COCO.
struct COCOWriter {
  enum Layout { case standard, roboflow }
  var layout: Layout

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
    var names = PictureWriter(folder: folder)
    for (index, item) in items.enumerated() {
      let (name, size) = try names.write(item)
      file.images.append(
        .init(id: index + 1, fileName: name, height: size.height, width: size.width)
      )
      for annotation in item.annotations {
        guard case .box(let box, let label, let isCrowd, _) = annotation else { continue }
        guard let category = labels.index(of: label) else {
          throw DataError.unknownLabel(label, known: labels.names, item: item.id)
        }
        let object = File.Object(
          id: file.annotations.count + 1,
          imageId: index + 1,
          categoryId: category + 1,
          bbox: [box.x1, box.y1, box.width, box.height],
          area: box.area,
          iscrowd: isCrowd ? 1 : 0
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

/// Puts pictures of items into a folder, each under a name of its own.
struct PictureWriter {
  let folder: URL
  /// Whether names differ without their endings too, for formats with a file beside each picture.
  let hasUniqueStems: Bool
  private var used: Set<String> = []

  init(folder: URL, hasUniqueStems: Bool = false) {
    (self.folder, self.hasUniqueStems) = (folder, hasUniqueStems)
  }

  /// - Returns: The picture's name in the folder and its size.
  mutating func write(_ item: DatasetItem) throws -> (name: String, size: ImageSize) {
    let last = URL(filePath: item.id).lastPathComponent
    switch item.image {
    case .file(let url):
      let name = unused(last)
      let header = try ImageHeader(of: url)
      try PictureWriter.write(
        Data(ReadFile.bytes(url, name: item.id)),
        to: folder.appending(path: name)
      )
      return (name, header.size)
    case .memory(let image):
      let name = unused(FolderListing.isPictureName(last) ? last : last + ".png")
      try ImageFile.write(image, to: folder.appending(path: name))
      return (name, image.size)
    }
  }

  private mutating func unused(_ name: String) -> String {
    let url = URL(filePath: name)
    let (stem, ending) = (url.deletingPathExtension().lastPathComponent, url.pathExtension)
    var candidate = name
    var number = 2
    func key(_ name: String) -> String {
      hasUniqueStems ? URL(filePath: name).deletingPathExtension().lastPathComponent : name
    }
    while !used.insert(key(candidate)).inserted {
      candidate = "\(stem)-\(number).\(ending)"
      number += 1
    }
    return candidate
  }

  static func makeFolder(_ url: URL) throws {
    try Folder.make(url)
  }

  static func write(_ data: Data, to url: URL) throws {
    do {
      try data.write(to: url, options: .atomic)
    } catch {
      throw DataError.unreadable(
        file: url.path,
        reason: "cannot be written: \(error.reason)"
      )
    }
  }
}
