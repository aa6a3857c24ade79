/// Seconds since the last look, by a clock that does not jump when somebody sets the time.
struct Stopwatch {
  private var last = ContinuousClock.now
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }

  private static let start = ContinuousClock.now

  /// Seconds since this process first asked.
  static func now() -> Double { (ContinuousClock.now - start) / .seconds(1) }
}
