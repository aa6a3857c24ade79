package import Foundation

/// Folders that files go to.
package enum Folder {
  /// Makes a folder, and those above it, where there is none.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)`` naming what is in the way; also for a folder
  ///   that is there and may not be written to.
  package static func make(_ url: URL) throws {
    var path = ""
    for part in url.absoluteURL.pathComponents {
      let parent = path
      path += path.isEmpty || path == "/" ? part : "/" + part
      guard mkdir(path, 0o777) != 0, errno != EEXIST else { continue }
      let isInTheWay = errno == ENOTDIR
      throw FileError.cannotWrite(
        url.path,
        reason: isInTheWay ? notAFolder(parent) : systemMessage(errno)
      )
    }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { throw FileError.cannotWrite(url.path, reason: notAFolder(path)) }
    // Only a file that was written shows that one can be: rights are not all that may be in the way.
    let probe = url.appending(path: ".otx-probe-\(getpid())")
    try AtomicFile.write(Data([0]), to: probe)
    try? FileManager.default.removeItem(at: probe)
  }

  /// Moves every file of a folder into another, replacing what has the same name there.
  ///
  /// - Parameters:
  ///   - source: The folder that is emptied.
  ///   - target: A folder of the same file system.
  ///   - last: The file that comes last, so that it never stands there without what it needs.
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  package static func moveContents(of source: URL, to target: URL, last: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: source.path)
    for name in names.filter({ $0 != last }).sorted() + names.filter({ $0 == last }) {
      let (from, to) = (source.appending(path: name), target.appending(path: name))
      guard rename(from.path, to.path) == 0 else {
        throw FileError.cannotWrite(to.path, reason: systemMessage(errno))
      }
    }
  }

  private static func notAFolder(_ path: String) -> String {
    "\(path) is a file, not a folder; name another folder"
  }
}

extension Error {
  /// The system's words for what went wrong, without the code around them.
  package var reason: String {
    let error = self as NSError
    if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError {
      return underlying.localizedDescription
    }
    return error.localizedDescription
  }
}
