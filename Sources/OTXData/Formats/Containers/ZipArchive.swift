package import Foundation
import OTXCore
import OTXImage

/// Reads entries of a zip archive (APPNOTE 6.3.10, with zip64): stored or deflated.
///
/// An archive that could do harm is refused as a whole: names that lead out of a folder, links, entries
/// that overlap, and contents that are far larger than the file. Nothing is kept in memory but the
/// directory; entries are checked against their stated size and their checksum.
package final class ZipArchive: Sendable {
  package struct Entry: Sendable, Equatable {
    /// Relative, with `/` between folders.
    package var name: String
    package var isFolder: Bool
    package var size: Int
    fileprivate var packedSize: Int
    fileprivate var method: UInt16
    fileprivate var checksum: UInt32
    fileprivate var headerOffset: Int
  }

  package let url: URL
  package let entries: [Entry]
  private let places: [String: Int]
  private static let largestDirectory = 1 << 28

  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package init(_ url: URL) throws {
    self.url = url
    let file = try ReadableFile(url)
    var entries = try ZipArchive.readDirectory(file)
    try ZipArchive.check(entries, file)
    // What macOS puts beside the files.
    entries.removeAll { $0.name.hasPrefix("__MACOSX/") || $0.name.hasSuffix(".DS_Store") }
    self.entries = entries
    var places: [String: Int] = [:]
    for (index, entry) in entries.enumerated() {
      guard places.updateValue(index, forKey: entry.name) == nil else {
        throw DataError.unreadable(file: url.path, reason: "holds two entries '\(entry.name)'")
      }
    }
    self.places = places
  }

  /// Whether a file begins as a zip archive does.
  static func isArchive(_ url: URL) -> Bool {
    guard let start = try? ReadableFile(url).bytes(at: 0, count: 4) else { return false }
    return start == [0x50, 0x4B, 3, 4] || start == [0x50, 0x4B, 5, 6]
  }

  func entry(_ name: String) -> Entry? { places[name].map { entries[$0] } }

  /// The contents of an entry.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package func contents(of entry: Entry) throws -> [UInt8] {
    let file = try ReadableFile(url)
    let name = "\(url.path): \(entry.name)"
    func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }
    let header = try file.bytes(at: entry.headerOffset, count: 30)
    guard header.count == 30, header.starts(with: [0x50, 0x4B, 3, 4]) else {
      throw failure("is damaged: it does not begin where the archive says")
    }
    let start = entry.headerOffset + 30 + header.little(26, 2) + header.little(28, 2)
    let packed = try file.bytes(at: start, count: entry.packedSize)
    guard packed.count == entry.packedSize else { throw failure("is cut short") }
    let bytes: [UInt8]
    switch entry.method {
    case 0: bytes = packed
    default: bytes = try Deflate.unpack(packed, .none, limit: entry.size, name: name)
    }
    guard bytes.count == entry.size else {
      throw failure("has \(bytes.count) bytes where the archive says \(entry.size)")
    }
    guard Deflate.checksum(bytes) == entry.checksum else {
      throw failure("is damaged: its checksum does not match")
    }
    return bytes
  }

  // MARK: The directory at the end

  private static func readDirectory(_ file: ReadableFile) throws -> [Entry] {
    func failure(_ reason: String) -> DataError { .unreadable(file: file.name, reason: reason) }
    let tailSize = min(file.byteCount, 22 + 0xFFFF)
    let tailStart = file.byteCount - tailSize
    let tail = try file.bytes(at: tailStart, count: tailSize)
    guard
      let end = stride(from: tail.count - 22, through: 0, by: -1).first(where: {
        tail[$0] == 0x50 && tail[$0...].starts(with: [0x50, 0x4B, 5, 6])
      })
    else { throw failure("is no zip archive, or its end is missing") }
    var count = tail.little(end + 10, 2)
    var size = tail.little(end + 12, 4)
    var offset = tail.little(end + 16, 4)
    let locator = try file.bytes(at: tailStart + end - 20, count: 20)
    if tailStart + end >= 20, locator.starts(with: [0x50, 0x4B, 6, 7]),
      count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF
    {
      let record = try file.bytes(at: locator.little(8, 8), count: 56)
      guard record.count == 56, record.starts(with: [0x50, 0x4B, 6, 6]) else {
        throw failure("is a damaged zip archive: its directory cannot be found")
      }
      (count, size) = (record.little(32, 8), record.little(40, 8))
      offset = record.little(48, 8)
    }
    guard size >= 0, size <= largestDirectory, offset >= 0, offset <= file.byteCount,
      size <= file.byteCount - offset, count >= 0, count <= size / 46
    else { throw failure("is a damaged zip archive: its directory lies outside the file") }
    let directory = try file.bytes(at: offset, count: size)
    var entries: [Entry] = []
    entries.reserveCapacity(count)
    var position = 0
    for _ in 0..<count {
      entries.append(try entry(directory, &position, file))
    }
    return entries
  }

  private static func entry(
    _ bytes: [UInt8],
    _ position: inout Int,
    _ file: ReadableFile
  ) throws -> Entry {
    func failure(_ reason: String) -> DataError { .unreadable(file: file.name, reason: reason) }
    guard position + 46 <= bytes.count, bytes[position...].starts(with: [0x50, 0x4B, 1, 2]) else {
      throw failure("is a damaged zip archive: its directory is not readable")
    }
    let start = position
    let nameSize = bytes.little(start + 28, 2)
    let extraSize = bytes.little(start + 30, 2)
    position = start + 46 + nameSize + extraSize + bytes.little(start + 32, 2)
    guard position <= bytes.count else {
      throw failure("is a damaged zip archive: its directory is cut short")
    }
    let nameBytes = bytes[start + 46..<start + 46 + nameSize]
    // Old programs write names in their system's own alphabet.
    let raw =
      String(validating: nameBytes, as: UTF8.self)
      ?? String(String.UnicodeScalarView(nameBytes.map { Unicode.Scalar($0) }))
    var entry = Entry(
      name: raw.replacingOccurrences(of: "\\", with: "/"),
      isFolder: false,
      size: bytes.little(start + 24, 4),
      packedSize: bytes.little(start + 20, 4),
      method: UInt16(bytes.little(start + 10, 2)),
      checksum: UInt32(bytes.little(start + 16, 4)),
      headerOffset: bytes.little(start + 42, 4)
    )
    var extra = start + 46 + nameSize
    let extraEnd = extra + extraSize
    while extra + 4 <= extraEnd {
      let (id, size) = (bytes.little(extra, 2), bytes.little(extra + 2, 2))
      var field = extra + 4
      extra = field + size
      guard id == 1, extra <= extraEnd else { continue }
      func take(_ value: inout Int) {
        guard value == 0xFFFF_FFFF, field + 8 <= extra else { return }
        value = bytes.little(field, 8)
        field += 8
      }
      take(&entry.size)
      take(&entry.packedSize)
      take(&entry.headerOffset)
    }
    entry.isFolder = entry.name.hasSuffix("/")
    guard bytes.little(start + 8, 2) & 1 == 0 else {
      throw failure("is encrypted ('\(entry.name)'): unpack it first")
    }
    guard entry.method == 0 || entry.method == 8 else {
      throw failure(
        "packs '\(entry.name)' in a way that is not read (\(entry.method)): unpack it first"
      )
    }
    // The kind of file in Unix's mode, where a Unix wrote the entry.
    let isLink = bytes[start + 5] == 3 && bytes.little(start + 38, 4) >> 28 == 0xA
    guard !isLink else { throw failure("holds the link '\(entry.name)', which is refused") }
    return entry
  }

  /// Refuses an archive that could do harm.
  private static func check(_ entries: [Entry], _ file: ReadableFile) throws {
    func failure(_ reason: String) -> DataError { .unreadable(file: file.name, reason: reason) }
    var (packed, unpacked) = (0, 0)
    for entry in entries {
      let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
      let isDrive = parts.first.map { $0.count == 2 && $0.hasSuffix(":") } ?? false
      guard !entry.name.hasPrefix("/"), !isDrive, !parts.contains(".."), !entry.name.isEmpty,
        !entry.name.utf8.contains(0)
      else {
        throw failure("holds the entry '\(entry.name)', which leads out of its folder: refused")
      }
      guard entry.size >= 0, entry.packedSize >= 0, entry.headerOffset >= 0,
        entry.headerOffset <= file.byteCount,
        entry.packedSize <= file.byteCount - entry.headerOffset,
        entry.method != 0 || entry.size == entry.packedSize
      else { throw failure("is a damaged zip archive: '\(entry.name)' lies outside the file") }
      packed += entry.packedSize
      let (sum, overflow) = unpacked.addingReportingOverflow(entry.size)
      guard !overflow else { throw failure("claims to hold more bytes than there are numbers") }
      unpacked = sum
      guard packed <= file.byteCount else {
        throw failure("is a damaged zip archive: its entries overlap")
      }
    }
    guard unpacked <= Deflate.largestSize || unpacked / Deflate.largestRatio <= file.byteCount
    else {
      throw failure(
        "would unpack to \(unpacked >> 20) MiB, more than \(Deflate.largestRatio) times its size: refused"
      )
    }
  }
}

extension [UInt8] {
  /// The big-endian number of four bytes at `offset`; 0 beyond the end.
  func big32(_ offset: Int) -> Int {
    guard offset >= 0, offset + 4 <= count else { return 0 }
    return self[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
  }
}

/// Pictures in a zip archive.
final class ZipPictures: EmbeddedPictureReader {
  private let archive: ZipArchive

  init(_ archive: ZipArchive) { self.archive = archive }

  func encodedBytes(of name: String) throws -> [UInt8]? {
    guard let entry = archive.entry(name) else {
      throw DataError.unreadable(file: archive.url.path, reason: "holds no '\(name)'")
    }
    return try archive.contents(of: entry)
  }

  func size(of name: String) throws -> ImageSize {
    try ImageHeader(of: encodedBytes(of: name) ?? [], name: "\(archive.url.path): \(name)").size
  }

  func image(of name: String) throws -> Image {
    try ImageFile.decode(encodedBytes(of: name) ?? [], name: "\(archive.url.path): \(name)")
  }
}
