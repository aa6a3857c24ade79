/// A colour, 8 bits a channel.
public struct Color: Sendable, Hashable {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  /// As pages and CVAT write it: `#1f77b4`.
  package var hexadecimal: String {
    "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  public static let white = Color(red: 255, green: 255, blue: 255)
  public static let black = Color(red: 0, green: 0, blue: 0)

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
}
