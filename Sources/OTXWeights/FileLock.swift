import Foundation
import OTXCore

/// A file that one process at a time holds.
///
/// The lock is the system's (`flock`): it ends with the process, however that ends. The file stays.
final class FileLock {
  private let descriptor: Int32

  /// Waits until nobody else holds the file.
  ///
  /// - Parameters:
  ///   - url: The file; made where it is missing.
  ///   - waiting: Called again and again while another process holds it; throws to give up.
  /// - Throws: ``FileError/cannotWrite(_:reason:)``, and what `waiting` throws.
  init(_ url: URL, waiting: () throws -> Void) throws {
    descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw FileError.cannotWrite(url.path, reason: String(cString: strerror(errno)))
    }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else {
        let reason = String(cString: strerror(errno))
        _ = close(descriptor)
        throw FileError.cannotWrite(url.path, reason: reason)
      }
      do {
        try waiting()
      } catch {
        _ = close(descriptor)
        throw error
      }
      usleep(100_000)
    }
  }

  deinit { _ = close(descriptor) }

  /// Whether a process holds the file now.
  static func isHeld(_ url: URL) -> Bool {
    let descriptor = open(url.path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { _ = close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) != 0
  }
}
