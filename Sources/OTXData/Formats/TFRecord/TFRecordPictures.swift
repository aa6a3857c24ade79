import Foundation
import OTXCore
import OTXImage
import Synchronization

/// Pictures inside a TFRecord file, by name.
final class TFRecordPictures: EmbeddedPictureReader {
  let url: URL
  private let places = Mutex<[String: Place]>([:])

  private struct Place {
    var start: Int
    var count: Int
  }

  init(url: URL) { self.url = url }

  func add(_ name: String, at start: Int, count: Int) {
    places.withLock { $0[name] = Place(start: start, count: count) }
  }

  private func bytes(of name: String) throws -> [UInt8] {
    guard let place = places.withLock({ $0[name] }) else {
      throw DataError.unreadable(file: url.path, reason: "holds no picture '\(name)'")
    }
    return try ReadableFile(url).bytes(at: place.start, count: place.count)
  }

  func size(of name: String) throws -> ImageSize {
    try ImageHeader(of: bytes(of: name), name: name).size
  }

  func image(of name: String) throws -> Image { try ImageFile.decode(bytes(of: name), name: name) }

  func encodedBytes(of name: String) throws -> [UInt8]? { try bytes(of: name) }
}

/// Writes a file of records for each subset.
struct TFRecordWriter {
  let dataset: Dataset

  func write(to root: URL) throws {
    for item in dataset.items.values.joined() where !item.annotations.isEmpty {
      guard item.annotations.contains(where: holds) else {
        throw DataError.invalidItem(
          item.id,
          reason: "has no label and no object with a label; TFRecords of detection hold those"
        )
      }
    }
    try PictureWriter.makeFolder(root)
    var map = ""
    for (index, name) in dataset.labels.names.enumerated() {
      let text = name.replacingOccurrences(of: "'", with: " ")
        .replacingOccurrences(of: "\n", with: " ")
      map += "item {\n  id: \(index + 1)\n  name: '\(text)'\n}\n"
    }
    try PictureWriter.write(Data(map.utf8), to: root.appending(path: "label_map.pbtxt"))
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      let file = root.appending(path: "\(subset.rawValue).tfrecord")
      // Record by record: a subset may be larger than memory. Under another name until it is whole.
      let part = root.appending(path: "\(subset.rawValue).tfrecord.part")
      try PictureWriter.write(Data(), to: part)
      do {
        let handle = try FileHandle(forWritingTo: part)
        defer { try? handle.close() }
        for item in items {
          try handle.write(contentsOf: Data(TFRecordFile.framed(example(item))))
        }
        try handle.synchronize()
      } catch let error as DataError {
        try? FileManager.default.removeItem(at: part)
        throw error
      } catch {
        try? FileManager.default.removeItem(at: part)
        throw DataError.unreadable(file: file.path, reason: "cannot be written: \(error)")
      }
      guard rename(part.path, file.path) == 0 else {
        throw DataError.unreadable(file: file.path, reason: "cannot be written")
      }
    }
  }

  private func holds(_ annotation: Annotation) -> Bool {
    annotation.label != nil && annotation.kind != .caption
  }

  /// The picture's file, in a format that TensorFlow decodes.
  private func picture(_ item: DatasetItem) throws -> (bytes: [UInt8], header: ImageHeader) {
    var bytes: [UInt8]?
    switch item.image {
    case .path(let path): bytes = try ReadFile.bytes(path.url, name: item.id)
    case .embedded(let picture): bytes = try picture.encodedBytes()
    case .memory: break
    }
    if let bytes {
      let header = try ImageHeader(of: bytes, name: item.id)
      if header.format == .jpeg || header.format == .png { return (bytes, header) }
    }
    let image =
      switch item.image {
      case .memory(let image): image
      case .embedded(let picture): try picture.image()
      case .path(let path): try ImageFile.read(path.url)
      }
    let png = try ImageFile.png(image)
    return (png, try ImageHeader(of: png, name: item.id))
  }

  private func example(_ item: DatasetItem) throws -> [UInt8] {
    let (bytes, header) = try picture(item)
    let size = header.size
    var example = TFExampleWriter()
    let name = URL(filePath: item.id).lastPathComponent
    example.add("image/filename", texts: [name])
    var id = name
    if case .text(let stated)? = item.attributes["source_id"] { id = stated }
    example.add("image/source_id", texts: [id])
    example.add("image/height", integers: [size.height])
    example.add("image/width", integers: [size.width])
    example.add("image/encoded", data: [bytes])
    example.add("image/format", texts: [header.format == .jpeg ? "jpeg" : "png"])
    let labels = try numbered(item, item.annotations.filter { $0.kind == .label })
    if !labels.isEmpty {
      example.add("image/class/text", texts: labels.map(\.name))
      example.add("image/class/label", integers: labels.map(\.number))
    }
    let objects = item.annotations.filter { $0.kind == .object && $0.box != nil && $0.label != nil }
    let boxes = objects.compactMap(\.box)
    let (width, height) = (Float(size.width), Float(size.height))
    example.add("image/object/bbox/xmin", floats: boxes.map { $0.x1 / width })
    example.add("image/object/bbox/xmax", floats: boxes.map { $0.x2 / width })
    example.add("image/object/bbox/ymin", floats: boxes.map { $0.y1 / height })
    example.add("image/object/bbox/ymax", floats: boxes.map { $0.y2 / height })
    let classes = try numbered(item, objects)
    example.add("image/object/class/text", texts: classes.map(\.name))
    example.add("image/object/class/label", integers: classes.map(\.number))
    example.add("image/object/difficult", integers: objects.map { $0.isDifficult ? 1 : 0 })
    example.add("image/object/is_crowd", integers: objects.map { $0.isCrowd ? 1 : 0 })
    example.add(
      "image/object/truncated",
      integers: objects.map { $0.attributes["truncated"] == .flag(true) ? 1 : 0 }
    )
    if objects.contains(where: { $0.region != nil }) {
      example.add("image/object/mask", data: try objects.map { try mask($0, size) })
    }
    return example.bytes
  }

  private func numbered(
    _ item: DatasetItem,
    _ annotations: [Annotation]
  ) throws -> [(name: String, number: Int)] {
    try annotations.compactMap(\.label).map { name in
      guard let index = dataset.labels.index(of: name) else {
        throw DataError.unknownLabel(name, known: dataset.labels.names, item: item.id)
      }
      return (name, index + 1)
    }
  }

  private func mask(_ object: Annotation, _ size: ImageSize) throws -> [UInt8] {
    guard let region = object.region else { return [] }
    let bitmap = try region.mask(size: size).bitmap
    var image = Image(size: size)
    for (position, isSet) in bitmap.enumerated() where isSet {
      for channel in 0..<3 { image.pixels[3 * position + channel] = 1 }
    }
    return try ImageFile.png(image)
  }
}
