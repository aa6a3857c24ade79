import Foundation
import OTXCore
import OTXImage

/// Tells by their names which pictures are frames of one video clip.
///
/// Frames that follow each other are nearly alike: a validation subset that is drawn from the same
/// clips as the train subset scores what was learned by heart. Names alone are looked at, so only
/// names that say it count: `clip2_frame_0014.jpg`, `video_7/0014.jpg`, or a frame inside a video.
enum VideoClips {
  /// The clip of each item; `nil` for a dataset that is none of frames.
  ///
  /// - Returns: Names of clips in the order of `items`; `nil` unless nearly all items are frames, of at
  ///   least two clips with two frames or more on average.
  static func clips(of items: [DatasetItem]) -> [String]? {
    guard items.count >= 4 else { return nil }
    var found = 0
    let names = items.map { item -> String in
      guard let clip = clip(of: item) else { return item.id }
      found += 1
      return clip
    }
    let count = Set(names).count
    guard 10 * found >= 9 * items.count, count >= 2, items.count >= 2 * count else { return nil }
    return names
  }

  private static let words = ["frame", "clip", "video", "vid", "scene", "seq", "sequence"]

  /// The clip that an item is a frame of, as far as its name says.
  static func clip(of item: DatasetItem) -> String? {
    if case .embedded(let picture) = item.image, VideoFile.isVideoName(picture.url) {
      return picture.url.path
    }
    var parts = item.id.split(separator: "/").map(String.init)
    guard var stem = parts.popLast() else { return nil }
    if let dot = stem.lastIndex(of: ".") { stem = String(stem[..<dot]) }
    // What some exporters append to names: a hash after `.rf.`, the former ending before it.
    if let mark = stem.range(of: "_jpg.rf.") { stem = String(stem[..<mark.lowerBound]) }
    let digits = stem.reversed().prefix { $0.isASCII && $0.isNumber }.count
    guard digits > 0, digits <= 12 else { return nil }
    let prefix = stem.dropLast(digits)
    let folder = parts.joined(separator: "/")
    if saysVideo(prefix) { return "\(folder)/\(key(prefix))" }
    // Plain numbers in a folder of the clip's own: `clip_3/000017.jpg`.
    guard prefix.allSatisfy({ !$0.isLetter }), let last = parts.last,
      last.contains(where: \.isNumber), saysVideo(last[...])
    else { return nil }
    return folder
  }

  /// A clip's name without the word before the frame's number.
  private static func key(_ prefix: Substring) -> String {
    var key = prefix.lowercased()
    for ending in ["_frame_", "-frame-", "_frame", "-frame", "frame_", "frame"]
    where key.hasSuffix(ending) {
      key.removeLast(ending.count)
      break
    }
    return key
  }

  private static func saysVideo(_ text: Substring) -> Bool {
    text.lowercased().split { !$0.isLetter }.contains { words.contains(String($0)) }
  }

  /// Parts items so that no clip is on both sides; each label stays on both where it can.
  ///
  /// - Returns: `nil` where that cannot be done: too few clips, or a label with one clip alone.
  static func split(
    _ items: [DatasetItem],
    share: Double,
    seed: Int
  ) -> (kept: [DatasetItem], taken: [DatasetItem], clipCount: Int, takenClipCount: Int)? {
    guard let names = clips(of: items) else { return nil }
    let members = Dictionary(grouping: items.indices) { names[$0] }
    // A clip counts as one item with the labels of all its frames.
    let order = members.keys.sorted()
    let whole = order.map { clip -> DatasetItem in
      let labels = Set((members[clip] ?? []).flatMap { items[$0].annotations.compactMap(\.label) })
      return DatasetItem(
        id: clip,
        image: items[0].image,
        annotations: labels.sorted().map { .label($0) }
      )
    }
    let (kept, taken) = Splitter.split(whole, share: share, seed: seed)
    let keptLabels = Set(kept.flatMap { $0.annotations.compactMap(\.label) })
    let allLabels = Set(whole.flatMap { $0.annotations.compactMap(\.label) })
    guard keptLabels == allLabels, !taken.isEmpty else { return nil }
    let takenNames = Set(taken.map(\.id))
    return (
      items.indices.filter { !takenNames.contains(names[$0]) }.map { items[$0] },
      items.indices.filter { takenNames.contains(names[$0]) }.map { items[$0] },
      order.count, takenNames.count
    )
  }
}
