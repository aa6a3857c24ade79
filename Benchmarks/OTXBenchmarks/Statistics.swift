/// What is said of a series of seconds.
struct Series {
  var seconds: [Double] = []

  var median: Double {
    let sorted = seconds.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// The spread around the median, without the outliers: half the distance of the quartiles.
  var spread: Double {
    let sorted = seconds.sorted()
    guard sorted.count >= 4 else { return .nan }
    return (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / 2
  }
}

/// What was measured of one side.
struct Figures {
  var time = Series()
  /// Of all cores together: on a machine that others use too, this is the steadier figure.
  var cpu = Series()
  var loss = Double.nan
  var peakMemoryBytes = 0

  mutating func add(_ seconds: [Double], _ cpuSeconds: [Double], _ loss: Double) {
    time.seconds += seconds
    cpu.seconds += cpuSeconds
    self.loss = loss
  }
}

/// `value` with `places` digits after the point.
func fixed(_ value: Double, _ places: Int) -> String {
  guard value.isFinite else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<places { scale *= 10 }
  let digits = String(Int((value.magnitude * scale).rounded()))
  let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
  let sign = value < 0 ? "-" : ""
  if places == 0 { return sign + padded }
  return "\(sign)\(padded.dropLast(places)).\(padded.suffix(places))"
}
