public import Foundation
public import OTXCore

/// KITTI's object detection: `label_2/*.txt`, a line of 15 fields for each object.
///
/// Geiger et al., Are we ready for Autonomous Driving? The KITTI Vision Benchmark Suite, CVPR 2012,
/// and the `readme.txt` of its object development kit: type, truncated (0…1), occluded (0 to 3),
/// alpha, left, top, right, bottom, height, width, length, x, y, z, rotation, and a score behind
/// them in results. Both flags are attributes, `truncation` and `occlusion` their exact values; so
/// are the three-dimensional values where they are known.
public struct KITTIDetectionFormat: WritableDatasetFormat {
  public let name = "kitti_detection"
  public let title = "KITTI detection"
  public let layouts = ["{training,validation,testing}/image_2/*.png and …/label_2/*.txt"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let sources = try? SubsetFolders.find(in: root, where: KITTIDetectionFormat.isOne),
      let source = sources.first(where: {
        (try? FolderListing($0.folder))?.folder("label_2") != nil
      })
    else { return .no(nearly: nil) }
    return .certain("\(source.folder.appending(path: "label_2").path(below: root))/")
  }

  private static func isOne(_ listing: FolderListing) -> Bool {
    // Test pictures have no labels; KITTI's segmentation has other folders beside them.
    listing.folder("image_2") != nil
      && !["instance", "semantic", "semantic_rgb"].contains { listing.folder($0) != nil }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let (base, sources) = try SubsetFolders.find(
      location,
      format: self,
      where: KITTIDetectionFormat.isOne
    )
    var reading = FormatReading()
    var labels: Set<String> = []
    for source in sources {
      let listing = try FolderListing(source.folder)
      let pictures = try PictureStems(below: listing.folder("image_2") ?? source.folder)
      let folder = listing.folder("label_2")
      var missing: [String] = []
      for (stem, url) in pictures.all {
        let id = url.path(below: base)
        var item = DatasetItem(id: id, image: .file(url), annotations: [])
        if let file = folder?.appending(path: "\(stem).txt") {
          if FileManager.default.fileExists(atPath: file.path) {
            let name = file.path(below: base)
            item.origin = name
            item.annotations = try annotations(file, name: name, &reading.problems)
            labels.formUnion(item.annotations.compactMap(\.label))
          } else {
            missing.append(id)
          }
        }
        reading.items[source.subset, default: []].append(item)
      }
      if let first = missing.first {
        reading.problems.note(
          "picture without a label file",
          at: first,
          "\("picture".counted(missing.count)) without a file in label_2, the first: \(first)"
        )
      }
    }
    reading.labels = labels.sorted()
    return reading
  }

  private func annotations(
    _ file: URL,
    name: String,
    _ problems: inout [DatasetProblem]
  ) throws -> [Annotation] {
    var result: [Annotation] = []
    for (number, line) in try NumberedLines.read(file, name: name) {
      let fields = line.split(whereSeparator: \.isWhitespace)
      let numbers = fields.dropFirst().map { Double($0) ?? .nan }
      guard numbers.count >= 7, numbers.prefix(7).allSatisfy(\.isFinite) else {
        problems.leaveOut(
          "line that is no object",
          at: "\(name):\(number)",
          "'\(line)' is not a type and 14 numbers"
        )
        continue
      }
      let box = BoundingBox(
        x1: Float(numbers[3]),
        y1: Float(numbers[4]),
        x2: Float(numbers[5]),
        y2: Float(numbers[6])
      )
      var annotation = Annotation.box(box, label: String(fields[0]))
      let attributes = attributes(numbers)
      if !attributes.isEmpty { annotation.attributes = attributes }
      result.append(annotation)
    }
    return result
  }

  private func attributes(_ numbers: [Double]) -> [String: AttributeValue] {
    var result: [String: AttributeValue] = [:]
    if numbers[0] > 0 { result["truncated"] = .flag(true) }
    if numbers[0] > 0, numbers[0] != 1 { result["truncation"] = .number(numbers[0]) }
    if numbers[1] > 0 { result["occluded"] = .flag(true) }
    if numbers[1] > 1 { result["occlusion"] = .number(numbers[1]) }
    // -10 and -1 stand for unknown.
    if ![-10, -1].contains(numbers[2]) { result["alpha"] = .number(numbers[2]) }
    guard numbers.count >= 14 else { return result }
    let rest = numbers[7..<14]
    if rest.allSatisfy(\.isFinite), numbers[7..<10].allSatisfy({ $0 >= 0 }) {
      result["dimensions"] = .numbers(Array(numbers[7..<10]))
      result["location"] = .numbers(Array(numbers[10..<13]))
      result["rotation_y"] = .number(numbers[13])
    }
    if numbers.count > 14, numbers[14].isFinite { result["score"] = .number(numbers[14]) }
    return result
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    .boxes
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try dataset.requireObjects(in: title)
    for (subset, name) in [
      (Subset.train, "training"), (.val, "validation"), (.test, "testing"),
      (.unlabeled, "unlabeled"),
    ] {
      guard let items = dataset.items[subset] else { continue }
      let pictures = root.appending(path: "\(name)/image_2")
      let labels = root.appending(path: "\(name)/label_2")
      for folder in [pictures, labels] { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        for label in item.annotations.compactMap(\.label)
        where label.contains(where: \.isWhitespace) {
          throw DataError.invalidItem(
            item.id,
            reason: "has the label '\(label)'; in KITTI's lines a label has no blanks"
          )
        }
        let (name, _) = try names.write(item)
        let text = item.annotations.compactMap(line).joined()
        let file = labels.appending(path: "\(PictureStems.stem(name)).txt")
        try PictureWriter.write(Data(text.utf8), to: file)
      }
    }
  }

  private func line(_ annotation: Annotation) -> String? {
    guard let box = annotation.box, let label = annotation.label else { return nil }
    let attributes = annotation.attributes
    func number(_ exact: String, flag: String) -> String {
      if case .number(let value)? = attributes[exact] { return "\(AttributeValue.number(value))" }
      return attributes[flag] == .flag(true) ? "1" : "0"
    }
    func numbers(_ name: String, _ unknown: [String]) -> [String] {
      switch attributes[name] {
      case .number(let value): ["\(value)"]
      case .numbers(let values) where values.count == unknown.count: values.map { "\($0)" }
      default: unknown
      }
    }
    var fields = [
      label, number("truncation", flag: "truncated"), number("occlusion", flag: "occluded"),
    ]
    fields += numbers("alpha", ["-10"])
    fields += [box.x1, box.y1, box.x2, box.y2].map { "\($0)" }
    fields += numbers("dimensions", ["-1", "-1", "-1"])
    fields += numbers("location", ["-1000", "-1000", "-1000"]) + numbers("rotation_y", ["-10"])
    if case .number(let score)? = attributes["score"] { fields.append("\(score)") }
    return fields.joined(separator: " ") + "\n"
  }
}
