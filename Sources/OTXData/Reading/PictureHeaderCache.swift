public import Foundation
import OTXCore
import OTXImage

/// What the headers of picture files said, kept on disk so that a large dataset opens without
/// reading each of its files again.
///
/// An entry counts while size, time of change and time of the last change of the file's entry in
/// the file system are what they were, to the nanosecond; the last of them no program can set back.
/// A file that changed within the two seconds before it was read is not kept: it could change again
/// within the same tick of the clock.
public struct PictureHeaderCache: Sendable {
  /// Below so many pictures reading headers takes no time worth saving.
  static let smallestItemCount = 2000

  /// Where the files of the cache are, one a dataset.
  public let folder: URL

  public init(folder: URL) { self.folder = folder }

  /// What is known of the pictures below `root`; `nil` for a dataset that is too small.
  func session(for root: URL, itemCount: Int) -> PictureHeaderSession? {
    guard itemCount >= PictureHeaderCache.smallestItemCount else { return nil }
    var hash = StableHash()
    hash.add(root.standardizedFileURL.path)
    let name = String(hash.value, radix: 16)
    return PictureHeaderSession(folder.appending(path: "\(name).headers"))
  }
}

/// The cache of one dataset while it is opened.
final class PictureHeaderSession: Sendable {
  /// What is kept of one file.
  struct Record: Sendable, Equatable {
    /// Of its path.
    var key: UInt64
    var byteCount: UInt64
    /// Nanoseconds since 1970.
    var changed: Int64
    var statusChanged: Int64
    var height: Int32
    var width: Int32
    var storedHeight: Int32
    var storedWidth: Int32
    var flags: UInt32

    static let byteCount = 56
  }

  private let file: URL
  /// As they were on disk, by key.
  private let known: [Record]
  private static let signature: UInt64 = 0x3130_5244_4858_544F
  private static let flagMorePictures: UInt32 = 1

  init(_ file: URL) {
    self.file = file
    known = (try? PictureHeaderSession.read(file)) ?? []
  }

  /// State of a file in the file system; `nil` for one that is not there.
  static func state(of path: String) -> Record? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    func nanoseconds(_ time: timespec) -> Int64 {
      Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
    var hash = StableHash()
    hash.add(path)
    return Record(
      key: hash.value,
      byteCount: UInt64(status.st_size),
      changed: nanoseconds(status.st_mtim),
      statusChanged: nanoseconds(status.st_ctim),
      height: 0,
      width: 0,
      storedHeight: 0,
      storedWidth: 0,
      flags: 0
    )
  }

  /// What is known of a file in this state; `nil` for a new or a changed one.
  func picture(_ state: Record) -> CheckedPicture? {
    var (low, high) = (0, known.count)
    while low < high {
      let middle = (low + high) / 2
      if known[middle].key < state.key { low = middle + 1 } else { high = middle }
    }
    guard low < known.count else { return nil }
    let record = known[low]
    guard record.key == state.key, record.byteCount == state.byteCount,
      record.changed == state.changed, record.statusChanged == state.statusChanged
    else { return nil }
    return CheckedPicture(
      size: ImageSize(height: Int(record.height), width: Int(record.width)),
      storedSize: ImageSize(height: Int(record.storedHeight), width: Int(record.storedWidth)),
      hasMorePictures: record.flags & PictureHeaderSession.flagMorePictures != 0
    )
  }

  /// A record to be kept; `nil` for a file that may still change unseen.
  ///
  /// - Parameters:
  ///   - state: Taken before the file was read.
  ///   - picture: What its header said.
  ///   - now: Nanoseconds since 1970.
  /// - Returns: The record.
  static func record(_ state: Record, _ picture: CheckedPicture, now: Int64) -> Record? {
    guard max(state.changed, state.statusChanged) < now - 2_000_000_000,
      let height = Int32(exactly: picture.size.height),
      let width = Int32(exactly: picture.size.width),
      let storedHeight = Int32(exactly: picture.storedSize.height),
      let storedWidth = Int32(exactly: picture.storedSize.width)
    else { return nil }
    var record = state
    (record.height, record.width) = (height, width)
    (record.storedHeight, record.storedWidth) = (storedHeight, storedWidth)
    record.flags = picture.hasMorePictures ? flagMorePictures : 0
    return record
  }

  /// Adds records to the file; what cannot be written is read again next time.
  func save(_ new: [Record]) {
    guard !new.isEmpty else { return }
    let replaced = Set(new.map(\.key))
    // Files that are gone must not pile up for ever.
    let kept = known.filter { !replaced.contains($0.key) }.prefix(max(4 * new.count, 100_000))
    let records = (new + kept).sorted { $0.key < $1.key }
    try? Folder.make(file.deletingLastPathComponent())
    try? AtomicFile.write(PictureHeaderSession.encoded(records), to: file)
  }

  // MARK: The file

  /// Signature, count, records by key, and a hash of all that; little-endian numbers.
  static func encoded(_ records: [Record]) -> Data {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(24 + records.count * Record.byteCount)
    func add(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    add(signature)
    add(UInt64(records.count))
    for record in records {
      add(record.key)
      add(record.byteCount)
      add(record.changed)
      add(record.statusChanged)
      add(record.height)
      add(record.width)
      add(record.storedHeight)
      add(record.storedWidth)
      add(record.flags)
      add(UInt32(0))
    }
    var hash = StableHash()
    hash.add(bytes: bytes)
    add(hash.value)
    return Data(bytes)
  }

  private static func read(_ file: URL) throws -> [Record] {
    let bytes = try ReadableFile(file).allBytes()
    return decoded(bytes)
  }

  /// The records of a file; none for one that is damaged.
  static func decoded(_ bytes: [UInt8]) -> [Record] {
    guard bytes.count >= 24 else { return [] }
    return bytes.withUnsafeBytes { buffer -> [Record] in
      func number<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        T(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: T.self))
      }
      let stated = number(UInt64.self, at: 8)
      guard number(UInt64.self, at: 0) == signature, stated <= UInt64(bytes.count),
        bytes.count == 24 + Int(stated) * Record.byteCount
      else { return [] }
      var hash = StableHash()
      hash.add(bytes: Array(bytes[..<(bytes.count - 8)]))
      guard number(UInt64.self, at: bytes.count - 8) == hash.value else { return [] }
      return (0..<Int(stated)).map { index in
        let start = 16 + index * Record.byteCount
        return Record(
          key: number(UInt64.self, at: start),
          byteCount: number(UInt64.self, at: start + 8),
          changed: number(Int64.self, at: start + 16),
          statusChanged: number(Int64.self, at: start + 24),
          height: number(Int32.self, at: start + 32),
          width: number(Int32.self, at: start + 36),
          storedHeight: number(Int32.self, at: start + 40),
          storedWidth: number(Int32.self, at: start + 44),
          flags: number(UInt32.self, at: start + 48)
        )
      }
    }
  }
}
