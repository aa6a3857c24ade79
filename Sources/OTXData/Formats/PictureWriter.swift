import Foundation
import OTXCore
import OTXImage

/// Puts pictures of items into a folder, each under a name of its own.
struct PictureWriter {
  let folder: URL
  /// Whether names differ without their endings too, for formats with a file beside each picture.
  let hasUniqueStems: Bool
  private let options: DatasetWriteOptions
  private var used: Set<String> = []

  init(
    folder: URL,
    options: DatasetWriteOptions = DatasetWriteOptions(),
    hasUniqueStems: Bool = false
  ) {
    (self.folder, self.options, self.hasUniqueStems) = (folder, options, hasUniqueStems)
  }

  /// - Returns: The picture's name in the folder and its size.
  mutating func write(_ item: DatasetItem) throws -> (name: String, size: ImageSize) {
    let last = URL(filePath: item.id).lastPathComponent
    switch item.image {
    case .path(let path):
      let name = unused(last)
      let header = try ImageHeader(of: path.url)
      let target = folder.appending(path: name)
      if options.pictures == .link, PictureWriter.link(path.url, at: target) {
        return (name, header.size)
      }
      try PictureWriter.write(Data(ReadFile.bytes(path.url, name: item.id)), to: target)
      return (name, header.size)
    case .embedded(let picture):
      let name = unused(FolderListing.isPictureName(last) ? last : last + ".png")
      let target = folder.appending(path: name)
      if let bytes = try picture.encodedBytes() {
        try PictureWriter.write(Data(bytes), to: target)
        return (name, try ImageHeader(of: bytes, name: picture.name).size)
      }
      let image = try picture.image()
      try ImageFile.write(image, to: target)
      return (name, image.size)
    case .memory(let image):
      let name = unused(FolderListing.isPictureName(last) ? last : last + ".png")
      try ImageFile.write(image, to: folder.appending(path: name))
      return (name, image.size)
    }
  }

  private mutating func unused(_ name: String) -> String {
    let url = URL(filePath: name)
    let (stem, ending) = (url.deletingPathExtension().lastPathComponent, url.pathExtension)
    var candidate = name
    var number = 2
    func key(_ name: String) -> String {
      hasUniqueStems ? URL(filePath: name).deletingPathExtension().lastPathComponent : name
    }
    while !used.insert(key(candidate)).inserted {
      candidate = "\(stem)-\(number).\(ending)"
      number += 1
    }
    return candidate
  }

  /// Makes a hard link; `false` where the file system has none or the folders are on two.
  private static func link(_ file: URL, at target: URL) -> Bool {
    let source = file.resolvingSymlinksInPath()
    return (try? FileManager.default.linkItem(at: source, to: target)) != nil
  }

  static func makeFolder(_ url: URL) throws {
    try Folder.make(url)
  }

  static func write(_ data: Data, to url: URL) throws {
    do {
      try data.write(to: url, options: .atomic)
    } catch {
      throw DataError.unreadable(
        file: url.path,
        reason: "cannot be written: \(error.reason)"
      )
    }
  }
}
