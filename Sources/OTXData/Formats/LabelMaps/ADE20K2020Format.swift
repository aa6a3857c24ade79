public import Foundation
public import OTXCore
import OTXImage

/// ADE20K as it came out in 2021 (full, "2020"): a JSON file of objects, a picture of labels (`_seg.png`)
/// and a mask of each object beside each picture.
///
/// Zhou et al., Semantic Understanding of Scenes through the ADE20K Dataset, IJCV 2019. An item has a
/// label map, for tasks of pixels, and each object with its polygon, else its mask file.
public struct ADE20K2020Format: DatasetFormat {
  public let name = "ade20k2020"
  public let title = "ADE20K 2020"
  public let layouts = ["{training,validation}/**/a.jpg, a.json, a_seg.png, a/instance_000_a.png"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard
      let file = ADE20KFiles.firstFile(in: root, where: { $0.hasSuffix(".json") }),
      let bytes = try? ReadableFile(file).bytes(at: 0, count: 4096),
      bytes.contains(sequence: Array("\"annotation\"".utf8)),
      let folder = try? FolderListing(file.deletingLastPathComponent()),
      folder.files.contains(where: { $0.lastPathComponent.hasSuffix("_seg.png") })
    else { return .no(nearly: nil) }
    return .certain(file.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    var reading = FormatReading()
    var labels = try LabelList(LabelColors.metaNames(in: root, base: root) ?? [])
    var numbers: [Int: String] = [:]
    for (subset, pictures) in try ADE20KFiles.pictures(in: root) {
      for picture in pictures {
        let file = picture.deletingPathExtension().appendingPathExtension("json")
        let name = file.path(below: root)
        var item = DatasetItem(
          id: picture.path(below: root),
          image: .file(picture),
          annotations: [],
          origin: name
        )
        if FileManager.default.fileExists(atPath: file.path) {
          let objects = try ADE20K2020Format.objects(of: file, name: name)
          for object in objects {
            labels.add(object.label)
            if let number = object.number, numbers[number] == nil { numbers[number] = object.label }
          }
          item.annotations = ADE20K2020Format.annotations(
            objects,
            folder: picture.deletingLastPathComponent(),
            name: name,
            &reading.problems
          )
        } else {
          reading.problems.append(ADE20KFiles.withoutList(item.id, name))
        }
        reading.items[subset, default: []].append(item)
      }
    }
    reading.labels = labels.names
    let table = LabelTable(numbers)
    for subset in Array(reading.items.keys) {
      reading.items[subset] = reading.items[subset]?.map { ADE20K2020Format.mapped($0, table) }
    }
    return reading
  }

  /// The item with its picture of labels, where there is one.
  private static func mapped(_ item: DatasetItem, _ table: LabelTable) -> DatasetItem {
    guard let picture = item.image.url, !item.annotations.isEmpty else { return item }
    let file = URL(filePath: "\(picture.deletingPathExtension().path)_seg.png")
    guard FileManager.default.fileExists(atPath: file.path) else { return item }
    var item = item
    let map = LabelMap(url: file, encoding: .color, instances: .ade20k, table: table)
    item.annotations.insert(.labelMap(map), at: 0)
    return item
  }

  private struct Object {
    var id = 0
    var number: Int?
    var label = ""
    var partLevel = 0
    var isOccluded = false
    var mask: String?
    var attributes: [String] = []
    var x: [Float] = []
    var y: [Float] = []
  }

  private static func annotations(
    _ objects: [Object],
    folder: URL,
    name: String,
    _ problems: inout [DatasetProblem]
  ) -> [Annotation] {
    objects.compactMap { object in
      let region: Region
      if object.x.count == object.y.count, object.x.count >= 3 {
        region = .polygon(Polygon(zip(object.x, object.y).flatMap { [$0, $1] }))
      } else if let mask = object.mask.map({ folder.appending(path: $0) }),
        FileManager.default.fileExists(atPath: mask.path)
      {
        region = .maskFile(MaskFile(url: mask, selection: .nonZero))
      } else {
        problems.append(
          DatasetProblem(
            kind: "object without an outline",
            location: name,
            message: "the object \(object.id) (\(object.label)) has no polygon and no mask file",
            remedy: .leftOut
          )
        )
        return nil
      }
      var annotation = Annotation.region(region, label: object.label)
      (annotation.id, annotation.group) = (object.id, object.id)
      var values = Dictionary(object.attributes.map { ($0, AttributeValue.flag(true)) }) {
        first,
        _ in first
      }
      if object.isOccluded { values["occluded"] = .flag(true) }
      if object.partLevel > 0 { values["part_level"] = .number(Double(object.partLevel)) }
      annotation.attributes = values
      return annotation
    }
  }

  private static func objects(of file: URL, name: String) throws -> [Object] {
    var bytes = try ReadFile.bytes(file, name: name)
    // The files are Latin-1.
    if String(validating: bytes, as: UTF8.self) == nil {
      bytes = Array(String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })).utf8)
    }
    return try bytes.withUnsafeBufferPointer { buffer in
      var objects: [Object] = []
      var scanner = JSONScanner(buffer, name: name)
      try scanner.object { scanner, key in
        guard key == "annotation" else { return try scanner.skipValue() }
        try scanner.object { scanner, key in
          guard key == "object" else { return try scanner.skipValue() }
          guard scanner.nextKind() == .array else {
            return objects.append(try object(&scanner))
          }
          try scanner.array { objects.append(try object(&$0)) }
        }
      }
      return objects
    }
  }

  private static func object(_ scanner: inout JSONScanner) throws -> Object {
    var object = Object()
    try scanner.object { scanner, key in
      switch key {
      case "id": object.id = try scanner.integerIfPresent() ?? 0
      case "name_ndx": object.number = try scanner.integerIfPresent()
      case "raw_name": object.label = try scanner.stringIfPresent() ?? ""
      case "occluded": object.isOccluded = try scanner.stringIfPresent() == "yes"
      case "instance_mask": object.mask = try scanner.stringIfPresent()
      case "attributes":
        switch scanner.nextKind() {
        case .string: object.attributes = [try scanner.string()]
        case .array:
          try scanner.array { scanner in
            if let text = try scanner.stringIfPresent() { object.attributes.append(text) }
          }
        default: try scanner.skipValue()
        }
      case "parts" where scanner.nextKind() == .object:
        try scanner.object { scanner, key in
          guard key == "part_level" else { return try scanner.skipValue() }
          object.partLevel = try scanner.integerIfPresent() ?? 0
        }
      case "polygon" where scanner.nextKind() == .object:
        try scanner.object { scanner, key in
          var values: [Float] = []
          guard key == "x" || key == "y", scanner.nextKind() == .array else {
            return try scanner.skipValue()
          }
          try scanner.array { values.append(Float(try $0.numberIfPresent() ?? .nan)) }
          if key == "x" { object.x = values } else { object.y = values }
        }
      default: try scanner.skipValue()
      }
    }
    guard !object.label.isEmpty else { throw scanner.failure("an object has no raw_name") }
    return object
  }
}

extension Collection where Element == UInt8 {
  /// Whether a run of bytes stands somewhere in these.
  func contains(sequence: [UInt8]) -> Bool {
    guard let first = sequence.first else { return true }
    var start = startIndex
    while let place = self[start...].firstIndex(of: first) {
      if self[place...].starts(with: sequence) { return true }
      start = index(after: place)
    }
    return false
  }
}
