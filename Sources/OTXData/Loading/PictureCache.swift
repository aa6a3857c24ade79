import Foundation
package import OTXCore
import OTXImage
import Synchronization

/// Decoded pictures that are kept between epochs, shared by all threads of a data module.
///
/// It is filled until it is full and then stays as it is: every epoch finds the same pictures,
/// where a cache that drops the oldest would find none of a set that is larger than itself.
public final class PictureCache: Sendable {
  /// What a kept picture is.
  struct Key: Hashable, Sendable {
    var path: String
    /// The size that the dataset states: it decides whether EXIF's orientation was applied.
    var statedSize: ImageSize?
    /// Whether it was brought to the network's input, in the way of evaluation.
    var isPrepared: Bool

    init(path: String, statedSize: ImageSize?, isPrepared: Bool) {
      (self.path, self.statedSize, self.isPrepared) = (path, statedSize, isPrepared)
    }

    /// What an item's picture is kept as; `nil` for one that is in memory anyway.
    init?(of item: DatasetItem, isPrepared: Bool) {
      switch item.image {
      case .memory: return nil
      case .path(let file): path = file.path
      case .embedded(let picture): path = "\(picture.url.path)/\(picture.name)"
      }
      statedSize = item.size
      self.isPrepared = isPrepared
    }
  }

  struct Entry: Sendable {
    var picture: DecodedPicture
    /// Where a prepared picture lies in the original.
    var frame: ImageFrame?
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var byteCount = 0
    var hitCount = 0
    var missCount = 0
  }

  /// The most bytes that pixels take.
  public let byteLimit: Int
  private let state = Mutex(State())

  public init(byteLimit: Int) { self.byteLimit = byteLimit }

  func entry(_ key: Key) -> Entry? {
    state.withLock { state in
      let entry = state.entries[key]
      if entry == nil { state.missCount += 1 } else { state.hitCount += 1 }
      return entry
    }
  }

  func keep(_ entry: Entry, as key: Key) {
    let byteCount = entry.picture.image.pixels.count
    state.withLock { state in
      guard state.byteCount + byteCount <= byteLimit, state.entries[key] == nil else { return }
      state.entries[key] = entry
      state.byteCount += byteCount
    }
  }

  /// What was kept and how often it was of use, in a line; `nil` while nothing was asked for.
  public var summary: String? {
    state.withLock { state in
      let asked = state.hitCount + state.missCount
      guard asked > 0 else { return nil }
      let share = Int((Double(state.hitCount) * 100 / Double(asked)).rounded())
      return
        "picture cache: \(state.entries.count) pictures, \(state.byteCount >> 20) of \(byteLimit >> 20) MiB; \(state.hitCount) of \(asked) pictures were found in it (\(share) %)"
    }
  }

  /// Hits and misses so far, and bytes kept; for tests.
  var figures: (hits: Int, misses: Int, byteCount: Int) {
    state.withLock { ($0.hitCount, $0.missCount, $0.byteCount) }
  }

  /// The bytes that a cache for training on a dataset may take.
  ///
  /// - Parameters:
  ///   - limit: What the user asked for.
  ///   - dataset: Never more than its pictures need.
  ///   - memoryLimit: Bytes that the whole program may take; 0: what the machine has.
  ///   - availableBytes: Memory that is free now; `nil` where the system does not say.
  /// - Returns: 0 for no cache.
  package static func byteLimit(
    _ limit: CacheLimit,
    for dataset: Dataset,
    memoryLimit: Int,
    availableBytes: Int? = SystemMemory.availableBytes()
  ) -> Int {
    let allowed: Int
    switch limit {
    case .none: return 0
    case .bytes(let count): allowed = count
    case .auto:
      let free = availableBytes ?? 0
      allowed = min((memoryLimit > 0 ? min(memoryLimit, free) : free) / 4, 1 << 30)
    }
    var needed = 0
    for subset in [Subset.train, .val] {
      for item in dataset.items[subset] ?? [] {
        if case .memory = item.image { continue }
        guard let size = item.size else { continue }
        needed += size.height * size.width * Image.channelCount
      }
    }
    return min(allowed, needed)
  }

  /// What is left of a program's memory for tensors, beside a cache.
  ///
  /// - Parameters:
  ///   - memoryLimit: Bytes that the whole program may take; 0: what the machine has.
  ///   - byteLimit: The cache's.
  ///   - attainableBytes: Memory that the process could have in all.
  /// - Returns: A limit for tensors; 0: the machine's, as before.
  package static func memoryLimit(
    _ memoryLimit: Int,
    lessCache byteLimit: Int,
    attainableBytes: Int? = SystemMemory.attainableBytes()
  ) -> Int {
    guard byteLimit > 0 else { return memoryLimit }
    // Nine tenths is what tensors get where nobody sets a limit.
    let whole = memoryLimit > 0 ? memoryLimit : (attainableBytes ?? 0) / 10 * 9
    return max(whole - byteLimit, whole / 2)
  }
}
