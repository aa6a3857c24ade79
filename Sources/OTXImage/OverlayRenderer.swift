import Foundation
public import OTXCore

/// Draws boxes, labels and scores on pictures.
public enum OverlayRenderer {
  /// The picture with marks drawn on it, the first ones on top.
  ///
  /// Lines and text are scaled to the picture. Captions stay inside the picture and keep clear of
  /// each other where there is room.
  public static func draw(_ marks: [OverlayMark], on image: Image) throws -> Image {
    try draw(marks, on: image, color: Color.label)
  }

  /// The picture with marks drawn on it, in colours of one's own: of a mark's `colorIndex`.
  package static func draw(
    _ marks: [OverlayMark],
    on image: Image,
    color: (Int) -> Color
  ) throws -> Image {
    guard image.height > 0, image.width > 0 else { return image }
    var canvas = Canvas(image)
    for mark in marks.reversed() {
      if case .box(let box, _, let colorIndex) = mark {
        try canvas.outline(box, color(colorIndex))
      }
    }
    for mark in marks {
      switch mark {
      case .box(let box, let caption, let colorIndex):
        try canvas.place(caption, color(colorIndex), at: box)
      case .caption(let caption, let colorIndex):
        try canvas.placeLine(caption, color(colorIndex))
      }
    }
    try canvas.drawLabels()
    return canvas.image
  }
}

/// A picture, and where captions already lie on it.
private struct Canvas {
  private(set) var image: Image
  private let scale: Double
  private let textThickness: Int
  private let lineThickness: Int
  private let padding: Int

  private struct Label {
    var text: String
    var color: Color
    var x: Int
    var y: Int
    var width: Int
    var height: Int
    /// From the top to the text's base line.
    var baseline: Int

    func overlap(_ other: Label) -> Int {
      let width = min(x + width, other.x + other.width) - max(x, other.x)
      let height = min(y + height, other.y + other.height) - max(y, other.y)
      return max(width, 0) * max(height, 0)
    }
  }

  private var labels: [Label] = []
  private var nextLine = 0

  init(_ image: Image) {
    self.image = image
    let side = Double(min(image.height, image.width))
    // Capital letters are 21 pixels high at scale 1; below 9 pixels they cannot be read.
    let textHeight = min(max(side / 36, 9), 64)
    scale = textHeight / 21
    textThickness = max(1, Int((scale * 1.4).rounded()))
    lineThickness = max(1, Int((side / 320).rounded()))
    padding = max(2, Int((textHeight / 4).rounded()))
  }

  mutating func outline(_ box: BoundingBox, _ color: Color) throws {
    guard box.isFinite else { return }
    let box = box.clipped(to: image.size)
    try image.drawRectangle(
      x1: Int(box.x1.rounded()),
      y1: Int(box.y1.rounded()),
      x2: min(Int(box.x2.rounded()), image.width) - 1,
      y2: min(Int(box.y2.rounded()), image.height) - 1,
      color,
      thickness: lineThickness
    )
  }

  /// Finds the place for a box's caption that covers the least of other captions.
  mutating func place(_ caption: String, _ color: Color, at box: BoundingBox) throws {
    guard box.isFinite, !caption.isEmpty else { return }
    let box = box.clipped(to: image.size)
    let (left, top) = (Int(box.x1.rounded()), Int(box.y1.rounded()))
    let (right, bottom) = (Int(box.x2.rounded()), Int(box.y2.rounded()))
    let label = try label(caption, color)
    // Above the box first, then inside, then below; the left edge before the right one.
    let rows = [top - label.height, top, bottom - label.height, bottom]
    let columns = [left, right - label.width]
    let middle = stride(from: top + label.height, to: bottom - label.height, by: label.height)
    let places =
      rows.flatMap { y in columns.map { (x: $0, y: y) } } + middle.map { (x: left, y: $0) }
    var best: (cost: Int, label: Label)?
    for place in places {
      var candidate = label
      candidate.x = min(max(place.x, 0), max(image.width - label.width, 0))
      candidate.y = min(max(place.y, 0), max(image.height - label.height, 0))
      let moved = abs(candidate.x - place.x) + abs(candidate.y - place.y)
      let cost = labels.reduce(moved) { $0 + 100 * $1.overlap(candidate) }
      if cost < best?.cost ?? .max { best = (cost, candidate) }
      if cost == 0 { break }
    }
    if let best { labels.append(best.label) }
  }

  /// Puts a caption about the whole picture below the last one at the top left corner.
  mutating func placeLine(_ caption: String, _ color: Color) throws {
    var label = try label(caption, color)
    label.y = nextLine
    nextLine += label.height
    labels.append(label)
  }

  mutating func drawLabels() throws {
    for label in labels.reversed() {
      try image.fillRectangle(
        x1: label.x,
        y1: label.y,
        x2: label.x + label.width - 1,
        y2: label.y + label.height - 1,
        label.color
      )
      try image.drawText(
        label.text,
        x: label.x + padding,
        y: label.y + label.baseline,
        scale: scale,
        label.color.contrasting,
        thickness: textThickness
      )
    }
  }

  private func label(_ caption: String, _ color: Color) throws -> Label {
    let text = OverlayRenderer.plain(caption)
    let size = try Image.textSize(text, scale: scale, thickness: textThickness)
    return Label(
      text: text,
      color: color,
      x: 0,
      y: 0,
      width: size.width + 2 * padding,
      height: size.height + size.depth / 2 + 2 * padding,
      baseline: padding + size.height
    )
  }
}

extension OverlayRenderer {
  /// The text in the letters that the font has: without accents, and `?` for other scripts.
  static func plain(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 128 }) { return text }
    var plain = text.folding(options: .diacriticInsensitive, locale: nil)
    for (letter, spelling) in [("ß", "ss"), ("æ", "ae"), ("ø", "o"), ("ł", "l"), ("°", "deg")] {
      plain = plain.replacingOccurrences(of: letter, with: spelling)
    }
    return String(plain.map { $0.isASCII ? $0 : "?" })
  }
}
