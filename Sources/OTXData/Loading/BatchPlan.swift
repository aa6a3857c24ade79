import OTXCore

/// Which items stand in which batch of an epoch.
struct BatchPlan: Sendable, Equatable {
  /// Item indices of each batch.
  var batches: [Range<Int>]
  /// Item indices in the order they are taken; `batches` are ranges of it.
  var order: [Int]

  /// Plans an epoch.
  ///
  /// Every item is taken once. In training no batch has a single item unless the batch size is 1 or
  /// there is only one: batch normalisation learns nothing from one item. Where one would be left
  /// over, the batch before gives it a companion, or takes it where it has but two.
  init(itemCount: Int, batchSize: Int, mode: BatchMode, seed: UInt64) {
    let items = Array(0..<itemCount)
    switch mode {
    case .evaluation: order = items
    case .training(let epoch):
      var generator = CounterGenerator(seed: seed, UInt64(epoch), 0x6F_72_64_65_72)
      order = generator.shuffled(items)
    }
    batches = stride(from: 0, to: itemCount, by: batchSize).map { start in
      start..<min(start + batchSize, itemCount)
    }
    guard case .training = mode, batchSize > 1, batches.count > 1, let last = batches.last,
      last.count == 1
    else { return }
    batches.removeLast()
    let before = batches.removeLast()
    if before.count > 2 {
      batches += [before.lowerBound..<before.upperBound - 1, before.upperBound - 1..<itemCount]
    } else {
      batches.append(before.lowerBound..<itemCount)
    }
  }
}
