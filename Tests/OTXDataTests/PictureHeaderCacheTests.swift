import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Remembered headers")
struct PictureHeaderCacheTests {
  private let size = ImageSize(height: 24, width: 32)
  private let long = Int64(60) * 1_000_000_000

  private func state(_ folder: TemporaryFolder, _ name: String) throws
    -> PictureHeaderSession.Record
  {
    try #require(PictureHeaderSession.state(of: folder.url.appending(path: name).path))
  }

  private func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }

  @Test("what was kept is found again, and not for a file that changed in any way")
  func changes() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    try folder.picture("b.png")
    let file = folder.url.appending(path: "cache/x.headers")
    let picture = CheckedPicture(size: size, storedSize: size, hasMorePictures: true)
    let first = try state(folder, "a.png")
    let record = try #require(PictureHeaderSession.record(first, picture, now: now() + long))
    PictureHeaderSession(file).save([record])
    let session = PictureHeaderSession(file)
    #expect(session.picture(first) == picture)
    #expect(session.picture(try state(folder, "b.png")) == nil)
    // The same bytes count, and the time of change set back: the entry's own time tells.
    let path = folder.url.appending(path: "a.png")
    let date = try #require(
      FileManager.default.attributesOfItem(atPath: path.path)[.modificationDate] as? Date
    )
    var bytes = try Data(contentsOf: path)
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: path)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path.path)
    #expect(session.picture(try state(folder, "a.png")) == nil)
  }

  @Test("a file that changed just now is not kept")
  func tooYoung() throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    let picture = CheckedPicture(size: size, storedSize: size)
    #expect(PictureHeaderSession.record(try state(folder, "a.png"), picture, now: now()) == nil)
  }

  @Test("a damaged cache is no cache", arguments: [0, 3, 9, 20, 40, 70])
  func damage(_ position: Int) throws {
    let folder = try TemporaryFolder()
    try folder.picture("a.png")
    let picture = CheckedPicture(size: size, storedSize: size)
    let record = try #require(
      PictureHeaderSession.record(try state(folder, "a.png"), picture, now: now() + long)
    )
    var bytes = [UInt8](PictureHeaderSession.encoded([record]))
    #expect(PictureHeaderSession.decoded(bytes) == [record])
    bytes[position] ^= 0x10
    #expect(PictureHeaderSession.decoded(bytes).isEmpty)
    #expect(PictureHeaderSession.decoded(Array(bytes.prefix(position))).isEmpty)
  }

  @Test("a large dataset is read the same with and without it")
  func sameReading() throws {
    let folder = try TemporaryFolder()
    try folder.picture("one.png")
    let source = folder.url.appending(path: "one.png")
    for number in 0..<PictureHeaderCache.smallestItemCount {
      let label = folder.url.appending(path: "data/train/\(number % 2 == 0 ? "cat" : "dog")")
      if number < 2 {
        try FileManager.default.createDirectory(at: label, withIntermediateDirectories: true)
      }
      try FileManager.default.linkItem(at: source, to: label.appending(path: "\(number).png"))
    }
    let location = DataLocation.root(folder.url.appending(path: "data"), format: nil)
    let cache = PictureHeaderCache(folder: folder.url.appending(path: "cache"))
    let plain = try DatasetReader.read(location)
    let first = try DatasetReader.read(location, headerCache: cache)
    let again = try DatasetReader.read(location, headerCache: cache)
    #expect(plain.items == first.items)
    #expect(plain.items == again.items)
  }
}
