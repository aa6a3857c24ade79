import Foundation
import OTXCore

/// How much room files take.
enum DiskUsage {
  /// Bytes on the disk of a file or of everything in a folder; a file with several names counts
  /// once.
  ///
  /// - Parameter url: Links are counted as links.
  /// - Returns: `total`, and `removable`: what would be free if it were removed, without files that
  ///   have another name elsewhere.
  static func of(_ url: URL) -> (total: Int, removable: Int) {
    var sum = (total: 0, removable: 0)
    var linked: [UInt64: (bytes: Int, count: Int, all: Int)] = [:]
    func add(_ path: String) {
      guard let status = FileStatus(path) else { return }
      let bytes = status.diskByteCount
      if status.isFile, status.linkCount > 1 {
        let seen = linked[status.inode]?.count ?? 0
        linked[status.inode] = (bytes, seen + 1, status.linkCount)
      } else {
        sum.total += bytes
        sum.removable += bytes
      }
    }
    add(url.path)
    if let names = FileManager.default.enumerator(atPath: url.path) {
      for case let name as String in names { add(url.appending(path: name).path) }
    }
    for file in linked.values {
      sum.total += file.bytes
      if file.count == file.all { sum.removable += file.bytes }
    }
    return sum
  }

  /// Bytes that this user may still write in a folder, or where it would be made.
  static func free(in folder: URL) -> Int? {
    var folder = folder.absoluteURL
    while !FileManager.default.fileExists(atPath: folder.path), folder.pathComponents.count > 1 {
      folder.deleteLastPathComponent()
    }
    var status = statvfs()
    guard statvfs(folder.path, &status) == 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
  }
}

extension Int {
  /// A number of bytes as people read it: `672.4 MiB`.
  var asBytes: String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var (value, unit) = (Double(self), 0)
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(self) bytes" : String(format: "%.1f ", value) + units[unit]
  }
}
