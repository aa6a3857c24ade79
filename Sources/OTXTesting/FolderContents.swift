public import Foundation

/// A small folder in memory: what mutations change, and what it is written back from.
public struct FolderContents: Sendable, Equatable {
  public enum Node: Sendable, Equatable {
    case file([UInt8])
    case folder
    /// A symbolic link to this path, relative to where it stands.
    case link(String)
    /// A named pipe: whoever opens it to read waits for a writer.
    case pipe
  }

  /// By path below the folder, so that the order is always the same.
  public var nodes: [String: Node]

  public init(nodes: [String: Node]) { self.nodes = nodes }

  /// Reads a folder; links are followed.
  ///
  /// - Returns: `nil` for one of more than `byteLimit` bytes or 300 files.
  public init?(_ root: URL, byteLimit: Int = 1 << 20) throws {
    nodes = [:]
    let manager = FileManager.default
    var byteCount = 0
    for path in try manager.subpathsOfDirectory(atPath: root.path) {
      let url = root.appending(path: path)
      var isFolder: ObjCBool = false
      guard manager.fileExists(atPath: url.path, isDirectory: &isFolder) else { continue }
      if isFolder.boolValue {
        nodes[path] = .folder
        continue
      }
      let size = try manager.attributesOfItem(atPath: url.resolvingSymlinksInPath().path)[.size]
      byteCount += (size as? Int) ?? 0
      guard byteCount <= byteLimit, nodes.count < 300 else { return nil }
      nodes[path] = .file([UInt8](try Data(contentsOf: url)))
    }
  }

  public var byteCount: Int {
    nodes.values.reduce(0) { sum, node in
      if case .file(let bytes) = node { sum + bytes.count } else { sum }
    }
  }

  /// Writes everything below `root`; what cannot be written, as a file below a file, is left out.
  public func write(to root: URL) throws {
    let manager = FileManager.default
    try manager.createDirectory(at: root, withIntermediateDirectories: true)
    for (path, node) in nodes.sorted(by: { $0.key < $1.key }) {
      let url = root.appending(path: path)
      // A name of a damaged case must not lead out of the folder.
      guard !path.split(separator: "/").contains(".."), !path.utf8.contains(0) else { continue }
      try? manager.createDirectory(
        at: url.deletingLastPathComponent(),
        withIntermediateDirectories: true
      )
      switch node {
      case .file(let bytes): FolderContents.write(bytes, to: url.path)
      case .folder: try? manager.createDirectory(at: url, withIntermediateDirectories: true)
      case .link(let target):
        try? manager.createSymbolicLink(atPath: url.path, withDestinationPath: target)
      case .pipe: _ = mkfifo(url.path, 0o600)
      }
    }
  }

  /// Without waiting for the disk, as `Data` does; what exists already stays.
  private static func write(_ bytes: [UInt8], to path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var position = 0
    while position < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        buffer.baseAddress.map {
          Foundation.write(descriptor, $0 + position, bytes.count - position)
        }
      }
      guard let count, count > 0 else { return }
      position += count
    }
  }
}
