package import Foundation
package import OTXCore

/// An AVI file whose frames are JPEGs.
///
/// Microsoft's "AVI RIFF File Reference" and, for files beyond 1 GiB, the OpenDML extensions: lists of
/// chunks, of which those of the video stream in `movi` lists are the frames. Its index is not used:
/// the chunks say where they begin, also in a file whose end is missing.
package struct MotionJPEGFile: VideoFrames {
  private let url: URL
  private let places: [Range<Int>]

  /// - Returns: `nil` for a file that is no AVI, or an AVI of another kind.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  package static func read(_ url: URL) throws -> VideoContent? {
    let file = try ReadableFile(url)
    var walk = AVIWalk(file: file)
    guard try walk.run() else { return nil }
    guard let first = walk.places.first(where: { !$0.isEmpty }) else { return nil }
    // A frame without bytes shows the one before it.
    var places: [Range<Int>] = []
    for place in walk.places { places.append(place.isEmpty ? places.last ?? first : place) }
    let start = try file.bytes(at: first.lowerBound, count: first.count)
    guard start.starts(with: [0xFF, 0xD8]) else { return nil }
    let header = try ImageHeader(of: start, name: "\(url.path): frame 0")
    return VideoContent(
      size: header.storedSize,
      frameCount: places.count,
      frameRate: walk.frameRate,
      frames: MotionJPEGFile(url: url, places: places),
      isCutShort: walk.isCutShort
    )
  }

  package func image(at index: Int) throws -> Image {
    let bytes = try bytes(at: index)
    return try ImageFile.decode(bytes, name: "\(url.path): frame \(index)", orientation: .ignored)
  }

  package func encodedBytes(at index: Int) throws -> [UInt8]? { try bytes(at: index) }

  private func bytes(at index: Int) throws -> [UInt8] {
    guard places.indices.contains(index) else {
      throw DataError.unreadable(file: url.path, reason: "has no frame \(index)")
    }
    let place = places[index]
    return try ReadableFile(url).bytes(at: place.lowerBound, count: place.count)
  }
}

/// A walk through the chunks of an AVI file.
private struct AVIWalk {
  let file: ReadableFile
  private(set) var places: [Range<Int>] = []
  private(set) var frameRate = 25.0
  /// Whether a chunk ends beyond the file.
  private(set) var isCutShort = false
  private var streamCount = 0
  /// The first video stream's two digits, as its chunks begin.
  private var stream: [UInt8] = []
  private static let largestFrameCount = 10_000_000

  init(file: ReadableFile) { self.file = file }

  /// - Returns: Whether it is an AVI file with a stream of JPEGs.
  mutating func run() throws -> Bool {
    let start = try file.bytes(at: 0, count: 12)
    guard start.starts(with: Array("RIFF".utf8)), start.dropFirst(8).elementsEqual("AVI ".utf8)
    else { return false }
    try walk(0..<file.byteCount, depth: 0)
    return !stream.isEmpty && !places.isEmpty
  }

  /// Visits the chunks of a part of the file: a name, a size, as many bytes, to an even end.
  private mutating func walk(_ part: Range<Int>, depth: Int) throws {
    var position = part.lowerBound
    while position + 8 <= part.upperBound {
      let head = try file.bytes(at: position, count: 12)
      guard head.count >= 8 else { return }
      let size = head.little(4, 4)
      let start = position + 8
      let end = min(start + size, part.upperBound)
      isCutShort = isCutShort || start + size > file.byteCount
      switch String(decoding: head[..<4], as: UTF8.self) {
      case "RIFF", "LIST":
        if head.count == 12, depth < 5, end - start >= 4 {
          try walk(start + 4..<end, depth: depth + 1)
        }
      case "strh": try readStream(start..<end)
      default:
        if !stream.isEmpty, head.starts(with: stream), start + size <= part.upperBound,
          head[2] == UInt8(ascii: "d"), head[3] == UInt8(ascii: "c") || head[3] == UInt8(ascii: "b")
        {
          guard places.count < AVIWalk.largestFrameCount else {
            throw DataError.unreadable(file: file.name, reason: "has too many frames")
          }
          places.append(start..<start + size)
        }
      }
      position = start + size + size % 2
    }
  }

  /// `strh`: type, codec, …, scale, rate.
  private mutating func readStream(_ place: Range<Int>) throws {
    let header = try file.bytes(at: place.lowerBound, count: min(place.count, 48))
    defer { streamCount += 1 }
    guard stream.isEmpty, streamCount < 100, header.starts(with: Array("vids".utf8)) else { return }
    let (scale, rate) = (header.little(20, 4), header.little(24, 4))
    if scale > 0, rate > 0 { frameRate = Double(rate) / Double(scale) }
    stream = [0x30 + UInt8(streamCount / 10), 0x30 + UInt8(streamCount % 10)]
  }
}
