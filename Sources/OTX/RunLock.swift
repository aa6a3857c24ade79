import Foundation
import OTXCore

/// A run's folder, held by the one process that trains it.
///
/// The lock is the system's (`flock`): it ends with the process, however that ends, and leaves no
/// file behind.
final class RunLock: Sendable {
  private let descriptor: Int32

  /// - Throws: ``ConfigurationError/invalid(_:)`` naming the process that trains the run already.
  init(_ directory: URL) throws {
    descriptor = open(directory.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FileError.cannotRead(directory.path, reason: String(cString: strerror(errno)))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    _ = close(descriptor)
    let process = (try? RunRecord(in: directory))?.process
    throw ConfigurationError.invalid(
      "\(directory.relativePath) is being trained by \(process.map { "process \($0)" } ?? "another process"); wait for its end, or stop it"
    )
  }

  deinit { _ = close(descriptor) }
}
