import Foundation
import OTXCore

/// Writes a zip archive of stored entries: pictures are packed already.
///
/// Written beside its place and renamed at the end; without zip64, so up to 4 GiB and 65,535 entries.
struct ZipFileWriter {
  private let target: URL
  private let partial: URL
  private let handle: FileHandle
  private var directory: [UInt8] = []
  private var offset = 0
  private var count = 0
  private var names: Set<String> = []

  /// - Throws: ``DataError/unreadable(file:reason:)``.
  init(_ url: URL) throws {
    target = url
    partial = url.appendingPathExtension("partial")
    guard FileManager.default.createFile(atPath: partial.path, contents: nil),
      let handle = try? FileHandle(forWritingTo: partial)
    else { throw DataError.unreadable(file: url.path, reason: "cannot be written") }
    self.handle = handle
  }

  /// Appends an entry; a name that is there already gets a number.
  mutating func add(_ name: String, _ contents: [UInt8]) throws {
    let file = URL(filePath: name)
    var (unique, number) = (name, 2)
    while !names.insert(unique).inserted {
      unique = "\(file.deletingPathExtension().lastPathComponent)-\(number).\(file.pathExtension)"
      number += 1
    }
    let bytes = Array(unique.utf8)
    guard offset + contents.count < 0xFFFF_0000, count < 0xFFFE, bytes.count < 0xFFFF else {
      throw DataError.unreadable(
        file: target.path,
        reason: "would be a zip archive of more than 4 GiB or 65,534 pictures: write image_dir"
      )
    }
    // Version, UTF-8 names, stored, 1 January 1980, checksum, sizes, length of the name.
    let shared =
      ZipFileWriter.number(20, 2) + ZipFileWriter.number(0x800, 2) + ZipFileWriter.number(0, 2)
      + ZipFileWriter.number(0, 2) + ZipFileWriter.number(0x21, 2)
      + ZipFileWriter.number(Int(Deflate.checksum(contents)), 4)
      + ZipFileWriter.number(contents.count, 4) + ZipFileWriter.number(contents.count, 4)
      + ZipFileWriter.number(bytes.count, 2) + ZipFileWriter.number(0, 2)
    directory += [0x50, 0x4B, 1, 2] + ZipFileWriter.number(20, 2) + shared
    directory += ZipFileWriter.number(0, 10) + ZipFileWriter.number(offset, 4) + bytes
    try write([0x50, 0x4B, 3, 4] + shared + bytes)
    try write(contents)
    count += 1
  }

  /// Writes the directory and gives the file its name.
  mutating func finish() throws {
    let start = offset
    try write(directory)
    try write(
      [0x50, 0x4B, 5, 6] + ZipFileWriter.number(0, 4) + ZipFileWriter.number(count, 2)
        + ZipFileWriter.number(count, 2) + ZipFileWriter.number(directory.count, 4)
        + ZipFileWriter.number(start, 4) + ZipFileWriter.number(0, 2)
    )
    do {
      try handle.close()
      if FileManager.default.fileExists(atPath: target.path) {
        try FileManager.default.removeItem(at: target)
      }
      try FileManager.default.moveItem(at: partial, to: target)
    } catch {
      throw DataError.unreadable(file: target.path, reason: "cannot be written: \(error.reason)")
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
