public import Foundation
public import OTXCore

/// Pascal VOC: one XML file of objects for each picture.
///
/// Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, IJCV 2010. Coordinates are
/// taken as they stand: `xmin` is where a box begins and `xmax` where it ends.
public struct VOCFormat: WritableDatasetFormat {
  public let name = "voc"
  public let title = "Pascal VOC"
  public let layouts = [
    "Annotations/*.xml, JPEGImages/*.jpg, ImageSets/Main/{train,val,test}.txt",
    "{train,valid,test}/*.xml with the pictures beside them",
    "*.xml with the pictures beside them, split into train and val when read",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    do {
      guard let source = try VOCLayout.sources(in: root).first,
        let file = source.annotations.first
      else {
        let hasFolder = try FolderListing(root).folder("JPEGImages") != nil
        return .no(nearly: hasFolder ? "JPEGImages/ is there, Annotations/*.xml is not" : nil)
      }
      // One damaged file does not make it another format.
      let roots = source.annotations.prefix(5).map { file in
        try? XMLScanner.read(ReadFile.bytes(file, name: ""), name: "").name
      }
      let name = file.path(below: root)
      let others = roots.compactMap { $0 }.filter { $0 != "annotation" }
      if let other = others.first, others.count == roots.count {
        return .no(nearly: "\(name) holds <\(other)> and not <annotation>")
      }
      return .certain(name)
    } catch {
      return .no(nearly: nil)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources: [VOCSource]
    let base: URL
    switch location {
    case .root(let root, _):
      base = root
      sources = try VOCLayout.sources(in: root)
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no VOC annotations; expected \(layouts.joined(separator: ", or "))"
        )
      }
    case .subsets(let subsets, _):
      sources = try VOCLayout.sources(subsets)
      base =
        sources.first?.pictureRoots.first ?? URL(filePath: "/")
    }
    var reading = FormatReading()
    var labels: Set<String> = []
    for source in sources {
      let (items, problems) = try VOCReader(source: source, base: base).read()
      reading.items[source.subset, default: []] += items
      reading.problems += problems
      labels.formUnion(items.flatMap(\.annotations).compactMap(\.label))
    }
    let declared = VOCLayout.labelMap(in: base)
    reading.labels = declared + labels.subtracting(declared).sorted()
    reading.noteUnusedPictures(base: base)
    return reading
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    try VOCWriter(options: options).write(dataset, to: root)
  }
}

/// One subset: its annotation files, and where its pictures may be.
struct VOCSource {
  var subset: Subset
  var annotations: [URL]
  /// The likeliest first.
  var pictureRoots: [URL]
}

/// Finds VOC's files in a folder.
enum VOCLayout {
  static func sources(in root: URL) throws -> [VOCSource] {
    let listing = try FolderListing(root)
    if let annotations = listing.folder("Annotations") {
      let files = try FolderListing(annotations).files(endingIn: "xml")
      guard !files.isEmpty else { return [] }
      let pictures = listing.folder("JPEGImages") ?? listing.folder("images") ?? root
      return try split(files, in: annotations, pictureRoots: [pictures, annotations], around: root)
    }
    let direct = listing.files(endingIn: "xml")
    if !direct.isEmpty {
      let images = listing.folder("images").map { [$0] } ?? []
      return [VOCSource(subset: .train, annotations: direct, pictureRoots: [root] + images)]
    }
    return try listing.folders.compactMap { folder in
      guard let subset = Subset(folderName: folder.lastPathComponent) else { return nil }
      let files = try FolderListing(folder).files(endingIn: "xml")
      return files.isEmpty
        ? nil : VOCSource(subset: subset, annotations: files, pictureRoots: [folder])
    }
  }

  /// Parts annotation files as `ImageSets/Main` says; all are for training where it is missing.
  private static func split(
    _ files: [URL],
    in annotations: URL,
    pictureRoots: [URL],
    around root: URL
  ) throws -> [VOCSource] {
    let lists = root.appending(path: "ImageSets/Main")
    func source(_ subset: Subset, _ name: String) throws -> VOCSource? {
      let list = lists.appending(path: "\(name).txt")
      guard FileManager.default.fileExists(atPath: list.path) else { return nil }
      let files = try names(in: list).map { annotations.appending(path: "\($0).xml") }
      return VOCSource(subset: subset, annotations: files, pictureRoots: pictureRoots)
    }
    var sources = try [(Subset.train, "train"), (.val, "val"), (.test, "test")].compactMap(source)
    if !sources.contains(where: { $0.subset == .train }), let all = try source(.train, "trainval") {
      sources.insert(all, at: 0)
    }
    guard sources.isEmpty else { return sources }
    return [VOCSource(subset: .train, annotations: files, pictureRoots: pictureRoots)]
  }

  /// What the user named: folders of XML files, or lists of names, for each subset.
  static func sources(_ subsets: [Subset: SubsetLocation]) throws -> [VOCSource] {
    try Subset.allCases.compactMap { subset in
      guard let location = subsets[subset] else { return nil }
      guard let annotations = location.annotations else {
        guard let root = location.root else { return nil }
        let files = try FolderListing(root).files(endingIn: "xml")
        return VOCSource(subset: subset, annotations: files, pictureRoots: [root])
      }
      if annotations.pathExtension.lowercased() == "txt" {
        // `VOC/ImageSets/Main/train.txt`: three folders up.
        let root =
          location.root
          ?? annotations.deletingLastPathComponent()
          .deletingLastPathComponent().deletingLastPathComponent()
        let listing = try FolderListing(root)
        let folder = listing.folder("Annotations") ?? root
        let files = try names(in: annotations).map { folder.appending(path: "\($0).xml") }
        let pictures = listing.folder("JPEGImages") ?? root
        return VOCSource(subset: subset, annotations: files, pictureRoots: [pictures, folder])
      }
      let files = try FolderListing(annotations).files(endingIn: "xml")
      guard !files.isEmpty else {
        throw DataError.unreadable(
          file: annotations.path,
          reason: "the folder holds no .xml annotation file"
        )
      }
      let beside = annotations.deletingLastPathComponent().appending(path: "JPEGImages")
      let roots = [location.root, beside, annotations].compactMap { $0 }
      return VOCSource(subset: subset, annotations: files, pictureRoots: roots)
    }
  }

  /// The names of a list; what stands behind a space is a class flag, behind `#` a comment.
  private static func names(in list: URL) throws -> [String] {
    let text = String(
      decoding: try ReadFile.bytes(list, name: list.lastPathComponent),
      as: UTF8.self
    )
    return text.split(whereSeparator: \.isNewline).compactMap { line in
      line.hasPrefix("#") ? nil : line.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }
  }

  /// Labels of `labelmap.txt`, whose lines are `label:color:parts:actions`.
  static func labelMap(in root: URL) -> [String] {
    let url = root.appending(path: "labelmap.txt")
    guard let bytes = try? ReadFile.bytes(url, name: "labelmap.txt") else { return [] }
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    return lines.compactMap { line in
      line.hasPrefix("#") ? nil : line.split(separator: ":").first.map(String.init)
    }
  }
}
