import Foundation
import OTXCore
import OTXImage

/// Writes an AVI file whose frames are JPEGs: a video that needs no other program.
///
/// Microsoft's "AVI RIFF File Reference": headers, a `movi` list of frames, an index. Up to 2 GiB,
/// which is what the sizes of such a file are read as everywhere.
final class MotionJPEGWriter: VideoWriter {
  private let target: URL
  private let aside: URL
  private let handle: FileHandle
  private let size: ImageSize
  private let frameRate: Double
  /// Where each frame's chunk stands in the list, and its length.
  private var places: [(offset: Int, count: Int)] = []
  private var largest = 0
  private var offset = 0
  private static let largestFile = Int(Int32.max) - (1 << 24)
  /// Bytes before the list's name.
  private static let headerCount = 12 + 12 + 8 + 56 + 12 + 8 + 56 + 8 + 40 + 8

  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  init(_ url: URL, size: ImageSize, frameRate: Double) throws {
    (target, self.size, self.frameRate) = (url, size, frameRate)
    aside = url.deletingLastPathComponent()
      .appending(path: ".otx-\(getpid())-\(url.lastPathComponent)")
    guard FileManager.default.createFile(atPath: aside.path, contents: nil),
      let handle = try? FileHandle(forWritingTo: aside)
    else { throw FileError.cannotWrite(url.path, reason: "the folder may not be written to") }
    self.handle = handle
    try write([UInt8](repeating: 0, count: MotionJPEGWriter.headerCount) + Array("movi".utf8))
  }

  deinit { try? FileManager.default.removeItem(at: aside) }

  func add(_ image: Image) throws {
    let bytes = try ImageFile.jpeg(image.fitted(to: size), quality: 92)
    guard offset + bytes.count < MotionJPEGWriter.largestFile else {
      throw FileError.cannotWrite(
        target.path,
        reason: "an AVI file holds 2 GiB: write .mp4, or pictures to a folder"
      )
    }
    places.append((offset - MotionJPEGWriter.headerCount, bytes.count))
    largest = max(largest, bytes.count)
    try write(Array("00dc".utf8) + four(bytes.count) + bytes + (bytes.count % 2 == 0 ? [] : [0]))
  }

  func finish() throws {
    let end = offset
    var index: [UInt8] = Array("idx1".utf8) + four(16 * places.count)
    for place in places {
      // Each JPEG stands for itself.
      index += Array("00dc".utf8) + four(0x10) + four(place.offset) + four(place.count)
    }
    try write(index)
    let total = offset
    do {
      try handle.seek(toOffset: 0)
      try handle.write(contentsOf: Data(header(listEnd: end, total: total)))
      guard fsync(handle.fileDescriptor) == 0 else {
        throw FileError.cannotWrite(target.path, reason: String(cString: strerror(errno)))
      }
      try handle.close()
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError.cannotWrite(target.path, reason: error.reason)
    }
    guard rename(aside.path, target.path) == 0 else {
      throw FileError.cannotWrite(target.path, reason: String(cString: strerror(errno)))
    }
  }

  private func header(listEnd: Int, total: Int) -> [UInt8] {
    let rate = Int((min(max(frameRate, 0.001), 1_000_000) * 1000).rounded())
    let count = places.count
    // avih: microseconds a frame, bytes a second, alignment, flags (has an index), frames, …
    let main =
      four(Int(1e9 / Double(rate))) + four(largest * rate / 1000) + four(0) + four(0x10)
      + four(count) + four(0) + four(1) + four(largest) + four(size.width) + four(size.height)
      + four(0) + four(0) + four(0) + four(0)
    // strh: kind, codec, …, scale, rate, start, length, buffer, quality, sample size, rectangle.
    let stream =
      Array("vidsMJPG".utf8) + four(0) + four(0) + four(0) + four(1000) + four(rate) + four(0)
      + four(count) + four(largest) + four(0xFFFF_FFFF) + four(0)
      + two(0) + two(0) + two(size.width) + two(size.height)
    // strf: BITMAPINFOHEADER.
    let format =
      four(40) + four(size.width) + four(size.height) + two(1) + two(24) + Array("MJPG".utf8)
      + four(size.width * size.height * 3) + four(0) + four(0) + four(0) + four(0)
    let streamList =
      Array("strl".utf8) + chunk("strh", stream) + chunk("strf", format)
    let headers = Array("hdrl".utf8) + chunk("avih", main) + chunk("LIST", streamList)
    return Array("RIFF".utf8) + four(total - 8) + Array("AVI ".utf8) + chunk("LIST", headers)
      + Array("LIST".utf8) + four(listEnd - MotionJPEGWriter.headerCount)
  }

  private func write(_ bytes: [UInt8]) throws {
    do {
      try handle.write(contentsOf: Data(bytes))
    } catch {
      throw FileError.cannotWrite(target.path, reason: error.reason)
    }
    offset += bytes.count
  }

  private func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    Array(name.utf8) + four(content.count) + content
  }

  private func four(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func two(_ value: Int) -> [UInt8] { Array(four(value).prefix(2)) }
}
