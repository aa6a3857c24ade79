import OTXCore
import Testing

@testable import OTXData

@Suite("Samplers")
struct SamplerTests {
  private func classes(_ counts: [Int]) -> [Set<String>] {
    counts.enumerated().flatMap { label, count in
      [Set<String>](repeating: ["\(label)"], count: count)
    }
  }

  private func drawnPerClass(_ sampler: EpochSampler, _ labels: [Set<String>], epoch: Int)
    -> [String: Int]
  {
    var result: [String: Int] = [:]
    for draw in sampler.draws(epoch: epoch, seed: 3) {
      for label in labels[draw.index] { result[label, default: 0] += 1 }
    }
    return result
  }

  @Test("shuffled and sequential epochs take every item once")
  func once() {
    let labels = classes([5, 4])
    let shuffled = EpochSampler(.shuffle, labels: labels)
    let order = shuffled.draws(epoch: 1, seed: 0).map(\.index)
    #expect(order.sorted() == Array(0..<9))
    #expect(order != shuffled.draws(epoch: 2, seed: 0).map(\.index))
    #expect(order != Array(0..<9))
    let sequential = EpochSampler(.sequential, labels: labels)
    #expect(sequential.draws(epoch: 4, seed: 9).map(\.index) == Array(0..<9))
  }

  @Test("a balanced epoch shows all classes alike and every item")
  func balanced() {
    let labels = classes([20, 14, 3])
    let sampler = EpochSampler(.balanced, labels: labels)
    #expect(sampler.count == 60)
    for epoch in 0..<4 {
      let draws = sampler.draws(epoch: epoch, seed: 3)
      #expect(draws.count == sampler.count)
      #expect(Set(draws.map(\.index)) == Set(0..<37))
      #expect(drawnPerClass(sampler, labels, epoch: epoch) == ["0": 20, "1": 20, "2": 20])
      // The same item's draws differ, or its augmentations would be the same.
      #expect(Set(draws.map { [$0.index, $0.repetition] }).count == draws.count)
      #expect(draws == sampler.draws(epoch: epoch, seed: 3))
    }
  }

  @Test("items take turns in being shown once more")
  func turns() {
    let labels = classes([10, 7])
    let sampler = EpochSampler(.balanced, labels: labels)
    var counts = [Int](repeating: 0, count: 17)
    for epoch in 0..<7 {
      for draw in sampler.draws(epoch: epoch, seed: 1) { counts[draw.index] += 1 }
    }
    #expect(counts[..<10].allSatisfy { $0 == 7 })
    #expect(counts[10...].allSatisfy { $0 == 10 })
  }

  @Test("a very long tail makes an epoch twice as long and no longer")
  func longTail() {
    let labels = classes([900] + [Int](repeating: 5, count: 20))
    let sampler = EpochSampler(.balanced, labels: labels)
    #expect(sampler.count <= 2 * labels.count)
    #expect(sampler.count > labels.count * 19 / 10)
    let drawn = drawnPerClass(sampler, labels, epoch: 0)
    #expect(drawn["0"] == 900)
    #expect(Set((1...20).map { drawn["\($0)"] }).count == 1)
  }

  @Test("pictures with rare objects are repeated by the square root of their rarity")
  func repeatFactors() {
    // Half the pictures have a common object; one in fifty a rare one.
    var labels = [Set<String>](repeating: ["common", "usual"], count: 98)
    labels += [["common", "rare"], ["rare"]]
    let sampler = EpochSampler(.balanced, labels: labels)
    var counts = [Int](repeating: 0, count: 100)
    for epoch in 0..<10 {
      let draws = sampler.draws(epoch: epoch, seed: 5)
      #expect(draws.count == sampler.count)
      for draw in draws { counts[draw.index] += 1 }
    }
    // √(0.98 / 0.02) = 7 times an epoch.
    #expect(counts[..<98].allSatisfy { $0 == 10 })
    #expect((60...71).contains(counts[98]) && (60...71).contains(counts[99]))
  }

  @Test("nothing to balance is nothing balanced")
  func nothing() {
    #expect(EpochSampler(.balanced, labels: []).draws(epoch: 0, seed: 0).isEmpty)
    #expect(EpochSampler(.balanced, labels: [[], []]).count == 2)
    #expect(EpochSampler(.balanced, labels: classes([4, 4])).count == 8)
  }
}

/// A plan in which every item stands once.
func shuffledPlan(
  _ itemCount: Int,
  _ batchSize: Int,
  _ mode: BatchMode,
  seed: UInt64
) -> BatchPlan {
  BatchPlan(
    itemCount: itemCount,
    batchSize: batchSize,
    mode: mode,
    seed: seed,
    sampler: EpochSampler(.shuffle, labels: [Set<String>](repeating: [], count: itemCount))
  )
}
