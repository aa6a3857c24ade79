import Foundation
import OTXCore

/// Refuses to begin what would fail for lack of space in the end.
///
/// - Parameters:
///   - byteCount: What will be written, roughly.
///   - directory: Where.
///   - purpose: What for: `the files of a training run`.
/// - Throws: ``ConfigurationError/invalid(_:)``. A file system that does not say how much is free
///   counts as having enough.
func requireSpace(_ byteCount: Int, in directory: URL, for purpose: String) throws {
  let attributes = try? FileManager.default.attributesOfFileSystem(forPath: directory.path)
  guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value else { return }
  guard free < Int64(byteCount) else { return }
  throw ConfigurationError.invalid(
    "\(directory.path) has \(free >> 20) MiB of free space; \(purpose) need about \(max(byteCount >> 20, 1)) MiB. Free some, or name another folder."
  )
}
