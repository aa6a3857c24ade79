/// How an augmentation moved a picture's pixels; annotations follow it.
///
/// A point `(x, y)` goes to `(x * scaleX + offsetX, y * scaleY + offsetY)` of a picture of `size`.
/// An axis that was mirrored has a negative scale.
public struct SpatialTransform: Sendable, Hashable {
  public var scaleX: Float
  public var scaleY: Float
  public var offsetX: Float
  public var offsetY: Float
  /// Size of the picture afterwards.
  public var size: ImageSize

  public init(
    scaleX: Float = 1,
    scaleY: Float = 1,
    offsetX: Float = 0,
    offsetY: Float = 0,
    size: ImageSize
  ) {
    self.scaleX = scaleX
    self.scaleY = scaleY
    self.offsetX = offsetX
    self.offsetY = offsetY
    self.size = size
  }

  /// Takes a part of the picture.
  public static func crop(y: Int, x: Int, size: ImageSize) -> SpatialTransform {
    SpatialTransform(offsetX: -Float(x), offsetY: -Float(y), size: size)
  }

  /// Mirrors left and right.
  public static func horizontalFlip(_ size: ImageSize) -> SpatialTransform {
    SpatialTransform(scaleX: -1, offsetX: Float(size.width), size: size)
  }

  /// Where a box goes; may lie outside the picture.
  public func callAsFunction(_ box: BoundingBox) -> BoundingBox {
    let (x1, x2) = (box.x1 * scaleX + offsetX, box.x2 * scaleX + offsetX)
    let (y1, y2) = (box.y1 * scaleY + offsetY, box.y2 * scaleY + offsetY)
    return BoundingBox(x1: min(x1, x2), y1: min(y1, y2), x2: max(x1, x2), y2: max(y1, y2))
  }
}

extension ImageFrame {
  /// The frame of the same picture after another transform.
  public func moved(by transform: SpatialTransform) -> ImageFrame {
    ImageFrame(
      itemID: itemID,
      originalSize: originalSize,
      scaleX: scaleX * transform.scaleX,
      scaleY: scaleY * transform.scaleY,
      offsetX: offsetX * transform.scaleX + transform.offsetX,
      offsetY: offsetY * transform.scaleY + transform.offsetY
    )
  }
}
