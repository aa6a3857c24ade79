import Foundation
import OTXCore

/// Writes a dataset as `data.yaml`, `images/` and `labels/`.
struct YOLOWriter {
  /// What the lines of a dataset hold; all lines of one hold the same.
  enum Content {
    case boxesAndOutlines
    case turnedBoxes
    case keypoints(count: Int)
  }

  var options = DatasetWriteOptions()
  /// `nil`: what fits the dataset.
  var content: Content?

  func write(_ dataset: Dataset, to root: URL) throws {
    let content = try content ?? YOLOWriter.content(of: dataset)
    let rows = YOLORowWriter(labels: dataset.labels, content: content)
    var lines = ["path: ."]
    for subset in Subset.allCases {
      guard let items = dataset.items[subset], subset != .unlabeled else { continue }
      // Refused before a picture is copied.
      for item in items { _ = try rows.rows(of: item, size: ImageSize(height: 1, width: 1)) }
      let pictures = root.appending(path: "images/\(subset.rawValue)")
      let labels = root.appending(path: "labels/\(subset.rawValue)")
      for folder in [pictures, labels] { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        let (name, size) = try names.write(item)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        let text = try rows.rows(of: item, size: size).map { $0 + "\n" }.joined()
        try PictureWriter.write(Data(text.utf8), to: labels.appending(path: "\(stem).txt"))
      }
      lines.append("\(subset.rawValue): images/\(subset.rawValue)")
    }
    lines += keypointLines(content, dataset)
    if case .turnedBoxes = content { lines.append("task: obb") }
    lines.append(dataset.labels.names.isEmpty ? "names: []" : "names:")
    for (index, name) in dataset.labels.names.enumerated() {
      lines.append("  \(index): \(YOLOWriter.quoted(name))")
    }
    let text = (lines + [""]).joined(separator: "\n")
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "data.yaml"))
  }

  private static func quoted(_ text: String) -> String {
    "'\(text.replacingOccurrences(of: "'", with: "''"))'"
  }

  private static func content(of dataset: Dataset) throws -> Content {
    var (hasTurned, hasOutlines) = (false, false)
    var pointCount: Int?
    for item in dataset.items.values.joined() {
      for annotation in item.annotations {
        if let keypoints = annotation.keypoints {
          guard keypoints.count == pointCount ?? keypoints.count else {
            throw DataError.invalidItem(
              item.id,
              reason:
                "has an object of \(keypoints.count) key points, others have \(pointCount ?? 0); YOLO holds one number"
            )
          }
          pointCount = keypoints.count
        }
        switch annotation.region {
        case .rotatedBox: hasTurned = true
        case .polygon: hasOutlines = true
        default: break
        }
      }
    }
    if let pointCount { return .keypoints(count: pointCount) }
    return hasTurned && !hasOutlines ? .turnedBoxes : .boxesAndOutlines
  }

  private func keypointLines(_ content: Content, _ dataset: Dataset) -> [String] {
    guard case .keypoints(let count) = content else { return [] }
    var lines = ["kpt_shape: [\(count), 3]"]
    let layouts = dataset.labels.names.map { dataset.labelDetails.keypoints[$0] }
    if let flips = layouts.lazy.compactMap(\.?.flips).first(where: { $0.count == count }) {
      lines.append("flip_idx: [\(flips.map(String.init).joined(separator: ", "))]")
    }
    let named = layouts.enumerated().compactMap { index, layout in
      layout.flatMap { $0.names.count == count ? (index, $0.names) : nil }
    }
    guard !named.isEmpty else { return lines }
    lines.append("kpt_names:")
    for (index, names) in named {
      lines.append("  \(index): [\(names.map(YOLOWriter.quoted).joined(separator: ", "))]")
    }
    return lines
  }
}

/// Writes the lines of label files.
struct YOLORowWriter {
  let labels: LabelInfo
  let content: YOLOWriter.Content

  func rows(of item: DatasetItem, size: ImageSize) throws -> [String] {
    try item.annotations.map { annotation in
      guard let box = annotation.box, let name = annotation.label else {
        let what = annotation.label == nil ? "something without a label" : "a label and no box"
        throw DataError.invalidItem(item.id, reason: "has \(what); YOLO holds boxes with labels")
      }
      guard let label = labels.index(of: name) else {
        throw DataError.unknownLabel(name, known: labels.names, item: item.id)
      }
      switch content {
      case .keypoints(let count):
        let keypoints =
          annotation.keypoints
          ?? Keypoints(
            points: [Float](repeating: 0, count: 2 * count),
            visibilities: [Keypoints.Visibility](repeating: .absent, count: count)
          )
        return "\(label) \(plain(box, size)) \(points(keypoints, size))"
      case .turnedBoxes:
        var corners = [box.x1, box.y1, box.x2, box.y1, box.x2, box.y2, box.x1, box.y2]
        if case .rotatedBox(let turned) = annotation.region { corners = turned.corners }
        return "\(label) \(shares(corners, size))"
      case .boxesAndOutlines:
        switch annotation.region {
        case .polygon(let polygon) where polygon.partCount == 1 && polygon.points.count >= 6:
          return "\(label) \(shares(polygon.points, size))"
        case .rotatedBox(let turned):
          return "\(label) \(shares(turned.corners, size))"
        default: return "\(label) \(plain(box, size))"
        }
      }
    }
  }

  private func shares(_ points: [Float], _ size: ImageSize) -> String {
    let (height, width) = (Double(size.height), Double(size.width))
    return points.enumerated().map { index, value in
      "\(Double(value) / (index % 2 == 0 ? width : height))"
    }.joined(separator: " ")
  }

  private func points(_ keypoints: Keypoints, _ size: ImageSize) -> String {
    let (height, width) = (Double(size.height), Double(size.width))
    return keypoints.visibilities.enumerated().map { index, visibility in
      let (x, y) = (keypoints.points[2 * index], keypoints.points[2 * index + 1])
      return "\(Double(x) / width) \(Double(y) / height) \(visibility.rawValue)"
    }.joined(separator: " ")
  }

  private func plain(_ box: BoundingBox, _ size: ImageSize) -> String {
    // As many digits as a double has: read back, the box is the same.
    let (height, width) = (Double(size.height), Double(size.width))
    let (x1, y1) = (Double(box.x1), Double(box.y1))
    let (x2, y2) = (Double(box.x2), Double(box.y2))
    return
      "\((x1 + x2) / 2 / width) \((y1 + y2) / 2 / height) \((x2 - x1) / width) \((y2 - y1) / height)"
  }
}

/// Writes a dataset as `obj.data`, `obj.names`, a list for each subset and label files beside the
/// pictures.
///
/// Darknet knows boxes alone.
struct DarknetWriter {
  var options = DatasetWriteOptions()

  func write(_ dataset: Dataset, to root: URL) throws {
    var plain = dataset
    for (subset, items) in dataset.items {
      plain.items[subset] = items.map { item in
        var item = item
        item.annotations = item.annotations.map { Annotation(label: $0.label, box: $0.box) }
        return item
      }
    }
    let rows = YOLORowWriter(labels: dataset.labels, content: .boxesAndOutlines)
    var lines = ["classes = \(dataset.labels.count)"]
    for (subset, key) in [(Subset.train, "train"), (.val, "valid"), (.test, "test")] {
      guard let items = plain.items[subset] else { continue }
      for item in items { _ = try rows.rows(of: item, size: ImageSize(height: 1, width: 1)) }
      let folder = root.appending(path: "obj_\(key)_data")
      try PictureWriter.makeFolder(folder)
      var names = PictureWriter(folder: folder, options: options, hasUniqueStems: true)
      var list = ""
      for item in items {
        let (name, size) = try names.write(item)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        let text = try rows.rows(of: item, size: size).map { $0 + "\n" }.joined()
        try PictureWriter.write(Data(text.utf8), to: folder.appending(path: "\(stem).txt"))
        list += "data/obj_\(key)_data/\(name)\n"
      }
      try PictureWriter.write(Data(list.utf8), to: root.appending(path: "\(key).txt"))
      lines.append("\(key) = data/\(key).txt")
    }
    lines += ["names = data/obj.names", "backup = backup/"]
    let names = dataset.labels.names.map {
      $0.replacingOccurrences(of: "\n", with: " ") + "\n"
    }.joined()
    try PictureWriter.write(Data(names.utf8), to: root.appending(path: "obj.names"))
    let text = lines.map { $0 + "\n" }.joined()
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "obj.data"))
  }
}
