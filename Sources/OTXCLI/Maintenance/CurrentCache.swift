import Foundation
import OTX
import OTXData

/// Where the cache is; tests name another place.
enum CurrentCache {
  @TaskLocal static var override: URL?

  static func folder(_ environment: [String: String]) -> URL {
    override ?? Workspace.cacheDirectory(environment: environment)
  }

  /// What headers of pictures said.
  static var headers: PictureHeaderCache {
    let folder = CurrentCache.folder(ProcessInfo.processInfo.environment)
    return PictureHeaderCache(folder: folder.appending(path: "headers"))
  }
}
