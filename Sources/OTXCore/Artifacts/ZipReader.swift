import Foundation

/// One file inside a zip archive.
struct ZipEntry: Equatable {
  var name: String
  /// Bytes of the contents, as stored.
  var byteCount: Int
  var checksum: UInt32
  /// Where the entry's local header stands in the archive.
  var headerOffset: Int
}

/// Reads the stored (not compressed) entries of a zip archive, with zip64 (APPNOTE 6.3.10).
///
/// Only what is asked for is read from disk. Lengths and offsets are checked against the file
/// before anything is allocated, checksums against the contents after.
final class ZipReader {
  let entries: [ZipEntry]
  let fileByteCount: Int
  private let file: RandomAccessFile
  private let positions: [String: Int]
  private let verifiesChecksums: Bool
  /// The central directory of a million entries is smaller than this.
  private static let largestDirectory = 1 << 26

  init(_ url: URL, verifiesChecksums: Bool = true) throws {
    file = try RandomAccessFile(url)
    fileByteCount = file.byteCount
    self.verifiesChecksums = verifiesChecksums
    let directory = try ZipReader.locateDirectory(file)
    entries = try ZipReader.readDirectory(file, directory)
    var positions: [String: Int] = [:]
    for (position, entry) in entries.enumerated() {
      guard positions.updateValue(position, forKey: entry.name) == nil else {
        throw FormatError("the zip archive has two entries of the name '\(entry.name)'")
      }
    }
    self.positions = positions
  }

  /// The names of an archive's entries, however they are stored.
  static func names(of url: URL) throws -> [String] {
    let file = try RandomAccessFile(url)
    return try readDirectory(file, locateDirectory(file), allowsCompression: true).map(\.name)
  }

  func entry(_ name: String) -> ZipEntry? { positions[name].map { entries[$0] } }

  /// The contents of `entry`.
  func contents(_ entry: ZipEntry) throws -> [UInt8] {
    var header = ByteReader(try file.read(at: entry.headerOffset, count: 30))
    guard try header.number(UInt32.self) == 0x0403_4B50 else {
      throw FormatError(
        "the zip archive is damaged: '\(entry.name)' does not start where it should"
      )
    }
    try header.skip(22)
    let nameByteCount = Int(try header.number(UInt16.self))
    let extraByteCount = Int(try header.number(UInt16.self))
    let name = try file.read(at: entry.headerOffset + 30, count: nameByteCount)
    guard name == Array(entry.name.utf8) else {
      throw FormatError("the zip archive is damaged: '\(entry.name)' has another name inside")
    }
    let start = entry.headerOffset + 30 + nameByteCount + extraByteCount
    let bytes = try file.read(at: start, count: entry.byteCount)
    // PyTorch told not to compute checksums writes 0.
    if verifiesChecksums, entry.checksum != 0, CRC32.checksum(bytes) != entry.checksum {
      throw FormatError("it is damaged: the checksum of '\(entry.name)' does not match")
    }
    return bytes
  }

  // MARK: The directory at the end

  private struct Directory {
    var entryCount: Int
    var byteCount: Int
    var offset: Int
  }

  private static func locateDirectory(_ file: RandomAccessFile) throws -> Directory {
    let tailByteCount = min(file.byteCount, 22 + 0xFFFF)
    let tail = try file.read(at: file.byteCount - tailByteCount, count: tailByteCount)
    let signature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]
    var found: Int?
    for start in stride(from: tail.count - 22, through: 0, by: -1)
    where tail[start] == signature[0] && tail[start..<start + 4].elementsEqual(signature) {
      found = start
      break
    }
    guard let found else {
      throw FormatError("it is cut short or no zip archive (its directory is missing)")
    }
    var end = ByteReader(tail, at: found + 8)
    try end.skip(2)
    var directory = Directory(
      entryCount: Int(try end.number(UInt16.self)),
      byteCount: Int(try end.number(UInt32.self)),
      offset: Int(try end.number(UInt32.self))
    )
    let needsZip64 =
      directory.entryCount == 0xFFFF || directory.byteCount == 0xFFFF_FFFF
      || directory.offset == 0xFFFF_FFFF
    if needsZip64,
      let zip64 = try locateZip64Directory(file, endOffset: file.byteCount - tail.count + found)
    {
      directory = zip64
    }
    guard directory.byteCount <= largestDirectory, directory.offset <= file.byteCount,
      directory.byteCount <= file.byteCount - directory.offset,
      directory.entryCount <= directory.byteCount / 46
    else { throw FormatError("the zip archive is damaged: its directory lies outside the file") }
    return directory
  }

  private static func locateZip64Directory(
    _ file: RandomAccessFile,
    endOffset: Int
  ) throws -> Directory? {
    guard endOffset >= 20 else { return nil }
    var locator = ByteReader(try file.read(at: endOffset - 20, count: 20))
    guard try locator.number(UInt32.self) == 0x0706_4B50 else { return nil }
    try locator.skip(4)
    var record = ByteReader(try file.read(at: try locator.length(), count: 56))
    guard try record.number(UInt32.self) == 0x0606_4B50 else {
      throw FormatError("the zip archive is damaged: its zip64 directory is missing")
    }
    try record.skip(28)
    return Directory(
      entryCount: try record.length(),
      byteCount: try record.length(),
      offset: try record.length()
    )
  }

  private static func readDirectory(
    _ file: RandomAccessFile,
    _ directory: Directory,
    allowsCompression: Bool = false
  ) throws -> [ZipEntry] {
    var reader = ByteReader(try file.read(at: directory.offset, count: directory.byteCount))
    var entries: [ZipEntry] = []
    // Entries that overlap would let a small file ask for any amount of memory.
    var byteBudget = file.byteCount
    for _ in 0..<directory.entryCount {
      let entry = try readEntry(&reader, allowsCompression)
      guard entry.headerOffset <= file.byteCount,
        entry.byteCount <= file.byteCount - entry.headerOffset
      else { throw FormatError("it is cut short: '\(entry.name)' lies outside the file") }
      byteBudget -= entry.byteCount
      guard byteBudget >= 0 else {
        throw FormatError("the zip archive is damaged: its entries overlap")
      }
      entries.append(entry)
    }
    return entries
  }

  private static func readEntry(
    _ reader: inout ByteReader,
    _ allowsCompression: Bool
  ) throws(FormatError) -> ZipEntry {
    guard try reader.number(UInt32.self) == 0x0201_4B50 else {
      throw FormatError("the zip archive is damaged: its directory is not readable")
    }
    try reader.skip(4)
    let flags = try reader.number(UInt16.self)
    let method = try reader.number(UInt16.self)
    try reader.skip(4)
    let checksum = try reader.number(UInt32.self)
    var storedByteCount = Int(try reader.number(UInt32.self))
    var byteCount = Int(try reader.number(UInt32.self))
    let nameByteCount = Int(try reader.number(UInt16.self))
    let extraByteCount = Int(try reader.number(UInt16.self))
    let commentByteCount = Int(try reader.number(UInt16.self))
    try reader.skip(8)
    var offset = Int(try reader.number(UInt32.self))
    let name = try ByteReader.text(try reader.take(nameByteCount))
    var extra = ByteReader(Array(try reader.take(extraByteCount)))
    try reader.skip(commentByteCount)

    while extra.remaining >= 4 {
      let id = try extra.number(UInt16.self)
      var field = ByteReader(Array(try extra.take(Int(try extra.number(UInt16.self)))))
      guard id == 1 else { continue }
      if byteCount == 0xFFFF_FFFF { byteCount = try field.length() }
      if storedByteCount == 0xFFFF_FFFF { storedByteCount = try field.length() }
      if offset == 0xFFFF_FFFF { offset = try field.length() }
    }
    guard flags & 1 == 0 else { throw FormatError("'\(name)' in the zip archive is encrypted") }
    if allowsCompression { byteCount = storedByteCount }
    guard allowsCompression || (method == 0 && storedByteCount == byteCount) else {
      throw FormatError(
        "'\(name)' in the zip archive is compressed, which model files never are; "
          + "save the file again with torch.save, or zip it with compression off (zip -0)"
      )
    }
    return ZipEntry(name: name, byteCount: byteCount, checksum: checksum, headerOffset: offset)
  }
}

/// A file that is read at any place.
final class RandomAccessFile {
  let byteCount: Int
  private let descriptor: Int32

  init(_ url: URL) throws {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(
        errno == ENOENT ? "there is no such file" : String(cString: strerror(errno))
      )
    }
    var status = stat()
    let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    guard isRegular else {
      _ = close(descriptor)
      throw FormatError("it is no file but a folder or a device")
    }
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
  }

  deinit { _ = close(descriptor) }

  /// The `count` bytes from `offset` on.
  func read(at offset: Int, count: Int) throws(FormatError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw FormatError("it ends too early (at byte \(byteCount))")
    }
    var done = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while done < count, let base = buffer.baseAddress {
        let readCount = pread(
          descriptor,
          base + done,
          min(count - done, 1 << 30),
          off_t(offset + done)
        )
        if readCount < 0, errno == EINTR { continue }
        guard readCount > 0 else { break }
        done += readCount
      }
      initialized = done
    }
    guard done == count else { throw FormatError("it could not be read to its end") }
    return bytes
  }
}
