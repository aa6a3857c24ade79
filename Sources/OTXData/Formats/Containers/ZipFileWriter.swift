package import Foundation
import OTXCore

/// Writes a zip archive: of stored entries, since pictures are packed already, or packed ones.
///
/// Written beside its place, synced and renamed at the end; without zip64, so up to 4 GiB and 65,535
/// entries.
package struct ZipFileWriter {
  private let target: URL
  private let partial: URL
  private let handle: FileHandle
  private var directory: [UInt8] = []
  private var offset = 0
  private var count = 0
  private var names: Set<String> = []

  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package init(_ url: URL) throws {
    target = url
    partial = url.appendingPathExtension("partial")
    guard FileManager.default.createFile(atPath: partial.path, contents: nil),
      let handle = try? FileHandle(forWritingTo: partial)
    else { throw DataError.unreadable(file: url.path, reason: "cannot be written") }
    self.handle = handle
  }

  /// Removes what was written, for an archive that is not to be finished.
  package func discard() {
    try? handle.close()
    try? FileManager.default.removeItem(at: partial)
  }

  /// Appends an entry; a name that is there already gets a number.
  ///
  /// - Parameters:
  ///   - name: Its name, with `/` between folders.
  ///   - contents: Its bytes.
  ///   - mode: Rights as Unix has them (`0o755`); `nil`: none are said.
  ///   - packs: Whether the bytes are worth packing.
  /// - Throws: ``DataError/unreadable(file:reason:)``, also for what a zip archive cannot hold.
  package mutating func add(
    _ name: String,
    _ contents: [UInt8],
    mode: UInt16? = nil,
    packs: Bool = false
  ) throws {
    let file = URL(filePath: name)
    var (unique, number) = (name, 2)
    while !names.insert(unique).inserted {
      unique = "\(file.deletingPathExtension().lastPathComponent)-\(number).\(file.pathExtension)"
      number += 1
    }
    let bytes = Array(unique.utf8)
    let packed = packs ? try Deflate.pack(contents) : contents
    guard contents.count < 0xFFFF_0000, offset + packed.count < 0xFFFF_0000, count < 0xFFFE,
      bytes.count < 0xFFFF
    else {
      throw DataError.unreadable(
        file: target.path,
        reason: "would be a zip archive of more than 4 GiB or 65,534 pictures: write image_dir"
      )
    }
    // Version, UTF-8 names, deflated or stored, 1 January 1980, checksum, sizes, length of the name.
    let shared =
      ZipFileWriter.number(20, 2) + ZipFileWriter.number(0x800, 2)
      + ZipFileWriter.number(packs ? 8 : 0, 2)
      + ZipFileWriter.number(0, 2) + ZipFileWriter.number(0x21, 2)
      + ZipFileWriter.number(Int(Deflate.checksum(contents)), 4)
      + ZipFileWriter.number(packed.count, 4) + ZipFileWriter.number(contents.count, 4)
      + ZipFileWriter.number(bytes.count, 2) + ZipFileWriter.number(0, 2)
    // Rights are read where the entry says that a Unix wrote it (3): a regular file's.
    directory += [0x50, 0x4B, 1, 2, 20, mode == nil ? 0 : 3] + shared
    directory += ZipFileWriter.number(0, 6)
    directory += ZipFileWriter.number(mode.map { (0o100000 | Int($0)) << 16 } ?? 0, 4)
    directory += ZipFileWriter.number(offset, 4) + bytes
    try write([0x50, 0x4B, 3, 4] + shared + bytes)
    try write(packed)
    count += 1
  }

  /// Writes the directory and gives the file its name.
  package mutating func finish() throws {
    let start = offset
    try write(directory)
    try write(
      [0x50, 0x4B, 5, 6] + ZipFileWriter.number(0, 4) + ZipFileWriter.number(count, 2)
        + ZipFileWriter.number(count, 2) + ZipFileWriter.number(directory.count, 4)
        + ZipFileWriter.number(start, 4) + ZipFileWriter.number(0, 2)
    )
    do {
      try handle.synchronize()
      try handle.close()
    } catch {
      throw DataError.unreadable(file: target.path, reason: "cannot be written: \(error.reason)")
    }
    guard rename(partial.path, target.path) == 0 else {
      throw DataError.unreadable(
        file: target.path,
        reason: "cannot be written: \(String(cString: strerror(errno)))"
      )
    }
  }

  private mutating func write(_ bytes: [UInt8]) throws {
    do {
      try handle.write(contentsOf: Data(bytes))
    } catch {
      throw DataError.unreadable(file: target.path, reason: "cannot be written: \(error.reason)")
    }
    offset += bytes.count
  }

  private static func number(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
  }
}
