import Foundation
import OTXCore

/// Reads one annotation file of Datumaro's.
struct DatumaroReader {
  let source: DatumaroSource
  let base: URL
  private let name: String
  private var finder: PictureFinder
  private var header = DatumaroHeaderBox()
  private var items: [DatasetItem] = []
  private var log: ProblemLog

  /// Holds the header once it is known.
  private struct DatumaroHeaderBox {
    var labels: [String] = []
    var isOwn = false
  }

  init(source: DatumaroSource, base: URL) {
    (self.source, self.base) = (source, base)
    name = source.annotations.path(below: base)
    finder = PictureFinder(roots: source.imageRoots)
    log = ProblemLog(file: source.annotations, name: name)
  }

  /// Adds what the file says.
  mutating func read(into reading: inout FormatReading) throws {
    var reader = self
    let details = try JSONScanner.scan(source.annotations, name: name) { scanner in
      let known = try DatumaroHeader(&scanner)
      reader.header.labels = known.labels
      reader.header.isOwn = known.isOwn
      guard let position = known.itemsPosition else { return known.details }
      let end = scanner.position
      scanner.position = position
      try scanner.array { scanner in
        guard scanner.nextKind() == .object else {
          throw scanner.failure("'items' should be a list of objects")
        }
        try reader.readItem(&scanner)
      }
      scanner.position = end
      return known.details
    }
    self = reader
    for label in header.labels where !reading.labels.contains(label) {
      reading.labels.append(label)
    }
    reading.labelDetails.add(details)
    reading.items[source.subset, default: []] += items
    reading.problems += log.problems
  }

  // MARK: Items

  /// What an item states.
  private struct Fields {
    var id: String?
    var path: String?
    var mediaPath: String?
    var size: ImageSize?
    /// What there is instead of a picture.
    var otherMedia: String?
    var entries: [DatumaroEntry] = []
    var attributes: [String: AttributeValue] = [:]
    var labelMaps: [Annotation] = []
  }

  private mutating func readItem(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var reader = self
    var fields = Fields()
    try scanner.members { scanner, key in
      switch key {
      case "id": fields.id = try scanner.stringIfPresent()
      case "attr": fields.attributes = try scanner.attributes()
      case "image" where scanner.nextKind() == .object:
        (fields.path, fields.size) = try DatumaroReader.picture(&scanner)
      case "media" where scanner.nextKind() == .object:
        fields.mediaPath = try DatumaroReader.picture(&scanner).path
      case "point_cloud", "video_frame", "video":
        if scanner.nextKind() == .object { fields.otherMedia = key.text }
        try scanner.skipValue()
      case "annotations": try scanner.objects { try reader.readEntry(&$0, &fields) }
      case "otx_label_maps":
        try scanner.objects { scanner in
          if let map = try DatumaroLabelMap.read(&scanner, root: reader.mapRoot) {
            fields.labelMaps.append(.labelMap(map))
          }
        }
      default: try scanner.skipValue()
      }
    }
    self = reader
    try add(fields, position)
  }

  /// What paths of label maps are relative to.
  private var mapRoot: URL {
    source.annotations.deletingLastPathComponent().deletingLastPathComponent()
  }

  private static func picture(
    _ scanner: inout JSONScanner
  ) throws -> (path: String?, size: ImageSize?) {
    var path: String?
    var sides: [Float] = []
    try scanner.members { scanner, key in
      switch key {
      case "path": path = try scanner.stringIfPresent()
      case "size" where scanner.nextKind() == .array: try scanner.appendNumbers(to: &sides)
      default: try scanner.skipValue()
      }
    }
    let numbers = sides.compactMap { Int(exactly: $0) }
    let size = numbers.count == 2 ? ImageSize(height: numbers[0], width: numbers[1]) : nil
    return (path.flatMap { $0.isEmpty ? nil : $0 }, size)
  }

  private mutating func readEntry(_ scanner: inout JSONScanner, _ fields: inout Fields) throws {
    let position = scanner.position
    let (entry, flaw) = try DatumaroEntry.read(&scanner)
    guard var entry else {
      return try log.leftOut("incomplete annotation", at: position, "an annotation \(flaw)")
    }
    if let index = entry.labelIndex, !header.labels.indices.contains(index) {
      return try log.leftOut(
        "unknown label",
        at: position,
        "an annotation has the label \(index), and the file lists \(header.labels.count)"
      )
    }
    // Datumaro writes a 0 where there is no number.
    if entry.id == 0, !header.isOwn { entry.id = nil }
    fields.entries.append(entry)
  }

  private mutating func add(_ fields: Fields, _ position: Int) throws {
    guard let id = fields.id else {
      return try log.leftOut("incomplete item", at: position, "an item needs an 'id'")
    }
    if let media = fields.otherMedia, fields.path == nil {
      return try log.leftOut(
        "item without a picture",
        at: position,
        "the item '\(id)' is a \(media.replacing("_", with: " ")), which is not read"
      )
    }
    // Without a path, Datumaro takes the id for it.
    let path = finder.path(of: fields.path ?? fields.mediaPath ?? id + ".jpg")
    var item = DatasetItem(
      id: path.url.path(below: base),
      image: .path(path),
      size: fields.size,
      annotations: fields.labelMaps
        + DatumaroObjects(labels: header.labels).annotations(of: fields.entries),
      origin: name
    )
    if !fields.attributes.isEmpty { item.attributes = fields.attributes }
    items.append(item)
  }
}

extension LabelDetails {
  /// Adds what another file says; of labels that both know, the first counts.
  mutating func add(_ other: LabelDetails) {
    parents.merge(other.parents) { first, _ in first }
    colors.merge(other.colors) { first, _ in first }
    keypoints.merge(other.keypoints) { first, _ in first }
    exclusiveGroups += other.exclusiveGroups.filter { !exclusiveGroups.contains($0) }
  }
}

/// Joins what Datumaro keeps apart: box, outline, mask and key points of one object.
struct DatumaroObjects {
  let labels: [String]

  /// What tells objects apart.
  private enum Key: Hashable {
    case object(Int)
    /// Of one group, number and label: as Datumaro keeps what other formats say of an object.
    case group(Int, id: Int?, label: Int?)
    case alone(Int)
  }

  func annotations(of entries: [DatumaroEntry]) -> [Annotation] {
    var order: [Key] = []
    var parts: [Key: [DatumaroEntry]] = [:]
    for (index, entry) in entries.enumerated() {
      if case .labelMapPart = entry.content { continue }
      let key = key(of: entry, index)
      if parts[key] == nil { order.append(key) }
      parts[key, default: []].append(entry)
    }
    return order.flatMap { key -> [Annotation] in
      let entries = parts[key] ?? []
      if entries.count == 1 { return [annotation(entries)] }
      guard isOneObject(entries) else { return entries.map { annotation([$0]) } }
      var whole = annotation(entries)
      if case .group(let group, _, _) = key {
        // A group of one object says no more than that.
        let others = order.contains { other in
          if case .group(group, _, _) = other { other != key } else { false }
        }
        if !others { whole.group = 0 }
      }
      return [whole]
    }
  }

  private func key(of entry: DatumaroEntry, _ index: Int) -> Key {
    if let object = entry.object { return .object(object) }
    switch entry.content {
    case .label, .caption, .labelMapPart: return .alone(index)
    case .box, .polygon, .region, .keypoints:
      return entry.group == 0
        ? .alone(index) : .group(entry.group, id: entry.id, label: entry.labelIndex)
    }
  }

  /// Whether there is at most one box, one region (of one or several outlines) and one set of points.
  private func isOneObject(_ entries: [DatumaroEntry]) -> Bool {
    var (boxes, regions, polygons, keypoints) = (0, 0, 0, 0)
    for entry in entries {
      switch entry.content {
      case .box: boxes += 1
      case .polygon: polygons += 1
      case .region: regions += 1
      case .keypoints: keypoints += 1
      case .label, .caption, .labelMapPart: return false
      }
    }
    return boxes <= 1 && regions <= 1 && keypoints <= 1 && (regions == 0 || polygons == 0)
  }

  private func annotation(_ entries: [DatumaroEntry]) -> Annotation {
    var (box, region): (BoundingBox?, Region?)
    var (keypoints, caption): (Keypoints?, String?)
    var outlines: [[Float]] = []
    var attributes: [String: AttributeValue] = [:]
    for entry in entries {
      attributes.merge(entry.attributes) { first, _ in first }
      switch entry.content {
      case .label, .labelMapPart: break
      case .caption(let text): caption = text
      case .box(let value): box = value
      case .polygon(let points): outlines.append(points)
      case .region(let value): region = value
      case .keypoints(let value): keypoints = value
      }
    }
    if !outlines.isEmpty { region = .polygon(Polygon(parts: outlines)) }
    let first = entries[0]
    var annotation = Annotation(
      label: first.labelIndex.map { labels[$0] },
      box: box ?? region?.bounds ?? keypoints?.bounds,
      region: region
    )
    if let caption { annotation.caption = caption }
    if let keypoints { annotation.keypoints = keypoints }
    if let id = first.id { annotation.id = id }
    if first.group != 0 { annotation.group = first.group }
    if case .flag(let isCrowd)? = attributes.removeValue(forKey: "is_crowd") {
      annotation.isCrowd = isCrowd
    }
    if case .flag(true)? = attributes["difficult"] {
      annotation.isDifficult = true
      attributes["difficult"] = nil
    }
    if !attributes.isEmpty { annotation.attributes = attributes }
    return annotation
  }
}
