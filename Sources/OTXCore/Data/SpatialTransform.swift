/// How an augmentation moved a picture's pixels; annotations follow it.
///
/// A point `(x, y)` goes to `(x * scaleX + y * shearX + offsetX, x * shearY + y * scaleY + offsetY)`
/// of a picture of `size`. An axis that was mirrored has a negative scale.
public struct SpatialTransform: Sendable, Hashable {
  public var scaleX: Float
  public var scaleY: Float
  public var offsetX: Float
  public var offsetY: Float
  /// What `y` adds to `x`.
  public var shearX: Float
  /// What `x` adds to `y`.
  public var shearY: Float
  /// Size of the picture afterwards.
  public var size: ImageSize

  public init(
    scaleX: Float = 1,
    scaleY: Float = 1,
    offsetX: Float = 0,
    offsetY: Float = 0,
    shearX: Float = 0,
    shearY: Float = 0,
    size: ImageSize
  ) {
    self.scaleX = scaleX
    self.scaleY = scaleY
    self.offsetX = offsetX
    self.offsetY = offsetY
    self.shearX = shearX
    self.shearY = shearY
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

  /// Mirrors top and bottom.
  public static func verticalFlip(_ size: ImageSize) -> SpatialTransform {
    SpatialTransform(scaleY: -1, offsetY: Float(size.height), size: size)
  }

  /// Whether rows stay rows and columns columns.
  public var isAxisAligned: Bool { shearX == 0 && shearY == 0 }

  /// Where a point goes.
  public func callAsFunction(x: Float, y: Float) -> (x: Float, y: Float) {
    (x * scaleX + y * shearX + offsetX, x * shearY + y * scaleY + offsetY)
  }

  /// Where a box goes: the box around its four corners; may lie outside the picture.
  public func callAsFunction(_ box: BoundingBox) -> BoundingBox {
    let (first, last) = (self(x: box.x1, y: box.y1), self(x: box.x2, y: box.y2))
    var result = BoundingBox(
      x1: min(first.x, last.x),
      y1: min(first.y, last.y),
      x2: max(first.x, last.x),
      y2: max(first.y, last.y)
    )
    if !isAxisAligned {
      for corner in [self(x: box.x2, y: box.y1), self(x: box.x1, y: box.y2)] {
        (result.x1, result.x2) = (min(result.x1, corner.x), max(result.x2, corner.x))
        (result.y1, result.y2) = (min(result.y1, corner.y), max(result.y2, corner.y))
      }
    }
    return result
  }

  /// This transform, and `next` after it.
  public func followed(by next: SpatialTransform) -> SpatialTransform {
    let offset = next(x: offsetX, y: offsetY)
    return SpatialTransform(
      scaleX: next.scaleX * scaleX + next.shearX * shearY,
      scaleY: next.shearY * shearX + next.scaleY * scaleY,
      offsetX: offset.x,
      offsetY: offset.y,
      shearX: next.scaleX * shearX + next.shearX * scaleY,
      shearY: next.shearY * scaleX + next.scaleY * shearY,
      size: next.size
    )
  }
}

extension ImageFrame {
  /// The frame of the same picture after another transform.
  ///
  /// A frame cannot tell of a turned picture; after one that is not axis-aligned it stays as it
  /// was. Only training turns pictures, and nothing is mapped back there.
  public func moved(by transform: SpatialTransform) -> ImageFrame {
    guard transform.isAxisAligned else { return self }
    var result = self
    result.scaleX = scaleX * transform.scaleX
    result.scaleY = scaleY * transform.scaleY
    result.offsetX = offsetX * transform.scaleX + transform.offsetX
    result.offsetY = offsetY * transform.scaleY + transform.offsetY
    return result
  }
}

/// Which objects are kept when a picture is cut or turned.
public struct BoxFilter: Sendable, Hashable {
  /// Whether the middle of an object has to stay inside.
  public var needsCenter: Bool
  /// Least height and width of what is left of a box, in pixels.
  public var minimumSide: Float
  /// Least share of a box that has to stay inside, 0…1.
  public var minimumVisibility: Float

  public init(needsCenter: Bool = false, minimumSide: Float = 1, minimumVisibility: Float = 0) {
    self.needsCenter = needsCenter
    self.minimumSide = minimumSide
    self.minimumVisibility = minimumVisibility
  }

  /// An object whose centre leaves the picture is dropped, and so is one that is less than a pixel
  /// high or wide.
  ///
  /// The rule of SSD (Liu et al. 2016), section 2.2.
  public static let centerInside = BoxFilter(needsCenter: true)

  /// What is left of `box`, a box moved by `transform`, inside the picture; `nil` for one that is to
  /// be dropped.
  ///
  /// - Parameters:
  ///   - box: In coordinates of the picture, where it may reach beyond.
  ///   - size: The picture's.
  ///   - isCrowd: Whether the box holds many objects; of it anything may be left.
  /// - Returns: The part inside the picture.
  public func kept(_ box: BoundingBox, in size: ImageSize, isCrowd: Bool) -> BoundingBox? {
    let result = box.clipped(to: size)
    guard result.width > 0, result.height > 0, result.width >= minimumSide,
      result.height >= minimumSide
    else { return nil }
    if isCrowd { return result }
    if needsCenter {
      let (x, y) = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
      guard x >= 0, y >= 0, x < Float(size.width), y < Float(size.height) else { return nil }
    }
    return result.area >= minimumVisibility * box.area ? result : nil
  }
}
