public import Foundation
public import OTXCore

/// Datumaro's own JSON (format version 1.0 and the one before, which has no version).
///
/// The format that holds all that a dataset can say. Keys that begin with `otx_` keep what Datumaro
/// has no place for; Datumaro passes over them, and reads the rest.
///
/// Checked against Datumaro 1.13, which reads what is written here and the other way round.
public struct DatumaroFormat: WritableDatasetFormat {
  public let name = "datumaro"
  public let title = "Datumaro"
  public let layouts = ["annotations/{train,val,test}.json with images/{train,val,test}/"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let sources = try? DatumaroSource.all(in: root), let first = sources.first else {
      return .no(nearly: nil)
    }
    guard sources.contains(where: { DatumaroFormat.looksLikeDatumaro($0.annotations) }) else {
      return .no(nearly: nil)
    }
    return .certain(first.annotations.path(below: root))
  }

  /// Whether a file begins as Datumaro's do.
  static func looksLikeDatumaro(_ file: URL) -> Bool {
    let keys = JSONScanner.firstKeys(of: file)
    if keys.contains("dm_format_version") { return true }
    return keys.contains("categories") && (keys.contains("items") || keys.contains("infos"))
      && !keys.contains("images")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    var sources: [DatumaroSource] = []
    var base = URL(filePath: "/")
    switch location {
    case .root(let root, _):
      base = root.pathExtension.lowercased() == "json" ? root.deletingLastPathComponent() : root
      sources = try DatumaroSource.all(in: root)
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no annotation file of Datumaro's; expected \(layouts[0])"
        )
      }
    case .subsets(let subsets, _):
      for subset in Subset.allCases {
        guard let location = subsets[subset] else { continue }
        let files =
          try location.annotations.map { [DatumaroSource($0, images: location.root)] }
          ?? location.root.map(DatumaroSource.all) ?? []
        sources += files.map { source in
          var source = source
          source.subset = subset
          return source
        }
      }
      if let first = sources.first { base = first.annotations.deletingLastPathComponent() }
    }
    var reading = FormatReading()
    for source in sources {
      var reader = DatumaroReader(source: source, base: base)
      try reader.read(into: &reading)
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  /// Writes items as Datumaro's JSON.
  ///
  /// An object of which several things are known becomes several annotations of one group, as
  /// Datumaro keeps them. Masks in picture files become run lengths. Nothing is left out.
  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var writer = DatumaroWriter(dataset: dataset, subset: subset, root: root, options: options)
      try writer.write(items)
    }
  }
}

/// One annotation file and where its pictures may be.
struct DatumaroSource {
  var subset: Subset
  var annotations: URL
  /// The likeliest first.
  var imageRoots: [URL]

  init(_ file: URL, images: URL? = nil) {
    let stem = file.deletingPathExtension().lastPathComponent
    annotations = file
    subset = Subset(folderName: stem, allowsPrefix: true) ?? .train
    let folder = file.deletingLastPathComponent()
    let root = folder.deletingLastPathComponent()
    let candidates =
      [images].compactMap { $0 } + [
        root.appending(path: "images/\(stem)"), root.appending(path: "images"), root, folder,
      ]
    imageRoots = candidates.filter { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// The annotation files of a dataset, or the one that is named.
  static func all(in root: URL) throws -> [DatumaroSource] {
    if root.pathExtension.lowercased() == "json" { return [DatumaroSource(root)] }
    guard let folder = try FolderListing(root).folder("annotations") else { return [] }
    return try FolderListing(folder).files(endingIn: "json").filter {
      DatumaroFormat.looksLikeDatumaro($0)
    }.map { DatumaroSource($0) }
  }
}
