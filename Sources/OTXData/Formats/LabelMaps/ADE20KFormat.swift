public import Foundation
public import OTXCore

/// ADE20K as it came out in 2017: a list of objects (`_atr.txt`), a picture of objects (`_seg.png`) and
/// pictures of their parts (`_parts_1.png`, …) beside each picture.
///
/// Zhou et al., Scene Parsing through ADE20K Dataset, CVPR 2017. An object's pixels are those whose blue
/// part has its number as rank. Labels come in the order in which the lists name them, after those of
/// `dataset_meta.json`.
public struct ADE20K2017Format: DatasetFormat {
  public let name = "ade20k2017"
  public let title = "ADE20K 2017"
  public let layouts = ["{training,validation}/**/a.jpg, a_seg.png, a_parts_1.png, a_atr.txt"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard
      let file = ADE20KFiles.firstFile(in: root, where: { $0.hasSuffix("_atr.txt") })
    else { return .no(nearly: nil) }
    return .certain(file.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    var reading = FormatReading()
    var labels = try LabelList(LabelColors.metaNames(in: root, base: root) ?? [])
    for (subset, pictures) in try ADE20KFiles.pictures(in: root) {
      for picture in pictures {
        let stem = picture.deletingPathExtension().path
        let list = URL(filePath: "\(stem)_atr.txt")
        let name = list.path(below: root)
        var item = DatasetItem(
          id: picture.path(below: root),
          image: .file(picture),
          annotations: [],
          origin: name
        )
        guard FileManager.default.fileExists(atPath: list.path) else {
          reading.problems.append(ADE20KFiles.withoutList(item.id, name))
          reading.items[subset, default: []].append(item)
          continue
        }
        for object in try ADE20K2017Format.objects(of: list, name: name, &reading.problems) {
          labels.add(object.label)
          let ending = object.partLevel == 0 ? "seg" : "parts_\(object.partLevel)"
          let mask = URL(filePath: "\(stem)_\(ending).png")
          guard FileManager.default.fileExists(atPath: mask.path) else {
            reading.problems.append(
              DatasetProblem(
                kind: "missing mask",
                location: name,
                message:
                  "the object \(object.id) (\(object.label)) lies in \(mask.lastPathComponent), which does not exist",
                remedy: .leftOut
              )
            )
            continue
          }
          item.annotations.append(object.annotation(mask))
        }
        reading.items[subset, default: []].append(item)
      }
    }
    reading.labels = labels.names
    return reading
  }

  private struct Object {
    var id: Int
    var partLevel: Int
    var isOccluded: Bool
    var label: String
    var attributes: [String]

    func annotation(_ mask: URL) -> Annotation {
      var annotation = Annotation.region(
        .maskFile(MaskFile(url: mask, selection: .blueRank(id))),
        label: label
      )
      (annotation.id, annotation.group) = (id, id)
      var values = Dictionary(attributes.map { ($0, AttributeValue.flag(true)) }) { first, _ in
        first
      }
      if isOccluded { values["occluded"] = .flag(true) }
      if partLevel > 0 { values["part_level"] = .number(Double(partLevel)) }
      annotation.attributes = values
      return annotation
    }
  }

  /// Lines of `id # part level # occluded # names # name # "attributes"`.
  private static func objects(
    of list: URL,
    name: String,
    _ problems: inout [DatasetProblem]
  ) throws -> [Object] {
    let text = String(decoding: try ReadableText.bytes(list, name: name), as: UTF8.self)
    var objects: [Object] = []
    for (index, line) in text.split(
      omittingEmptySubsequences: false,
      whereSeparator: { $0.isNewline }
    )
    .enumerated() where line.contains(where: { !$0.isWhitespace }) {
      let fields = line.split(separator: "#", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard fields.count == 6, let id = Int(fields[0]), let level = Int(fields[1]), id >= 0,
        (0...99).contains(level), !fields[4].isEmpty
      else {
        problems.append(
          DatasetProblem(
            kind: "damaged line",
            location: "\(name):\(index + 1)",
            message: "the line is not 'id # part level # occluded # names # name # \"attributes\"'",
            remedy: .leftOut
          )
        )
        continue
      }
      let attributes = fields[5].trimmingCharacters(in: ["\""]).split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      objects.append(
        Object(
          id: id,
          partLevel: level,
          isOccluded: fields[2] == "1",
          label: fields[4],
          attributes: attributes.filter { !$0.isEmpty }
        )
      )
    }
    return objects
  }
}

/// Labels in the order in which they are met.
struct LabelList {
  private(set) var names: [String]
  private var known: Set<String>

  init(_ names: [String]) { (self.names, known) = (names, Set(names)) }

  mutating func add(_ name: String) { if known.insert(name).inserted { names.append(name) } }
}

/// Files that may be empty.
enum ReadableText {
  static func bytes(_ url: URL, name: String) throws -> [UInt8] {
    do {
      return try ReadFile.bytes(url, name: name)
    } catch DataError.unreadable(_, let reason) where reason.hasPrefix("is empty") {
      return []
    }
  }
}

/// How both releases of ADE20K are laid out.
enum ADE20KFiles {
  /// Whether a name is that of a picture of objects or parts, and not of a scene.
  private static func isMask(_ stem: String) -> Bool {
    if stem.hasSuffix("_seg") || stem.hasPrefix("instance_") { return true }
    let words = stem.split(separator: "_")
    guard words.count > 2, let last = words.last else { return false }
    return words[words.count - 2] == "parts" && last.allSatisfy(\.isNumber)
  }

  /// Pictures of scenes of each subset, by path.
  static func pictures(in root: URL) throws -> [(Subset, [URL])] {
    try FolderListing(root).folders.map { folder in
      let pictures = try FolderListing.allPictures(below: folder).filter {
        !isMask($0.deletingPathExtension().lastPathComponent)
      }
      return (
        Subset(folderName: folder.lastPathComponent) ?? .train,
        pictures.sorted { $0.path < $1.path }
      )
    }
  }

  /// A file whose name fits, a few folders down; at most some hundred folders are looked into.
  static func firstFile(in root: URL, where fits: (String) -> Bool) -> URL? {
    var folders = [(root, 0)]
    var looked = 0
    while let (folder, depth) = folders.popLast(), looked < 200 {
      looked += 1
      guard let listing = try? FolderListing(folder) else { continue }
      if depth > 0, let file = listing.files.first(where: { fits($0.lastPathComponent) }) {
        return file
      }
      if depth < 5 { folders += listing.folders.reversed().map { ($0, depth + 1) } }
    }
    return nil
  }

  static func withoutList(_ item: String, _ list: String) -> DatasetProblem {
    DatasetProblem(
      kind: "picture without annotations",
      location: item,
      message: "the picture \(item) has no \(list)",
      remedy: .noted
    )
  }
}
