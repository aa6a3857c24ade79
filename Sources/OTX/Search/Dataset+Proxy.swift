import OTXCore

extension Dataset {
  /// A part of this dataset that trials of a search learn from.
  ///
  /// Of each label's training pictures as many as of every other's, as far as there are so many; other
  /// subsets stay whole.
  /// A picture counts for the rarest of its labels, one without for none.
  ///
  /// - Parameters:
  ///   - count: Training pictures to keep.
  ///   - seed: The same seed keeps the same ones.
  /// - Returns: The dataset, with the kept pictures in their order.
  func proxy(trainingItemCount count: Int, seed: Int) -> Dataset {
    guard let items = items[.train], count < items.count else { return self }
    var frequency: [String: Int] = [:]
    let labels = items.map { Set($0.annotations.compactMap(\.label)) }
    for label in labels.joined() { frequency[label, default: 0] += 1 }
    var groups: [String: [Int]] = [:]
    for (index, own) in labels.enumerated() {
      let rarest = own.min { (frequency[$0] ?? 0, $0) < (frequency[$1] ?? 0, $1) }
      groups[rarest ?? "", default: []].append(index)
    }
    var generator = CounterGenerator(seed: UInt64(bitPattern: Int64(seed)), 0x7072_6f78)
    var queues = groups.sorted { $0.key < $1.key }.map { $0.value.shuffled(using: &generator) }
    var kept: Set<Int> = []
    while kept.count < count {
      for index in queues.indices where kept.count < count {
        if let item = queues[index].popLast() { kept.insert(item) }
      }
    }
    var result = self
    result.items[.train] = items.indices.filter(kept.contains).map { items[$0] }
    return result
  }

  /// How many training pictures trials learn from where the user leaves it open.
  ///
  /// Small data is taken whole: a part of it says little about the rest.
  static func proxyCount(of count: Int, share: Double?) -> Int {
    let fewest = 500
    guard let share else { return count < 4 * fewest ? count : max(count / 5, fewest) }
    return min(count, max(Int((share * Double(count)).rounded(.up)), min(fewest, count)))
  }
}
