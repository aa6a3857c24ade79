public import Foundation
public import OTXCore

/// Labeled Faces in the Wild: pictures by person, and pairs of the same and of different persons.
///
/// Huang et al., Labeled Faces in the Wild, 2007, in the folders that Datumaro gives it. Pairs become the
/// attributes `positive_pairs` and `negative_pairs` of the first picture's item, paths with `;` between.
public struct LFWFormat: DatasetFormat {
  public let name = "lfw"
  public let title = "Labeled Faces in the Wild"
  public let layouts = [
    "<subset>/annotations/pairs.txt, <subset>/images/<person>/<person>_0001.jpg"
  ]

  public init() {}

  private static func sources(in root: URL) throws -> [(subset: Subset, folder: URL, pairs: URL)] {
    let listing = try FolderListing(root)
    return ([root] + listing.folders).compactMap { folder in
      let pairs = folder.appending(path: "annotations/pairs.txt")
      guard FileManager.default.fileExists(atPath: pairs.path) else { return nil }
      return (Subset(folderName: folder.lastPathComponent) ?? .train, folder, pairs)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? LFWFormat.sources(in: root).first else { return .no(nearly: nil) }
    return .certain(first.pairs.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try LFWFormat.sources(in: root)
    guard !sources.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    var labels = try LabelList(LabelColors.metaNames(in: root, base: root) ?? [])
    for source in sources {
      let people = source.folder.appending(path: "annotations/people.txt")
      if FileManager.default.fileExists(atPath: people.path) {
        for (_, line) in try TextLines.read(people, name: people.path(below: root)) {
          let fields = line.split(separator: "\t")
          if fields.count == 2 { labels.add(String(fields[0])) }
        }
      }
      let images = source.folder.appending(path: "images")
      let listing =
        (try? FolderListing(images)) == nil ? [] : try LabelMapLayout.pictures(below: images)
      var table = Table(
        pictures: Dictionary(listing.map { ($0.key, $0.url) }) { first, _ in first },
        base: root
      )
      try table.read(source.pairs)
      try table.readLandmarks(source.folder.appending(path: "annotations/landmarks.txt"))
      for label in table.labels { labels.add(label) }
      reading.problems += table.problems
      LabelMapLayout.add(table.finished, to: &reading, source.subset)
    }
    reading.labels = labels.names
    return reading
  }

  /// Items by the key of their picture: `person/person_0001`.
  private struct Table {
    let pictures: [String: URL]
    let base: URL
    private(set) var problems: [DatasetProblem] = []
    private(set) var labels: [String] = []
    private var items: [String: DatasetItem] = [:]
    private var order: [String] = []
    private var pairs: [String: [Bool: [String]]] = [:]

    init(pictures: [String: URL], base: URL) { (self.pictures, self.base) = (pictures, base) }

    var finished: [DatasetItem] {
      order.compactMap { key in
        guard var item = items[key] else { return nil }
        for (isPositive, others) in pairs[key] ?? [:] {
          item.attributes[isPositive ? "positive_pairs" : "negative_pairs"] = .text(
            others.joined(separator: ";")
          )
        }
        return item
      }
    }

    private mutating func leaveOut(_ place: String, _ message: String) {
      problems.append(
        DatasetProblem(kind: "damaged line", location: place, message: message, remedy: .leftOut)
      )
    }

    /// Adds the picture of a key; `false` where it does not exist.
    private mutating func add(_ key: String, person: String?, place: String) -> Bool {
      if items[key] != nil { return true }
      guard let url = pictures[key] else {
        leaveOut(place, "the picture \(key) does not exist")
        return false
      }
      if let person { labels.append(person) }
      order.append(key)
      items[key] = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        annotations: person.map { [.label($0)] } ?? [],
        origin: place
      )
      return true
    }

    private func key(_ person: String, _ number: String) -> String {
      guard let value = Int(number) else { return "\(person)/\(number)" }
      let digits = "\(value)"
      return
        "\(person)/\(person)_\(String(repeating: "0", count: max(4 - digits.count, 0)))\(digits)"
    }

    mutating func read(_ file: URL) throws {
      let name = file.path(below: base)
      for (number, line) in try TextLines.read(file, name: name) {
        let place = "\(name):\(number)"
        let fields = line.split(separator: "\t").map(String.init)
        switch fields.count {
        case 1:
          // The first line of the original file says how many there are.
          if Int(fields[0]) != nil { continue }
          let person = fields[0].split(separator: "/").dropLast().first.map(String.init)
          _ = add(fields[0], person: person, place: place)
        case 2 where Int(fields[0]) != nil: continue
        case 3:
          addPair(
            (key(fields[0], fields[1]), fields[0]),
            (key(fields[0], fields[2]), fields[0]),
            isPositive: true,
            place: place
          )
        case 4:
          let hasPerson = fields[2] != "-"
          addPair(
            (key(fields[0], fields[1]), fields[0]),
            (hasPerson ? key(fields[2], fields[3]) : fields[3], hasPerson ? fields[2] : nil),
            isPositive: false,
            place: place
          )
        default: leaveOut(place, "the line is no pair: three or four fields with tabs between")
        }
      }
    }

    private mutating func addPair(
      _ first: (key: String, person: String?),
      _ second: (key: String, person: String?),
      isPositive: Bool,
      place: String
    ) {
      let hasFirst = add(first.key, person: first.person, place: place)
      let hasSecond = add(second.key, person: second.person, place: place)
      guard hasFirst, hasSecond else { return }
      pairs[first.key, default: [:]][isPositive, default: []].append(second.key)
    }

    mutating func readLandmarks(_ file: URL) throws {
      guard FileManager.default.fileExists(atPath: file.path) else { return }
      let name = file.path(below: base)
      for (number, line) in try TextLines.read(file, name: name) {
        let place = "\(name):\(number)"
        let fields = line.split(separator: "\t").map(String.init)
        let numbers = fields.dropFirst().compactMap { Float($0) }
        guard let picture = fields.first, numbers.count == fields.count - 1, !numbers.isEmpty,
          numbers.count.isMultiple(of: 2)
        else {
          leaveOut(place, "the line is no picture and pairs of numbers with tabs between")
          continue
        }
        let path = (picture as NSString).deletingPathExtension
        let person = path.split(separator: "/").dropLast().first.map(String.init)
        let ends = pictures.keys.filter { $0 == path || $0.hasSuffix("/\(path)") }
        guard let key = ends.min(), add(key, person: person, place: place) else { continue }
        let visible = [Keypoints.Visibility](repeating: .visible, count: numbers.count / 2)
        let points = Keypoints(points: numbers, visibilities: visible)
        let label = person ?? items[key]?.annotations.first?.label
        items[key]?.annotations.append(.keypoints(points, label: label))
      }
    }
  }
}

/// VGGFace2: pictures by person, with boxes and five points of each face in tables.
///
/// Cao et al., VGGFace2, FG 2018. A face is one object with its box and points.
public struct VGGFace2Format: DatasetFormat {
  public let name = "vgg_face2"
  public let title = "VGGFace2"
  public let layouts = [
    "bb_landmark/loose_bb_{train,test}.csv, bb_landmark/loose_landmark_{train,test}.csv, {train,test}/<person>/*.jpg"
  ]

  private static let prefixes = ["loose_bb_", "loose_landmark_"]

  public init() {}

  private static func tables(in root: URL) -> [URL] {
    let listing = (try? FolderListing(root))?.folder("bb_landmark").flatMap {
      try? FolderListing($0)
    }
    return (listing?.files(endingIn: "csv") ?? []).filter { file in
      prefixes.contains { file.lastPathComponent.hasPrefix($0) }
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = VGGFace2Format.tables(in: root).first else { return .no(nearly: nil) }
    return .certain(first.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let tables = VGGFace2Format.tables(in: root)
    guard !tables.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    let listing = try FolderListing(root)
    var words: [String] = []
    for table in tables {
      let stem = table.deletingPathExtension().lastPathComponent
      guard let prefix = VGGFace2Format.prefixes.first(where: { stem.hasPrefix($0) }) else {
        continue
      }
      let word = String(stem.dropFirst(prefix.count))
      if !words.contains(word) { words.append(word) }
    }
    reading.labels = try labels(listing, words)
    let known = Set(reading.labels)
    for word in words.sorted() {
      let folder = listing.folder(word) ?? root.appending(path: word)
      var faces = VGGFaces(folder: folder, base: root, labels: known)
      for (prefix, isBox) in [("loose_bb_", true), ("loose_landmark_", false)] {
        let file = root.appending(path: "bb_landmark/\(prefix)\(word).csv")
        guard FileManager.default.fileExists(atPath: file.path) else { continue }
        try faces.read(file, isBox: isBox)
      }
      LabelMapLayout.add(faces.items, to: &reading, Subset(folderName: word) ?? .train)
    }
    return reading
  }

  private func labels(_ listing: FolderListing, _ words: [String]) throws -> [String] {
    if let names = try LabelColors.metaNames(in: listing.root, base: listing.root) { return names }
    if let file = listing.exactFile("labels.txt") {
      return try TextLines.read(file, name: "labels.txt").map { line in
        String(line.text.prefix { !$0.isWhitespace })
      }
    }
    var labels: Set<String> = []
    for word in words {
      guard let folder = listing.folder(word) else { continue }
      labels.formUnion(try FolderListing(folder).folders.map(\.lastPathComponent))
    }
    return labels.subtracting(["no_label"]).sorted()
  }
}

/// The faces of one subset.
private struct VGGFaces {
  let folder: URL
  let base: URL
  let labels: Set<String>
  private var order: [String] = []
  private var boxes: [String: BoundingBox] = [:]
  private var points: [String: Keypoints] = [:]

  init(folder: URL, base: URL, labels: Set<String>) {
    (self.folder, self.base, self.labels) = (folder, base, labels)
  }

  mutating func read(_ file: URL, isBox: Bool) throws {
    let name = file.path(below: base)
    var table = try CSVTable(file, name: name, requiring: ["NAME_ID"])
    var known = Set(order)
    while let row = try table.next() {
      guard let id = table.value("NAME_ID", of: row) else {
        throw DataError.unreadable(file: "\(name):\(row.line)", reason: "names no picture")
      }
      if known.insert(id).inserted { order.append(id) }
      let columns = isBox ? ["X", "Y", "W", "H"] : table.columns.filter { $0 != "NAME_ID" }
      // A face without an annotation has empty fields.
      guard columns.allSatisfy({ table.value($0, of: row) != nil }) else { continue }
      let numbers = try columns.map { Float(try table.number($0, of: row)) }
      if isBox {
        boxes[id] = BoundingBox(
          x1: numbers[0],
          y1: numbers[1],
          x2: numbers[0] + numbers[2],
          y2: numbers[1] + numbers[3]
        )
      } else if numbers.count.isMultiple(of: 2) {
        let visible = [Keypoints.Visibility](repeating: .visible, count: numbers.count / 2)
        points[id] = Keypoints(points: numbers, visibilities: visible)
      }
    }
  }

  var items: [DatasetItem] {
    var finder = PictureFinder(roots: [folder])
    return order.map { id in
      let person = id.split(separator: "/").dropLast().first.map(String.init)
      let label = person.flatMap { labels.contains($0) ? $0 : nil }
      let path = finder.path(of: FolderListing.isPictureName(id) ? id : id + ".jpg")
      let annotation: Annotation? =
        if let points = points[id] {
          .keypoints(points, label: label, box: boxes[id])
        } else if let box = boxes[id] {
          .box(box, label: label)
        } else {
          label.map { .label($0) }
        }
      return DatasetItem(
        id: path.url.path(below: base),
        image: .path(path),
        annotations: annotation.map { [$0] } ?? [],
        origin: "bb_landmark: \(id)"
      )
    }
  }
}
