public import Foundation
public import OTXCore

/// CelebA: the person in each picture, a box, five points of the face and forty attributes, in text files.
///
/// Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015. The aligned release has its pictures
/// in `img_align_celeba` and no boxes. Persons are called `class-<number>`, unless `dataset_meta.json`
/// names them. A face is one object with its box and points; attributes are the picture's.
public struct CelebAFormat: DatasetFormat {
  public let name: String
  public let title: String
  public let layouts: [String]
  private let isAligned: Bool

  public init() { self.init(isAligned: false) }

  private init(isAligned: Bool) {
    self.isAligned = isAligned
    name = isAligned ? "align_celeba" : "celeba"
    title = isAligned ? "CelebA, aligned" : "CelebA"
    layouts = [
      "Anno/identity_CelebA.txt, Eval/list_eval_partition.txt, Img/\(isAligned ? "img_align_celeba" : "img_celeba")/*.jpg"
    ]
  }

  public var variants: [any DatasetFormat] { isAligned ? [] : [CelebAFormat(isAligned: true)] }

  private struct Files {
    var identities: URL
    var pictures: URL
    var notes: FolderListing
    var partition: URL?
    var isAligned: Bool
  }

  private func files(in root: URL) -> Files? {
    guard let listing = try? FolderListing(root), let notes = listing.folder("Anno"),
      let noteFiles = try? FolderListing(notes),
      let identities = noteFiles.file("identity_CelebA.txt"),
      let folder = listing.folder("Img"), let images = try? FolderListing(folder)
    else { return nil }
    let whole = isAligned ? nil : images.folder("img_celeba")
    guard let pictures = whole ?? images.folder("img_align_celeba") else { return nil }
    let partition = listing.folder("Eval").flatMap { try? FolderListing($0) }?
      .file("list_eval_partition.txt")
    return Files(
      identities: identities,
      pictures: pictures,
      notes: noteFiles,
      partition: partition,
      isAligned: whole == nil
    )
  }

  public func recognizes(_ root: URL) -> Recognition {
    if let files = files(in: root) { return .certain(files.identities.path(below: root)) }
    let near = root.appending(path: "Anno/identity_CelebA.txt").path
    return .no(
      nearly: FileManager.default.fileExists(atPath: near)
        ? "Anno/identity_CelebA.txt is there, Img/img_celeba is not" : nil
    )
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    guard let files = files(in: root) else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    reading.labels = try LabelColors.metaNames(in: root, base: root) ?? []
    var table = CelebATable(pictures: files.pictures, base: root)
    try table.readIdentities(files.identities, labels: &reading.labels)
    let landmarks =
      files.isAligned ? "list_landmarks_align_celeba.txt" : "list_landmarks_celeba.txt"
    if let file = files.notes.file(landmarks) {
      let names = try table.readLandmarks(file)
      for label in reading.labels {
        reading.labelDetails.keypoints[label] = KeypointLayout(names: names)
      }
    }
    if !files.isAligned, let file = files.notes.file("list_bbox_celeba.txt") {
      try table.readBoxes(file)
    }
    if let file = files.notes.file("list_attr_celeba.txt") { try table.readAttributes(file) }
    if let file = files.partition { try table.readPartition(file) }
    reading.problems = table.problems
    for entry in table.ordered {
      reading.items[entry.subset, default: []].append(entry.item)
    }
    return reading
  }
}

/// What CelebA's files say, by picture.
private struct CelebATable {
  struct Entry {
    var item: DatasetItem
    var subset = Subset.train
    var label: String?
    var box: BoundingBox?
    var points: Keypoints?
  }

  let pictures: URL
  let base: URL
  private var entries: [String: Entry] = [:]
  private var order: [String] = []
  private(set) var problems: [DatasetProblem] = []

  init(pictures: URL, base: URL) { (self.pictures, self.base) = (pictures, base) }

  /// Entries with their annotations.
  var ordered: [(item: DatasetItem, subset: Subset)] {
    order.compactMap { name in
      guard let entry = entries[name] else { return nil }
      var item = entry.item
      if let label = entry.label { item.annotations.append(.label(label)) }
      if let points = entry.points {
        item.annotations.append(.keypoints(points, label: entry.label, box: entry.box))
      } else if let box = entry.box {
        item.annotations.append(.box(box, label: entry.label))
      }
      return (item, entry.subset)
    }
  }

  private mutating func change(_ name: String, _ body: (inout Entry) -> Void) {
    if entries[name] == nil {
      order.append(name)
      let url = pictures.appending(path: name)
      let path = url.path(below: base)
      entries[name] = Entry(item: DatasetItem(id: path, image: .file(url), annotations: []))
    }
    if var entry = entries.removeValue(forKey: name) {
      body(&entry)
      entries[name] = entry
    }
  }

  private struct Line {
    var number: Int
    var picture: String
    var values: [String]
  }

  /// Lines of a picture and values, behind some lines of heading.
  private func lines(_ file: URL, heading: Int) throws -> (heading: [String], lines: [Line]) {
    let all = try TextLines.read(file, name: file.path(below: base))
    let rows = all.dropFirst(heading).compactMap { number, text -> Line? in
      let words = CamVidFormat.words(of: text[...])
      return words.first.map { Line(number: number, picture: $0, values: Array(words.dropFirst())) }
    }
    return (all.prefix(heading).map(\.text), rows)
  }

  private mutating func leaveOut(_ file: URL, _ line: Line, _ message: String) {
    problems.append(
      DatasetProblem(
        kind: "damaged line",
        location: "\(file.path(below: base)):\(line.number)",
        message: message,
        remedy: .leftOut
      )
    )
  }

  mutating func readIdentities(_ file: URL, labels: inout [String]) throws {
    for line in try lines(file, heading: 0).lines {
      guard let number = line.values.first.flatMap({ Int($0) }), (0..<1_000_000).contains(number)
      else {
        leaveOut(file, line, "the line is not 'picture person'")
        continue
      }
      while labels.count <= number { labels.append("class-\(labels.count)") }
      let label = labels[number]
      let origin = "\(file.path(below: base)):\(line.number)"
      change(line.picture) {
        $0.label = label
        $0.item.origin = origin
      }
    }
  }

  /// - Returns: Names of the points.
  mutating func readLandmarks(_ file: URL) throws -> [String] {
    let (heading, lines) = try lines(file, heading: 2)
    let words = heading.last?.split { $0.isWhitespace }.map(String.init) ?? []
    for line in lines {
      let numbers = line.values.compactMap { Float($0) }
      guard numbers.count == line.values.count, numbers.count == words.count,
        numbers.count.isMultiple(of: 2)
      else {
        leaveOut(file, line, "the line has not \(words.count) numbers")
        continue
      }
      let visible = [Keypoints.Visibility](repeating: .visible, count: numbers.count / 2)
      change(line.picture) { $0.points = Keypoints(points: numbers, visibilities: visible) }
    }
    return stride(from: 0, to: words.count, by: 2).map {
      words[$0].hasSuffix("_x") ? String(words[$0].dropLast(2)) : words[$0]
    }
  }

  mutating func readBoxes(_ file: URL) throws {
    for line in try lines(file, heading: 2).lines {
      let numbers = line.values.compactMap { Float($0) }
      guard line.values.count == 4, numbers.count == 4 else {
        leaveOut(file, line, "the line is not 'picture x y width height'")
        continue
      }
      change(line.picture) {
        $0.box = BoundingBox(
          x1: numbers[0],
          y1: numbers[1],
          x2: numbers[0] + numbers[2],
          y2: numbers[1] + numbers[3]
        )
      }
    }
  }

  mutating func readAttributes(_ file: URL) throws {
    let (heading, lines) = try lines(file, heading: 2)
    let names = heading.last?.split { $0.isWhitespace }.map(String.init) ?? []
    for line in lines {
      guard line.values.count == names.count else {
        leaveOut(file, line, "the line has not \(names.count) attributes")
        continue
      }
      let pairs = zip(names, line.values).map { ($0, AttributeValue.flag(Int($1) ?? 0 > 0)) }
      change(line.picture) { $0.item.attributes = Dictionary(pairs) { first, _ in first } }
    }
  }

  mutating func readPartition(_ file: URL) throws {
    for line in try lines(file, heading: 0).lines {
      let subsets: [String: Subset] = ["0": .train, "1": .val, "2": .test]
      guard let subset = line.values.first.flatMap({ subsets[$0] }) else {
        leaveOut(file, line, "the line is not 'picture 0', 1 or 2")
        continue
      }
      change(line.picture) { $0.subset = subset }
    }
  }
}
