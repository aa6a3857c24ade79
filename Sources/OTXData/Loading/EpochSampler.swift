import OTXCore

/// Which items an epoch of training takes, and in which order.
///
/// An epoch follows from its number and the seed alone, and all epochs are of one length.
struct EpochSampler: Sendable {
  /// An item as it is taken.
  struct Draw: Sendable, Equatable {
    var index: Int
    /// How often the item was taken before in the same epoch.
    var repetition = 0
  }

  /// Items of which some are taken once more than `base` says.
  private struct Group: Sendable {
    var members: [Int]
    /// Draws beyond `base`, of all members together.
    var extraCount: Int
    /// How likely each member is to be among them, one after the other; empty: all the same.
    var shares: [Double] = []
  }

  private let isShuffled: Bool
  /// How often each item is taken at least: once or more.
  private var base: [Int]
  private var groups: [Group] = []
  /// Tiles without objects, and how many of them an epoch goes without.
  private var empty: (members: [Int], skipCount: Int) = ([], 0)
  /// Keeps tiles of one picture together.
  private var tileOrder: TileOrder?

  /// Draws of an epoch.
  var count: Int {
    base.reduce(0, +) + groups.reduce(0) { $0 + $1.extraCount } - empty.skipCount
  }

  /// - Parameters:
  ///   - sampler: `auto` is ``OTXCore/Sampler/shuffle`` here.
  ///   - labels: The labels of each item.
  init(_ sampler: Sampler, labels: [Set<String>]) {
    isShuffled = sampler != .sequential
    base = [Int](repeating: 1, count: labels.count)
    guard sampler == .balanced else { return }
    if labels.allSatisfy({ $0.count == 1 }) {
      balanceClasses(labels)
    } else {
      repeatRareObjects(labels)
    }
  }

  /// A sampler of tiles.
  ///
  /// - Parameters:
  ///   - sampler: `auto` is ``OTXCore/Sampler/shuffle`` here.
  ///   - samples: Tiles.
  ///   - occupied: For each tile, whether there are objects in it.
  ///   - ratio: The share of the tiles without objects that an epoch takes, 0…1.
  ///   - order: Which tiles are best taken together.
  init(
    _ sampler: Sampler,
    tiles samples: SampleList,
    occupied: [Bool],
    ratio: Double,
    order: TileOrder
  ) {
    // Labels matter to balancing alone.
    let labels =
      sampler == .balanced
      ? (0..<samples.count).map { samples[$0].item.labelNames }
      : [Set<String>](repeating: [], count: samples.count)
    self.init(sampler, labels: labels)
    let members = occupied.indices.filter { !occupied[$0] }
    let takenCount = Int((Double(members.count) * min(max(ratio, 0), 1)).rounded())
    // Never an epoch without anything.
    let skipCount = min(members.count - takenCount, samples.count - 1)
    empty = (members, max(skipCount, 0))
    tileOrder = isShuffled ? order : nil
  }

  /// An epoch is at most this many times as long as the dataset.
  private static let longestEpoch = 2

  /// Raises the classes with the fewest pictures to a common level.
  ///
  /// The level is that of the largest class, unless the epoch became more than twice as long as
  /// without balancing: a very long tail is repeated less than fully. Every picture is taken; a
  /// class's pictures take turns in being taken once more, from one epoch to the next.
  private mutating func balanceClasses(_ labels: [Set<String>]) {
    var members: [String: [Int]] = [:]
    for (index, label) in labels.enumerated() {
      if let label = label.first { members[label, default: []].append(index) }
    }
    let counts = members.values.map(\.count)
    var level = counts.max() ?? 0
    func length(_ level: Int) -> Int { counts.reduce(0) { $0 + max($1, level) } }
    let limit = EpochSampler.longestEpoch * labels.count
    while level > 1, length(level) > limit {
      // Halving would overshoot; what is over is shared by the classes below the level.
      let below = counts.count { $0 < level }
      level -= max((length(level) - limit) / max(below, 1), 1)
    }
    for (_, indices) in members.sorted(by: { $0.key < $1.key }) {
      let draws = max(indices.count, level)
      for index in indices { base[index] = draws / indices.count }
      groups.append(Group(members: indices, extraCount: draws % indices.count))
    }
  }

  /// Repeats pictures by their rarest label.
  ///
  /// Repeat-factor sampling (Gupta et al., LVIS, 2019, section 4.2): a picture is taken
  /// `max over its labels of max(1, √(t / f))` times, `f` being the share of pictures with the
  /// label. There `t` is 0.001; here it is the median share, since datasets are smaller and labels
  /// fewer. Fractions are drawn anew in each epoch, always the same number of them.
  private mutating func repeatRareObjects(_ labels: [Set<String>]) {
    var pictures: [String: Int] = [:]
    for label in labels.joined() { pictures[label, default: 0] += 1 }
    let shares = pictures.mapValues { Double($0) / Double(labels.count) }
    let sorted = shares.values.sorted()
    guard !sorted.isEmpty else { return }
    let threshold = sorted[sorted.count / 2]
    let factors = labels.map { labels in
      labels.map { max(1, (threshold / (shares[$0] ?? 1)).squareRoot()) }.max() ?? 1
    }
    let excess = factors.reduce(0) { $0 + $1 - 1 }
    guard excess > 0 else { return }
    let scale = min(1, Double((EpochSampler.longestEpoch - 1) * labels.count) / excess)
    let scaled = factors.map { 1 + ($0 - 1) * scale }
    base = scaled.map { Int($0) }
    let fractions = scaled.map { $0 - $0.rounded(.down) }
    let total = fractions.reduce(0, +)
    guard total >= 1 else { return }
    // A whole number of draws in every epoch: fractions are brought to it.
    let extraCount = Int(total)
    groups = [
      Group(
        members: Array(labels.indices),
        extraCount: extraCount,
        shares: fractions.map { $0 * Double(extraCount) / total }
      )
    ]
  }

  /// The draws of an epoch, in order, and which of them are near each other: for tiles, those of the
  /// same few pictures; none without tiles.
  func epoch(_ epoch: Int, seed: UInt64) -> (draws: [Draw], groups: [Range<Int>]) {
    let draws = draws(epoch: epoch, seed: seed)
    return tileOrder?.arranged(draws, epoch: epoch, seed: seed) ?? (draws, [])
  }

  /// The draws of an epoch, in order, without regard to tiles of one picture.
  func draws(epoch: Int, seed: UInt64) -> [Draw] {
    var counts = base
    if empty.skipCount > 0 {
      var generator = CounterGenerator(seed: seed, UInt64(epoch), 0x65_6D_70_74_79)
      for index in generator.shuffled(empty.members).prefix(empty.skipCount) { counts[index] -= 1 }
    }
    for (number, group) in groups.enumerated() where group.extraCount > 0 {
      for index in extras(of: group, number, epoch, seed) { counts[index] += 1 }
    }
    let draws = counts.enumerated().flatMap { index, count in
      (0..<count).map { Draw(index: index, repetition: $0) }
    }
    guard isShuffled else { return draws }
    var generator = CounterGenerator(seed: seed, UInt64(epoch), 0x6F_72_64_65_72)
    return generator.shuffled(draws)
  }

  private func extras(of group: Group, _ number: Int, _ epoch: Int, _ seed: UInt64) -> [Int] {
    guard !group.shares.isEmpty else {
      // One order for all epochs, walked on from epoch to epoch.
      var generator = CounterGenerator(seed: seed, UInt64(number), 0x74_75_72_6E_73)
      let order = generator.shuffled(group.members)
      let start = epoch % order.count * (group.extraCount % order.count)
      return (0..<group.extraCount).map { order[(start + $0) % order.count] }
    }
    // Systematic sampling: one random start, equal steps along the shares.
    var generator = CounterGenerator(seed: seed, UInt64(epoch), 0x72_65_70_65_61_74)
    var next = generator.unit()
    var position = 0.0
    var result: [Int] = []
    for (index, share) in zip(group.members, group.shares) {
      position += share
      while next < position, result.count < group.extraCount {
        result.append(index)
        next += 1
      }
    }
    // Sums of fractions round.
    if result.count < group.extraCount, let last = group.members.last { result.append(last) }
    return result
  }
}

extension DatasetItem {
  /// Names of the labels that the item's annotations have, crowds left out.
  var labelNames: Set<String> {
    var names: Set<String> = []
    for annotation in annotations where !annotation.isCrowd {
      if let label = annotation.label { names.insert(label) }
    }
    return names
  }
}
