import OTXCore
import OTXImage

/// Brings the tiles of an epoch into an order in which each picture is decoded once, or a few times.
///
/// Wholly at random, nearly every tile would need another picture to be decoded. So pictures are
/// shuffled, and as many as fit in memory form a group, whose tiles are shuffled. What is random is
/// drawn from the seed and the epoch. The budget is a constant: the order must not depend on the
/// machine.
struct TileOrder: Sendable {
  /// Bytes of decoded pictures that a group may have; it has one part at least.
  static let groupByteCount = 192 << 20

  /// For each sample, the part of a picture that it is decoded from.
  private let parts: [Int32]
  /// Bytes of each part, decoded.
  private let byteCounts: [Int]

  /// - Parameters:
  ///   - samples: Tiles.
  ///   - isReadInParts: Whether a picture is read band by band; then its rows of tiles are parts of
  ///     their own.
  init(_ samples: SampleList, isReadInParts: (DatasetItem, ImageSize) -> Bool) {
    var parts: [Int32] = []
    parts.reserveCapacity(samples.count)
    var byteCounts: [Int] = []
    for (number, item) in samples.items.enumerated() {
      guard let grid = samples.grid(of: number) else {
        parts.append(Int32(truncatingIfNeeded: byteCounts.count))
        byteCounts.append((item.size?.pixelCount ?? 1 << 20) * Image.channelCount)
        continue
      }
      let isDivided = grid.count > 1 && isReadInParts(item, grid.pictureSize)
      let first = byteCounts.count
      for tile in 0..<grid.count {
        let part = first + (isDivided ? grid.row(of: tile) : 0)
        if part == byteCounts.count {
          let rows = isDivided ? grid[tile].height : grid.pictureSize.height
          byteCounts.append(rows * grid.pictureSize.width * Image.channelCount)
        }
        parts.append(Int32(truncatingIfNeeded: part))
      }
    }
    self.parts = parts
    self.byteCounts = byteCounts
  }

  /// The draws of an epoch, those of a group beside each other, and where in it the groups lie.
  ///
  /// - Parameters:
  ///   - draws: In random order, which they keep inside their groups.
  ///   - epoch: Counted from 0.
  ///   - seed: The run's.
  /// - Returns: All draws, and ranges of their positions.
  func arranged(
    _ draws: [EpochSampler.Draw],
    epoch: Int,
    seed: UInt64
  ) -> (draws: [EpochSampler.Draw], groups: [Range<Int>]) {
    var generator = CounterGenerator(seed: seed, UInt64(epoch), 0x74_69_6C_65_73)
    var groupOfPart = [Int](repeating: 0, count: byteCounts.count)
    var (group, byteCount) = (0, 0)
    for part in generator.shuffled(Array(byteCounts.indices)) {
      if byteCount > 0, byteCount + byteCounts[part] > TileOrder.groupByteCount {
        (group, byteCount) = (group + 1, 0)
      }
      byteCount += byteCounts[part]
      groupOfPart[part] = group
    }
    var members = [[EpochSampler.Draw]](repeating: [], count: group + 1)
    for draw in draws { members[groupOfPart[Int(parts[draw.index])]].append(draw) }
    var groups: [Range<Int>] = []
    var start = 0
    for group in members where !group.isEmpty {
      groups.append(start..<start + group.count)
      start += group.count
    }
    return (Array(members.joined()), groups)
  }
}

extension ImageSize {
  var pixelCount: Int { height * width }
}
