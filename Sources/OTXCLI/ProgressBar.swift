import OTXCore

/// One line that says how far something is: a bar, and as much text as there is room for.
struct ProgressBar {
  /// Texts that say the same with fewer and fewer words.
  var texts: [String]
  /// From 0 to 1.
  var done: Double

  private static let shortestBar = 8
  private static let longestBar = 30

  /// The line for a terminal of `width` columns; the last one stays free, where some terminals would
  /// begin a new line.
  func line(width: Int) -> String {
    let room = max(width - 1, 1)
    for text in texts {
      let length = min(ProgressBar.longestBar, room - text.count - 2)
      guard length >= ProgressBar.shortestBar else { continue }
      let filled = Int((min(max(done, 0), 1) * Double(length)).rounded())
      return String(repeating: "━", count: filled)
        + String(repeating: "╌", count: length - filled) + "  " + text
    }
    return String((texts.first { $0.count <= room } ?? texts.last ?? "").prefix(room))
  }
}

/// How fast something goes, and how long it will take.
struct Pace {
  private var start: Double
  private var firstDone: Int

  /// - Parameters:
  ///   - done: How much was done already.
  ///   - time: Now, in seconds.
  init(done: Int, at time: Double) {
    (firstDone, start) = (done, time)
  }

  /// Items a second since the beginning; `nil` while that cannot be known.
  func rate(done: Int, at time: Double) -> Double? {
    guard done > firstDone, time > start else { return nil }
    return Double(done - firstDone) / (time - start)
  }
}
