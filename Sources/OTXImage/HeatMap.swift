public import OTXCore

/// A map of numbers over a picture, drawn as colours from blue (least) over green to red (most).
public enum HeatMap {
  /// The map as a picture.
  ///
  /// The colours are those that MATLAB and OpenCV call "jet".
  ///
  /// - Parameters:
  ///   - values: 0…255, row by row.
  ///   - size: Of the map.
  /// - Returns: A picture of that size.
  /// - Throws: ``DataError/invalidItem(_:reason:)`` when there are not as many values as pixels.
  public static func image(_ values: [UInt8], size: ImageSize) throws -> Image {
    guard values.count == size.height * size.width else {
      throw DataError.invalidItem(
        "a map of \(size)",
        reason: "has \(values.count) values, not \(size.height * size.width)"
      )
    }
    return Image(size: size, pixels: values.flatMap { colors[Int($0)] })
  }

  /// A picture with a map over it.
  ///
  /// - Parameters:
  ///   - values: 0…255, one a pixel of the picture.
  ///   - picture: What lies below.
  ///   - weight: Of the map's colours, 0…1; the picture has the rest.
  /// - Returns: A picture of the same size.
  /// - Throws: As ``image(_:size:)`` does.
  public static func overlay(
    _ values: [UInt8],
    on picture: Image,
    weight: Double
  ) throws -> Image {
    var result = try image(values, size: picture.size)
    let weight = Float(min(max(weight, 0), 1))
    for index in result.pixels.indices {
      let mixed = weight * Float(result.pixels[index]) + (1 - weight) * Float(picture.pixels[index])
      result.pixels[index] = UInt8(mixed.rounded())
    }
    return result
  }

  /// Three ramps, one of each colour, a quarter of the range apart.
  private static let colors: [[UInt8]] = (0...255).map { level in
    let value = Double(level) / 255
    return [3.0, 2.0, 1.0].map { middle in
      UInt8((255 * min(max(1.5 - abs(4 * value - middle), 0), 1)).rounded())
    }
  }
}
