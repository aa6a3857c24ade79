import Foundation
import OTXCore
import OTXImage

/// Writes a dataset as Open Images.
///
/// Every object has a box; regions but lines are masks besides. Key points, captions and label maps
/// have no place.
struct OpenImagesWriter {
  let dataset: Dataset
  let options: DatasetWriteOptions

  private struct Tables {
    var images =
      "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,OriginalSize,OriginalMD5,Thumbnail300KURL,Rotation\n"
    var labels = "ImageID,Source,LabelName,Confidence\n"
    var boxes =
      "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
    var masks =
      "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"
  }

  func write(to root: URL) throws {
    for item in dataset.items.values.joined() where !item.annotations.isEmpty {
      guard item.annotations.contains(where: { $0.label != nil && $0.kind != .labelMap }) else {
        throw DataError.invalidItem(
          item.id,
          reason: "has no label and no object with a label; Open Images holds those"
        )
      }
    }
    let annotations = root.appending(path: "annotations")
    try PictureWriter.makeFolder(annotations)
    func write(_ text: String, _ name: String) throws {
      try PictureWriter.write(Data(text.utf8), to: annotations.appending(path: name))
    }
    var sizes = ""
    for (subset, name) in [
      (Subset.train, "train"), (.val, "validation"), (.test, "test"), (.unlabeled, "unlabeled"),
    ] {
      guard let items = dataset.items[subset] else { continue }
      let folder = root.appending(path: "images/\(name)")
      try PictureWriter.makeFolder(folder)
      var names = PictureWriter(folder: folder, options: options, hasUniqueStems: true)
      var tables = Tables()
      for item in items {
        let (file, size) = try names.write(item)
        let id = PictureStems.stem(file)
        tables.images += "\(CSVText.field(id)),\(name),,,,,,,,,,\n"
        sizes += "\"\(id)\" \(size.height) \(size.width)\n"
        for (index, annotation) in item.annotations.enumerated() {
          try add(annotation, index, id, size, root.appending(path: "masks/\(name)"), &tables)
        }
      }
      try write(tables.images, "\(name)-images-with-rotation.csv")
      try write(tables.labels, "\(name)-annotations-human-imagelabels.csv")
      try write(tables.boxes, "\(name)-annotations-bbox.csv")
      try write(tables.masks, "\(name)-annotations-object-segmentation.csv")
    }
    try write(sizes, "images.meta")
    let labels = dataset.labels.names.map { "\(CSVText.field($0)),\(CSVText.field($0))\n" }
    try write(labels.joined(), "class-descriptions.csv")
    if let tree = try hierarchy() {
      try PictureWriter.write(
        tree,
        to: annotations.appending(path: "bbox_labels_600_hierarchy.json")
      )
    }
  }

  private func add(
    _ annotation: Annotation,
    _ index: Int,
    _ id: String,
    _ size: ImageSize,
    _ masks: URL,
    _ tables: inout Tables
  ) throws {
    guard let label = annotation.label.map(CSVText.field) else { return }
    let attributes = annotation.attributes
    var score = "1"
    if case .number(let value)? = attributes["score"] { score = "\(value)" }
    let picture = CSVText.field(id)
    if annotation.kind == .label {
      tables.labels += "\(picture),verification,\(label),\(score)\n"
    }
    guard annotation.kind == .object else { return }
    var region = annotation.region
    if case .polyline = region { region = nil }
    let pixels = try region?.mask(size: size)
    guard let box = annotation.box ?? pixels?.bounds else { return }
    let (height, width) = (Double(size.height), Double(size.width))
    let sides =
      "\(Double(box.x1) / width),\(Double(box.x2) / width),\(Double(box.y1) / height),\(Double(box.y2) / height)"
    let flags = OpenImagesReader.flags.map { _, name in
      attributes[name] == .flag(true) || (name == "is_group_of" && annotation.isCrowd) ? "1" : "0"
    }
    tables.boxes +=
      "\(picture),xclick,\(label),\(score),\(sides),\(flags.joined(separator: ","))\n"
    guard let pixels, pixels.area > 0 else { return }
    try PictureWriter.makeFolder(masks)
    var image = Image(size: size)
    for (position, isSet) in pixels.bitmap.enumerated() where isSet {
      for channel in 0..<3 { image.pixels[3 * position + channel] = 255 }
    }
    let file = "\(id)_\(index).png"
    try PictureWriter.write(Data(ImageFile.png(image)), to: masks.appending(path: file))
    let boxID = attributes["box_id"]?.description ?? "\(index)"
    let iou = attributes["predicted_iou"]?.description ?? ""
    tables.masks +=
      "\(CSVText.field(file)),\(picture),\(label),\(CSVText.field(boxID)),\(sides),\(iou),\n"
  }

  /// The tree of labels; `nil` where there is none.
  private func hierarchy() throws -> Data? {
    let parents = dataset.labelDetails.parents
    guard !parents.isEmpty else { return nil }
    struct Node: Encodable {
      var label: String
      var children: [Node]?
      enum CodingKeys: String, CodingKey {
        case label = "LabelName"
        case children = "Subcategory"
      }
    }
    let children = Dictionary(grouping: parents.keys.sorted()) { parents[$0] ?? "" }
    func node(_ name: String, depth: Int) -> Node {
      let below = depth < 60 ? children[name] ?? [] : []
      return Node(
        label: name,
        children: below.isEmpty ? nil : below.map { node($0, depth: depth + 1) }
      )
    }
    let roots = Set(parents.values).filter { parents[$0] == nil }.sorted()
    let tree = Node(label: "/m/0bl9f", children: roots.map { node($0, depth: 0) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return try encoder.encode(tree)
  }
}

/// Writes fields of separated values (RFC 4180).
enum CSVText {
  /// A field, in quotes where it needs them.
  static func field(_ text: String) -> String {
    guard text.contains(where: { ",\"\r\n".contains($0) || $0.isNewline }) else { return text }
    return "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\""
  }
}
