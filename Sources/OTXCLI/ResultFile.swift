import Foundation
import OTXCore

/// Files that a command writes for the user.
enum ResultFile {
  /// Writes a text where the user asked for it, making the folders on the way.
  static func write(_ text: String, to path: String) throws {
    try check(path)
    try AtomicFile.write(text, to: URL(filePath: path))
  }

  /// Makes sure that a file can be written at `path`, before the work whose result it is to hold.
  static func check(_ path: String) throws {
    let url = URL(filePath: path)
    guard !url.isDirectory else {
      throw FileError.cannotWrite(path, reason: "there is a folder of this name; name a file")
    }
    try Folder.make(url.deletingLastPathComponent())
  }

  /// The folder at `path`, made where there is none.
  static func directory(_ path: String) throws -> URL {
    let url = URL(filePath: path, directoryHint: .isDirectory)
    try Folder.make(url)
    return url
  }
}
