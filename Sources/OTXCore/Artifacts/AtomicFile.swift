public import Foundation

/// What can go wrong with a file on disk, whatever is in it.
public enum FileError: Error, Equatable, Sendable {
  case cannotRead(String, reason: String)
  /// The file that stood there before, if any, is untouched.
  case cannotWrite(String, reason: String)
}

extension FileError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .cannotRead(let file, let reason): "cannot read \(file): \(reason)"
    case .cannotWrite(let file, let reason): "cannot write \(file): \(reason)"
    }
  }
}

/// Files that are either there in full or not at all.
///
/// Contents go to a file of another name in the same folder, are brought to disk (`fsync`) and take
/// the final name in one step (`rename`): neither a crash, nor a full disk, nor a second writer
/// leaves half a file behind or harms the one that was there.
public enum AtomicFile {
  /// Writes `data`, replacing what is at `url`.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { file in try data.withUnsafeBytes { try file.write($0) } }
  }

  /// Writes `text` as UTF-8, replacing what is at `url`.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  public static func write(_ text: String, to url: URL) throws {
    try write(Data(text.utf8), to: url)
  }

  /// Writes what is in `source`, replacing what is at `url`.
  ///
  /// - Throws: ``FileError``.
  package static func copy(_ source: URL, to url: URL) throws {
    let contents: Data
    do {
      contents = try Data(contentsOf: source, options: .mappedIfSafe)
    } catch {
      throw FileError.cannotRead(source.path, reason: error.reason)
    }
    try write(contents, to: url)
  }

  /// Writes what `body` hands to the file, piece by piece, replacing what is at `url`.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``, and what `body` throws; nothing has changed
  ///   then.
  package static func write(to url: URL, _ body: (FileOutput) throws -> Void) throws {
    // A link stays a link: what it points to is replaced.
    let target = url.resolvingSymlinksInPath()
    let directory = target.deletingLastPathComponent()
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: target.path, isDirectory: &isDirectory),
      isDirectory.boolValue
    {
      throw FileError.cannotWrite(url.path, reason: "there is a folder of this name")
    }
    let output = try FileOutput(beside: target)
    do {
      try body(output)
      try output.finish()
      guard rename(output.path, target.path) == 0 else {
        throw FileError.cannotWrite(url.path, reason: systemMessage(errno))
      }
    } catch {
      output.discard()
      throw error
    }
    synchronize(directory: directory)
  }

  /// Removes what processes that were killed while they wrote have left in a folder.
  ///
  /// Files of processes that live, this one's among them, stay.
  package static func removeLeftovers(in directory: URL) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    for name in names {
      guard let match = name.wholeMatch(of: /\.otx-(?:probe-)?(\d+)(?:-\d+\.partial)?/),
        let process = Int32(match.1), kill(process, 0) != 0, errno == ESRCH
      else { continue }
      _ = unlink(directory.appending(path: name).path)
    }
  }

  /// Brings a folder's list of names to disk, so that a rename outlives a power cut.
  ///
  /// Not every file system can; the data itself is safe by then, so failure is no error.
  private static func synchronize(directory: URL) {
    let descriptor = open(directory.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = fsync(descriptor)
    _ = close(descriptor)
  }
}

/// What the system says about an error number, with what a user can do about the common ones.
func systemMessage(_ code: Int32) -> String {
  let message = String(cString: strerror(code))
  return switch code {
  case ENOSPC, EDQUOT: "\(message); free some space or choose another folder"
  case EACCES, EPERM, EROFS: "\(message); choose a folder you may write to"
  case ENOENT: "\(message); the folder does not exist"
  default: message
  }
}

/// A new file that is written from its beginning, with a small buffer in front.
package final class FileOutput {
  let path: String
  /// The name that users know it by, for messages.
  private let target: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 16

  /// Bytes written so far.
  package private(set) var offset = 0

  /// Makes a hidden file in the folder of `target`.
  fileprivate init(beside target: URL) throws {
    self.target = target.path
    let directory = target.deletingLastPathComponent()
    var attempt = 0
    while true {
      let name = ".otx-\(ProcessInfo.processInfo.processIdentifier)-\(attempt).partial"
      let candidate = directory.appending(path: name).path
      let opened = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if opened >= 0 {
        (path, descriptor) = (candidate, opened)
        break
      }
      guard errno == EEXIST || errno == EINTR, attempt < 10_000 else {
        throw FileError.cannotWrite(target.path, reason: systemMessage(errno))
      }
      attempt += 1
    }
    buffer.reserveCapacity(FileOutput.bufferSize)
  }

  /// Appends `bytes`.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    offset += bytes.count
    if buffer.count + bytes.count <= FileOutput.bufferSize {
      buffer.append(contentsOf: bytes)
      return
    }
    try flush()
    if bytes.count < FileOutput.bufferSize {
      buffer.append(contentsOf: bytes)
    } else {
      try writeThrough(bytes)
    }
  }

  /// Appends `bytes`.
  package func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try writeThrough($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeThrough(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let chunk = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      #if canImport(Darwin)
        let written = Darwin.write(descriptor, chunk.baseAddress, chunk.count)
      #else
        let written = Glibc.write(descriptor, chunk.baseAddress, chunk.count)
      #endif
      if written < 0 {
        if errno == EINTR { continue }
        throw FileError.cannotWrite(target, reason: systemMessage(errno))
      }
      rest = rest.dropFirst(written)
    }
  }

  /// Brings everything to disk and closes the file.
  fileprivate func finish() throws {
    try flush()
    guard fsync(descriptor) == 0 else {
      throw FileError.cannotWrite(target, reason: systemMessage(errno))
    }
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0 else {
      throw FileError.cannotWrite(target, reason: systemMessage(errno))
    }
  }

  /// Removes the file.
  fileprivate func discard() {
    if descriptor >= 0 { _ = close(descriptor) }
    descriptor = -1
    _ = unlink(path)
  }
}
