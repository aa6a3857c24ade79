import Foundation
import OTXCore
import OTXImage

/// One picture of a subset.
struct VOCEntry {
  /// Its path below the pictures' folder, without an ending.
  var name: String
  /// Where its objects should be; `nil` where the kind of dataset has no such files.
  var annotations: URL?
}

/// One subset: its pictures and annotation files, and where they may be.
struct VOCSource {
  var subset: Subset
  var entries: [VOCEntry]
  /// The likeliest first.
  var pictureRoots: [URL]
  /// The dataset's folder, where it has VOC's folders.
  var root: URL?
  /// The list that names the pictures, for messages; `nil` where all files of a folder are taken.
  var list: String?
  /// What the names of class lists end in: `trainval` of `cat_trainval.txt`.
  var listName = ""
}

/// Finds VOC's files in a folder.
struct VOCLayout {
  let kind: VOCKind

  /// Whether an XML file is VOC's: LabelMe's has the same root and outlines instead of boxes.
  static func isOurs(_ root: XMLElement) -> Bool {
    guard root.name == "annotation" else { return false }
    let objects = root.children("object")
    return objects.isEmpty && root.child("imagesize") == nil
      || objects.contains { $0.child("bndbox") != nil }
      || !objects.contains { $0.child("polygon") != nil || $0.child("segm") != nil }
  }

  func sources(in root: URL) throws -> [VOCSource] {
    let listing = try FolderListing(root)
    let listed = try lists(in: root, listing)
    if !listed.isEmpty { return listed }
    if let annotations = listing.folder("Annotations") {
      let files = try FolderListing(annotations).files(endingIn: "xml")
      guard !files.isEmpty, kind.hasObjects else { return [] }
      return [source(.train, files, [pictureFolder(listing), annotations], root: root)]
    }
    guard kind.hasObjects else { return [] }
    let direct = listing.files(endingIn: "xml")
    if !direct.isEmpty {
      let images = listing.folder("images").map { [$0] } ?? []
      return [source(.train, direct, [root] + images)]
    }
    return try listing.folders.compactMap { folder in
      guard let subset = Subset(folderName: folder.lastPathComponent) else { return nil }
      let files = try FolderListing(folder).files(endingIn: "xml")
      return files.isEmpty ? nil : source(subset, files, [folder])
    }
  }

  private func pictureFolder(_ listing: FolderListing) -> URL {
    listing.folder("JPEGImages") ?? listing.folder("images") ?? listing.root
  }

  private func source(
    _ subset: Subset,
    _ files: [URL],
    _ roots: [URL],
    root: URL? = nil
  ) -> VOCSource {
    let entries = files.map { file in
      VOCEntry(name: file.deletingPathExtension().lastPathComponent, annotations: file)
    }
    return VOCSource(subset: subset, entries: entries, pictureRoots: roots, root: root)
  }

  /// The subsets that the lists of `ImageSets` name.
  private func lists(in root: URL, _ listing: FolderListing) throws -> [VOCSource] {
    guard let sets = listing.folder("ImageSets") else { return [] }
    // Only a folder with VOC's own folders is read by its lists.
    guard
      listing.folder("Annotations") != nil || listing.folder("JPEGImages") != nil
        || listing.folder("SegmentationClass") != nil
    else { return [] }
    let folders = try FolderListing(sets)
    for name in kind.listFolders {
      guard let folder = folders.folder(name) else { continue }
      let sources = try lists(of: folder, root, listing)
      if !sources.isEmpty { return sources }
    }
    return []
  }

  private func lists(of folder: URL, _ root: URL, _ listing: FolderListing) throws -> [VOCSource] {
    let files = try FolderListing(folder).files(endingIn: "txt")
    func source(_ subset: Subset, _ names: [String]) throws -> VOCSource? {
      guard
        let list = names.lazy.compactMap({ name in
          files.first { $0.lastPathComponent == "\(name).txt" }
        }).first
      else { return nil }
      return try self.source(subset, list: list, root: root, listing)
    }
    var sources = try [
      source(.train, ["train"]), source(.val, ["val", "valid", "validation"]),
      source(.test, ["test"]), source(.unlabeled, ["unlabeled"]),
    ].compactMap { $0 }
    if !sources.contains(where: { $0.subset == .train }),
      let all = try source(.train, ["trainval", "default"])
    {
      sources.insert(all, at: 0)
    }
    return sources
  }

  private func source(
    _ subset: Subset,
    list: URL,
    root: URL,
    _ listing: FolderListing
  ) throws -> VOCSource {
    let pictures = pictureFolder(listing)
    let annotations = listing.folder("Annotations")
    let entries = try names(in: list, annotations, pictures).map { name in
      VOCEntry(
        name: name,
        annotations: kind.hasObjects ? annotations?.appending(path: "\(name).xml") : nil
      )
    }
    return VOCSource(
      subset: subset,
      entries: entries,
      pictureRoots: [pictures] + (annotations.map { [$0] } ?? []),
      root: root,
      list: list.path(below: root),
      listName: list.deletingPathExtension().lastPathComponent
    )
  }

  /// What the user named: folders of XML files, or lists of names, for each subset.
  func sources(_ subsets: [Subset: SubsetLocation]) throws -> [VOCSource] {
    try Subset.allCases.compactMap { subset in
      guard let location = subsets[subset] else { return nil }
      guard let annotations = location.annotations else {
        guard let root = location.root else { return nil }
        let files = try FolderListing(root).files(endingIn: "xml")
        return source(subset, files, [root])
      }
      if annotations.pathExtension.lowercased() == "txt" {
        // `VOC/ImageSets/Main/train.txt`: three folders up.
        let root =
          location.root
          ?? annotations.deletingLastPathComponent()
          .deletingLastPathComponent().deletingLastPathComponent()
        let listing = try FolderListing(root)
        var source = try source(subset, list: annotations, root: root, listing)
        if listing.folder("Annotations") == nil, kind.hasObjects {
          source.entries = source.entries.map {
            VOCEntry(name: $0.name, annotations: root.appending(path: "\($0.name).xml"))
          }
        }
        return source
      }
      let files = try FolderListing(annotations).files(endingIn: "xml")
      guard !files.isEmpty else {
        throw DataError.unreadable(
          file: annotations.path,
          reason: "the folder holds no .xml annotation file"
        )
      }
      let beside = annotations.deletingLastPathComponent().appending(path: "JPEGImages")
      return source(subset, files, [location.root, beside, annotations].compactMap { $0 })
    }
  }

  /// The names of a list; what stands behind the last space is a class flag or the number of an
  /// object, behind `#` a comment.
  private func names(in list: URL, _ annotations: URL?, _ pictures: URL) throws -> [String] {
    var seen: Set<String> = []
    // A challenge without a picture has an empty list.
    guard try ReadableFile(list).byteCount > 0 else { return [] }
    return try PictureList.lines(of: list, name: list.lastPathComponent).compactMap { _, line in
      guard !line.hasPrefix("#") else { return nil }
      let name = VOCLayout.name(of: line) { whole in
        let file = (annotations ?? pictures).appending(
          path: annotations == nil ? "\(whole).jpg" : "\(whole).xml"
        )
        return FileManager.default.fileExists(atPath: file.path)
      }
      // Lists of people name a picture once for each.
      guard kind.isAboutPeople else { return name }
      return seen.insert(name).inserted ? name : nil
    }
  }

  /// The picture of a line: `2007_000001`, `2007_000001 -1`, `"my picture" 1`, `my picture`.
  static func name(of line: String, exists: (String) -> Bool) -> String {
    let line = line.replacingOccurrences(of: "\\", with: "/")
    let quoted = line.split(separator: "\"", omittingEmptySubsequences: false)
    if quoted.count == 3, quoted[0].isEmpty { return String(quoted[1]) }
    guard let space = line.lastIndex(where: \.isWhitespace) else { return line }
    if exists(line) { return line }
    guard Int(line[line.index(after: space)...]) != nil else { return line }
    return line[..<space].trimmingCharacters(in: .whitespaces)
  }
}
