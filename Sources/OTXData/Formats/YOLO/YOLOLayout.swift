import Foundation
import OTXCore
import OTXImage

/// Finds YOLO's files in a folder.
enum YOLOLayout {
  /// Names of text files that are no labels of a picture.
  static let otherTexts: Set<String> = [
    "classes", "labels", "names", "train", "val", "valid", "test", "readme", "notes", "license",
    "readme.dataset", "readme.roboflow", "predefined_classes",
  ]

  /// The file that describes a dataset: `root` itself, or one below it; `nil` without one.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for several of which none is `data.yaml`.
  static func dataFile(in root: URL) throws -> URL? {
    let endings = ["yaml", "yml", "data"]
    if endings.contains(root.pathExtension.lowercased()), isDataFile(root) { return root }
    let listing = try FolderListing(root)
    let found = endings.flatMap { listing.files(endingIn: $0) }.filter(isDataFile)
    let preferred = found.first { ["data.yaml", "obj.data"].contains($0.lastPathComponent) }
    guard found.count < 2 || preferred != nil else {
      let names = found.map(\.lastPathComponent).joined(separator: ", ")
      throw DataError.unreadable(
        file: root.path,
        reason: "has several files that describe a dataset (\(names)); name the one to read"
      )
    }
    return preferred ?? found.first
  }

  private static func isDataFile(_ url: URL) -> Bool {
    guard let bytes = try? ReadFile.bytes(url, name: "") else { return false }
    let text = String(decoding: bytes, as: UTF8.self)
    return url.pathExtension.lowercased() == "data"
      ? DarknetFile.isOne(text) : YOLODataFile.isOne(text)
  }

  static func description(of root: URL) throws -> YOLODescription {
    guard let file = try dataFile(in: root) else { return try foldersOnly(root) }
    return file.pathExtension.lowercased() == "data"
      ? try DarknetFile.read(file) : try YOLODataFile.read(file)
  }

  /// Folders of pictures and labels that no file describes.
  private static func foldersOnly(_ root: URL) throws -> YOLODescription {
    let listing = try FolderListing(root)
    var description = YOLODescription(base: root)
    for (subset, folder) in try pictureFolders(in: listing) {
      let pictures = try FolderListing.allPictures(below: folder)
      if !pictures.isEmpty {
        description.sources.append(YOLOSource(subset: subset, pictures: pictures))
      }
    }
    try addNames(to: &description, from: listing)
    return description
  }

  /// What the user named: folders of pictures, or lists of them, for each subset.
  static func description(of subsets: [Subset: SubsetLocation]) throws -> YOLODescription {
    var description = YOLODescription(base: URL(filePath: "/"))
    for subset in Subset.allCases {
      guard let location = subsets[subset] else { continue }
      let isList = location.annotations?.pathExtension.lowercased() == "txt"
      guard let place = isList ? location.annotations : location.root ?? location.annotations
      else { continue }
      let folder = isList ? place.deletingLastPathComponent() : place
      if description.sources.isEmpty { description.base = folder }
      let pictures =
        isList
        ? try PictureList.read(place, roots: [location.root, folder].compactMap { $0 })
        : try FolderListing.allPictures(below: place)
      description.sources.append(YOLOSource(subset: subset, pictures: pictures))
      // `images/train` lies two folders below the file of names.
      var above = folder
      for _ in 0..<3 where description.names == nil {
        if let listing = try? FolderListing(above) {
          if let file = try? dataFile(in: above), file.pathExtension.lowercased() != "data" {
            (description.names, description.namesFile) = (
              try YOLODataFile.names(file), file.lastPathComponent
            )
          } else {
            try addNames(to: &description, from: listing)
          }
        }
        above = above.deletingLastPathComponent()
      }
    }
    return description
  }

  private static func addNames(
    to description: inout YOLODescription,
    from listing: FolderListing
  ) throws {
    guard let file = try namesFile(in: listing) else { return }
    description.namesFile = file.path(below: description.base)
    description.names = try PictureList.lines(of: file, name: description.namesFile).map(\.text)
  }

  /// The file of class names: `obj.names`, `classes.txt`, here or in a folder of labels.
  static func namesFile(in listing: FolderListing) throws -> URL? {
    let known = ["obj.names", "classes.txt", "classes.names", "predefined_classes.txt"]
    let all = listing.files
    if let file = known.compactMap({ name in all.first { $0.lastPathComponent == name } }).first {
      return file
    }
    if let file = listing.files(endingIn: "names").first { return file }
    for folder in listing.folders {
      let name = folder.lastPathComponent.lowercased()
      guard name == "labels" || Subset(folderName: name) != nil else { continue }
      if let file = try namesFile(in: FolderListing(folder)) { return file }
    }
    return nil
  }

  /// Folders of pictures by the subset that their place says.
  static func pictureFolders(
    in listing: FolderListing
  ) throws -> [(subset: Subset, folder: URL)] {
    func parts(_ listing: FolderListing) -> [(subset: Subset, folder: URL)] {
      listing.folders.compactMap { folder in
        Subset(folderName: folder.lastPathComponent).map { ($0, folder) }
      }
    }
    if let images = listing.folder("images") {
      let parts = parts(try FolderListing(images))
      return parts.isEmpty ? [(.train, images)] : parts
    }
    let subsets = try parts(listing).map { subset, folder in
      (subset: subset, folder: try FolderListing(folder).folder("images") ?? folder)
    }
    if !subsets.isEmpty { return subsets }
    return listing.pictures.isEmpty ? [] : [(.train, listing.root)]
  }

  /// Folders that may hold the label files of a folder's pictures, the likeliest first.
  ///
  /// `…/images/train` has its labels in `…/labels/train`; or they lie beside the pictures.
  static func labelFolders(of folder: URL) -> [URL] {
    let parts = folder.standardizedFileURL.pathComponents
    var result: [URL] = []
    if let place = parts.lastIndex(where: { $0.lowercased() == "images" }) {
      let parent = URL(filePath: NSString.path(withComponents: Array(parts[..<place])))
      let siblings = (try? FolderListing(parent))?.folders ?? []
      for name in ["labels", "annotations", "labeltxt"] {
        guard
          let sibling = siblings.first(where: { $0.lastPathComponent.lowercased() == name })
        else { continue }
        result.append(parts[(place + 1)...].reduce(sibling) { $0.appending(path: $1) })
      }
    }
    return result + [folder]
  }

  /// The first label file of a folder's first pictures.
  static func firstLabelFile(of folder: URL) throws -> URL? {
    for picture in try FolderListing.allPictures(below: folder, depth: 3).prefix(50) {
      for place in labelFolders(of: picture.deletingLastPathComponent()) {
        let stem = picture.deletingPathExtension().lastPathComponent
        let file = place.appending(path: stem + ".txt")
        if FileManager.default.fileExists(atPath: file.path) { return file }
      }
    }
    return nil
  }

  /// Whether a file's first line is a class and its numbers; an empty file says there is nothing.
  static func beginsLikeLabels(_ file: URL) throws -> Bool {
    let text = String(decoding: try ReadableFile(file).bytes(at: 0, count: 4096), as: UTF8.self)
    guard let line = text.split(whereSeparator: \.isNewline).first else { return true }
    let fields = line.split(whereSeparator: \.isWhitespace)
    return fields.count >= 5 && fields.prefix(5).allSatisfy { Double($0) != nil }
  }
}

/// Lists of pictures and of names: a line for each.
enum PictureList {
  /// The lines of a text file that hold something, with their numbers from 1.
  static func lines(of file: URL, name: String) throws -> [(number: Int, text: String)] {
    let bytes = try ReadFile.bytes(file, name: name)
    var text = String(decoding: bytes, as: UTF8.self)
    if text.first == "\u{FEFF}" { text.removeFirst() }
    return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
      .compactMap { index, line in
        let line = line.trimmingCharacters(in: .whitespaces)
        return line.isEmpty ? nil : (index + 1, line)
      }
  }

  /// The pictures that a list names.
  ///
  /// Paths are looked for below each of `roots`; lists made for another folder name the folders
  /// above, so leading parts of a path that is not found are left out.
  static func read(_ list: URL, roots: [URL]) throws -> [URL] {
    try lines(of: list, name: list.lastPathComponent).map { _, line in
      find(line, roots: roots)
        ?? (roots.first ?? list.deletingLastPathComponent())
        .appending(path: line)
    }
  }

  /// What is at `path`, seen from one of `roots`.
  static func find(_ path: String, roots: [URL]) -> URL? {
    func existing(_ url: URL) -> URL? {
      FileManager.default.fileExists(atPath: url.path) ? url : nil
    }
    guard path.utf8.count <= PictureFinder.longestPath else { return nil }
    if path.hasPrefix("/") {
      if let url = existing(URL(filePath: path)) { return url }
    }
    var parts = path.split(separator: "/").filter { $0 != "." }
    while !parts.isEmpty {
      let rest = parts.joined(separator: "/")
      for root in roots {
        if let url = existing(root.appending(path: rest)) { return url.standardizedFileURL }
      }
      parts.removeFirst()
    }
    return nil
  }
}
