public import Foundation
public import OTXCore

extension LFWFormat: WritableDatasetFormat {
  /// Writes pictures by person, pairs where items have them as attributes, and else the pictures alone.
  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() { _ = try FaceWriting.person(of: item, title) }
    let labels = dataset.writtenLabels
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let base = root.appending(path: subset.rawValue)
      var writers: [String: PictureWriter] = [:]
      var (lines, landmarks, counts) = ("", "", [String: Int]())
      try PictureWriter.makeFolder(base.appending(path: "annotations"))
      for item in items {
        let person = try FaceWriting.person(of: item, title)
        let folder = base.appending(path: person.map { "images/\($0)" } ?? "images")
        let name = try FaceWriting.write(item, to: folder, key: person ?? "", options, &writers)
        let stem = (name as NSString).deletingPathExtension
        lines += (person.map { "\($0)/\(stem)" } ?? stem) + "\n"
        if let person { counts[person, default: 0] += 1 }
        for points in item.annotations.compactMap(\.keypoints) {
          let place = person.map { "\($0)/\(name)" } ?? name
          landmarks += "\(place)\t" + points.points.map { "\($0)" }.joined(separator: "\t") + "\n"
        }
      }
      func save(_ text: String, _ name: String) throws {
        try PictureWriter.write(Data(text.utf8), to: base.appending(path: "annotations/\(name)"))
      }
      try save(lines, "pairs.txt")
      if !landmarks.isEmpty { try save(landmarks, "landmarks.txt") }
      try save(labels.map { "\($0)\t\(counts[$0] ?? 0)\n" }.joined(), "people.txt")
    }
  }
}

extension VGGFace2Format: WritableDatasetFormat {
  /// Writes pictures by person, and the box and the points of each picture's face.
  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() {
      _ = try FaceWriting.person(of: item, title)
      guard item.annotations.allSatisfy({ $0.keypoints.map { $0.count == 5 } ?? true }) else {
        throw DataError.invalidItem(
          item.id,
          reason: "has a face without five points; \(title) has five"
        )
      }
    }
    try PictureWriter.makeFolder(root.appending(path: "bb_landmark"))
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var writers: [String: PictureWriter] = [:]
      var boxes = "NAME_ID,X,Y,W,H\n"
      var points = "NAME_ID," + (1...5).map { "P\($0)X,P\($0)Y" }.joined(separator: ",") + "\n"
      for item in items {
        let folderName = try FaceWriting.person(of: item, title) ?? "no_label"
        let folder = root.appending(path: "\(subset.rawValue)/\(folderName)")
        let name = try FaceWriting.write(item, to: folder, key: folderName, options, &writers)
        let id = "\"\(folderName)/\((name as NSString).deletingPathExtension)\""
        let face = item.annotations.first { $0.kind == .object }
        let numbers = face?.box.map { [$0.x1, $0.y1, $0.width, $0.height] }
        boxes += id + "," + (numbers?.map { "\($0)" }.joined(separator: ",") ?? ",,,") + "\n"
        let places = face?.keypoints?.points.map { "\($0)" }
        points +=
          id + "," + (places ?? [String](repeating: "", count: 10)).joined(separator: ",") + "\n"
      }
      for (text, prefix) in [(boxes, "loose_bb_"), (points, "loose_landmark_")] {
        try PictureWriter.write(
          Data(text.utf8),
          to: root.appending(path: "bb_landmark/\(prefix)\(subset.rawValue).csv")
        )
      }
    }
    let text = dataset.writtenLabels.map { $0 + "\n" }.joined()
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "labels.txt"))
  }
}

/// What both formats of faces have in common.
private enum FaceWriting {
  /// The one label of an item with one face at most; `nil` for no label.
  static func person(of item: DatasetItem, _ title: String) throws -> String? {
    let labels = Set(item.annotations.compactMap(\.label))
    let objects = item.annotations.filter { $0.kind == .object }
    guard labels.count <= 1, objects.count <= 1,
      item.annotations.allSatisfy({ $0.kind == .label || $0.kind == .object && $0.region == nil })
    else {
      throw DataError.invalidItem(
        item.id,
        reason: "is not one face of one person; \(title) holds that"
      )
    }
    guard let label = labels.first else { return nil }
    guard !label.contains(where: { $0.isWhitespace || $0 == "/" }) else {
      throw DataError.invalidItem(
        item.id,
        reason: "has the label '\(label)'; \(title) has no place for blanks and slashes in labels"
      )
    }
    return label
  }

  /// Writes a picture into its person's folder.
  ///
  /// - Returns: Its name.
  static func write(
    _ item: DatasetItem,
    to folder: URL,
    key: String,
    _ options: DatasetWriteOptions,
    _ writers: inout [String: PictureWriter]
  ) throws -> String {
    if writers[key] == nil { try PictureWriter.makeFolder(folder) }
    return try writers[
      key,
      default: PictureWriter(folder: folder, options: options, hasUniqueStems: true)
    ].write(item).name
  }
}
