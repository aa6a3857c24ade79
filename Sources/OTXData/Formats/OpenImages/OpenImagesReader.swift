import Foundation
import OTXCore
import OTXImage

/// Reads the tables and joins them by picture.
struct OpenImagesReader {
  let root: URL
  let files: OpenImagesFiles
  private let pictures: PictureStems
  private var sizes: [String: ImageSize] = [:]
  private var items: [Subset: [DatasetItem]] = [:]
  /// Where each picture stands.
  private var places: [String: Place] = [:]
  private var labels: [String] = []
  private var known: Set<String> = []
  private var problems: [DatasetProblem] = []

  private struct Place {
    var subset: Subset
    var index: Int
  }

  init(root: URL, files: OpenImagesFiles) throws {
    (self.root, self.files) = (root, files)
    pictures = try PictureStems(below: FolderListing(root).folder("images") ?? root)
  }

  mutating func read() throws -> FormatReading {
    var reading = FormatReading()
    try readDescriptions()
    if let file = files.sizes { try readSizes(file) }
    for file in files.images { try readImages(file) }
    for file in files.labels { try readLabels(file) }
    for file in files.boxes { try readBoxes(file) }
    for file in files.masks { try readMasks(file) }
    (reading.labels, reading.items, reading.problems) = (labels, items, problems)
    if let file = files.hierarchy {
      reading.labelDetails.parents = try parents(file)
    }
    reading.noteUnusedPictures(base: root)
    return reading
  }

  private func name(_ file: URL) -> String { file.path(below: root) }

  /// `LabelName,DisplayName`; without column names before version 6.
  private mutating func readDescriptions() throws {
    guard let file = files.descriptions else { return }
    var scanner = try CSVScanner(file, name: name(file), separator: UInt8(ascii: ","))
    while let row = try scanner.next() {
      let label = row.fields[0].trimmingCharacters(in: .whitespaces)
      if label == "LabelName" && row.line == 1 || label.isEmpty { continue }
      add(label)
    }
  }

  private mutating func add(_ label: String) {
    if known.insert(label).inserted { labels.append(label) }
  }

  /// Datumaro's `images.meta`: `id height width` a line, the id in quotes where it has blanks.
  private mutating func readSizes(_ file: URL) throws {
    for (_, line) in try NumberedLines.read(file, name: name(file)) where !line.hasPrefix("#") {
      let fields = line.split(whereSeparator: \.isWhitespace)
      guard fields.count >= 3, let height = Int(fields[fields.count - 2]),
        let width = Int(fields[fields.count - 1]), height > 0, width > 0
      else { continue }
      let id = fields.dropLast(2).joined(separator: " ")
      sizes[id.trimmingCharacters(in: ["\"", "'"])] = ImageSize(height: height, width: width)
    }
  }

  /// The subset at the beginning of a file's name: `oidv6-train-annotations-bbox.csv`.
  private func subset(of file: URL) -> Subset {
    let words = file.lastPathComponent.lowercased().split { "-_.".contains($0) }
    return words.lazy.compactMap { Subset(folderName: String($0)) }.first ?? .train
  }

  private mutating func readImages(_ file: URL) throws {
    var table = try CSVTable(
      file,
      name: name(file),
      separator: UInt8(ascii: ","),
      requiring: ["ImageID"]
    )
    while let row = try table.next() {
      guard let id = table.value("ImageID", of: row) else { continue }
      let stated = table.value("Subset", of: row).flatMap { Subset(folderName: $0) }
      _ = place(of: id, in: stated ?? subset(of: file), "\(name(file)):\(row.line)")
    }
  }

  /// The item of a picture; a new one where it is not known yet.
  private mutating func place(of id: String, in subset: Subset, _ origin: String) -> Place {
    if let place = places[id] { return place }
    let folder = subset.folderNames.compactMap { pictures["\($0)/\(id)"] }.first
    let url =
      folder ?? pictures[id]
      ?? pictures.root.appending(
        path: "\(subset == .val ? "validation" : subset.rawValue)/\(id).jpg"
      )
    let place = Place(subset: subset, index: items[subset]?.count ?? 0)
    items[subset, default: []].append(
      DatasetItem(
        id: url.path(below: root),
        image: .file(url),
        size: sizes[id],
        annotations: [],
        origin: origin
      )
    )
    places[id] = place
    return place
  }

  /// Walks the rows of a table about pictures.
  private mutating func forEachRow(
    _ file: URL,
    requiring columns: [String],
    _ body: (inout OpenImagesReader, CSVTable, CSVScanner.Row, Place, _ label: String) throws ->
      Void
  ) throws {
    var table = try CSVTable(
      file,
      name: name(file),
      separator: UInt8(ascii: ","),
      requiring: ["ImageID", "LabelName"] + columns
    )
    let subset = subset(of: file)
    while let row = try table.next() {
      let location = "\(name(file)):\(row.line)"
      guard let id = table.value("ImageID", of: row), let label = table.value("LabelName", of: row)
      else {
        problems.leaveOut("row without a picture", at: location, "ImageID or LabelName is empty")
        continue
      }
      let place = place(of: id, in: subset, location)
      do {
        try body(&self, table, row, place, label)
        add(label)
      } catch DataError.unreadable(let location, let reason) {
        problems.leaveOut("row that cannot be used", at: location, reason)
      }
    }
  }

  private mutating func readLabels(_ file: URL) throws {
    try forEachRow(file, requiring: []) { reader, table, row, place, label in
      let confidence =
        table.value("Confidence", of: row) == nil ? 1 : try table.number("Confidence", of: row)
      // People looked and did not find it.
      guard confidence > 0 else { return }
      var annotation = Annotation.label(label)
      if confidence != 1 { annotation.attributes = ["score": .number(confidence)] }
      reader.items[place.subset]?[place.index].annotations.append(annotation)
    }
  }

  /// The size that shares of a picture are taken of.
  private mutating func size(_ place: Place) throws -> ImageSize {
    guard let item = items[place.subset]?[place.index] else {
      return ImageSize(height: 0, width: 0)
    }
    if let size = item.size { return size }
    guard let url = item.image.url else { return ImageSize(height: 0, width: 0) }
    let size = try ImageHeader(of: url).size
    items[place.subset]?[place.index].size = size
    return size
  }

  private mutating func box(
    _ table: CSVTable,
    _ row: CSVScanner.Row,
    _ place: Place,
    prefix: String = ""
  ) throws -> BoundingBox {
    let size = try size(place)
    func share(_ name: String, of side: Int) throws -> Float {
      Float(try table.number(prefix + name, of: row) * Double(side))
    }
    return BoundingBox(
      x1: try share("XMin", of: size.width),
      y1: try share("YMin", of: size.height),
      x2: try share("XMax", of: size.width),
      y2: try share("YMax", of: size.height)
    )
  }

  static let flags = [
    ("IsOccluded", "occluded"), ("IsTruncated", "truncated"), ("IsGroupOf", "is_group_of"),
    ("IsDepiction", "is_depiction"), ("IsInside", "is_inside"),
  ]

  private mutating func readBoxes(_ file: URL) throws {
    let sides = ["XMin", "XMax", "YMin", "YMax"]
    try forEachRow(file, requiring: sides) { reader, table, row, place, label in
      var annotation = Annotation.box(try reader.box(table, row, place), label: label)
      var attributes: [String: AttributeValue] = [:]
      // -1 stands for unknown.
      for (column, name) in OpenImagesReader.flags where table.value(column, of: row) == "1" {
        attributes[name] = .flag(true)
      }
      annotation.isCrowd = attributes["is_group_of"] != nil
      if let score = table.value("Confidence", of: row).flatMap({ Double($0) }), score != 1 {
        attributes["score"] = .number(score)
      }
      if !attributes.isEmpty { annotation.attributes = attributes }
      reader.items[place.subset]?[place.index].annotations.append(annotation)
    }
  }

  private mutating func readMasks(_ file: URL) throws {
    let root = root.appending(path: "masks")
    try forEachRow(file, requiring: ["MaskPath"]) { reader, table, row, place, label in
      guard let path = table.value("MaskPath", of: row), !path.contains("..") else {
        throw DataError.unreadable(
          file: "\(table.name):\(row.line)",
          reason: "MaskPath is empty or leads out of masks/"
        )
      }
      let folders = place.subset.folderNames + [""]
      let url = folders.lazy.map { root.appending(path: $0.isEmpty ? path : "\($0)/\(path)") }
        .first { FileManager.default.fileExists(atPath: $0.path) }
      guard let url else {
        throw DataError.unreadable(
          file: "\(table.name):\(row.line)",
          reason: "the mask \(path) does not exist below masks/"
        )
      }
      var attributes: [String: AttributeValue] = [:]
      if let id = table.value("BoxID", of: row) { attributes["box_id"] = .text(id) }
      if let iou = table.value("PredictedIoU", of: row).flatMap({ Double($0) }) {
        attributes["predicted_iou"] = .number(iou)
      }
      let region = Region.maskFile(MaskFile(url: url, selection: .nonZero))
      let hasBox = table.value("BoxXMin", of: row) != nil
      let box = hasBox ? try reader.box(table, row, place, prefix: "Box") : nil
      reader.add(region, box: box, label: label, attributes, to: place)
    }
  }

  /// Gives a mask to the object that has its box, else makes an object of it.
  private mutating func add(
    _ region: Region,
    box: BoundingBox?,
    label: String,
    _ attributes: [String: AttributeValue],
    to place: Place
  ) {
    let index = items[place.subset]?[place.index].annotations.firstIndex { other in
      guard other.region == nil, other.label == label, let box, let known = other.box else {
        return false
      }
      // The two tables have different numbers of digits.
      let pairs = [(box.x1, known.x1), (box.y1, known.y1), (box.x2, known.x2), (box.y2, known.y2)]
      return pairs.allSatisfy { abs($0 - $1) < 0.01 }
    }
    guard let index else {
      var annotation = Annotation.region(region, label: label, box: box)
      if !attributes.isEmpty { annotation.attributes = attributes }
      items[place.subset]?[place.index].annotations.append(annotation)
      return
    }
    items[place.subset]?[place.index].annotations[index].region = region
    if !attributes.isEmpty {
      items[place.subset]?[place.index].annotations[index].attributes.merge(attributes) { $1 }
    }
  }

  /// Parents of the labels that the dataset names.
  private func parents(_ file: URL) throws -> [String: String] {
    var result: [String: String] = [:]
    try JSONScanner.scan(file, name: name(file)) { scanner in
      _ = try OpenImagesReader.node(&scanner, depth: 0, known: known, &result)
    }
    return result
  }

  /// Reads a node of the tree and returns its label; its children are given parents.
  private static func node(
    _ scanner: inout JSONScanner,
    depth: Int,
    known: Set<String>,
    _ parents: inout [String: String]
  ) throws -> String? {
    guard depth < 64 else { throw scanner.failure("is nested deeper than 64 labels") }
    var name: String?
    var children: [String] = []
    try scanner.object { scanner, key in
      switch key {
      case "LabelName": name = try scanner.stringIfPresent()
      case "Subcategory":
        try scanner.array { scanner in
          if let child = try node(&scanner, depth: depth + 1, known: known, &parents) {
            children.append(child)
          }
        }
      default: try scanner.skipValue()
      }
    }
    if let name, known.contains(name) {
      for child in children where known.contains(child) && parents[child] == nil && child != name {
        parents[child] = name
      }
    }
    return name
  }
}
