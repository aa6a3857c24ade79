import Foundation
import OTXCore

/// Files that a command writes for the user.
enum ResultFile {
  /// Writes a text where the user asked for it, making the folders on the way.
  static func write(_ text: String, to path: String) throws {
    let url = URL(filePath: path)
    _ = try directory(url.deletingLastPathComponent().path)
    do {
      // Aside first, so that a good file is not lost to a full disk.
      try Data(text.utf8).write(to: url, options: .atomic)
    } catch {
      throw ConfigurationError.invalid("cannot write \(path): \(error.localizedDescription)")
    }
  }

  /// The folder at `path`, made where there is none.
  static func directory(_ path: String) throws -> URL {
    let url = URL(filePath: path, directoryHint: .isDirectory)
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw ConfigurationError.invalid(
        "cannot make the folder \(path): \(error.localizedDescription)"
      )
    }
    return url
  }
}
