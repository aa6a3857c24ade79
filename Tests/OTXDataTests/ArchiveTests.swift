import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// A zip archive made by hand, so that it can be wrong.
struct HandmadeZip {
  var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  private func number(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  mutating func add(
    _ name: String,
    _ content: [UInt8],
    packed: [UInt8]? = nil,
    statedSize: Int? = nil,
    checksum: UInt32? = nil,
    mode: Int = 0o100644,
    flags: Int = 0
  ) {
    let shared =
      number(flags, 2) + number(packed == nil ? 0 : 8, 2) + number(0, 4)
      + number(Int(checksum ?? Deflate.checksum(content)), 4)
      + number((packed ?? content).count, 4) + number(statedSize ?? content.count, 4)
      + number(name.utf8.count, 2) + number(0, 2)
    directory += [0x50, 0x4B, 1, 2] + number(20, 1) + number(3, 1) + number(20, 2) + shared
    directory += number(0, 6) + number(mode << 16, 4) + number(bytes.count, 4) + Array(name.utf8)
    bytes += [0x50, 0x4B, 3, 4] + number(20, 2) + shared + Array(name.utf8) + (packed ?? content)
    count += 1
  }

  var finished: Data {
    let end = [0x50, 0x4B, 5, 6] + number(0, 4) + number(count, 2) + number(count, 2)
    return Data(
      bytes + directory + end + number(directory.count, 4) + number(bytes.count, 4) + number(0, 2)
    )
  }
}

@Suite("Zip archives")
struct ArchiveTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  func error(_ change: (inout HandmadeZip) -> Void) throws -> String {
    var zip = HandmadeZip()
    change(&zip)
    let url = try folder.write(zip.finished, to: "a.zip")
    do {
      let archive = try ZipArchive(url)
      for entry in archive.entries { _ = try archive.contents(of: entry) }
      return "read"
    } catch { return "\(error)" }
  }

  /// Bytes as deflate packs them, without gzip's wrapping.
  func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
    Array(try Deflate.gzip(bytes).dropFirst(10).dropLast(8))
  }

  @Test("stored and deflated entries are read, checked")
  func reading() throws {
    let text = Array(String(repeating: "some words ", count: 500).utf8)
    var zip = HandmadeZip()
    zip.add("a/b.txt", Array("x".utf8))
    zip.add("c.txt", text, packed: try deflated(text))
    zip.add("__MACOSX/c.txt", [])
    let archive = try ZipArchive(try folder.write(zip.finished, to: "a.zip"))
    #expect(archive.entries.map(\.name) == ["a/b.txt", "c.txt"])
    #expect(try archive.contents(of: #require(archive.entry("c.txt"))) == text)
  }

  @Test("what could do harm is refused")
  func refused() throws {
    #expect(try error { $0.add("../a", [1]) }.contains("leads out"))
    #expect(try error { $0.add("a/../../b", [1]) }.contains("leads out"))
    #expect(try error { $0.add("/etc/a", [1]) }.contains("leads out"))
    #expect(try error { $0.add("C:\\a", [1]) }.contains("leads out"))
    #expect(try error { $0.add("..\\a", [1]) }.contains("leads out"))
    #expect(try error { $0.add("a", Array("/etc".utf8), mode: 0o120777) }.contains("link"))
    #expect(try error { $0.add("a", [1], flags: 1) }.contains("encrypted"))
    #expect(
      try error {
        $0.add("a", [1])
        $0.add("a", [2])
      }.contains("two entries")
    )
    #expect(try error { $0.add("a", [1, 2], checksum: 7) }.contains("checksum"))
    let zeros = [UInt8](repeating: 0, count: 100_000)
    let packed = try deflated(zeros)
    #expect(
      try error { $0.add("a", zeros, packed: packed, statedSize: 50) }.contains("more than 50")
    )
    #expect(
      try error { $0.add("a", zeros, packed: packed, statedSize: 3_000_000_000) }
        .contains("would unpack to")
    )
    #expect(try error { $0.add("a", [1], statedSize: 9) }.contains("lies outside"))
    try folder.write(Data([0x50, 0x4B, 3, 4]), to: "b.zip")
    #expect(throws: DataError.self) { try ZipArchive(folder.url.appending(path: "b.zip")) }
  }

  @Test("damaged archives are errors, whatever byte is wrong")
  func damaged() throws {
    let text = Array(String(repeating: "words ", count: 50).utf8)
    var zip = HandmadeZip()
    zip.add("a.txt", text, packed: try deflated(text))
    let good = [UInt8](zip.finished)
    for place in good.indices {
      for change in [UInt8(1), 0x80, 0xFF] {
        var bytes = good
        bytes[place] ^= change
        let url = try folder.write(Data(bytes), to: "a.zip")
        guard let archive = try? ZipArchive(url) else { continue }
        for entry in archive.entries { _ = try? archive.contents(of: entry) }
      }
    }
    for count in 0..<good.count {
      let url = try folder.write(Data(good[..<count]), to: "a.zip")
      #expect(throws: DataError.self) { try ZipArchive(url) }
    }
  }

  @Test("a data set is unpacked once, and again when the archive changes")
  func unpacking() throws {
    let picture = try ImageFile.png(Image(size: ImageSize(height: 4, width: 4)))
    var zip = HandmadeZip()
    for name in ["cat/a.png", "cat/b.png", "dog/c.png"] { zip.add("pets/" + name, picture) }
    let url = try folder.write(zip.finished, to: "pets.zip")
    let cache = folder.url.appending(path: "cache")
    #expect(try DatasetArchive.needsUnpacking(url))
    let first = try DatasetArchive.folder(for: url, cache: cache)
    #expect(first.lastPathComponent == "pets")
    #expect(try DatasetReader.read(.root(first, format: nil)).format == "imagenet")
    #expect(try DatasetArchive.folder(for: url, cache: cache) == first)
    zip.add("pets/dog/d.png", picture)
    try folder.write(zip.finished, to: "pets.zip")
    let second = try DatasetArchive.folder(for: url, cache: cache)
    #expect(second != first)
    let all = try DatasetReader.read(.root(second, format: nil)).items.values.joined()
    #expect(all.count == 4)
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).count == 2)
    let stated = DatasetArchive.cacheFolder(environment: ["XDG_CACHE_HOME": "/x"])
    #expect(stated.path == "/x/otx/datasets")
  }

  @Test("pictures are read out of an archive without unpacking it")
  func pictures() throws {
    var image = Image(size: ImageSize(height: 2, width: 3))
    image.pixels[0] = 200
    var zip = HandmadeZip()
    zip.add("a.png", try ImageFile.png(image))
    zip.add("b.png", Array("no picture".utf8))
    let url = try folder.write(zip.finished, to: "set.zip")
    #expect(try !DatasetArchive.needsUnpacking(url))
    let dataset = try DatasetReader.read(.root(url, format: nil))
    #expect(dataset.format == "image_zip")
    let items = dataset.items.values.flatMap(\.self)
    #expect(items.map(\.id) == ["a.png"])
    #expect(items.first?.size == image.size)
    guard case .embedded(let picture) = items.first?.image else {
      Issue.record("the picture is not in the archive")
      return
    }
    #expect(try picture.image() == image)
    #expect(dataset.kinds(.leftOut) == ["unreadable picture"])
  }

  @Test("gzip gives back what it was given; damage and too much are errors")
  func gzip() throws {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    let packed = try Deflate.gzip(bytes)
    #expect(try Deflate.unpack(packed, .gzip, name: "x") == bytes)
    #expect(try Deflate.unpack(packed + packed, .gzip, name: "x") == bytes + bytes)
    #expect(throws: DataError.self) { try Deflate.unpack(packed, .gzip, limit: 99, name: "x") }
    #expect(throws: DataError.self) {
      try Deflate.unpack(Array(packed.dropLast(9)), .gzip, name: "x")
    }
    #expect(throws: DataError.self) { try Deflate.unpack([], .gzip, name: "x") }
    var damaged = packed
    damaged[packed.count / 2] ^= 0x55
    #expect(throws: DataError.self) { try Deflate.unpack(damaged, .gzip, name: "x") }
  }
}
