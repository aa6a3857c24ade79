import Foundation
import OTXCore
import OTXImage
import Synchronization

/// Files and folders directly below a folder, by name, hidden ones left out.
struct FolderListing: Sendable {
  let root: URL
  private(set) var files: [URL] = []
  private(set) var folders: [URL] = []

  /// Keeps listings while several formats look at one folder.
  @TaskLocal static var cache: FolderListingCache?

  /// - Throws: ``DataError/unreadable(file:reason:)`` for a missing or unreadable folder.
  init(_ root: URL) throws {
    if let known = FolderListing.cache?[root.path] {
      self = known
      return
    }
    try self.init(reading: root)
    FolderListing.cache?[root.path] = self
  }

  private init(reading root: URL) throws {
    self.root = root
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isDirectory) else {
      throw DataError.unreadable(file: root.path, reason: "the folder does not exist")
    }
    guard isDirectory.boolValue else {
      throw DataError.unreadable(file: root.path, reason: "is not a folder")
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: root.path)
    } catch {
      throw DataError.unreadable(
        file: root.path,
        reason: "the folder cannot be read: \(error.reason)"
      )
    }
    for name in names.sorted() where !name.hasPrefix(".") {
      let url = root.appending(path: name)
      // Most names tell, and a look at each of 100,000 pictures does not come free.
      if FolderListing.isPictureName(name) {
        files.append(url)
        continue
      }
      var isDirectory: ObjCBool = false
      guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
        continue
      }
      if isDirectory.boolValue { folders.append(url) } else { files.append(url) }
    }
  }

  var pictures: [URL] { files.filter { FolderListing.isPictureName($0.lastPathComponent) } }

  func files(endingIn fileExtension: String) -> [URL] {
    files.filter { $0.pathExtension.lowercased() == fileExtension }
  }

  /// The folder of a name; in another case where there is none in this.
  func folder(_ name: String) -> URL? {
    folders.first { $0.lastPathComponent == name }
      ?? folders.first { $0.lastPathComponent.lowercased() == name.lowercased() }
  }

  /// Every picture below a folder, by path; 16 folders deep at most, since links may run in circles.
  static func allPictures(below root: URL, depth: Int = 16) throws -> [URL] {
    let listing = try FolderListing(root)
    guard depth > 0 else { return listing.pictures }
    return try listing.pictures
      + listing.folders.flatMap { try allPictures(below: $0, depth: depth - 1) }
  }

  static func isPictureName(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    let ending = name[name.index(after: dot)...].lowercased()
    // Pictures in a format that is not read are named, and not passed over.
    return ImageFormat.fileExtensions.contains(ending)
      || ImageFormat.unreadExtensions.contains(ending)
  }
}

/// Listings by path, for as long as a format is looked for: what is there is read once.
final class FolderListingCache: Sendable {
  private let listings = Mutex<[String: FolderListing]>([:])

  subscript(path: String) -> FolderListing? {
    get { listings.withLock { $0[path] } }
    set { listings.withLock { $0[path] = newValue } }
  }
}

extension URL {
  /// The path below `root`, or the whole path of something that is elsewhere.
  func path(below root: URL) -> String {
    let (base, own) = (root.standardizedFileURL.path, standardizedFileURL.path)
    let prefix = base.hasSuffix("/") ? base : base + "/"
    return own.hasPrefix(prefix) ? String(own.dropFirst(prefix.count)) : own
  }

  func isSameFolder(as other: URL) -> Bool {
    standardizedFileURL.path == other.standardizedFileURL.path
  }
}

extension String {
  /// `1 picture`, `3 pictures`.
  func counted(_ count: Int) -> String { count == 1 ? "1 \(self)" : "\(count) \(self)s" }
}
