public import Foundation
public import OTXCore
import OTXImage

/// A folder of pictures, and nothing about them.
public struct ImageDirectoryFormat: WritableDatasetFormat {
  public let name = "image_dir"
  public let title = "Folder of pictures"
  public let layouts = ["*.jpg"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root), !listing.pictures.isEmpty else {
      return .no(nearly: nil)
    }
    guard listing.folders.isEmpty, listing.pictures.count == listing.files.count else {
      return .no(nearly: "pictures, and other things beside them")
    }
    return .possible("pictures and nothing else")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    var reading = FormatReading()
    reading.items[.train] = try FolderListing(root).pictures.map { url in
      let name = url.lastPathComponent
      return DatasetItem(id: name, image: .file(url), annotations: [], origin: name)
    }
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    []
  }

  /// Writes the pictures of all subsets into one folder; what is said about them is left out.
  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try PictureWriter.makeFolder(root)
    var writer = PictureWriter(folder: root, options: options)
    for (_, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      for item in items { _ = try writer.write(item) }
    }
  }
}

/// Pictures in zip archives, and nothing about them; they are read out of the archive when needed.
public struct ImageZipFormat: WritableDatasetFormat {
  public let name = "image_zip"
  public let title = "Zip archive of pictures"
  public let layouts = ["*.zip with pictures in them"]

  public init() {}

  /// The archives of a folder, or the one that is named.
  private static func archives(_ root: URL) -> [URL] {
    if ZipArchive.isArchive(root) { return [root] }
    guard let listing = try? FolderListing(root) else { return [] }
    return listing.files(endingIn: "zip").filter { ZipArchive.isArchive($0) }
  }

  /// Pictures of an archive that lie together, without folders that would be labels or parts.
  static func pictures(in archive: ZipArchive) -> [ZipArchive.Entry] {
    archive.entries.filter { !$0.isFolder && FolderListing.isPictureName($0.name) }
  }

  /// Whether an archive holds pictures of one folder and nothing else.
  static func isPlain(_ archive: ZipArchive) -> Bool {
    let files = archive.entries.filter { !$0.isFolder }
    let folders = Set(files.map { $0.name.split(separator: "/").dropLast() })
    return !files.isEmpty && folders.count == 1
      && files.allSatisfy { FolderListing.isPictureName($0.name) }
  }

  public func recognizes(_ root: URL) -> Recognition {
    let archives = ImageZipFormat.archives(root)
    guard let first = archives.first else { return .no(nearly: nil) }
    if let listing = try? FolderListing(root), listing.files.count > archives.count {
      return .no(nearly: "zip archives, and other files beside them")
    }
    do {
      let isPlain = try archives.allSatisfy { ImageZipFormat.isPlain(try ZipArchive($0)) }
      return isPlain
        ? .certain(first.lastPathComponent)
        : .no(nearly: "\(first.lastPathComponent) holds more than pictures")
    } catch {
      return .no(nearly: "\(error)")
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let archives = ImageZipFormat.archives(root)
    guard !archives.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "is no zip archive and holds none")
    }
    var reading = FormatReading()
    for url in archives {
      let archive = try ZipArchive(url)
      let reader = ZipPictures(archive)
      let prefix = archives.count > 1 ? "\(url.deletingPathExtension().lastPathComponent)/" : ""
      for entry in ImageZipFormat.pictures(in: archive) {
        reading.items[.train, default: []].append(
          DatasetItem(
            id: prefix + entry.name,
            image: .embedded(EmbeddedPicture(url: url, name: entry.name, reader: reader)),
            annotations: [],
            origin: "\(url.lastPathComponent): \(entry.name)"
          )
        )
      }
      let others = archive.entries.filter { !$0.isFolder && !FolderListing.isPictureName($0.name) }
      if let first = others.first {
        reading.problems.append(
          DatasetProblem(
            kind: "file that is no picture",
            location: url.lastPathComponent,
            message:
              "\("entry".counted(others.count)) of the archive is no picture, the first: \(first.name)",
            remedy: .leftOut
          )
        )
      }
    }
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    []
  }

  /// Writes the pictures of all subsets into `default.zip`; what is said about them is left out.
  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try PictureWriter.makeFolder(root)
    var writer = try ZipFileWriter(root.appending(path: "default.zip"))
    for (_, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      for item in items {
        let name = URL(filePath: item.id).lastPathComponent
        let isPicture = FolderListing.isPictureName(name)
        switch item.image {
        case .path(let path): try writer.add(name, ReadFile.bytes(path.url, name: item.id))
        case .embedded(let picture):
          if let bytes = try picture.encodedBytes() {
            try writer.add(isPicture ? name : name + ".png", bytes)
          } else {
            try writer.add(ImageZipFormat.pngName(name), ImageFile.png(picture.image()))
          }
        case .memory(let image): try writer.add(ImageZipFormat.pngName(name), ImageFile.png(image))
        }
      }
    }
    try writer.finish()
  }

  private static func pngName(_ name: String) -> String {
    let url = URL(filePath: name)
    guard FolderListing.isPictureName(name) else { return name + ".png" }
    return url.deletingPathExtension().lastPathComponent + ".png"
  }
}
