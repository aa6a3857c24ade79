import OTXTesting
import Testing

@testable import OTXCore

@Suite struct SuggestionTests {
  let models = ["atss_mobilenetv2", "ssd_mobilenetv2", "resnet18", "mobilenet_v3_large"]

  @Test(arguments: [
    ("atss_mobilenetv3", "atss_mobilenetv2"), ("ATSS-MobileNetV2", "atss_mobilenetv2"),
    ("resnet81", "resnet18"), ("rsenet18", "resnet18"), ("atss", "atss_mobilenetv2"),
    ("mobilenetv3large", "mobilenet_v3_large"),
  ])
  func findsWhatWasMeant(_ word: String, _ expected: String) {
    #expect(Suggestion.nearest(to: word, among: models) == expected)
    #expect(Suggestion.phrase(for: word, among: models) == ", did you mean '\(expected)'?")
  }

  @Test(arguments: ["yolox", "completely different", "", "at"])
  func doesNotGuessWildly(_ word: String) {
    #expect(Suggestion.nearest(to: word, among: models) == nil)
    #expect(Suggestion.phrase(for: word, among: models) == "")
  }

  @Test func hasNothingToSayWithoutCandidates() {
    #expect(Suggestion.nearest(to: "a", among: []) == nil)
  }
}

@Suite struct CounterGeneratorTests {
  @Test func isAFunctionOfItsKey() {
    func draw(_ generator: CounterGenerator) -> [UInt64] {
      var generator = generator
      return (0..<8).map { _ in generator.next() }
    }
    #expect(draw(CounterGenerator(seed: 1, 2, 3)) == draw(CounterGenerator(seed: 1, 2, 3)))
    let keys = [
      CounterGenerator(seed: 1, 2, 3), CounterGenerator(seed: 1, 3, 2),
      CounterGenerator(seed: 2, 1, 3),
      CounterGenerator(seed: 1, 2), CounterGenerator(seed: 1, 2, 0), CounterGenerator(seed: 1),
      CounterGenerator(seed: 0), CounterGenerator(seed: 0, 0), CounterGenerator(seed: 0, 0, 0),
    ].map(draw)
    #expect(Set(keys).count == keys.count)
    #expect(Set(keys.joined()).count == keys.count * 8)
  }

  /// Runs must repeat with the next version of this program too (checked against SplitMix64 in
  /// Python's whole numbers).
  @Test func drawsTheSameNumbersForEver() {
    var generator = CounterGenerator(seed: 42, 7, 11)
    #expect((0..<3).map { _ in generator.next() } == CounterGeneratorTests.pinned)
  }
  static let pinned: [UInt64] = [
    11_189_870_925_475_710_275, 7_974_207_013_586_356_782, 8_194_064_058_742_300_941,
  ]

  /// Chi-square of 256 cells: 255 expected, standard deviation 22.6; six deviations allowed.
  private func expectUniform(_ counts: [Int], _ comment: String) {
    let expected = Double(counts.reduce(0, +)) / Double(counts.count)
    let chiSquare = counts.reduce(0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    #expect(chiSquare < 255 + 6 * 22.6, "\(comment): \(chiSquare)")
    #expect(chiSquare > 255 - 6 * 22.6, "\(comment): \(chiSquare), too even")
  }

  @Test func bytesAreUniformWithinAStream() {
    var generator = CounterGenerator(seed: 3, 1)
    var counts = Array(repeating: [Int](repeating: 0, count: 256), count: 8)
    for _ in 0..<20_000 {
      let value = generator.next()
      for byte in 0..<8 { counts[byte][Int(value >> UInt64(8 * byte) & 0xFF)] += 1 }
    }
    for byte in 0..<8 { expectUniform(counts[byte], "byte \(byte)") }
  }

  @Test func firstNumbersOfNeighbouringStreamsAreUniformAndIndependent() {
    var low = [Int](repeating: 0, count: 256)
    var high = low
    var pairs = low
    for epoch in 0..<100 as Range<UInt64> {
      for index in 0..<300 as Range<UInt64> {
        var one = CounterGenerator(seed: 0, epoch, index)
        var two = CounterGenerator(seed: 0, epoch, index + 1)
        let (first, second) = (one.next(), two.next())
        low[Int(first & 0xFF)] += 1
        high[Int(first >> 56)] += 1
        pairs[Int(first >> 60) * 16 + Int(second >> 60)] += 1
      }
    }
    expectUniform(low, "low byte")
    expectUniform(high, "high byte")
    expectUniform(pairs, "pairs of neighbours")
  }
}

@Suite struct SoftmaxTests {
  @Test func addsUpToOneAndKeepsOrder() {
    expectClose(softmax([0, 0] as [Float]), [0.5, 0.5])
    expectClose(softmax([1, 2, 3] as [Float]), [0.090_030_57, 0.244_728_47, 0.665_240_94])
    expectClose(
      softmax([1000, 1001, 1002] as [Float]),
      [0.090_030_57, 0.244_728_47, 0.665_240_94]
    )
    expectClose(softmax([-1e30, 0] as [Float]), [0, 1])
    #expect(softmax([] as [Float]).isEmpty)
  }
}
