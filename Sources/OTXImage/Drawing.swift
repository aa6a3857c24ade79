import COpenCV
package import OTXCore

/// A colour, 8 bits a channel.
public struct Color: Sendable, Hashable {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  public static let white = Color(red: 255, green: 255, blue: 255)
  public static let black = Color(red: 0, green: 0, blue: 0)

  /// The colour of the label with an index.
  ///
  /// Hues are a golden angle apart, so that any first few labels differ well; every seventh starts
  /// a darker or paler round.
  public static func label(_ index: Int) -> Color {
    let round = (max(index, 0) / 7) % 3
    return Color(
      hue: (Double(max(index, 0)) * 137.507_764).truncatingRemainder(dividingBy: 360),
      saturation: [0.80, 0.95, 0.50][round],
      value: [0.95, 0.65, 1.0][round]
    )
  }

  /// - Parameters:
  ///   - hue: Degrees, 0 ..< 360.
  ///   - saturation: 0…1.
  ///   - value: 0…1.
  public init(hue: Double, saturation: Double, value: Double) {
    func channel(_ offset: Double) -> UInt8 {
      let k = (offset + hue / 60).truncatingRemainder(dividingBy: 6)
      let level = value - value * saturation * max(0, min(k, 4 - k, 1))
      return UInt8((min(max(level, 0), 1) * 255).rounded())
    }
    self.init(red: channel(5), green: channel(3), blue: channel(1))
  }

  /// Black or white, whichever is easier to read on this colour (relative luminance, ITU-R BT.709).
  public var contrasting: Color {
    func linear(_ level: UInt8) -> Double {
      let value = Double(level) / 255
      return value * value
    }
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    return luminance > 0.25 ? .black : .white
  }

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
