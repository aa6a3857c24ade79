import Foundation

/// Chooses the channels that go, one pack after the other.
struct ChannelChooser {
  /// Slices that a weight loses along its first two axes.
  private struct Cut: Hashable {
    var parameter: Int
    var axis: Int
  }

  /// A group on its way.
  private struct Work {
    /// Least important first.
    var channels: [ChannelDependencies.Channel]
    var losses: [Double]
    /// What each channel cuts from weights that cost something; one entry where all do alike.
    var cuts: [[Cut: Int]]
    var total: Double
    /// Channels that are gone.
    var gone = 0
    var lost = 0.0
    let least: Int
  }

  private let network: ChannelDependencies
  private let options: PruningOptions
  private var work: [Work] = []
  private var extents: [[Int]]

  init(_ network: ChannelDependencies, _ options: PruningOptions) {
    (self.network, self.options) = (network, options)
    extents = network.parameters.map(\.shape)
    var importance = ChannelImportance(network, by: options.criterion)
    for group in network.groups {
      let shares = importance.shares(of: group)
      let order = group.channels.indices.sorted { (shares[$0], $0) < (shares[$1], $1) }
      let part = Int((options.leastShare * Double(group.channels.count)).rounded(.up))
      let multiple = max(options.multiple, 1)
      let channels = order.map { group.channels[$0] }
      var cuts = channels.map(cuts)
      if let first = cuts.first, cuts.allSatisfy({ $0 == first }) { cuts = [first] }
      work.append(
        Work(
          channels: channels,
          losses: order.map { shares[$0] },
          cuts: cuts,
          total: max(shares.reduce(0, +), 1e-30),
          least: max((part + multiple - 1) / multiple * multiple, multiple)
        )
      )
    }
  }

  private func cuts(_ channel: ChannelDependencies.Channel) -> [Cut: Int] {
    var cuts: [Cut: Int] = [:]
    for place in channel.places
    where place.axis < 2 && network.parameters[place.parameter].positions > 0 {
      cuts[Cut(parameter: place.parameter, axis: place.axis), default: 0] += 1
    }
    return cuts
  }

  /// The channels that go.
  mutating func choose() -> [ChannelDependencies.Channel] {
    let goal = network.multiplicationCount * (1 - options.share)
    while network.multiplications(extents: extents) > goal {
      // What a pack saves depends on what is left of the others.
      let prices = work.indices.compactMap { index in price(of: index).map { (index, $0) } }
      guard let best = prices.min(by: { $0.1 < $1.1 }) else { break }
      take(best.0)
    }
    return work.flatMap { $0.channels[..<$0.gone] }
  }

  /// How many channels of a group go next; 0 where no more may.
  private func packSize(_ work: Work) -> Int {
    let left = work.channels.count - work.gone
    let multiple = max(options.multiple, 1)
    let size = left.isMultiple(of: multiple) ? multiple : left % multiple
    return left - size >= work.least ? size : 0
  }

  /// What a group's next pack loses for each multiplication that it saves; `nil` where none may go.
  private func price(of index: Int) -> Double? {
    let work = work[index]
    let size = packSize(work)
    guard size > 0 else { return nil }
    let lost = work.losses[work.gone..<(work.gone + size)].reduce(0, +)
    let left = max(work.total - work.lost, 1e-30)
    let loss = -work.total * log(max(1 - lost / left, 1e-12))
    let saved = saving(cuts(ofNext: size, in: work))
    return saved > 0 ? loss / saved : nil
  }

  private func cuts(ofNext size: Int, in work: Work) -> [Cut: Int] {
    if work.cuts.count == 1 { return work.cuts[0].mapValues { $0 * size } }
    var sum: [Cut: Int] = [:]
    for cuts in work.cuts[work.gone..<(work.gone + size)] { sum.merge(cuts, uniquingKeysWith: +) }
    return sum
  }

  private func saving(_ cuts: [Cut: Int]) -> Double {
    var left: [Int: [Int]] = [:]
    for (cut, count) in cuts {
      left[cut.parameter, default: Array(extents[cut.parameter].prefix(2))][cut.axis] -= count
    }
    var saved = 0.0
    for (parameter, after) in left {
      let before = extents[parameter]
      let fewer = before[0] * before[1] - after[0] * after[1]
      saved += network.parameters[parameter].positions * Double(fewer)
    }
    return saved
  }

  private mutating func take(_ index: Int) {
    let size = packSize(work[index])
    for (cut, count) in cuts(ofNext: size, in: work[index]) {
      extents[cut.parameter][cut.axis] -= count
    }
    work[index].lost += work[index].losses[work[index].gone..<(work[index].gone + size)].reduce(
      0,
      +
    )
    work[index].gone += size
  }
}
