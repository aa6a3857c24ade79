import Foundation

/// What the system says of a file, without opening it; links are not followed.
package struct FileStatus: Sendable, Equatable {
  /// Bytes on the disk.
  package var diskByteCount: Int
  /// Whether it is a file, and not a folder or a link.
  package var isFile: Bool
  package var linkCount: Int
  package var inode: UInt64

  /// - Returns: `nil` where there is nothing, or nothing that may be seen.
  package init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    diskByteCount = Int(status.st_blocks) * 512
    isFile = status.st_mode & S_IFMT == S_IFREG
    linkCount = Int(status.st_nlink)
    inode = UInt64(status.st_ino)
  }
}
