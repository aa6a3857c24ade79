import Foundation
import OTXCore

/// Finds COCO's annotation files in a folder, and the folders of their pictures.
enum COCOLayout {
  /// Annotation files by the layouts that ``COCOFormat/layouts`` names, the first that is there.
  static func sources(in root: URL) throws -> [COCOSource] {
    if root.pathExtension.lowercased() == "json" {
      let folder = root.deletingLastPathComponent()
      return [source(root, subset(of: root) ?? .train, around: folder)]
    }
    let listing = try FolderListing(root)
    let roboflow = listing.folders.compactMap { folder -> COCOSource? in
      let file = folder.appending(path: "_annotations.coco.json")
      guard let subset = Subset(folderName: folder.lastPathComponent),
        FileManager.default.fileExists(atPath: file.path)
      else { return nil }
      return COCOSource(subset: subset, annotations: file, imageRoots: [folder])
    }
    if !roboflow.isEmpty { return roboflow }
    if let annotations = listing.folder("annotations") {
      let files = try FolderListing(annotations).files(endingIn: "json")
      if !files.isEmpty { return named(files, around: root) }
    }
    return named(listing.files(endingIn: "json"), around: root)
  }

  /// What the user named: files, or folders of them.
  static func sources(_ subsets: [Subset: SubsetLocation]) throws -> [COCOSource] {
    var sources: [COCOSource] = []
    for subset in Subset.allCases {
      guard let location = subsets[subset] else { continue }
      guard let annotations = location.annotations else {
        guard let root = location.root else { continue }
        sources += try Self.sources(in: root).map { source in
          var source = source
          source.subset = subset
          return source
        }
        continue
      }
      var isDirectory: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: annotations.path, isDirectory: &isDirectory)
      let files =
        isDirectory.boolValue
        ? try FolderListing(annotations).files(endingIn: "json") : [annotations]
      guard !files.isEmpty else {
        throw DataError.unreadable(
          file: annotations.path,
          reason: "the folder holds no .json annotation file"
        )
      }
      sources += files.map { file in
        var source = source(file, subset, around: file.deletingLastPathComponent())
        if let root = location.root { source.imageRoots.insert(root, at: 0) }
        return source
      }
    }
    return sources
  }

  /// Files named after subsets; a single one that is not is all there is to train on.
  private static func named(_ files: [URL], around root: URL) -> [COCOSource] {
    let sources = files.compactMap { file in
      subset(of: file).map { source(file, $0, around: root) }
    }
    if sources.isEmpty, files.count == 1 { return [source(files[0], .train, around: root)] }
    return sources
  }

  private static func subset(of file: URL) -> Subset? {
    Subset(folderName: file.deletingPathExtension().lastPathComponent, allowsPrefix: true)
  }

  private static func source(_ file: URL, _ subset: Subset, around root: URL) -> COCOSource {
    // `train2017` of `instances_train2017.json`.
    let stem = file.deletingPathExtension().lastPathComponent
    let suffix = stem.split(separator: "_").last.map(String.init) ?? stem
    let names = [suffix] + subset.folderNames
    var roots: [URL] = []
    for base in [root, root.deletingLastPathComponent()] {
      let images = base.appending(path: "images")
      roots += names.map { images.appending(path: $0) } + names.map { base.appending(path: $0) }
      roots += [images, base]
    }
    let existing = roots.filter { FileManager.default.fileExists(atPath: $0.path) }
    return COCOSource(
      subset: subset,
      kind: COCOKind(fileName: file.lastPathComponent),
      annotations: file,
      imageRoots: existing
    )
  }

  /// Whether a file has a name that only COCO annotation files have.
  static func hasOwnName(_ file: URL) -> Bool {
    let name = file.lastPathComponent.lowercased()
    return name == "_annotations.coco.json" || COCOKind(fileName: name) != nil
  }

  /// Whether a file begins like a COCO annotation file: an object with `images` or `annotations` in
  /// its first 64 KiB.
  static func looksLikeCOCO(_ file: URL) -> Bool {
    let keys = JSONScanner.firstKeys(of: file)
    // `image` and `annotations` are Segment Anything's.
    return !keys.isDisjoint(with: ["images", "annotations"]) && !keys.contains("image")
  }
}
