extension RunLengthMask {
  /// The outlines of the mask, one part for each group of pixels that touch by their sides.
  ///
  /// They run along the edges of pixels, so that ``Polygon/mask(size:)`` gives this mask again. A hole
  /// is joined to the outline around it by a line that is gone both ways.
  ///
  /// - Returns: `nil` for no pixels at all.
  public func polygon() -> Polygon? {
    guard area > 0 else { return nil }
    var tracer = OutlineTracer(self)
    return Polygon(parts: tracer.parts())
  }
}

/// Follows the edges between pixels that are set and those that are not.
private struct OutlineTracer {
  private struct Corner: Hashable {
    var x: Int
    var y: Int
  }

  /// Right, down, left, up: the pixel that is set lies to the right of the way.
  private static let steps = [(1, 0), (0, 1), (-1, 0), (0, -1)]

  private struct Loop {
    var corners: [Corner]
    /// The group of pixels that it goes around, or a hole of which it is.
    var group: Int32
    var isHole: Bool
  }

  private let left: Int
  private let top: Int
  private let height: Int
  private let width: Int
  /// Number of the group of each pixel of the mask's box, from 1; 0 for none.
  private var groups: [Int32]
  /// Whether the upper edge of a pixel was followed already.
  private var isFollowed: [Bool]

  init(_ mask: RunLengthMask) {
    let bounds = mask.bounds ?? BoundingBox(x1: 0, y1: 0, x2: 0, y2: 0)
    (left, top) = (Int(bounds.x1), Int(bounds.y1))
    (height, width) = (Int(bounds.height), Int(bounds.width))
    groups = [Int32](repeating: 0, count: height * width)
    isFollowed = [Bool](repeating: false, count: height * width)
    let full = mask.size.height
    for run in mask.runs {
      for position in run {
        groups[(position % full - top) * width + position / full - left] = -1
      }
    }
    numberGroups()
  }

  private mutating func numberGroups() {
    var count: Int32 = 0
    var stack: [Int] = []
    for start in groups.indices where groups[start] == -1 {
      count += 1
      groups[start] = count
      stack.append(start)
      while let pixel = stack.popLast() {
        let (y, x) = (pixel / width, pixel % width)
        for (dx, dy) in OutlineTracer.steps where group(x + dx, y + dy) == -1 {
          let next = (y + dy) * width + x + dx
          groups[next] = count
          stack.append(next)
        }
      }
    }
  }

  private func group(_ x: Int, _ y: Int) -> Int32 {
    x >= 0 && x < width && y >= 0 && y < height ? groups[y * width + x] : 0
  }

  mutating func parts() -> [[Float]] {
    var outlines: [Int32: Loop] = [:]
    var holes: [Int32: [Loop]] = [:]
    // Every outline has an upper edge of a pixel, and the first one of a group is no hole's.
    for y in 0..<height {
      for x in 0..<width {
        let own = group(x, y)
        guard own > 0, group(x, y - 1) != own, !isFollowed[y * width + x] else { continue }
        let loop = loop(from: Corner(x: x, y: y), around: own, isHole: outlines[own] != nil)
        if loop.isHole { holes[own, default: []].append(loop) } else { outlines[own] = loop }
      }
    }
    return outlines.keys.sorted().compactMap { group in
      guard var corners = outlines[group]?.corners else { return nil }
      for hole in holes[group] ?? [] { OutlineTracer.join(hole.corners, to: &corners) }
      return corners.flatMap { [Float($0.x + left), Float($0.y + top)] }
    }
  }

  /// The way around pixels of a group, beginning with the upper edge of one; corners only.
  private mutating func loop(from start: Corner, around own: Int32, isHole: Bool) -> Loop {
    var corners: [Corner] = []
    var (position, direction) = (start, 0)
    repeat {
      if direction == 0 { isFollowed[position.y * width + position.x] = true }
      let (dx, dy) = OutlineTracer.steps[direction]
      position = Corner(x: position.x + dx, y: position.y + dy)
      // The two pixels ahead, to the right and to the left of the way.
      let isRightSet = ahead(position, direction, isRight: true) == own
      let isLeftSet = ahead(position, direction, isRight: false) == own
      // Where two pixels touch by a corner, the way stays with its own.
      let next = !isRightSet ? (direction + 1) % 4 : isLeftSet ? (direction + 3) % 4 : direction
      if next != direction { corners.append(position) }
      direction = next
    } while position != start || direction != 0
    return Loop(corners: corners, group: own, isHole: isHole)
  }

  private func ahead(_ corner: Corner, _ direction: Int, isRight: Bool) -> Int32 {
    switch (direction, isRight) {
    case (0, true), (1, false): group(corner.x, corner.y)
    case (1, true), (2, false): group(corner.x - 1, corner.y)
    case (2, true), (3, false): group(corner.x - 1, corner.y - 1)
    default: group(corner.x, corner.y - 1)
    }
  }

  /// Puts a hole's corners into an outline, after the nearest corner of the outline.
  private static func join(_ hole: [Corner], to outline: inout [Corner]) {
    guard let first = hole.first else { return }
    func distance(_ corner: Corner) -> Int { abs(corner.x - first.x) + abs(corner.y - first.y) }
    // Any corner will do; of a very long outline only some are looked at.
    let looked = stride(from: 0, to: outline.count, by: 1 + outline.count / 4096)
    guard let place = looked.min(by: { distance(outline[$0]) < distance(outline[$1]) })
    else { return }
    outline.insert(contentsOf: hole + [first, outline[place]], at: place + 1)
  }
}
