package import Foundation

/// A file that lies in this process's memory, or a part of one.
package struct MappedFile: Sendable, Equatable {
  package var addresses: Range<UInt>
  /// Whether it is code.
  package var isExecutable: Bool
  package var url: URL

  /// What the kernel lists (`/proc/self/maps`); nothing on systems that have no such list.
  package static func all() -> [MappedFile] {
    var text: [UInt8] = []
    let descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    // A read gives a page at most, and Foundation takes a short one for the end of the file.
    var page = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = page.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { break }
      text += page[..<count]
    }
    return text.split(separator: UInt8(ascii: "\n")).compactMap(MappedFile.init)
  }

  /// Reads `start-end rights offset device inode path`.
  private init?(_ line: ArraySlice<UInt8>) {
    let parts = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 5)
    guard parts.count == 6 else { return nil }
    let bounds = parts[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    let path = parts[5].drop { $0 == " " }
    guard bounds.count == 2, bounds[0] <= bounds[1], path.hasPrefix("/") else { return nil }
    addresses = bounds[0]..<bounds[1]
    isExecutable = parts[1].contains("x")
    url = URL(filePath: String(path))
  }
}
