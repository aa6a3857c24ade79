import COpenCV
package import OTXCore

extension Color {
  /// The colour of the label with an index.
  package static func label(_ index: Int) -> Color { LabelPalette.color(index) }

  var code: otx_cv_color { otx_cv_color(red: red, green: green, blue: blue) }
}

/// Size of a line of text in pixels.
struct TextSize: Equatable {
  var width: Int
  /// Above the base line.
  var height: Int
  /// Below the base line.
  var depth: Int
}

extension Image {
  /// Draws a rectangle's outline; `x2` and `y2` are drawn too.
  mutating func drawRectangle(
    x1: Int,
    y1: Int,
    x2: Int,
    y2: Int,
    _ color: Color,
    thickness: Int
  ) throws {
    try withView { view in
      try checked {
        otx_cv_rectangle(
          view,
          Int32(x1),
          Int32(y1),
          Int32(x2),
          Int32(y2),
          color.code,
          Int32(thickness),
          $0,
          $1
        )
      }
    }
  }

  /// Fills a rectangle; `x2` and `y2` are filled too.
  package mutating func fillRectangle(x1: Int, y1: Int, x2: Int, y2: Int, _ color: Color) throws {
    try drawRectangle(x1: x1, y1: y1, x2: x2, y2: y2, color, thickness: -1)
  }

  package mutating func fillCircle(x: Int, y: Int, radius: Int, _ color: Color) throws {
    try withView { view in
      try checked {
        otx_cv_fill_circle(view, Int32(x), Int32(y), Int32(radius), color.code, $0, $1)
      }
    }
  }

  package mutating func fillPolygon(_ points: [(x: Int, y: Int)], _ color: Color) throws {
    let numbers = points.flatMap { [Int32($0.x), Int32($0.y)] }
    try withView { view in
      try checked {
        otx_cv_fill_polygon(view, numbers, Int32(points.count), color.code, $0, $1)
      }
    }
  }

  /// Draws a line of ASCII text; (`x`, `y`) is the left end of its base line.
  mutating func drawText(
    _ text: String,
    x: Int,
    y: Int,
    scale: Double,
    _ color: Color,
    thickness: Int
  ) throws {
    try withView { view in
      try checked {
        otx_cv_text(
          view,
          text,
          Int32(x),
          Int32(y),
          scale,
          color.code,
          Int32(thickness),
          $0,
          $1
        )
      }
    }
  }

  static func textSize(_ text: String, scale: Double, thickness: Int) throws -> TextSize {
    var (width, height, depth): (Int32, Int32, Int32) = (0, 0, 0)
    try checked {
      otx_cv_text_size(text, scale, Int32(thickness), &width, &height, &depth, $0, $1)
    }
    return TextSize(width: Int(width), height: Int(height), depth: Int(depth))
  }
}
