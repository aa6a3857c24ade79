/// Seconds since the last look.
struct Stopwatch {
  private var last = ContinuousClock.now
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }
}
