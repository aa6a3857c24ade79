public import Foundation
public import OTXCore

/// Create ML's object detection: a JSON list of pictures with boxes, as Roboflow exports it.
///
/// A box is given by its centre, in pixels from the top left (Apple, "Building an object detector
/// data source"). Datumaro 1.13 takes the centre for the corner.
public struct RoboflowCreateMLFormat: DatasetFormat {
  public let name = "roboflow_create_ml"
  public let title = "Create ML"
  public let aliases = ["create_ml"]
  public let layouts = [
    "{train,valid,test}/_annotations.createml.json with the pictures beside it"
  ]

  private static let fileName = "_annotations.createml.json"

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? sources(.root(root, format: nil)).first,
      first.file.lastPathComponent == RoboflowCreateMLFormat.fileName
    else { return .no(nearly: nil) }
    return .certain(first.file.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources = try sources(location)
    guard let first = sources.first else {
      throw DataError.unreadable(
        file: location.place,
        reason: "holds no \(RoboflowCreateMLFormat.fileName)"
      )
    }
    var base = first.file.deletingLastPathComponent()
    if case .root(let root, _) = location, root.pathExtension.lowercased() != "json" { base = root }
    var reading = FormatReading()
    var labels: Set<String> = []
    for source in sources {
      let name = source.file.path(below: base)
      var reader = CreateMLReader(
        base: base,
        name: name,
        finder: PictureFinder(roots: source.roots),
        log: ProblemLog(file: source.file, name: name)
      )
      try reader.read(source.file)
      reading.items[source.subset, default: []] += reader.items
      reading.problems += reader.log.problems
      labels.formUnion(reader.items.flatMap(\.annotations).compactMap(\.label))
    }
    reading.labels = labels.sorted()
    reading.noteUnusedPictures(base: base)
    return reading
  }

  private func sources(
    _ location: DataLocation
  ) throws -> [(subset: Subset, file: URL, roots: [URL])] {
    try JSONSources.find(location) { folder in
      let file = folder.appending(path: RoboflowCreateMLFormat.fileName)
      return FileManager.default.fileExists(atPath: file.path) ? [file] : []
    }
  }
}

/// Reads one file of Create ML's.
private struct CreateMLReader {
  let base: URL
  let name: String
  var finder: PictureFinder
  var log: ProblemLog
  var items: [DatasetItem] = []

  mutating func read(_ file: URL) throws {
    var reader = self
    try JSONScanner.scan(file, name: name) { scanner in
      guard scanner.nextKind() == .array else {
        throw scanner.failure("is not Create ML's: it does not begin with a list '['")
      }
      try scanner.array { scanner in
        guard scanner.nextKind() == .object else {
          throw scanner.failure("should be a list of objects")
        }
        try reader.readPicture(&scanner)
      }
    }
    self = reader
  }

  private mutating func readPicture(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var reader = self
    var picture: String?
    var annotations: [Annotation] = []
    try scanner.members { scanner, key in
      switch key {
      case "image", "imagefilename": picture = try scanner.stringIfPresent()
      case "annotations", "annotation":
        try scanner.objects { scanner in
          if let box = try reader.readBox(&scanner) { annotations.append(box) }
        }
      default: try scanner.skipValue()
      }
    }
    self = reader
    guard let picture, !picture.isEmpty else {
      return try log.leftOut("incomplete image entry", at: position, "a picture needs an 'image'")
    }
    let path = finder.path(of: picture)
    items.append(
      DatasetItem(
        id: path.url.path(below: base),
        image: .path(path),
        annotations: annotations,
        origin: name
      )
    )
  }

  private mutating func readBox(_ scanner: inout JSONScanner) throws -> Annotation? {
    let position = scanner.position
    var label: String?
    var (x, y, width, height): (Double?, Double?, Double?, Double?)
    try scanner.members { scanner, key in
      switch key {
      case "label": label = try scanner.stringIfPresent()
      case "coordinates" where scanner.nextKind() == .object:
        try scanner.members { scanner, key in
          switch key {
          case "x": x = try scanner.numberIfPresent()
          case "y": y = try scanner.numberIfPresent()
          case "width": width = try scanner.numberIfPresent()
          case "height": height = try scanner.numberIfPresent()
          default: try scanner.skipValue()
          }
        }
      default: try scanner.skipValue()
      }
    }
    guard let label, let x, let y, let width, let height else {
      try log.leftOut(
        "incomplete annotation",
        at: position,
        "an annotation needs a 'label', and 'x', 'y', 'width' and 'height' in 'coordinates'"
      )
      return nil
    }
    let box = BoundingBox(
      x1: Float(x - width / 2),
      y1: Float(y - height / 2),
      x2: Float(x + width / 2),
      y2: Float(y + height / 2)
    )
    return .box(box, label: label)
  }
}

extension DataLocation {
  /// What errors call it.
  var place: String {
    switch self {
    case .root(let root, _): root.path
    case .subsets(let subsets, _):
      Subset.allCases.compactMap { subsets[$0] }.compactMap { $0.annotations ?? $0.root }
        .first?.path ?? "the named files"
    }
  }
}

/// Finds annotation files that stand in a folder, or in a folder for each subset.
enum JSONSources {
  /// - Parameters:
  ///   - location: Where to look.
  ///   - files: The annotation files that lie in a folder.
  /// - Returns: For each file, its subset, and folders that picture names may be relative to.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a folder that cannot be read.
  static func find(
    _ location: DataLocation,
    _ files: (URL) throws -> [URL]
  ) throws -> [(subset: Subset, file: URL, roots: [URL])] {
    switch location {
    case .root(let root, _): return try find(in: root, files)
    case .subsets(let subsets, _):
      return try Subset.allCases.flatMap { subset -> [(subset: Subset, file: URL, roots: [URL])] in
        guard let location = subsets[subset], let place = location.annotations ?? location.root
        else { return [] }
        return try find(in: place, files).map { source in
          (subset, source.file, [location.root].compactMap { $0 } + source.roots)
        }
      }
    }
  }

  private static func find(
    in root: URL,
    _ files: (URL) throws -> [URL]
  ) throws -> [(subset: Subset, file: URL, roots: [URL])] {
    func source(_ file: URL, _ subset: Subset?) -> (subset: Subset, file: URL, roots: [URL]) {
      let stem = file.deletingPathExtension().lastPathComponent
      let named = Subset(folderName: stem.replacing("-export", with: ""), allowsPrefix: true)
      return (subset ?? named ?? .train, file, [file.deletingLastPathComponent()])
    }
    guard ["json", "csv"].contains(root.pathExtension.lowercased()) == false else {
      return [source(root, nil)]
    }
    let listing = try FolderListing(root)
    let own = try files(root)
    guard own.isEmpty else { return own.map { source($0, nil) } }
    return try listing.folders.flatMap { folder -> [(subset: Subset, file: URL, roots: [URL])] in
      guard let subset = Subset(folderName: folder.lastPathComponent) else { return [] }
      return try files(folder).map { source($0, subset) }
    }
  }
}
