import Foundation
import OTXCore

/// Writes a dataset as `data.yaml`, `images/` and `labels/`.
struct YOLOWriter {
  var options = DatasetWriteOptions()

  func write(_ dataset: Dataset, to root: URL) throws {
    var lines = ["path: ."]
    for subset in Subset.allCases {
      guard let items = dataset.items[subset], subset != .unlabeled else { continue }
      let pictures = root.appending(path: "images/\(subset.rawValue)")
      let labels = root.appending(path: "labels/\(subset.rawValue)")
      for folder in [pictures, labels] { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        // Refused before its picture is copied.
        _ = try rows(of: item, dataset.labels, size: ImageSize(height: 1, width: 1))
        let (name, size) = try names.write(item)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        let text = try rows(of: item, dataset.labels, size: size).map { $0 + "\n" }.joined()
        try PictureWriter.write(Data(text.utf8), to: labels.appending(path: "\(stem).txt"))
      }
      lines.append("\(subset.rawValue): images/\(subset.rawValue)")
    }
    lines.append("names:")
    for (index, name) in dataset.labels.names.enumerated() {
      lines.append("  \(index): '\(name.replacingOccurrences(of: "'", with: "''"))'")
    }
    let text = (lines + [""]).joined(separator: "\n")
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "data.yaml"))
  }

  private func rows(
    of item: DatasetItem,
    _ labels: LabelInfo,
    size: ImageSize
  ) throws -> [String] {
    let (height, width) = (Double(size.height), Double(size.width))
    return try item.annotations.map { annotation in
      guard let box = annotation.box, let name = annotation.label else {
        throw DataError.invalidItem(item.id, reason: "has a label and no box; YOLO holds boxes")
      }
      guard let label = labels.index(of: name) else {
        throw DataError.unknownLabel(name, known: labels.names, item: item.id)
      }
      if case .polygon(let polygon) = annotation.region, polygon.partCount == 1 {
        let points = polygon.points.enumerated().map { index, value in
          "\(Double(value) / (index % 2 == 0 ? width : height))"
        }
        return "\(label) " + points.joined(separator: " ")
      }
      // As many digits as a double has: read back, the box is the same.
      let (x1, y1) = (Double(box.x1), Double(box.y1))
      let (x2, y2) = (Double(box.x2), Double(box.y2))
      return
        "\(label) \((x1 + x2) / 2 / width) \((y1 + y2) / 2 / height) \((x2 - x1) / width) \((y2 - y1) / height)"
    }
  }
}
