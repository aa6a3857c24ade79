import Foundation
import OTXCore
import OTXImage

/// A region as COCO holds it.
enum COCOShape {
  case polygon(Polygon)
  case mask(RunLengthMask)

  /// Turned boxes and ellipses become polygons, pictures of masks become run lengths.
  ///
  /// - Throws: ``DataError/invalidItem(_:reason:)`` for a line,
  ///   ``DataError/unreadable(file:reason:)`` for a picture that cannot be read.
  init(_ region: Region, of item: String) throws {
    switch region {
    case .polygon(let polygon): self = .polygon(polygon)
    case .mask(let mask): self = .mask(mask)
    case .rotatedBox(let box): self = .polygon(Polygon(box.corners))
    case .ellipse(let box): self = .polygon(COCOShape.outline(of: box))
    case .maskFile(let file): self = .mask(try COCOShape.mask(of: file))
    case .polyline:
      throw DataError.invalidItem(item, reason: "has an open line, which COCO cannot hold")
    }
  }

  var bounds: BoundingBox? {
    switch self {
    case .polygon(let polygon): Region.polygon(polygon).bounds
    case .mask(let mask): mask.bounds
    }
  }

  var area: Float {
    switch self {
    case .polygon(let polygon): polygon.area
    case .mask(let mask): Float(mask.area)
    }
  }

  /// The pixels whose centres lie inside.
  func mask(in size: ImageSize) -> RunLengthMask {
    switch self {
    case .mask(let mask): return mask
    case .polygon(let polygon):
      var bitmap = [Bool](repeating: false, count: size.height * size.width)
      for part in polygon.parts { COCOShape.fill(part, size, &bitmap) }
      return RunLengthMask(size: size, bitmap: bitmap)
    }
  }

  private static func fill(_ part: [Float], _ size: ImageSize, _ bitmap: inout [Bool]) {
    for row in 0..<size.height {
      let y = Float(row) + 0.5
      var crossings: [Float] = []
      for index in stride(from: 0, to: part.count, by: 2) {
        let next = (index + 2) % part.count
        let (y1, y2) = (part[index + 1], part[next + 1])
        guard (y1 <= y) != (y2 <= y) else { continue }
        crossings.append(part[index] + (y - y1) / (y2 - y1) * (part[next] - part[index]))
      }
      crossings.sort()
      for index in stride(from: 0, to: crossings.count - 1, by: 2) {
        let first = max(crossings[index] - 0.5, 0).rounded(.up)
        let last = min(crossings[index + 1] - 0.5, Float(size.width) - 1)
        guard first <= last else { continue }
        for column in Int(first)...Int(last) { bitmap[row * size.width + column] = true }
      }
    }
  }

  private static func outline(of ellipse: RotatedBox) -> Polygon {
    let turn = Double(ellipse.angle) * .pi / 180
    return Polygon(
      (0..<64).flatMap { step -> [Float] in
        let angle = Double(step) / 32 * .pi
        let x = cos(angle) * Double(ellipse.width) / 2
        let y = sin(angle) * Double(ellipse.height) / 2
        return [
          ellipse.x + Float(x * cos(turn) - y * sin(turn)),
          ellipse.y + Float(x * sin(turn) + y * cos(turn)),
        ]
      }
    )
  }

  /// The pixels that a picture of masks selects.
  static func mask(of file: MaskFile) throws -> RunLengthMask {
    let image = try ImageFile.read(file.url)
    let bitmap = stride(from: 0, to: image.pixels.count, by: 3).map { start in
      let color = Color(
        red: image.pixels[start],
        green: image.pixels[start + 1],
        blue: image.pixels[start + 2]
      )
      switch file.selection {
      case .nonZero: return color != .black
      case .color(let wanted): return color == wanted
      case .index(let index): return Int(color.red) == index
      }
    }
    return RunLengthMask(size: image.size, bitmap: bitmap)
  }
}
