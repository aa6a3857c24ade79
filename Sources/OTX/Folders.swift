import Foundation
import OTXCore

/// Makes a folder unless it is there, and sees to it that files can be written into it.
///
/// - Throws: ``ConfigurationError/invalid(_:)`` that says what to do.
func makeDirectory(_ url: URL) throws {
  do {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  } catch {
    throw ConfigurationError.invalid(
      "cannot make the folder \(url.path): \(error.localizedDescription). Name another one."
    )
  }
  // Only a file that was written shows that one can be: rights are not all that may be in the way.
  let probe = url.appending(path: ".otx-probe-\(getpid())")
  do {
    try AtomicFile.write(Data([0]), to: probe)
    try FileManager.default.removeItem(at: probe)
  } catch {
    throw ConfigurationError.invalid(
      "cannot write to the folder \(url.path): \(error.localizedDescription). Name another one."
    )
  }
}

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
