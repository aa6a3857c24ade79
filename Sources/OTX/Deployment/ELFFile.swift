import Foundation
import OTXCore

/// What the loader reads of a shared library or program: names, needs, where it looks for them.
///
/// The System V ABI's "Object Files" and "Program Loading and Dynamic Linking"; 64 bits,
/// little-endian.
struct ELFFile {
  private(set) var bytes: [UInt8]
  /// The name that others need it by.
  private(set) var name: String?
  private(set) var needed: [String] = []
  /// The newest version of the C library that it asks for, as its part behind `2.`; 0: none.
  private(set) var newestLibraryVersion = 0
  /// Where its folders to look in stand, as offsets into ``bytes``.
  private var searchPaths: [Int] = []

  private enum Tag {
    static let needed = 1
    static let stringTable = 5
    static let stringCount = 10
    static let name = 14
    static let searchPath = 15
    static let runPath = 29
  }

  /// - Parameters:
  ///   - bytes: The file.
  ///   - file: What errors call it.
  /// - Throws: ``FileError/cannotRead(_:reason:)`` for what is no such file.
  init(_ bytes: [UInt8], file: String) throws {
    self.bytes = bytes
    guard bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]), bytes.count >= 64 else {
      throw FileError.cannotRead(file, reason: "it is no shared library for this machine")
    }
    var loaded: [(address: Int, offset: Int, count: Int)] = []
    var dynamic: Range<Int>?
    let (start, size, headerCount) = (bytes.little(32, 8), bytes.little(54, 2), bytes.little(56, 2))
    for index in 0..<headerCount {
      let header = start + index * size
      guard start >= 0, size >= 56, header + 56 <= bytes.count else { break }
      let (offset, address) = (bytes.little(header + 8, 8), bytes.little(header + 16, 8))
      let length = bytes.little(header + 32, 8)
      guard offset >= 0, address >= 0, length >= 0, offset <= bytes.count,
        length <= bytes.count - offset
      else { continue }
      switch bytes.little(header, 4) {
      case 1: loaded.append((address, offset, length))
      case 2: dynamic = offset..<offset + length
      default: break
      }
    }
    guard let dynamic else {
      throw FileError.cannotRead(file, reason: "it is no shared library: it has no dynamic section")
    }
    var entries: [(tag: Int, value: Int)] = []
    for position in stride(from: dynamic.lowerBound, to: dynamic.upperBound - 15, by: 16) {
      let tag = bytes.little(position, 8)
      guard tag != 0 else { break }
      entries.append((tag, bytes.little(position + 8, 8)))
    }
    let table = entries.first { $0.tag == Tag.stringTable }?.value
    let segment = loaded.first { part in
      table.map { $0 >= part.address && $0 - part.address < part.count } ?? false
    }
    guard let table, let segment else {
      throw FileError.cannotRead(file, reason: "it is damaged: its names cannot be found")
    }
    let strings = table - segment.address + segment.offset
    let count = entries.first { $0.tag == Tag.stringCount }?.value ?? 0
    let end = min(strings + min(max(count, 0), segment.count), bytes.count)
    newestLibraryVersion =
      bytes[strings..<max(end, strings)].split(separator: 0)
      .filter { $0.starts(with: "GLIBC_2.".utf8) }
      .compactMap { text in
        Int(String(decoding: text.dropFirst(8), as: UTF8.self).prefix { $0.isNumber })
      }
      .max() ?? 0
    for entry in entries {
      let place = strings.addingReportingOverflow(entry.value)
      guard !place.overflow, place.partialValue >= 0, place.partialValue < bytes.count else {
        continue
      }
      switch entry.tag {
      case Tag.needed: needed.append(text(at: place.partialValue))
      case Tag.name: name = text(at: place.partialValue)
      case Tag.searchPath, Tag.runPath: searchPaths.append(place.partialValue)
      default: break
      }
    }
  }

  private func text(at offset: Int) -> String {
    String(decoding: bytes[offset...].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The folders that the loader looks into for what this file needs.
  var folders: [String] {
    searchPaths.flatMap { text(at: $0).split(separator: ":").map(String.init) }
  }

  /// Leaves only folders that are relative to the file: others are of the machine it was built on.
  mutating func keepRelativeFolders() {
    for offset in searchPaths {
      let old = text(at: offset)
      let kept = old.split(separator: ":").filter { $0.hasPrefix("$ORIGIN") }
        .joined(separator: ":")
      for (index, byte) in (Array(kept.utf8) + Array(repeating: 0, count: old.utf8.count))
        .prefix(old.utf8.count).enumerated()
      {
        bytes[offset + index] = byte
      }
    }
  }
}
