import Foundation
import OTXCore
import OTXImage

/// The pictures, or bands of pictures, that tiles were cut from lately, shared by all threads.
///
/// A thread that asks for a picture which another one is decoding waits for it: one decoded picture
/// serves all its tiles. When there are more bytes than the limit, those that were asked for the
/// longest time ago are dropped; the newest stays, however large.
final class DecodedPictures: @unchecked Sendable {
  /// A file, and which rows of it as they are stored; the names of embedded pictures follow that of
  /// their file.
  struct Key: Hashable {
    var path: String
    /// The size that the dataset states: of a whole picture it decides whether it was turned.
    var statedSize: ImageSize?
    /// Empty for a whole picture.
    var rows: Range<Int>
  }

  private enum State {
    case loading
    case ready(Image)
    case failed(any Error)
  }

  private struct Entry {
    var state: State
    var lastUse: Int
    var byteCount: Int {
      if case .ready(let image) = state { image.pixels.count } else { 0 }
    }
  }

  let byteLimit: Int
  // All below is guarded by `condition`, hence the unchecked conformance.
  private let condition = NSCondition()
  private var entries: [Key: Entry] = [:]
  private var clock = 0
  private var decodeCount = 0

  init(byteLimit: Int = TileOrder.groupByteCount + 64 << 20) { self.byteLimit = byteLimit }

  /// How often something was decoded; for tests.
  var decodings: Int { condition.withLock { decodeCount } }

  /// The picture called `key`, decoded by `decode` unless it is here.
  ///
  /// A failure is remembered, too: a damaged picture is not decoded again for each of its tiles.
  ///
  /// - Throws: What `decode` throws.
  func image(_ key: Key, _ decode: () throws -> Image) throws -> Image {
    condition.lock()
    while true {
      guard let entry = entries[key] else { break }
      touch(key)
      switch entry.state {
      case .ready(let image):
        condition.unlock()
        return image
      case .failed(let error):
        condition.unlock()
        throw error
      case .loading: condition.wait()
      }
    }
    entries[key] = Entry(state: .loading, lastUse: 0)
    touch(key)
    decodeCount += 1
    condition.unlock()

    let result = Result { try decode() }
    condition.lock()
    defer { condition.unlock() }
    switch result {
    case .success(let image): entries[key]?.state = .ready(image)
    case .failure(let error): entries[key]?.state = .failed(error)
    }
    touch(key)
    dropOldest(keeping: key)
    condition.broadcast()
    return try result.get()
  }

  private func touch(_ key: Key) {
    clock += 1
    entries[key]?.lastUse = clock
  }

  /// The most entries, failures among them.
  private static let entryLimit = 4096

  private func dropOldest(keeping key: Key) {
    var byteCount = entries.values.reduce(0) { $0 + $1.byteCount }
    while byteCount > byteLimit || entries.count > DecodedPictures.entryLimit {
      let oldest = entries.filter { entry in
        if case .loading = entry.value.state { return false }
        return entry.key != key
      }.min { $0.value.lastUse < $1.value.lastUse }
      guard let oldest else { return }
      byteCount -= oldest.value.byteCount
      entries[oldest.key] = nil
    }
  }
}
