import Foundation
import OTX

/// Where the cache is; tests name another place.
enum CurrentCache {
  @TaskLocal static var override: URL?

  static func folder(_ environment: [String: String]) -> URL {
    override ?? Workspace.cacheDirectory(environment: environment)
  }
}
