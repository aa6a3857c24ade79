/// Channels in sets that stay or go together, and what keeps some of them for good.
///
/// A channel is a number; ``join(_:_:)`` makes two of them one set (a union-find with path halving).
struct ChannelSets {
  private var parents: [Int32] = []
  private var reasons: [Int32: String] = [:]

  /// `count` channels, each a set of its own.
  mutating func add(_ count: Int) -> [Int32] {
    let first = Int32(parents.count)
    let new = (0..<Int32(count)).map { first + $0 }
    parents += new
    return new
  }

  /// What stands for the set that a channel is in.
  mutating func root(of channel: Int32) -> Int32 {
    var channel = channel
    while parents[Int(channel)] != channel {
      parents[Int(channel)] = parents[Int(parents[Int(channel)])]
      channel = parents[Int(channel)]
    }
    return channel
  }

  /// Makes the sets of two channels one; what keeps one keeps both.
  mutating func join(_ first: Int32, _ second: Int32) {
    let (first, second) = (root(of: first), root(of: second))
    guard first != second else { return }
    parents[Int(second)] = first
    if let reason = reasons.removeValue(forKey: second), reasons[first] == nil {
      reasons[first] = reason
    }
  }

  /// Joins channel by channel; lists of different lengths cannot belong together and are kept.
  mutating func join(_ first: [Int32], _ second: [Int32], at place: String) {
    guard first.count == second.count else {
      keep(first + second, because: place)
      return
    }
    for (first, second) in zip(first, second) { join(first, second) }
  }

  /// Keeps the sets of `channels` as they are; of several reasons the first is remembered.
  mutating func keep(_ channels: [Int32], because reason: String) {
    for channel in channels {
      let root = root(of: channel)
      if reasons[root] == nil { reasons[root] = reason }
    }
  }

  /// What keeps the set of a channel; `nil` where it may go.
  mutating func reason(keeping channel: Int32) -> String? { reasons[root(of: channel)] }
}
