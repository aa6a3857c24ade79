import Foundation
import Testing

@testable import OTXCore

@Suite struct ZipTests {
  let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }

  private func write(threshold: Int = 0xFFFF_FFFF, _ entries: [(String, [UInt8])]) throws -> URL {
    let url = directory.file("a.zip")
    try AtomicFile.write(to: url) { output in
      var zip = ZipWriter(output, zip64Threshold: threshold)
      for (name, contents) in entries { try zip.add(name, contents) }
      try zip.finish()
    }
    return url
  }

  static let entries: [(String, [UInt8])] = [
    ("a/first", Array("hello".utf8)), ("a/empty", []), ("a/ü", [UInt8](0...255)),
    ("a/large", [UInt8](repeating: 7, count: 200_000)),
  ]

  @Test(arguments: [0xFFFF_FFFF, 300, 0])
  func readsBackWithAndWithoutZip64(_ threshold: Int) throws {
    let zip = try ZipReader(try write(threshold: threshold, Self.entries))
    #expect(zip.entries.map(\.name) == Self.entries.map(\.0))
    for (name, contents) in Self.entries {
      #expect(try zip.contents(try #require(zip.entry(name))) == contents)
    }
    #expect(zip.entry("a/other") == nil)
  }

  @Test func alignsContents() throws {
    let url = try write(Self.entries)
    let bytes = [UInt8](try Data(contentsOf: url))
    for entry in try ZipReader(url).entries {
      let header = entry.headerOffset
      let nameCount = Int(bytes[header + 26]) | Int(bytes[header + 27]) << 8
      let extraCount = Int(bytes[header + 28]) | Int(bytes[header + 29]) << 8
      #expect((header + 30 + nameCount + extraCount).isMultiple(of: 64))
    }
  }

  @Test func checksumIsTheOneOfTheStandard() {
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(CRC32.checksum([]) == 0)
    #expect(CRC32.checksum([UInt8](repeating: 0, count: 32)) == 0x190A_55AD)
  }

  @Test func noticesDamagedContents() throws {
    let url = try write(Self.entries)
    var data = try Data(contentsOf: url)
    let zip = try ZipReader(url)
    data[data.count / 2] ^= 1
    try data.write(to: url)
    let error = try #require(throws: FormatError.self) {
      try ZipReader(url).contents(try #require(zip.entry("a/large")))
    }
    #expect(error.reason.contains("checksum of 'a/large'"))
  }

  @Test func readsContentsWithoutChecksumAsPyTorchMayWriteThem() throws {
    let url = try write([("a", [1, 2, 3])])
    var data = try Data(contentsOf: url)
    let directory = try #require(data.lastRange(of: Data([0x50, 0x4B, 0x01, 0x02])))
    data.replaceSubrange(
      directory.lowerBound + 16..<directory.lowerBound + 20,
      with: Data(count: 4)
    )
    try data.write(to: url)
    let zip = try ZipReader(url)
    #expect(try zip.contents(try #require(zip.entry("a"))) == [1, 2, 3])
  }

  @Test func refusesTwoEntriesOfOneName() throws {
    let url = try write([("a", [1]), ("a", [2])])
    #expect(throws: FormatError.self) { try ZipReader(url) }
  }
}

@Suite struct AtomicFileTests {
  let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }
  struct Stop: Error {}

  @Test func replacesAndLeavesNothingBeside() throws {
    let url = directory.file("x.json")
    try AtomicFile.write("one", to: url)
    try AtomicFile.write(Data("two".utf8), to: url)
    #expect(try String(contentsOf: url, encoding: .utf8) == "two")
    #expect(try directory.names == ["x.json"])
  }

  @Test func keepsTheOldFileWhenWritingFails() throws {
    let url = directory.file("x.json")
    try AtomicFile.write("good", to: url)
    #expect(throws: Stop.self) {
      try AtomicFile.write(to: url) { output in
        try output.write([UInt8](repeating: 0, count: 300_000))
        throw Stop()
      }
    }
    #expect(try String(contentsOf: url, encoding: .utf8) == "good")
    #expect(try directory.names == ["x.json"])
  }

  @Test func writesPiecesOfAnySizeInOrder() throws {
    let url = directory.file("x.bin")
    var expected: [UInt8] = []
    try AtomicFile.write(to: url) { output in
      for (index, size) in [1, 65_535, 65_536, 0, 70_000, 3, 65_533, 200_000, 5].enumerated() {
        let piece = [UInt8](repeating: UInt8(index), count: size)
        #expect(output.offset == expected.count)
        try output.write(piece)
        expected += piece
      }
    }
    #expect([UInt8](try Data(contentsOf: url)) == expected)
  }

  @Test func writesThroughALink() throws {
    try FileManager.default.createDirectory(
      at: directory.file("real"),
      withIntermediateDirectories: true
    )
    try AtomicFile.write("old", to: directory.file("real/x"))
    try FileManager.default.createSymbolicLink(
      at: directory.file("link"),
      withDestinationURL: directory.file("real/x")
    )
    try AtomicFile.write("new", to: directory.file("link"))
    #expect(try String(contentsOf: directory.file("real/x"), encoding: .utf8) == "new")
    #expect(try directory.names == ["link", "real"])
  }

  @Test func saysWhyItCannot() throws {
    let missing = try #require(throws: FileError.self) {
      try AtomicFile.write("x", to: directory.file("no/such/folder/x"))
    }
    #expect(missing.description.contains("no/such/folder/x"))
    #expect(missing.description.contains("folder does not exist"))
    let folder = try #require(throws: FileError.self) {
      try AtomicFile.write("x", to: directory.url)
    }
    #expect(folder.description.contains("folder of this name"))
  }
}
