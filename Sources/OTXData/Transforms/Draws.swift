import OTXCore

/// Numbers drawn from a generator, by formulas of our own: they must never change with the standard
/// library, or a seed would mean something else.
extension CounterGenerator {
  /// A number in 0 ..< 1.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }

  /// A whole number in 0 ..< `count`, which is at least 1.
  ///
  /// Multiply and shift (Lemire 2019, without its correction: the bias is below 2⁻⁴⁰).
  mutating func index(below count: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(count)).high)
  }

  mutating func chance(_ probability: Float) -> Bool { unit() < Double(probability) }

  /// A shuffled copy (Fisher and Yates).
  mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var result = elements
    for last in stride(from: result.count - 1, to: 0, by: -1) {
      result.swapAt(last, index(below: last + 1))
    }
    return result
  }
}
