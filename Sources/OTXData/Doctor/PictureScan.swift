import Foundation
import OTXCore
import OTXImage
import Synchronization

/// A look at the pixels of every picture of a dataset, on all cores.
struct PictureScan: Sendable {
  struct Entry: Sendable {
    var subset: Subset
    var item: DatasetItem
    /// `nil` for a picture that cannot be decoded.
    var signature: PictureSignature?
    /// What is wrong with the picture; empty for nothing.
    var damage = ""
  }

  let entries: [Entry]

  /// - Parameters:
  ///   - dataset: Whose pictures.
  ///   - progress: Told how many are done, on any thread, in no order.
  init(_ dataset: Dataset, progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void) {
    let all = Subset.allCases.flatMap { subset in
      (dataset.items[subset] ?? []).map { (subset, $0) }
    }
    let results = ParallelResults<Entry>(count: all.count)
    let done = Mutex(0)
    WorkerThreads.forEach(all.count) { index in
      let (subset, item) = all[index]
      results.set(index, PictureScan.entry(subset, item))
      let count = done.withLock { value in
        value += 1
        return value
      }
      progress(count, all.count)
    }
    entries = results.all.compactMap { $0 }
  }

  private static func entry(_ subset: Subset, _ item: DatasetItem) -> Entry {
    var entry = Entry(subset: subset, item: item)
    do {
      let image: Image
      var hash = StableHash()
      if let url = item.image.url {
        let bytes = try ReadableFile(url).allBytes()
        hash.add(bytes: bytes)
        image = try ImageFile.decode(bytes, name: url.path)
      } else {
        image = try item.picture()
        hash.add(bytes: image.pixels)
        hash.add(UInt64(image.width))
      }
      entry.signature = try PictureSignature(image, contentHash: hash.value)
    } catch DataError.unreadable(_, let reason) {
      entry.damage = reason
    } catch {
      entry.damage = "\(error)"
    }
    return entry
  }

  /// Indices of entries whose pictures are the same, byte by byte.
  var copies: [[Int]] {
    var groups: [UInt64: [Int]] = [:]
    for (index, entry) in entries.enumerated() {
      guard let signature = entry.signature else { continue }
      groups[signature.contentHash, default: []].append(index)
    }
    return groups.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
  }

  /// Indices of entries whose pictures look the same; copies are among them.
  var lookalikes: [[Int]] { NearDuplicates.groups(entries.map(\.signature)) }
}
