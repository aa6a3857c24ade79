extension Polygon {
  /// The pixels inside the outlines, by the rule of COCO's tools: the boundary is followed in fifths
  /// of a pixel, and a pixel belongs to the outline that passes above its middle an odd number of
  /// times.
  ///
  /// The same to the pixel as pycocotools' `frPyObjects` followed by `merge` (checked by
  /// `Tools/goldens/regions.py`). Corners that lie further outside the picture than it is large are
  /// moved there. Parts of fewer than three corners have no inside.
  public func mask(size: ImageSize) -> RunLengthMask {
    guard size.height > 0, size.width > 0 else { return RunLengthMask(empty: size) }
    var result: RunLengthMask?
    for part in parts where part.count >= 6 {
      let mask = Polygon.mask(of: part, size: size)
      result = result?.union(mask) ?? mask
    }
    return result ?? RunLengthMask(empty: size)
  }

  /// Steps in a pixel.
  private static let scale = 5.0

  private struct GridPoint {
    var x: Int
    var y: Int
  }

  private static func mask(of points: [Float], size: ImageSize) -> RunLengthMask {
    let side = Double(max(size.height, size.width))
    func step(_ value: Float) -> Int {
      guard value.isFinite else { return 0 }
      // Towards zero, as C converts.
      return Int(scale * min(max(Double(value), -2 * side), 3 * side) + 0.5)
    }
    var corners = stride(from: 0, to: points.count, by: 2).map {
      GridPoint(x: step(points[$0]), y: step(points[$0 + 1]))
    }
    corners.append(corners[0])
    var crossings: [Int] = []
    var last: GridPoint?
    for index in 0..<corners.count - 1 {
      follow(from: corners[index], to: corners[index + 1]) { point in
        if let last, let crossing = crossing(last, point, size) { crossings.append(crossing) }
        last = point
      }
    }
    crossings.append(size.height * size.width)
    crossings.sort()
    return RunLengthMask(checked: size, counts: runLengths(between: crossings))
  }

  /// Every step of a side, from its first corner to its second.
  private static func follow(
    from start: GridPoint,
    to end: GridPoint,
    _ body: (GridPoint) -> Void
  ) {
    let (dx, dy) = (abs(end.x - start.x), abs(end.y - start.y))
    let isFlipped = dx >= dy ? start.x > end.x : start.y > end.y
    let (from, to) = isFlipped ? (end, start) : (start, end)
    if dx >= dy {
      let slope = dx == 0 ? 0 : Double(to.y - from.y) / Double(dx)
      for d in 0...dx {
        let t = isFlipped ? dx - d : d
        body(GridPoint(x: t + from.x, y: Int(Double(from.y) + slope * Double(t) + 0.5)))
      }
    } else {
      let slope = Double(to.x - from.x) / Double(dy)
      for d in 0...dy {
        let t = isFlipped ? dy - d : d
        body(GridPoint(x: Int(Double(from.x) + slope * Double(t) + 0.5), y: t + from.y))
      }
    }
  }

  /// Where the outline crosses the middle of a column of pixels, as a position down the columns.
  private static func crossing(_ last: GridPoint, _ point: GridPoint, _ size: ImageSize) -> Int? {
    guard point.x != last.x else { return nil }
    let x = (Double(point.x < last.x ? point.x : point.x - 1) + 0.5) / scale - 0.5
    guard x.rounded(.down) == x, x >= 0, x <= Double(size.width - 1) else { return nil }
    let y = (Double(min(point.y, last.y)) + 0.5) / scale - 0.5
    return Int(x) * size.height + Int(min(max(y, 0), Double(size.height)).rounded(.up))
  }

  /// Lengths between sorted positions; two at one place cancel each other.
  private static func runLengths(between crossings: [Int]) -> [UInt32] {
    var lengths = [UInt32(crossings[0])]
    var index = 1
    while index < crossings.count {
      let length = UInt32(crossings[index] - crossings[index - 1])
      if length > 0 {
        lengths.append(length)
      } else {
        index += 1
        guard index < crossings.count else { break }
        lengths[lengths.count - 1] += UInt32(crossings[index] - crossings[index - 1])
      }
      index += 1
    }
    return lengths
  }
}
