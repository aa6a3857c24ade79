import Foundation
public import OTXCore
import OTXImage

extension Region {
  /// The region's pixels in a picture of `size`.
  ///
  /// Turned boxes and ellipses are filled as polygons are; a line has no pixels.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a mask file that cannot be read, or a mask
  ///   of another size.
  public func mask(size: ImageSize) throws -> RunLengthMask {
    switch self {
    case .polygon(let polygon): return polygon.mask(size: size)
    case .rotatedBox(let box): return Polygon(box.corners).mask(size: size)
    case .ellipse(let box): return Region.outline(ofEllipse: box).mask(size: size)
    case .polyline: return RunLengthMask(empty: size)
    case .maskFile(let file):
      let mask = try file.mask()
      guard mask.size == size else {
        throw DataError.unreadable(
          file: file.url.path,
          reason: "has \(mask.size) pixels and its picture \(size)"
        )
      }
      return mask
    case .mask(let mask):
      guard mask.size == size else {
        throw DataError.unreadable(
          file: "a mask",
          reason: "has \(mask.size) pixels and its picture \(size)"
        )
      }
      return mask
    }
  }

  /// Corners of an ellipse, as many as its size asks for.
  private static func outline(ofEllipse box: RotatedBox) -> Polygon {
    let count = min(max(Int(max(box.width, box.height, 1).squareRoot() * 8), 32), 720)
    let turn = Double(box.angle) * .pi / 180
    let points = (0..<count).flatMap { index -> [Float] in
      let angle = 2 * Double.pi * Double(index) / Double(count)
      let (x, y) = (Double(box.width) / 2 * cos(angle), Double(box.height) / 2 * sin(angle))
      return [
        box.x + Float(x * cos(turn) - y * sin(turn)), box.y + Float(x * sin(turn) + y * cos(turn)),
      ]
    }
    return Polygon(points)
  }
}

extension MaskFile {
  /// Reads the file and takes the object's pixels.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  public func mask() throws -> RunLengthMask {
    let picture: IndexImage
    let isObject: (UInt32) -> Bool
    switch selection {
    case .nonZero:
      let isColor = try IndexImage.storage(of: url) == .color
      picture = try IndexImage.read(url, as: isColor ? .color : .index)
      isObject = { $0 != 0 }
    case .index(let index):
      picture = try IndexImage.read(url, as: .index)
      isObject = { Int($0) == index }
    case .color(let color):
      picture = try IndexImage.read(url, as: .color)
      isObject = { $0 == color.packed }
    case .blueRank(let rank):
      picture = try IndexImage.read(url, as: .color)
      let levels = Set(picture.values.map { $0 & 0xFF }).sorted()
      let level = levels.indices.contains(rank) ? levels[rank] : nil
      isObject = { $0 & 0xFF == level }
    }
    var builder = RunBuilder(size: picture.size)
    let (height, width) = (picture.size.height, picture.size.width)
    for x in 0..<width {
      for y in 0..<height where isObject(picture.values[y * width + x]) {
        builder.append(x * height + y..<x * height + y + 1)
      }
    }
    return builder.mask
  }
}

extension Color {
  /// `red << 16 | green << 8 | blue`.
  package var packed: UInt32 { UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue) }
}
