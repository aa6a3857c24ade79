public import Foundation
public import OTXCore
import OTXImage

/// DOTA: turned boxes of objects seen from above, a text file for each picture.
///
/// Xia et al., DOTA: A Large-Scale Dataset for Object Detection in Aerial Images, CVPR 2018. A line
/// is `x1 y1 x2 y2 x3 y3 x4 y4 label difficult`, in pixels; lines `imagesource:…` and `gsd:…` at the
/// beginning are passed over. Of four corners that are no rectangle, the box of the same centre and
/// mean sides is taken. Every object is written as four corners; of a region, those of its box.
public struct DOTAFormat: WritableDatasetFormat {
  public let name = "dota"
  public let title = "DOTA"
  public let layouts = [
    "{train,val,test}/labelTxt/*.txt and {train,val,test}/images/*.png",
    "labelTxt/*.txt and images/*.png, split into train and val when read",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    do {
      // With a data.yaml it is Roboflow's YOLO.
      guard try YOLOLayout.dataFile(in: root) == nil,
        let source = try SubsetFolders.find(in: root, where: DOTAFormat.isOne).first,
        let labels = try DOTAFormat.labelFolder(of: FolderListing(source.folder))
      else { return .no(nearly: nil) }
      return .certain("\(labels.path(below: root))/")
    } catch {
      return .no(nearly: nil)
    }
  }

  private static func isOne(_ listing: FolderListing) throws -> Bool {
    guard let labels = labelFolder(of: listing) else { return false }
    return try !FolderListing(labels).files(endingIn: "txt").isEmpty
  }

  /// `labelTxt`, or `labelTxt-v1.5` and the like.
  private static func labelFolder(of listing: FolderListing) -> URL? {
    listing.folders.first { $0.lastPathComponent.lowercased().hasPrefix("labeltxt") }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let (base, sources) = try SubsetFolders.find(location, format: self, where: DOTAFormat.isOne)
    var reading = FormatReading()
    var labels: Set<String> = []
    for source in sources {
      let listing = try FolderListing(source.folder)
      guard let folder = DOTAFormat.labelFolder(of: listing) else { continue }
      let root = listing.folder("images") ?? source.folder
      let pictures = try PictureStems(below: root)
      for file in try FolderListing(folder).files(endingIn: "txt") {
        let name = file.path(below: base)
        let stem = file.deletingPathExtension().lastPathComponent
        let url = pictures[stem] ?? root.appending(path: "\(stem).png")
        var item = DatasetItem(
          id: url.path(below: base),
          image: .file(url),
          annotations: [],
          origin: name
        )
        item.annotations = try DOTAFormat.annotations(file, name: name, &reading.problems)
        labels.formUnion(item.annotations.compactMap(\.label))
        reading.items[source.subset, default: []].append(item)
      }
    }
    reading.labels = labels.sorted()
    reading.noteUnusedPictures(base: base)
    return reading
  }

  private static func annotations(
    _ file: URL,
    name: String,
    _ problems: inout [DatasetProblem]
  ) throws -> [Annotation] {
    var result: [Annotation] = []
    for (number, line) in try NumberedLines.read(file, name: name) {
      if ["imagesource:", "gsd:", "acquisition dates:"].contains(where: line.lowercased().hasPrefix)
      {
        continue
      }
      let fields = line.split(whereSeparator: \.isWhitespace)
      let corners = fields.prefix(8).compactMap { Float($0) }.filter(\.isFinite)
      guard corners.count == 8, fields.count >= 9 else {
        problems.leaveOut(
          "line that is no object",
          at: "\(name):\(number)",
          "'\(line)' is not eight numbers, a label and 0 or 1"
        )
        continue
      }
      // The last version of the data set has no flag; labels may have blanks.
      let flag = fields.count > 9 ? fields.last.flatMap { Int($0) } : nil
      let words = fields[8..<(flag == nil ? fields.count : fields.count - 1)]
      var annotation = Annotation.region(
        .rotatedBox(RotatedBox(corners: corners)),
        label: words.joined(separator: " ")
      )
      // The corners say it better than the turned box where they are no rectangle.
      annotation.box = BoundingBox(around: corners)
      annotation.isDifficult = flag == 1
      if let flag, flag > 1 { annotation.attributes = ["difficulty": .number(Double(flag))] }
      result.append(annotation)
    }
    return result
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.boxes, .rotatedBoxes]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try dataset.requireObjects(in: title)
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      let pictures = root.appending(path: "\(subset.rawValue)/images")
      let labels = root.appending(path: "\(subset.rawValue)/labelTxt")
      for folder in [pictures, labels] { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        let (name, _) = try names.write(item)
        let text = item.annotations.compactMap(line).joined()
        let file = labels.appending(path: "\(PictureStems.stem(name)).txt")
        try PictureWriter.write(Data(text.utf8), to: file)
      }
    }
  }

  private func line(_ annotation: Annotation) -> String? {
    guard let box = annotation.box, let label = annotation.label else { return nil }
    var corners = [box.x1, box.y1, box.x2, box.y1, box.x2, box.y2, box.x1, box.y2]
    switch annotation.region {
    case .rotatedBox(let turned): corners = turned.corners
    case .polygon(let polygon) where polygon.points.count == 8 && polygon.partCount == 1:
      corners = polygon.points
    default: break
    }
    var flag = annotation.isDifficult ? 1 : 0
    if case .number(let value)? = annotation.attributes["difficulty"] {
      flag = Int(exactly: value) ?? flag
    }
    let name = label.replacingOccurrences(of: "\n", with: " ")
    return corners.map { "\($0)" }.joined(separator: " ") + " \(name) \(flag)\n"
  }
}

/// Lines of text files.
enum NumberedLines {
  /// Those that hold something, without space around, with their numbers from 1; a file may be
  /// empty.
  static func read(_ file: URL, name: String) throws -> [(number: Int, text: String)] {
    let bytes: [UInt8]
    do {
      bytes = try ReadableFile(file).allBytes()
    } catch DataError.unreadable(_, let reason) {
      throw DataError.unreadable(file: name, reason: reason)
    }
    var text = String(decoding: bytes, as: UTF8.self)
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
      .compactMap { index, line in
        let line = line.trimmingCharacters(in: .whitespaces)
        return line.isEmpty ? nil : (index + 1, line)
      }
  }
}

extension Dataset {
  /// Refuses items whose annotations are all other than objects with a box.
  ///
  /// - Throws: ``DataError/invalidItem(_:reason:)``.
  func requireObjects(in format: String, withLabels: Bool = true) throws {
    for item in items.values.joined() where !item.annotations.isEmpty {
      let holds = item.annotations.contains {
        $0.kind == .object && $0.box != nil && (!withLabels || $0.label != nil)
      }
      guard holds else {
        throw DataError.invalidItem(
          item.id,
          reason:
            "has no object with a box\(withLabels ? " and a label" : ""); \(format) holds those"
        )
      }
    }
  }
}
