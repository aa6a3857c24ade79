public import Foundation
import OTXCore

/// Data sets that are given as one zip archive.
///
/// Formats read files, so an archive is unpacked once, into the user's cache folder, under a name made of
/// its path, size and time: a changed archive is unpacked anew.
public enum DatasetArchive {
  /// `$OTX_CACHE/datasets`, else `$XDG_CACHE_HOME/otx/datasets`, else `~/.cache/otx/datasets`.
  public static func cacheFolder(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> URL {
    if let cache = environment["OTX_CACHE"], cache.hasPrefix("/") {
      return URL(filePath: cache).appending(path: "datasets")
    }
    let stated = environment["XDG_CACHE_HOME"].flatMap {
      $0.hasPrefix("/") ? URL(filePath: $0) : nil
    }
    let cache = stated ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
    return cache.appending(path: "otx/datasets")
  }

  /// Whether a file is an archive that is to be unpacked: a zip that holds more than pictures in one
  /// folder, which are read where they are.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for an archive that is damaged or refused.
  public static func needsUnpacking(_ url: URL) throws -> Bool {
    guard ZipArchive.isArchive(url) else { return false }
    return !ImageZipFormat.isPlain(try ZipArchive(url))
  }

  /// The folder of an archive's contents; unpacks it where that was not done before.
  ///
  /// Unpacked beside its place and renamed at the end, so that a folder of the cache is always whole.
  ///
  /// - Parameters:
  ///   - url: A zip archive.
  ///   - cache: Where to unpack.
  /// - Returns: The folder; where all lies in one folder of the archive, that one.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  public static func folder(for url: URL, cache: URL = cacheFolder()) throws -> URL {
    let files = FileManager.default
    let target = cache.appending(path: try key(of: url))
    if !files.fileExists(atPath: target.path) {
      let archive = try ZipArchive(url)
      let partial = cache.appending(path: ".\(target.lastPathComponent)-\(UUID().uuidString)")
      do {
        try unpack(archive, into: partial)
        do {
          try files.moveItem(at: partial, to: target)
        } catch {
          // Another process was faster; its folder is as good.
          guard files.fileExists(atPath: target.path) else {
            throw DataError.unreadable(
              file: target.path,
              reason: "cannot be written: \(error.reason)"
            )
          }
          try? files.removeItem(at: partial)
        }
      } catch {
        try? files.removeItem(at: partial)
        throw error
      }
    }
    return try innermost(target)
  }

  private static func unpack(_ archive: ZipArchive, into folder: URL) throws {
    try Folder.make(folder)
    var made: Set<String> = []
    for entry in archive.entries {
      let path = folder.appending(path: entry.name)
      let parent = entry.isFolder ? path : path.deletingLastPathComponent()
      if made.insert(parent.path).inserted { try Folder.make(parent) }
      guard !entry.isFolder else { continue }
      do {
        try Data(archive.contents(of: entry)).write(to: path, options: .withoutOverwriting)
      } catch let error as DataError {
        throw error
      } catch {
        throw DataError.unreadable(
          file: "\(archive.url.path): \(entry.name)",
          reason: "cannot be unpacked: \(error.reason)"
        )
      }
    }
  }

  /// The folder itself, or the only one in it.
  private static func innermost(_ folder: URL) throws -> URL {
    let listing = try FolderListing(folder)
    guard listing.files.isEmpty, listing.folders.count == 1 else { return folder }
    let name = listing.folders[0].lastPathComponent
    // A folder that formats know by its name stays.
    return Subset(folderName: name) == nil ? listing.folders[0] : folder
  }

  /// A name for what the file holds now: its own name and a hash of its path, size and time.
  private static func key(of url: URL) throws -> String {
    let path = url.standardizedFileURL.resolvingSymlinksInPath().path
    let attributes: [FileAttributeKey: Any]
    do {
      attributes = try FileManager.default.attributesOfItem(atPath: path)
    } catch {
      throw DataError.unreadable(file: path, reason: "cannot be read: \(error.reason)")
    }
    let size = (attributes[.size] as? NSNumber)?.int64Value ?? 0
    let time = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    // FNV-1a, 64 bits.
    let hash = "\(path)\n\(size)\n\(time)".utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    let stem = url.deletingPathExtension().lastPathComponent.filter {
      $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_"
    }
    return "\(stem.prefix(40))-\(String(hash, radix: 16))"
  }
}
