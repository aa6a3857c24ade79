import Foundation

/// Writes a zip archive of entries that are stored, not compressed.
///
/// Contents start at multiples of 64 bytes, as those of PyTorch do, so that they can be mapped into
/// memory. Zip64 where sizes need it.
struct ZipWriter {
  private let output: FileOutput
  private var directory: [UInt8] = []
  private var entryCount = 0
  /// Sizes and offsets from here on are written as zip64; lowered only by tests.
  private let zip64Threshold: Int
  private static let alignment = 64
  /// MS-DOS date of 1 January 1980: a file depends on its contents, not on when it was written.
  private static let date: UInt16 = 0x21

  init(_ output: FileOutput, zip64Threshold: Int = 0xFFFF_FFFF) {
    self.output = output
    self.zip64Threshold = zip64Threshold
  }

  /// Appends an entry.
  mutating func add(_ name: String, _ contents: [UInt8]) throws {
    let nameBytes = Array(name.utf8)
    let checksum = CRC32.checksum(contents)
    let offset = output.offset
    let isLarge = contents.count >= zip64Threshold

    var extra: [UInt8] = []
    if isLarge {
      extra.append(number: UInt16(1))
      extra.append(number: UInt16(16))
      extra.append(number: UInt64(contents.count))
      extra.append(number: UInt64(contents.count))
    }
    // Filler, as an extra field of PyTorch's own id "FB".
    let unaligned = offset + 30 + nameBytes.count + extra.count + 4
    let fillerByteCount =
      (ZipWriter.alignment - unaligned % ZipWriter.alignment) % ZipWriter.alignment
    extra.append(number: UInt16(0x4246))
    extra.append(number: UInt16(fillerByteCount))
    extra.append(contentsOf: repeatElement(UInt8(ascii: "Z"), count: fillerByteCount))

    var header: [UInt8] = []
    header.append(number: UInt32(0x0403_4B50))
    appendCommonFields(to: &header, checksum: checksum, byteCount: isLarge ? nil : contents.count)
    header.append(number: UInt16(nameBytes.count))
    header.append(number: UInt16(extra.count))
    header += nameBytes + extra
    try output.write(header)
    try output.write(contents)
    appendToDirectory(
      nameBytes,
      checksum: checksum,
      byteCount: isLarge ? nil : contents.count,
      largeByteCount: contents.count,
      offset: offset
    )
  }

  /// Writes the directory, after which nothing can be added.
  func finish() throws {
    let start = output.offset
    try output.write(directory)
    let isLarge =
      start >= zip64Threshold || directory.count >= zip64Threshold || entryCount >= 0xFFFF
    var end: [UInt8] = []
    if isLarge {
      let recordOffset = output.offset
      end.append(number: UInt32(0x0606_4B50))
      end.append(number: UInt64(44))
      end.append(number: UInt16(45))
      end.append(number: UInt16(45))
      end.append(number: UInt32(0))
      end.append(number: UInt32(0))
      end.append(number: UInt64(entryCount))
      end.append(number: UInt64(entryCount))
      end.append(number: UInt64(directory.count))
      end.append(number: UInt64(start))
      end.append(number: UInt32(0x0706_4B50))
      end.append(number: UInt32(0))
      end.append(number: UInt64(recordOffset))
      end.append(number: UInt32(1))
    }
    end.append(number: UInt32(0x0605_4B50))
    end.append(number: UInt32(0))
    let shownCount = isLarge ? 0xFFFF : UInt16(entryCount)
    end.append(number: shownCount)
    end.append(number: shownCount)
    end.append(number: isLarge ? 0xFFFF_FFFF : UInt32(directory.count))
    end.append(number: isLarge ? 0xFFFF_FFFF : UInt32(start))
    end.append(number: UInt16(0))
    try output.write(end)
  }

  /// Version, flags (names are UTF-8), method, time, checksum and sizes; `nil`: see zip64's field.
  private func appendCommonFields(
    to header: inout [UInt8],
    checksum: UInt32,
    byteCount: Int?
  ) {
    header.append(number: UInt16(byteCount == nil ? 45 : 20))
    header.append(number: UInt16(0x0800))
    header.append(number: UInt16(0))
    header.append(number: UInt16(0))
    header.append(number: ZipWriter.date)
    header.append(number: checksum)
    let shown = byteCount.map { UInt32($0) } ?? 0xFFFF_FFFF
    header.append(number: shown)
    header.append(number: shown)
  }

  private mutating func appendToDirectory(
    _ name: [UInt8],
    checksum: UInt32,
    byteCount: Int?,
    largeByteCount: Int,
    offset: Int
  ) {
    var fields: [UInt8] = []
    if byteCount == nil {
      fields.append(number: UInt64(largeByteCount))
      fields.append(number: UInt64(largeByteCount))
    }
    let isFar = offset >= zip64Threshold
    if isFar { fields.append(number: UInt64(offset)) }
    directory.append(number: UInt32(0x0201_4B50))
    directory.append(number: UInt16(isFar || byteCount == nil ? 45 : 20))
    appendCommonFields(to: &directory, checksum: checksum, byteCount: byteCount)
    directory.append(number: UInt16(name.count))
    directory.append(number: UInt16(fields.isEmpty ? 0 : fields.count + 4))
    directory.append(contentsOf: repeatElement(0, count: 2 + 2 + 2 + 4))
    directory.append(number: isFar ? 0xFFFF_FFFF : UInt32(offset))
    directory += name
    if !fields.isEmpty {
      directory.append(number: UInt16(1))
      directory.append(number: UInt16(fields.count))
      directory += fields
    }
    entryCount += 1
  }
}
