public import OTXCore

extension OverlayRenderer {
  /// The picture with a dataset's annotations drawn on it.
  ///
  /// Regions are filled half transparently and outlined, key points are dots, labels of the whole
  /// picture stand at its top.
  ///
  /// - Parameters:
  ///   - annotations: In pixels of `image`.
  ///   - labels: Their places pick the colours.
  ///   - image: The picture.
  /// - Returns: The picture with marks.
  /// - Throws: Whatever drawing throws.
  public static func draw(
    _ annotations: [Annotation],
    labels: LabelInfo,
    on image: Image
  ) throws -> Image {
    var result = image
    for annotation in annotations {
      try result.paintRegion(annotation, .label(colorIndex(annotation, labels)))
    }
    let marks = annotations.compactMap { mark($0, labels) }
    result = try draw(marks, on: result)
    for annotation in annotations {
      try result.paintKeypoints(annotation, .label(colorIndex(annotation, labels)))
    }
    return result
  }

  private static func colorIndex(_ annotation: Annotation, _ labels: LabelInfo) -> Int {
    annotation.label.flatMap(labels.index) ?? labels.count
  }

  private static func mark(_ annotation: Annotation, _ labels: LabelInfo) -> OverlayMark? {
    let index = colorIndex(annotation, labels)
    switch annotation.kind {
    case .label: return .caption(annotation.label ?? "", colorIndex: index)
    case .caption: return .caption(annotation.caption ?? "", colorIndex: index)
    case .labelMap: return nil
    case .object:
      guard let box = annotation.box else { return nil }
      let name = annotation.label ?? ""
      return .box(box, caption: annotation.isCrowd ? "\(name) (crowd)" : name, colorIndex: index)
    }
  }
}

extension Image {
  /// Draws the outline of a region and tints its inside.
  fileprivate mutating func paintRegion(_ annotation: Annotation, _ color: Color) throws {
    switch annotation.region {
    case nil, .maskFile: return
    case .polygon(let polygon): for part in polygon.parts { try tintPolygon(part, color) }
    case .rotatedBox(let box): try tintPolygon(box.corners, color)
    case .ellipse(let box): try tintPolygon(box.ellipsePoints, color)
    case .polyline(let points):
      for (from, to) in zip(points.pairs, points.pairs.dropFirst()) {
        try drawSegment(from, to, color)
      }
    case .mask(let mask):
      guard mask.size == size else { return }
      tint(mask.bitmap, color)
    }
  }

  private mutating func tintPolygon(_ points: [Float], _ color: Color) throws {
    let corners = points.pairs.map { (x: Int($0.x.rounded()), y: Int($0.y.rounded())) }
    let limit = 1 << 20
    guard corners.count > 1, corners.allSatisfy({ abs($0.x) < limit && abs($0.y) < limit }) else {
      return
    }
    var filled = self
    try filled.fillPolygon(corners, color)
    try blend(with: filled, share: 0.35)
    for (from, to) in zip(points.pairs, points.pairs.dropFirst() + points.pairs.prefix(1)) {
      try drawSegment(from, to, color)
    }
  }

  private mutating func tint(_ mask: [Bool], _ color: Color) {
    let levels = [color.red, color.green, color.blue]
    for (position, isSet) in mask.enumerated() where isSet {
      for channel in 0..<Image.channelCount {
        let index = position * Image.channelCount + channel
        pixels[index] = UInt8((Int(pixels[index]) * 65 + Int(levels[channel]) * 35) / 100)
      }
    }
  }

  /// A line of dots close to each other: one pixel wide, two on large pictures.
  private mutating func drawSegment(
    _ from: (x: Float, y: Float),
    _ to: (x: Float, y: Float),
    _ color: Color
  ) throws {
    let length = max(abs(to.x - from.x), abs(to.y - from.y))
    guard length.isFinite, length < 100_000 else { return }
    let thickness = max(0, min(height, width) / 640)
    let count = max(Int(length), 1)
    for step in 0...count {
      let share = Float(step) / Float(count)
      let x = Int((from.x + (to.x - from.x) * share).rounded())
      let y = Int((from.y + (to.y - from.y) * share).rounded())
      for row in y...y + thickness where (0..<height).contains(row) {
        for column in x...x + thickness where (0..<width).contains(column) {
          let index = (row * width + column) * Image.channelCount
          (pixels[index], pixels[index + 1]) = (color.red, color.green)
          pixels[index + 2] = color.blue
        }
      }
    }
  }

  fileprivate mutating func paintKeypoints(_ annotation: Annotation, _ color: Color) throws {
    guard let keypoints = annotation.keypoints else { return }
    let radius = max(2, min(height, width) / 160)
    for (point, visibility) in zip(keypoints.points.pairs, keypoints.visibilities)
    where visibility != .absent {
      guard abs(point.x) < 1e6, abs(point.y) < 1e6 else { continue }
      let (x, y) = (Int(point.x.rounded()), Int(point.y.rounded()))
      try fillCircle(x: x, y: y, radius: radius + 1, .white)
      try fillCircle(x: x, y: y, radius: visibility == .visible ? radius : radius / 2, color)
    }
  }
}

extension [Float] {
  /// `x, y, x, y, …` as points.
  fileprivate var pairs: [(x: Float, y: Float)] {
    stride(from: 0, to: count - 1, by: 2).map { (self[$0], self[$0 + 1]) }
  }
}

extension OverlayRenderer {
  /// Writes one line into a rectangle of a picture, cut at its left end: names differ in their last part.
  package static func write(
    _ text: String,
    on image: inout Image,
    y: Int,
    x: Int,
    height: Int,
    width: Int
  ) throws {
    let scale = Double(height) * 0.6 / 21
    var shown = plain(text)
    while shown.count > 1, try Image.textSize(shown, scale: scale, thickness: 1).width > width {
      shown.removeFirst()
    }
    try image.drawText(
      shown,
      x: x,
      y: y + height * 3 / 4,
      scale: scale,
      .white,
      thickness: 1
    )
  }
}
