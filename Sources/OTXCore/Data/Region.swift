public import Foundation

/// The pixels of an object.
public enum Region: Sendable, Equatable {
  case polygon(Polygon)
  indirect case mask(RunLengthMask)
  /// A picture file in which the object's pixels stand out; read when it is needed.
  indirect case maskFile(MaskFile)
  indirect case rotatedBox(RotatedBox)
  /// The ellipse that fills a turned box.
  indirect case ellipse(RotatedBox)
  /// An open line: it has no inside.
  case polyline([Float])

  /// The smallest box around it; `nil` where that takes reading a file, or for no pixels at all.
  public var bounds: BoundingBox? {
    switch self {
    case .polygon(let polygon): BoundingBox(around: polygon.points)
    case .mask(let mask): mask.bounds
    case .maskFile: nil
    case .rotatedBox(let box): BoundingBox(around: box.corners)
    case .ellipse(let box): box.ellipseBounds
    case .polyline(let points): BoundingBox(around: points)
    }
  }
}

extension BoundingBox {
  /// The smallest box around points `x, y, x, y, …`; `nil` for none.
  public init?(around points: some Sequence<Float>) {
    var (xs, ys): ((Float, Float)?, (Float, Float)?)
    var isX = true
    for value in points {
      if isX {
        xs = xs.map { (min($0.0, value), max($0.1, value)) } ?? (value, value)
      } else {
        ys = ys.map { (min($0.0, value), max($0.1, value)) } ?? (value, value)
      }
      isX.toggle()
    }
    guard let xs, let ys else { return nil }
    self.init(x1: xs.0, y1: ys.0, x2: xs.1, y2: ys.1)
  }
}

/// One or several closed outlines; the region is all that lies in any of them.
public struct Polygon: Sendable, Hashable {
  /// `x, y` of each corner after each other, in pixels, part after part.
  public private(set) var points: [Float]
  /// How many numbers each part has; empty where there is one part.
  private var partLengths: [Int32]

  /// - Precondition: an even count of numbers.
  public init(_ points: [Float]) {
    precondition(points.count % 2 == 0)
    (self.points, partLengths) = (points, [])
  }

  /// - Precondition: an even count of numbers in each part.
  public init(parts: [[Float]]) {
    precondition(parts.allSatisfy { $0.count % 2 == 0 })
    points = parts.flatMap { $0 }
    partLengths = parts.count == 1 ? [] : parts.map { Int32($0.count) }
  }

  /// The outlines one by one.
  public var parts: [[Float]] {
    guard !partLengths.isEmpty else { return points.isEmpty ? [] : [points] }
    var start = 0
    return partLengths.map { length in
      defer { start += Int(length) }
      return Array(points[start..<start + Int(length)])
    }
  }

  public var partCount: Int { partLengths.isEmpty ? (points.isEmpty ? 0 : 1) : partLengths.count }

  /// The same outlines with every point moved.
  public func mapPoints(_ body: (_ x: Float, _ y: Float) -> (x: Float, y: Float)) -> Polygon {
    var result = self
    for index in stride(from: 0, to: points.count, by: 2) {
      let moved = body(points[index], points[index + 1])
      (result.points[index], result.points[index + 1]) = (moved.x, moved.y)
    }
    return result
  }

  /// The area of the outlines together (shoelace formula), in pixels; overlaps count twice.
  public var area: Float {
    parts.reduce(0) { sum, part in
      var twice: Float = 0
      for index in stride(from: 0, to: part.count, by: 2) {
        let next = (index + 2) % part.count
        twice += part[index] * part[next + 1] - part[next] * part[index + 1]
      }
      return sum + abs(twice) / 2
    }
  }
}

/// A box that is turned about its centre.
public struct RotatedBox: Sendable, Hashable {
  /// Centre, in pixels.
  public var x, y: Float
  public var width, height: Float
  /// Degrees, clockwise as the picture is seen (the y axis points down).
  public var angle: Float

  public init(x: Float, y: Float, width: Float, height: Float, angle: Float) {
    (self.x, self.y, self.width, self.height, self.angle) = (x, y, width, height, angle)
  }

  /// `x, y` of the four corners: top left, top right, bottom right, bottom left before turning.
  public var corners: [Float] {
    let radians = Double(angle) * .pi / 180
    let (cosine, sine) = (Float(cos(radians)), Float(sin(radians)))
    let (w, h) = (width / 2, height / 2)
    let offsets: [(Float, Float)] = [(-w, -h), (w, -h), (w, h), (-w, h)]
    return offsets.flatMap { (dx, dy) -> [Float] in
      let (turnedX, turnedY) = (dx * cosine - dy * sine, dx * sine + dy * cosine)
      return [x + turnedX, y + turnedY]
    }
  }

  /// The box of four corners in order, as annotation tools write them; of corners that are no
  /// rectangle, the box of the same centre, mean sides and direction of the first side.
  ///
  /// - Precondition: 8 numbers.
  public init(corners: [Float]) {
    precondition(corners.count == 8)
    func side(_ from: Int, _ to: Int) -> (dx: Float, dy: Float) {
      (corners[2 * to] - corners[2 * from], corners[2 * to + 1] - corners[2 * from + 1])
    }
    func length(_ side: (dx: Float, dy: Float)) -> Float {
      (side.dx * side.dx + side.dy * side.dy).squareRoot()
    }
    let first = side(0, 1)
    self.init(
      x: (corners[0] + corners[2] + corners[4] + corners[6]) / 4,
      y: (corners[1] + corners[3] + corners[5] + corners[7]) / 4,
      width: (length(first) + length(side(3, 2))) / 2,
      height: (length(side(1, 2)) + length(side(0, 3))) / 2,
      angle: Float(atan2(Double(first.dy), Double(first.dx)) * 180 / .pi)
    )
  }

  /// `x, y` of 36 points of the ellipse that fills the box.
  package var ellipsePoints: [Float] {
    let radians = Double(angle) * .pi / 180
    let (cosine, sine) = (Float(cos(radians)), Float(sin(radians)))
    return (0..<36).flatMap { step -> [Float] in
      let turn = Double(step) / 36 * 2 * .pi
      let (dx, dy) = (width / 2 * Float(cos(turn)), height / 2 * Float(sin(turn)))
      return [x + dx * cosine - dy * sine, y + dx * sine + dy * cosine]
    }
  }

  /// The box around the ellipse that fills this one.
  var ellipseBounds: BoundingBox {
    let radians = Double(angle) * .pi / 180
    let (cosine, sine) = (Float(cos(radians)), Float(sin(radians)))
    let (w, h) = (width / 2, height / 2)
    let halfWidth = (w * w * cosine * cosine + h * h * sine * sine).squareRoot()
    let halfHeight = (w * w * sine * sine + h * h * cosine * cosine).squareRoot()
    return BoundingBox(
      x1: x - halfWidth,
      y1: y - halfHeight,
      x2: x + halfWidth,
      y2: y + halfHeight
    )
  }
}

/// Points of an object with names of their own: joints, corners of a face.
public struct Keypoints: Sendable, Hashable {
  /// Whether a point is known, and whether it is seen.
  public enum Visibility: UInt8, Sendable {
    /// Not annotated; its place means nothing.
    case absent = 0
    case hidden = 1
    case visible = 2
  }

  /// `x, y` of each point after each other, in pixels.
  public var points: [Float]
  /// One for each point.
  public var visibilities: [Visibility]

  /// - Precondition: two numbers for each visibility.
  public init(points: [Float], visibilities: [Visibility]) {
    precondition(points.count == 2 * visibilities.count)
    (self.points, self.visibilities) = (points, visibilities)
  }

  public var count: Int { visibilities.count }

  /// The smallest box around the points that are annotated; `nil` for none.
  public var bounds: BoundingBox? {
    let known = visibilities.indices.filter { visibilities[$0] != .absent }
    return BoundingBox(around: known.flatMap { [points[2 * $0], points[2 * $0 + 1]] })
  }
}

/// An object's pixels in a picture file.
public struct MaskFile: Sendable, Hashable {
  /// Which pixels are the object's.
  public enum Selection: Sendable, Hashable {
    /// All that are not black (index 0).
    case nonZero
    /// Those of one index of a grey or palette picture; 16 bits of a 16-bit picture.
    case index(Int)
    /// Those of one colour.
    case color(Color)
    /// Those whose blue part is the n-th smallest in the picture, counted from 0 (ADE20K).
    case blueRank(Int)
  }

  public var url: URL
  public var selection: Selection

  public init(url: URL, selection: Selection) { (self.url, self.selection) = (url, selection) }
}

/// A picture file whose pixels are labels; read when it is needed.
public struct LabelMap: Sendable, Equatable {
  /// How a pixel's bytes become a number.
  public enum Encoding: Sendable, Hashable {
    /// The grey value or palette index, 8 or 16 bits.
    case index
    /// `red << 16 | green << 8 | blue`.
    case color
  }

  /// How numbers tell the objects of one label apart.
  public enum Instances: Sendable, Hashable {
    /// They do not: all pixels of a label are one segment.
    case none
    /// A number of at least `divisor` is `label * divisor + instance`; below, it is a label alone.
    case quotient(Int)
    /// A number is always `label * divisor + instance`; instance 0 is no object.
    case product(Int)
    /// Pixels of one number in another picture of the same size are one object; 0 is no object.
    case file(URL, Encoding)
    /// In colours: the label is `red / 10 * 256 + green`, the instance `blue` (ADE20K).
    case ade20k
  }

  public var url: URL
  public var encoding: Encoding
  public var instances: Instances
  /// Label of each number; pixels of other numbers are ignored.
  public var table: LabelTable

  public init(
    url: URL,
    encoding: Encoding = .index,
    instances: Instances = .none,
    table: LabelTable
  ) {
    (self.url, self.encoding) = (url, encoding)
    (self.instances, self.table) = (instances, table)
  }
}

/// Labels by the numbers that stand for them in pictures; one table is shared by all of a dataset.
public final class LabelTable: Sendable, Equatable {
  public let labels: [Int: String]
  /// In the order of the numbers, each once.
  public let names: [String]

  public init(_ labels: [Int: String]) {
    self.labels = labels
    var seen: Set<String> = []
    names = labels.sorted { $0.key < $1.key }.map(\.value).filter { seen.insert($0).inserted }
  }

  public subscript(number: Int) -> String? { labels[number] }

  public static func == (left: LabelTable, right: LabelTable) -> Bool {
    left === right || left.labels == right.labels
  }
}
