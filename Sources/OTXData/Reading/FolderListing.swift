import Foundation
import OTXCore
import OTXImage
import Synchronization

/// Files and folders directly below a folder, by name, hidden ones left out.
struct FolderListing: Sendable {
  let root: URL
  private(set) var fileNames: [String] = []
  private(set) var folderNames: [String] = []

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
    let path = root.path
    guard let folder = opendir(path) else {
      let reason: String =
        switch errno {
        case ENOENT: "the folder does not exist"
        case ENOTDIR: "is not a folder"
        default: "the folder cannot be read: \(String(cString: strerror(errno)))"
        }
      throw DataError.unreadable(file: path, reason: reason)
    }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard !name.hasPrefix(".") else { continue }
      switch Int32(entry.pointee.d_type) {
      // A folder in a picture's place is a picture that cannot be read.
      case Int32(DT_DIR) where !FolderListing.isPictureName(name): folderNames.append(name)
      case Int32(DT_DIR): fileNames.append(name)
      case Int32(DT_REG): fileNames.append(name)
      default:
        // A link, or a file system that does not tell. A broken link to a picture is a picture that
        // is missing, for the checker to name.
        var status = stat()
        let isThere = stat("\(path)/\(name)", &status) == 0
        if isThere, status.st_mode & S_IFMT == S_IFDIR {
          folderNames.append(name)
        } else if isThere || FolderListing.isPictureName(name) {
          fileNames.append(name)
        }
      }
    }
    fileNames.sort()
    folderNames.sort()
  }

  var files: [URL] { fileNames.map { root.appending(path: $0, directoryHint: .notDirectory) } }

  var folders: [URL] { folderNames.map { root.appending(path: $0, directoryHint: .isDirectory) } }

  var pictureNames: [String] { fileNames.filter(FolderListing.isPictureName) }

  var pictures: [URL] {
    pictureNames.map { root.appending(path: $0, directoryHint: .notDirectory) }
  }

  func files(endingIn fileExtension: String) -> [URL] {
    let ending = ".\(fileExtension)"
    return fileNames.filter { $0.lowercased().hasSuffix(ending) }
      .map { root.appending(path: $0, directoryHint: .notDirectory) }
  }

  /// The folder of a name; in another case where there is none in this.
  func folder(_ name: String) -> URL? {
    let found =
      folderNames.first { $0 == name }
      ?? folderNames.first { $0.lowercased() == name.lowercased() }
    return found.map { root.appending(path: $0, directoryHint: .isDirectory) }
  }

  /// Every picture below a folder, by path; 16 folders deep at most.
  ///
  /// - Throws: As ``allPictureNames(below:depth:)``.
  static func allPictures(below root: URL, depth: Int = 16) throws -> [URL] {
    try allPictureNames(below: root, depth: depth).map {
      root.appending(path: $0, directoryHint: .notDirectory)
    }
  }

  /// The paths below `root` of every picture there, those of a folder before those in its folders.
  ///
  /// A link that leads back to a folder around it is passed over.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a folder that cannot be read, and for the
  ///   file system's own root or more than 100,000 folders, which no dataset is.
  static func allPictureNames(below root: URL, depth: Int = 16) throws -> [String] {
    guard root.standardizedFileURL.path != "/" else {
      throw DataError.unreadable(
        file: "/",
        reason: "is the root of the file system, not a folder of pictures"
      )
    }
    var walk = PictureWalk(root: root)
    try walk.visit(root, name: "", depth: depth)
    return walk.names
  }

  /// A walk through a folder and those below it.
  private struct PictureWalk {
    let root: URL
    var names: [String] = []
    /// What tells folders apart, of those around the one at hand.
    private var around: [Identity] = []
    private var folderCount = 0
    private static let largestFolderCount = 100_000

    private struct Identity: Equatable {
      var device: UInt64
      var number: UInt64
    }

    init(root: URL) { self.root = root }

    mutating func visit(_ folder: URL, name: String, depth: Int) throws {
      var status = stat()
      if stat(folder.path, &status) == 0 {
        let identity = Identity(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
        guard !around.contains(identity) else { return }
        around.append(identity)
      } else {
        around.append(Identity(device: 0, number: 0))
      }
      defer { around.removeLast() }
      folderCount += 1
      guard folderCount <= PictureWalk.largestFolderCount else {
        throw DataError.unreadable(
          file: root.path,
          reason:
            "holds more than \(PictureWalk.largestFolderCount) folders: name the dataset's own folder"
        )
      }
      let listing = try FolderListing(folder)
      names += name.isEmpty ? listing.pictureNames : listing.pictureNames.map { "\(name)/\($0)" }
      guard depth > 0 else { return }
      for below in listing.folderNames {
        try visit(
          folder.appending(path: below, directoryHint: .isDirectory),
          name: name.isEmpty ? below : "\(name)/\(below)",
          depth: depth - 1
        )
      }
    }
  }

  static func isPictureName(_ name: String) -> Bool {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
    let ending = name[name.utf8.index(after: dot)...].lowercased()
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
