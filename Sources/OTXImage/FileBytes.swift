package import Foundation
import OTXCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is open for reading, closed when dropped.
///
/// Reads at positions, so that the header of a picture costs a few hundred bytes and not the file.
package final class ReadableFile {
  package let name: String
  package let byteCount: Int
  private let descriptor: Int32

  /// - Throws: ``DataError/unreadable(file:reason:)`` for a missing file, a folder, no permission.
  package init(_ url: URL) throws {
    name = url.path
    descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ReadableFile.failure(name) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      close(descriptor)
      throw ReadableFile.failure(name)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      let reason = isFolder ? "is a folder, not a file" : "is not a regular file"
      throw DataError.unreadable(file: name, reason: reason)
    }
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Up to `count` bytes from `position`; fewer at the end of the file.
  package func bytes(at position: Int, count: Int) throws -> [UInt8] {
    let wanted = max(min(count, byteCount - position), 0)
    guard wanted > 0 else { return [] }
    var failed = false
    let result = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
      while initialized < wanted, let base = buffer.baseAddress {
        let got = pread(
          descriptor,
          base + initialized,
          wanted - initialized,
          off_t(position + initialized)
        )
        if got < 0 && errno == EINTR { continue }
        if got <= 0 {
          failed = got < 0
          break
        }
        initialized += got
      }
    }
    if failed { throw ReadableFile.failure(name) }
    return result
  }

  package func allBytes() throws -> [UInt8] { try bytes(at: 0, count: byteCount) }

  private static func failure(_ name: String) -> DataError {
    DataError.unreadable(file: name, reason: reason(for: errno, opening: name))
  }

  /// What an error number means for a file, as the end of a sentence about it.
  static func reason(for code: Int32, opening name: String) -> String {
    switch code {
    case ENOENT:
      let link = try? FileManager.default.destinationOfSymbolicLink(atPath: name)
      return link.map { "is a link to '\($0)', which does not exist" } ?? "the file does not exist"
    case ELOOP: return "is a link that leads back to itself"
    case EACCES, EPERM: return "may not be read: \(String(cString: strerror(code)))"
    default: return "cannot be read: \(String(cString: strerror(code)))"
    }
  }
}
