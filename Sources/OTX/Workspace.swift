public import Foundation
import OTXCore
public import OTXData

extension PictureHeaderCache {
  /// That of the user who runs this process.
  package static var user: PictureHeaderCache {
    Workspace.headerCache(environment: ProcessInfo.processInfo.environment)
  }
}

/// The folder that runs are written to: `<root>/<YYYYMMDD_HHmmSS>/`, and `<root>/latest`, a link to
/// the newest.
public struct Workspace: Sendable, Equatable {
  /// The folder's name where the user gives none.
  public static let defaultName = "otx-workspace"

  public let root: URL

  public init(root: URL = URL(filePath: Workspace.defaultName)) { self.root = root }

  /// Makes the folder of a new run and moves `latest` to it.
  ///
  /// - Parameter date: The time in the folder's name; a second run of the same second gets `-2`.
  /// - Returns: The folder, empty.
  /// - Throws: ``ConfigurationError/invalid(_:)`` when the folder cannot be written.
  public func newRun(at date: Date) throws -> URL {
    do {
      try Folder.make(root)
    } catch {
      throw ConfigurationError.invalid("the work directory (--work-dir): \(error)")
    }
    let stamp = Workspace.stamp(date)
    for attempt in 1...1000 {
      let name = attempt == 1 ? stamp : "\(stamp)-\(attempt)"
      let url = root.appending(path: name, directoryHint: .isDirectory)
      // mkdir decides who is first when two runs start in one second.
      if mkdir(url.path, 0o755) == 0 {
        try link(latestTo: name)
        return url
      }
      guard errno == EEXIST else {
        throw ConfigurationError.invalid(
          "cannot write to \(root.path): \(String(cString: strerror(errno))). Name another folder with --work-dir."
        )
      }
    }
    throw ConfigurationError.invalid("\(root.path) holds a thousand runs of the second \(stamp)")
  }

  /// The newest run's folder, or `nil` where there is none.
  public var latestRun: URL? {
    let link = root.appending(path: "latest")
    guard
      let name = try? FileManager.default.destinationOfSymbolicLink(atPath: link.path),
      FileManager.default.fileExists(atPath: root.appending(path: name).path)
    else { return nil }
    return root.appending(path: name, directoryHint: .isDirectory)
  }

  /// Where measurements and weights are kept between runs: `OTX_CACHE`, else `otx` below the user's
  /// cache folder (`XDG_CACHE_HOME`, else `~/.cache`).
  ///
  /// - Parameter environment: The process's environment.
  /// - Returns: The folder, which need not exist.
  public static func cacheDirectory(environment: [String: String]) -> URL {
    if let cache = environment["OTX_CACHE"], cache.hasPrefix("/") { return URL(filePath: cache) }
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") {
      return URL(filePath: cache).appending(path: "otx")
    }
    let home =
      environment["HOME"].map { URL(filePath: $0) } ?? URL(filePath: NSTemporaryDirectory())
    return home.appending(path: ".cache/otx")
  }

  /// What headers of pictures said, below the user's cache folder.
  ///
  /// - Parameter environment: The process's environment.
  /// - Returns: The cache, which need not exist.
  public static func headerCache(environment: [String: String]) -> PictureHeaderCache {
    let folder = cacheDirectory(environment: environment).appending(path: "headers")
    return PictureHeaderCache(folder: folder)
  }

  /// Points `latest` at `name` in one step, so that it never points nowhere.
  private func link(latestTo name: String) throws {
    let aside = root.appending(path: ".latest-\(name)-\(getpid())")
    try FileManager.default.createSymbolicLink(
      atPath: aside.path,
      withDestinationPath: name
    )
    guard rename(aside.path, root.appending(path: "latest").path) == 0 else {
      let reason = String(cString: strerror(errno))
      try? FileManager.default.removeItem(at: aside)
      throw ConfigurationError.invalid(
        "cannot move the link \(root.appending(path: "latest").path): \(reason)"
      )
    }
  }

  private static func stamp(_ date: Date) -> String {
    var seconds = time_t(date.timeIntervalSince1970)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return String(
      format: "%04d%02d%02d_%02d%02d%02d",
      Int(parts.tm_year) + 1900,
      Int(parts.tm_mon) + 1,
      Int(parts.tm_mday),
      Int(parts.tm_hour),
      Int(parts.tm_min),
      Int(parts.tm_sec)
    )
  }
}
