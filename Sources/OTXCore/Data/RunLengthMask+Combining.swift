extension RunLengthMask {
  /// No pixels.
  public init(empty size: ImageSize) {
    self.init(checked: size, counts: [UInt32(clamping: size.height * size.width)])
  }

  /// Runs that are known to add up.
  init(checked size: ImageSize, counts: [UInt32]) {
    self =
      RunLengthMask(size: size, counts: counts)
      ?? RunLengthMask(size: ImageSize(height: 0, width: 0), bitmap: [])
  }

  /// The pixels that are in this or in `other`.
  ///
  /// - Precondition: both have one size.
  public func union(_ other: RunLengthMask) -> RunLengthMask {
    precondition(size == other.size)
    var builder = RunBuilder(size: size)
    var (left, right) = (runs[...], other.runs[...])
    while let run = RunLengthMask.popFirst(&left, &right) { builder.append(run) }
    return builder.mask
  }

  /// Runs of pixels that are set, in order; positions count down the columns.
  package var runs: [Range<Int>] {
    var result: [Range<Int>] = []
    result.reserveCapacity(counts.count / 2)
    var position = 0
    for (index, count) in counts.enumerated() {
      let end = position + Int(count)
      if index % 2 == 1, count > 0 { result.append(position..<end) }
      position = end
    }
    return result
  }

  private static func popFirst(
    _ left: inout ArraySlice<Range<Int>>,
    _ right: inout ArraySlice<Range<Int>>
  ) -> Range<Int>? {
    guard let first = left.first else { return right.popFirst() }
    guard let second = right.first else { return left.popFirst() }
    return first.lowerBound <= second.lowerBound ? left.popFirst() : right.popFirst()
  }
}

/// Puts a mask together from runs in order.
package struct RunBuilder {
  private let size: ImageSize
  private var counts: [UInt32] = []
  /// Where the last run ends.
  private var end = 0

  package init(size: ImageSize) { self.size = size }

  /// Adds pixels; a run must not begin before the last one's beginning, but may overlap it.
  package mutating func append(_ run: Range<Int>) {
    guard run.upperBound > end else { return }
    let start = max(run.lowerBound, end)
    if start == end, !counts.isEmpty {
      counts[counts.count - 1] += UInt32(run.upperBound - start)
    } else {
      counts.append(UInt32(start - end))
      counts.append(UInt32(run.upperBound - start))
    }
    end = run.upperBound
  }

  package var mask: RunLengthMask {
    let rest = size.height * size.width - end
    let tail = rest > 0 || counts.isEmpty ? [UInt32(rest)] : []
    return RunLengthMask(checked: size, counts: counts + tail)
  }
}
