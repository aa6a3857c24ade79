import OTXCore

/// Which items stand in which batch of an epoch.
struct BatchPlan: Sendable, Equatable {
  /// Item indices of each batch.
  var batches: [Range<Int>]
  /// Item indices in the order they are taken; `batches` are ranges of it.
  var order: [Int]
  /// What each sample's random numbers are keyed by: the item's index, and another number for each
  /// time more that the epoch takes it.
  var keys: [Int]
  /// Positions whose pictures are in memory at the same time, those of a few pictures' tiles.
  ///
  /// Empty without tiles.
  var groups: [Range<Int>] = []

  /// The positions that a sample finds its partners among: the group of its own, or all.
  func neighbours(of position: Int) -> Range<Int> {
    var (low, high) = (0, groups.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if groups[middle].lowerBound <= position { low = middle } else { high = middle }
    }
    return groups.isEmpty ? 0..<order.count : groups[low]
  }

  /// Plans an epoch.
  ///
  /// Evaluation takes every item once; training what `sampler` says. In training no batch has a single item unless the batch size is 1 or
  /// there is only one: batch normalisation learns nothing from one item. Where one would be left
  /// over, the batch before gives it a companion, or takes it where it has but two.
  init(itemCount: Int, batchSize: Int, mode: BatchMode, seed: UInt64, sampler: EpochSampler) {
    switch mode {
    case .evaluation:
      order = Array(0..<itemCount)
      keys = order
    case .training(let epoch):
      let (draws, groups) = sampler.epoch(epoch, seed: seed)
      self.groups = groups
      order = draws.map(\.index)
      keys = draws.map { $0.index + $0.repetition * itemCount }
    }
    let count = order.count
    batches = stride(from: 0, to: count, by: batchSize).map { start in
      start..<min(start + batchSize, count)
    }
    guard case .training = mode, batchSize > 1, batches.count > 1, let last = batches.last,
      last.count == 1
    else { return }
    batches.removeLast()
    let before = batches.removeLast()
    if before.count > 2 {
      batches += [before.lowerBound..<before.upperBound - 1, before.upperBound - 1..<count]
    } else {
      batches.append(before.lowerBound..<count)
    }
  }
}
