public import Foundation
public import OTXCore

/// VoTT's export in one JSON file (Microsoft, Visual Object Tagging Tool 2).
public struct VoTTJSONFormat: DatasetFormat {
  public let name = "vott_json"
  public let title = "VoTT JSON"
  public let layouts = ["{train,val,test}-export.json with the pictures beside it"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? sources(.root(root, format: nil)).first,
      JSONScanner.firstKeys(of: first.file).contains("assets")
        || !JSONScanner.firstKeys(of: first.file).isDisjoint(with: ["tags", "sourceConnection"])
    else { return .no(nearly: nil) }
    return .certain(first.file.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources = try sources(location)
    guard let first = sources.first else {
      throw DataError.unreadable(file: location.place, reason: "holds no file '…-export.json'")
    }
    var base = first.file.deletingLastPathComponent()
    if case .root(let root, _) = location, root.pathExtension.lowercased() != "json" { base = root }
    var reading = FormatReading()
    for source in sources {
      let name = source.file.path(below: base)
      var reader = VoTTReader(
        base: base,
        name: name,
        finder: PictureFinder(roots: source.roots),
        log: ProblemLog(file: source.file, name: name)
      )
      reader.labels = reading.labels
      try reader.read(source.file)
      reading.labels = reader.labels
      reading.items[source.subset, default: []] += reader.items
      reading.problems += reader.log.problems
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  private func sources(
    _ location: DataLocation
  ) throws -> [(subset: Subset, file: URL, roots: [URL])] {
    try JSONSources.find(location) { folder in
      try FolderListing(folder).files(endingIn: "json").filter {
        $0.lastPathComponent.hasSuffix("-export.json")
      }
    }
  }
}

/// Reads one file of VoTT's.
private struct VoTTReader {
  let base: URL
  let name: String
  var finder: PictureFinder
  var log: ProblemLog
  var labels: [String] = []
  var items: [DatasetItem] = []

  mutating func read(_ file: URL) throws {
    var reader = self
    var hasAssets = false
    try JSONScanner.scan(file, name: name) { scanner in
      guard scanner.nextKind() == .object else {
        throw scanner.failure("is not VoTT's: it does not begin with an object '{'")
      }
      try scanner.members { scanner, key in
        switch key {
        case "tags":
          try scanner.objects { scanner in
            try scanner.members { scanner, key in
              guard case "name" = key else { return try scanner.skipValue() }
              if let label = try scanner.stringIfPresent() { reader.know(label) }
            }
          }
        case "assets" where scanner.nextKind() == .object:
          hasAssets = true
          try scanner.members { scanner, key in
            guard scanner.nextKind() == .object else { return try scanner.skipValue() }
            try reader.readAsset(&scanner, key.text)
          }
        default: try scanner.skipValue()
        }
      }
    }
    guard hasAssets else {
      throw DataError.unreadable(file: name, reason: "is not VoTT's: it has no 'assets'")
    }
    self = reader
  }

  private mutating func know(_ label: String) {
    if !labels.contains(label) { labels.append(label) }
  }

  private mutating func readAsset(_ scanner: inout JSONScanner, _ id: String) throws {
    let position = scanner.position
    var reader = self
    var (fileName, path): (String?, String?)
    var (height, width): (Int?, Int?)
    var annotations: [Annotation] = []
    try scanner.members { scanner, key in
      switch key {
      case "asset" where scanner.nextKind() == .object:
        try scanner.members { scanner, key in
          switch key {
          case "name": fileName = try scanner.stringIfPresent()
          case "path": path = try scanner.stringIfPresent()
          case "size" where scanner.nextKind() == .object:
            try scanner.members { scanner, key in
              switch key {
              case "height": height = try scanner.integerIfPresent()
              case "width": width = try scanner.integerIfPresent()
              default: try scanner.skipValue()
              }
            }
          default: try scanner.skipValue()
          }
        }
      case "regions": try scanner.objects { annotations += try reader.readRegion(&$0) }
      default: try scanner.skipValue()
      }
    }
    self = reader
    guard let picture = fileName ?? path.map({ URL(filePath: $0).lastPathComponent }) else {
      return try log.leftOut("incomplete image entry", at: position, "an asset needs a 'name'")
    }
    let found = finder.path(of: picture)
    var item = DatasetItem(
      id: found.url.path(below: base),
      image: .path(found),
      annotations: annotations,
      origin: name
    )
    if let height, let width { item.size = ImageSize(height: height, width: width) }
    item.attributes = ["id": .text(id)]
    items.append(item)
  }

  /// One annotation for each of the region's tags; one without a label where it has none.
  private mutating func readRegion(_ scanner: inout JSONScanner) throws -> [Annotation] {
    let position = scanner.position
    var (id, kind): (String?, String?)
    var tags: [String] = []
    var (left, top, width, height): (Double?, Double?, Double?, Double?)
    var points: [Float] = []
    try scanner.members { scanner, key in
      switch key {
      case "id": id = try scanner.stringIfPresent()
      case "type": kind = try scanner.stringIfPresent()
      case "tags" where scanner.nextKind() == .array:
        try scanner.array { scanner in
          if let tag = try scanner.stringIfPresent() { tags.append(tag) }
        }
      case "boundingBox" where scanner.nextKind() == .object:
        try scanner.members { scanner, key in
          switch key {
          case "left": left = try scanner.numberIfPresent()
          case "top": top = try scanner.numberIfPresent()
          case "width": width = try scanner.numberIfPresent()
          case "height": height = try scanner.numberIfPresent()
          default: try scanner.skipValue()
          }
        }
      case "points": try scanner.objects { points += try VoTTReader.point(&$0) }
      default: try scanner.skipValue()
      }
    }
    for tag in tags { know(tag) }
    guard let left, let top, let width, let height else {
      try log.leftOut(
        "incomplete annotation",
        at: position,
        "a region needs 'left', 'top', 'width' and 'height' in 'boundingBox'"
      )
      return []
    }
    let box = BoundingBox(
      x1: Float(left),
      y1: Float(top),
      x2: Float(left + width),
      y2: Float(top + height)
    )
    let isPolygon = kind == "POLYGON" && points.count >= 6 && points.allSatisfy(\.isFinite)
    return (tags.isEmpty ? [nil] : tags.map(Optional.some)).map { label in
      var annotation = Annotation(
        label: label,
        box: box,
        region: isPolygon ? .polygon(Polygon(points)) : nil
      )
      if let id { annotation.attributes = ["id": .text(id)] }
      return annotation
    }
  }

  private static func point(_ scanner: inout JSONScanner) throws -> [Float] {
    var (x, y): (Double?, Double?)
    try scanner.members { scanner, key in
      switch key {
      case "x": x = try scanner.numberIfPresent()
      case "y": y = try scanner.numberIfPresent()
      default: try scanner.skipValue()
      }
    }
    return [Float(x ?? .nan), Float(y ?? .nan)]
  }
}

/// VoTT's export as a table of boxes.
public struct VoTTCSVFormat: DatasetFormat {
  public let name = "vott_csv"
  public let title = "VoTT CSV"
  public let layouts = ["{train,val,test}-export.csv with the pictures beside it"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? sources(.root(root, format: nil)).first,
      (try? table(first.file, base: root)) != nil
    else { return .no(nearly: nil) }
    return .certain(first.file.path(below: root))
  }

  private func table(_ file: URL, base: URL) throws -> CSVTable {
    try CSVTable(
      file,
      name: file.path(below: base),
      requiring: ["image", "xmin", "ymin", "xmax", "ymax", "label"]
    )
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources = try sources(location)
    guard let first = sources.first else {
      throw DataError.unreadable(file: location.place, reason: "holds no file '…-export.csv'")
    }
    var base = first.file.deletingLastPathComponent()
    if case .root(let root, _) = location, root.pathExtension.lowercased() != "csv" { base = root }
    var reading = FormatReading()
    var known: Set<String> = []
    for source in sources {
      var table = try table(source.file, base: base)
      var finder = PictureFinder(roots: source.roots)
      var places: [String: Int] = [:]
      var items = reading.items.removeValue(forKey: source.subset) ?? []
      while let row = try table.next() {
        guard let picture = table.value("image", of: row) else {
          reading.problems.append(
            DatasetProblem(
              kind: "incomplete image entry",
              location: "\(table.name):\(row.line)",
              message: "a row needs an 'image'",
              remedy: .leftOut
            )
          )
          continue
        }
        if places[picture] == nil {
          let path = finder.path(of: picture)
          places[picture] = items.count
          items.append(
            DatasetItem(
              id: path.url.path(below: base),
              image: .path(path),
              annotations: [],
              origin: table.name
            )
          )
        }
        // A picture without objects has a row of its name alone.
        guard let place = places[picture], let label = table.value("label", of: row) else {
          continue
        }
        let box = BoundingBox(
          x1: Float(try table.number("xmin", of: row)),
          y1: Float(try table.number("ymin", of: row)),
          x2: Float(try table.number("xmax", of: row)),
          y2: Float(try table.number("ymax", of: row))
        )
        if known.insert(label).inserted { reading.labels.append(label) }
        items[place].annotations.append(.box(box, label: label))
      }
      reading.items[source.subset] = items
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  private func sources(
    _ location: DataLocation
  ) throws -> [(subset: Subset, file: URL, roots: [URL])] {
    try JSONSources.find(location) { folder in
      try FolderListing(folder).files(endingIn: "csv").filter {
        $0.lastPathComponent.hasSuffix("-export.csv")
      }
    }
  }
}
