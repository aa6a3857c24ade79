/// A random number generator that is a function of its key: sample `i` of epoch `e` draws the same
/// numbers whatever ran before it, on whichever thread.
///
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014)
/// over a counter whose start mixes the key's parts.
public struct CounterGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// - Parameters:
  ///   - seed: The run's seed.
  ///   - stream: Parts that tell this generator from others: epoch, index, purpose.
  public init(seed: UInt64, _ stream: UInt64...) {
    state = CounterGenerator.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    for part in stream {
      state = CounterGenerator.mix(state ^ CounterGenerator.mix(part &+ 0xD1B5_4A32_D192_ED03))
    }
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return CounterGenerator.mix(state)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Numbers drawn from a generator, by formulas of our own: they must never change with the standard
/// library, or a seed would mean something else.
extension CounterGenerator {
  /// A number in 0 ..< 1.
  public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number in `low` ..< `high`.
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * unit()
  }

  /// A whole number in 0 ..< `count`, which is at least 1.
  ///
  /// Multiply and shift (Lemire 2019, without its correction: the bias is below 2⁻⁴⁰).
  public mutating func index(below count: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(count)).high)
  }

  /// `true` with a probability of 0…1.
  public mutating func chance(_ probability: Float) -> Bool { unit() < Double(probability) }

  /// A shuffled copy (Fisher and Yates).
  public mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var result = elements
    for last in stride(from: result.count - 1, to: 0, by: -1) {
      result.swapAt(last, index(below: last + 1))
    }
    return result
  }
}
