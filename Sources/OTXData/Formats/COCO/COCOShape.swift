import OTXCore

/// A region as COCO holds it.
enum COCOShape {
  case polygon(Polygon)
  case mask(RunLengthMask)

  /// Turned boxes become polygons, ellipses and pictures of masks become run lengths.
  ///
  /// - Throws: ``DataError/invalidItem(_:reason:)`` for a line,
  ///   ``DataError/unreadable(file:reason:)`` for a picture that cannot be read.
  init(_ region: Region, of item: String, size: ImageSize) throws {
    switch region {
    case .polygon(let polygon): self = .polygon(polygon)
    case .mask(let mask): self = .mask(mask)
    case .rotatedBox(let box): self = .polygon(Polygon(box.corners))
    case .ellipse: self = .mask(try region.mask(size: size))
    case .maskFile(let file): self = .mask(try file.mask())
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
}
