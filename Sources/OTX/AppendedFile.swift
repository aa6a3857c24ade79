import Foundation
import OTXCore

/// A text file that grows at its end.
///
/// What the disk has no room for waits in memory and is written with what follows, so that nothing
/// but the end of the process loses it; no line is ever torn.
final class AppendedFile {
  private let descriptor: Int32
  private var waiting: [UInt8] = []
  /// What is kept for better times; beyond that the oldest is let go.
  private static let mostWaiting = 1 << 20

  /// Opens the file at its end, or empties it where `truncates` says so.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  init(_ url: URL, truncates: Bool) throws {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (truncates ? O_TRUNC : 0)
    descriptor = open(url.path, flags, 0o666)
    guard descriptor >= 0 else {
      throw FileError.cannotWrite(url.path, reason: String(cString: strerror(errno)))
    }
  }

  deinit { _ = close(descriptor) }

  func append(_ text: String) {
    waiting += Array(text.utf8)
    var written = 0
    while written < waiting.count {
      let count = waiting[written...].withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      written += count
    }
    waiting.removeFirst(written)
    if waiting.count > AppendedFile.mostWaiting { waiting.removeAll() }
  }

  /// Brings what was written to disk.
  func synchronize() { _ = fsync(descriptor) }
}
