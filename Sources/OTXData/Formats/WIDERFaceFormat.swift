public import Foundation
public import OTXCore

/// WIDER FACE: faces in pictures of events.
///
/// Yang et al., WIDER FACE: A Face Detection Benchmark, CVPR 2016, and the `readme.txt` of its
/// `wider_face_split`: a picture's path, the number of faces, and a line `x y width height blur
/// expression illumination invalid occlusion pose` for each. The folder of a picture,
/// `0--Parade`, is its event: a label of the picture. Faces have no label, unless the event's folder
/// is another one (as other programs write labels).
public struct WIDERFaceFormat: WritableDatasetFormat {
  public let name = "wider_face"
  public let title = "WIDER FACE"
  public let layouts = [
    "wider_face_split/wider_face_{train,val}_bbx_gt.txt and WIDER_{train,val}/images/<number>--<event>/*.jpg"
  ]
  /// Behind the box in a line.
  static let attributes = ["blur", "expression", "illumination", "invalid", "occluded", "pose"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let files = try? WIDERFaceFormat.files(in: root), let file = files.first else {
      return .no(nearly: nil)
    }
    return .certain(file.lastPathComponent)
  }

  private static func files(in root: URL) throws -> [URL] {
    let listing = try FolderListing(root)
    let folder = try listing.folder("wider_face_split").map { try FolderListing($0) } ?? listing
    return folder.files(endingIn: "txt").filter {
      let name = $0.lastPathComponent.lowercased()
      return name.hasPrefix("wider_face_")
        && (name.hasSuffix("_bbx_gt.txt") || name.hasSuffix("_filelist.txt"))
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    var sources: [(subset: Subset, file: URL, roots: [URL])] = []
    let base: URL
    switch location {
    case .root(let root, _):
      base = root
      for file in try WIDERFaceFormat.files(in: root) {
        let words = file.lastPathComponent.split(separator: "_")
        let name = words.count > 2 ? String(words[2]) : ""
        sources.append(
          (
            Subset(looselyNamed: name), file,
            [
              root.appending(path: "WIDER_\(name)/images"), root.appending(path: "WIDER_\(name)"),
              root,
            ]
          )
        )
      }
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no WIDER FACE dataset; expected \(layouts[0])"
        )
      }
    case .subsets(let subsets, _):
      for subset in Subset.allCases {
        guard let place = subsets[subset], let file = place.annotations else { continue }
        sources.append((subset, file, [place.root ?? file.deletingLastPathComponent()]))
      }
      base = sources.first?.roots[0] ?? URL(filePath: "/")
    }
    var reading = FormatReading()
    reading.labels = LabelListFile.read(in: base)
    for source in sources {
      var reader = WIDERFaceReader(base: base, roots: source.roots, labels: reading.labels)
      let name = source.file.path(below: base)
      reading.items[source.subset, default: []] += try reader.read(source.file, name: name)
      reading.problems += reader.problems
      reading.labels = reader.labels
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.boxes, .labels, .unnamed]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() {
      let labels = item.annotations.filter { $0.kind == .label }.compactMap(\.label)
      guard labels.count < 2, labels.allSatisfy({ !$0.contains("/") }) else {
        throw DataError.invalidItem(item.id, reason: "has several labels; a picture has one event")
      }
      for annotation in item.annotations where annotation.kind == .object {
        guard annotation.label == nil else {
          throw DataError.invalidItem(
            item.id,
            reason:
              "has an object '\(annotation.label ?? "")'; WIDER FACE holds faces, without labels"
          )
        }
      }
    }
    try PictureWriter.makeFolder(root.appending(path: "wider_face_split"))
    try LabelListFile.write(dataset.labels.names, in: root)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var writers: [String: PictureWriter] = [:]
      var lines: [String] = []
      for item in items {
        let label = item.annotations.first { $0.kind == .label }?.label
        let event =
          label.map { label in
            "\(dataset.labels.index(of: label) ?? 0)--\(label)"
          } ?? "no_label"
        let folder = root.appending(path: "WIDER_\(subset.rawValue)/images/\(event)")
        if writers[event] == nil { try PictureWriter.makeFolder(folder) }
        let name = try writers[event, default: PictureWriter(folder: folder, options: options)]
          .write(item).name
        let faces = item.annotations.compactMap(face)
        lines += ["\(event)/\(name)", "\(faces.count)"] + faces
      }
      let file = root.appending(path: "wider_face_split/wider_face_\(subset.rawValue)_bbx_gt.txt")
      try PictureWriter.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: file)
    }
  }

  private func face(_ annotation: Annotation) -> String? {
    guard annotation.kind == .object, let box = annotation.box else { return nil }
    let numbers = [box.x1, box.y1, box.width, box.height].map { "\($0)" }
    let others = WIDERFaceFormat.attributes.map { name in
      switch annotation.attributes[name] {
      case .number(let value): "\(AttributeValue.number(value))"
      case .flag(let value): value ? "1" : "0"
      default: "0"
      }
    }
    return (numbers + others).joined(separator: " ")
  }
}

/// Reads one list of pictures and faces.
struct WIDERFaceReader {
  let base: URL
  private var finder: PictureFinder
  private(set) var labels: [String]
  private(set) var problems: [DatasetProblem] = []

  init(base: URL, roots: [URL], labels: [String]) {
    (self.base, self.labels) = (base, labels)
    finder = PictureFinder(roots: roots)
  }

  mutating func read(_ file: URL, name: String) throws -> [DatasetItem] {
    var items: [DatasetItem] = []
    for (number, line) in try NumberedLines.read(file, name: name) {
      if FolderListing.isPictureName(line) {
        let url = finder.find(line)
        var item = DatasetItem(
          id: url.path(below: base),
          image: .file(url),
          annotations: [],
          origin: "\(name):\(number)"
        )
        if let label = event(of: line) { item.annotations.append(.label(label)) }
        items.append(item)
        continue
      }
      let fields = line.split(whereSeparator: \.isWhitespace)
      // The number of faces: it is counted anew.
      if fields.count == 1, let count = Int(fields[0]), count >= 0, !items.isEmpty { continue }
      let numbers = fields.compactMap { Double($0) }
      guard numbers.count == fields.count, numbers.count >= 4, numbers.allSatisfy(\.isFinite),
        !items.isEmpty
      else {
        problems.leaveOut(
          "line that is no face",
          at: "\(name):\(number)",
          "'\(line)' is no picture and not 'x y width height …'"
        )
        continue
      }
      // A picture without faces has one line of zeros.
      if numbers.allSatisfy({ $0 == 0 }) { continue }
      items[items.count - 1].annotations.append(face(numbers))
    }
    return items
  }

  private func face(_ numbers: [Double]) -> Annotation {
    var annotation = Annotation.box(
      BoundingBox(
        x1: Float(numbers[0]),
        y1: Float(numbers[1]),
        x2: Float(numbers[0] + numbers[2]),
        y2: Float(numbers[1] + numbers[3])
      ),
      label: nil
    )
    var attributes: [String: AttributeValue] = [:]
    for (name, value) in zip(WIDERFaceFormat.attributes, numbers.dropFirst(4)) where value != 0 {
      attributes[name] = .number(value)
    }
    if !attributes.isEmpty { annotation.attributes = attributes }
    return annotation
  }

  /// `Parade` of `0--Parade/0_Parade_1.jpg`.
  private mutating func event(of path: String) -> String? {
    let parts = path.replacingOccurrences(of: "\\", with: "/").split(separator: "/")
    guard parts.count > 1, let dashes = parts[parts.count - 2].range(of: "--") else { return nil }
    let label = String(parts[parts.count - 2][dashes.upperBound...])
    if !label.isEmpty, !labels.contains(label) { labels.append(label) }
    return label.isEmpty ? nil : label
  }
}
