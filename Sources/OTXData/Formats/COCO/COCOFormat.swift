public import Foundation
public import OTXCore

/// COCO object detection: JSON files of images, annotations and categories.
///
/// Lin et al., Microsoft COCO: Common objects in context, ECCV 2014; cocodataset.org "Data format".
public struct COCOFormat: WritableDatasetFormat {
  public let name = "coco"
  public let title = "COCO"
  public let layouts = [
    "annotations/instances_{train,val,test}.json with images/{train,val,test}/ or {train,val,test}/",
    "{train,valid,test}/_annotations.coco.json with the pictures beside it",
    "one .json file with the pictures beside it or below images/",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    do {
      let sources = try COCOLayout.sources(in: root)
      if let first = sources.first(where: { COCOLayout.looksLikeCOCO($0.annotations) }) {
        return .certain(first.annotations.path(below: root))
      }
      if let first = sources.first {
        return .no(
          nearly:
            "\(first.annotations.path(below: root)) has no 'images', 'annotations' and 'categories'"
        )
      }
      return .no(nearly: nil)
    } catch {
      return .no(nearly: nil)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources: [COCOSource]
    let base: URL
    switch location {
    case .root(let root, _):
      base = root.pathExtension.lowercased() == "json" ? root.deletingLastPathComponent() : root
      // A file of COCO's own name that is damaged at its start is an error, not another file.
      sources = try COCOLayout.sources(in: root).filter {
        COCOLayout.hasOwnName($0.annotations) || COCOLayout.looksLikeCOCO($0.annotations)
      }
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no COCO annotation file; expected \(layouts.joined(separator: ", or "))"
        )
      }
    case .subsets(let subsets, _):
      sources = try COCOLayout.sources(subsets)
      base = sources.first?.annotations.deletingLastPathComponent() ?? URL(filePath: "/")
    }
    var reader = COCOReader(base: base)
    for source in sources { try reader.read(source) }
    return reader.finish()
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    try COCOWriter(layout: .standard, options: options).write(dataset, to: root)
  }
}

/// One annotation file, the subset it describes, and folders its picture names may be relative to.
struct COCOSource {
  var subset: Subset
  var annotations: URL
  /// The likeliest first.
  var imageRoots: [URL]
}

/// Joins annotation files into one dataset.
struct COCOReader {
  /// What item names are relative to.
  let base: URL
  private var categories: [COCOFile.Category] = []
  private var reading = FormatReading()

  init(base: URL) { self.base = base }

  mutating func read(_ source: COCOSource) throws {
    let name = source.annotations.path(below: base)
    let file = try COCOFile(source.annotations, name: name)
    var own: [String: Int] = [:]
    for category in file.categories {
      if let other = own.updateValue(category.id, forKey: category.name) {
        reading.problems.append(
          DatasetProblem(
            kind: "duplicate category name",
            location: name,
            message:
              "the categories \(other) and \(category.id) are both '\(category.name)': one label",
            remedy: .noted
          )
        )
      }
      if !categories.contains(where: { $0.name == category.name }) { categories.append(category) }
    }
    var log = ProblemLog(file: source.annotations, name: name)
    for flaw in file.flaws { try log.leftOut(flaw.kind, at: flaw.position, flaw.message) }
    let names = Dictionary(file.categories.map { ($0.id, $0.name) }) { first, _ in first }
    let items = try items(of: file, source, names, &log)
    reading.items[source.subset, default: []] += items
    reading.problems += log.problems
  }

  /// Categories by id, then by name where files disagree about ids.
  mutating func finish() -> FormatReading {
    let ordered = categories.enumerated().sorted {
      ($0.element.id, $0.offset) < ($1.element.id, $1.offset)
    }
    reading.labels = ordered.map(\.element.name)
    reading.noteUnusedPictures(base: base)
    return reading
  }

  private func items(
    of file: COCOFile,
    _ source: COCOSource,
    _ labels: [Int: String],
    _ log: inout ProblemLog
  ) throws -> [DatasetItem] {
    var finder = PictureFinder(roots: source.imageRoots)
    var items: [DatasetItem] = []
    items.reserveCapacity(file.pictures.count)
    var places: [Int: Int] = [:]
    var ambiguous: Set<Int> = []
    for picture in file.pictures {
      if let place = places[picture.id] {
        let isSame = items[place].id == finder.find(picture.fileName).path(below: base)
        if !isSame { ambiguous.insert(picture.id) }
        try log.leftOut(
          "duplicate image id",
          at: picture.position,
          isSame
            ? "image \(picture.id) (\(picture.fileName)) stands twice"
            : "two images have the id \(picture.id): \(items[place].id) and \(picture.fileName); both are left out"
        )
        continue
      }
      let url = finder.find(picture.fileName)
      places[picture.id] = items.count
      let size = picture.height.flatMap { height in
        picture.width.map { ImageSize(height: height, width: $0) }
      }
      items.append(
        DatasetItem(
          id: url.path(below: base),
          image: .file(url),
          size: size,
          annotations: [],
          origin: "\(file.name): image \(picture.id) (\(picture.fileName))"
        )
      )
    }
    try addBoxes(of: file, labels, places, to: &items, &log)
    if ambiguous.isEmpty { return items }
    let dropped = Set(ambiguous.compactMap { places[$0] })
    return items.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
  }

  private func addBoxes(
    of file: COCOFile,
    _ labels: [Int: String],
    _ places: [Int: Int],
    to items: inout [DatasetItem],
    _ log: inout ProblemLog
  ) throws {
    var seen: [Int: Int] = [:]
    for (index, object) in file.objects.enumerated() {
      let title = object.id.map { "annotation \($0)" } ?? "annotation"
      guard let place = places[object.imageID] else {
        try log.leftOut(
          "unknown image id",
          at: object.position,
          "\(title) belongs to image \(object.imageID), which is not in the file"
        )
        continue
      }
      guard let label = labels[object.categoryID] else {
        try log.leftOut(
          "unknown category id",
          at: object.position,
          "\(title) has category \(object.categoryID), which is not in the file"
        )
        continue
      }
      if let id = object.id {
        if let other = seen[id].map({ file.objects[$0] }) {
          if other.imageID == object.imageID, other.categoryID == object.categoryID,
            (other.x, other.y, other.width, other.height)
              == (object.x, object.y, object.width, object.height)
          {
            try log.leftOut("duplicate annotation", at: object.position, "\(title) stands twice")
            continue
          }
          try log.noted(
            "duplicate annotation id",
            at: object.position,
            "two annotations have the id \(id); both are kept"
          )
        }
        seen[id] = index
      }
      let box = BoundingBox(
        x1: Float(object.x),
        y1: Float(object.y),
        x2: Float(object.x + object.width),
        y2: Float(object.y + object.height)
      )
      items[place].annotations.append(.box(box, label: label, isCrowd: object.isCrowd))
    }
  }
}
