/// Height and width in pixels, in this order wherever the two stand together.
public struct ImageSize: Sendable, Hashable {
  public var height: Int
  public var width: Int
  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }
}

extension ImageSize: CustomStringConvertible, LosslessStringConvertible, Codable {
  /// `HxW`, as users type it.
  public var description: String { "\(height)x\(width)" }

  /// Reads `480x640`, or `320` for a square; sides from 1 to 1,000,000.
  public init?(_ text: String) {
    let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == parts.count, (1...2).contains(parts.count),
      let height = numbers.first, let width = numbers.last,
      (1...1_000_000).contains(height), (1...1_000_000).contains(width)
    else { return nil }
    self.init(height: height, width: width)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try (try? container.decode(String.self)) ?? String(container.decode(Int.self))
    guard let size = ImageSize(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "'\(text)' is not a size; write HEIGHTxWIDTH"
      )
    }
    self = size
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// An axis-aligned box: absolute pixels, origin at the top left corner of its picture, `x2` and
/// `y2` exclusive (width is `x2 - x1`).
public struct BoundingBox: Codable, Sendable, Hashable {
  public var x1, y1, x2, y2: Float
  public init(x1: Float, y1: Float, x2: Float, y2: Float) {
    (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2)
  }

  public var width: Float { x2 - x1 }
  public var height: Float { y2 - y1 }
  public var area: Float { max(width, 0) * max(height, 0) }
  public var isFinite: Bool { x1.isFinite && y1.isFinite && x2.isFinite && y2.isFinite }

  /// The part of the box inside a picture of `size`.
  public func clipped(to size: ImageSize) -> BoundingBox {
    let (width, height) = (Float(size.width), Float(size.height))
    return BoundingBox(
      x1: min(max(x1, 0), width),
      y1: min(max(y1, 0), height),
      x2: min(max(x2, 0), width),
      y2: min(max(y2, 0), height)
    )
  }

  /// Intersection over union with `other`, 0…1; 0 where both are empty.
  public func iou(_ other: BoundingBox) -> Float {
    let width = max(min(x2, other.x2) - max(x1, other.x1), 0)
    let height = max(min(y2, other.y2) - max(y1, other.y1), 0)
    let intersection = width * height
    let union = area + other.area - intersection
    return union > 0 ? intersection / union : 0
  }
}

/// Where the pixels that a network sees lie in the picture they came from.
///
/// A point `(x, y)` of the original lies at `(x * scaleX + offsetX, y * scaleY + offsetY)` of the
/// network's input.
public struct ImageFrame: Codable, Sendable, Hashable {
  /// The item, for messages.
  public var itemID: String
  /// Size of the picture as it was read.
  public var originalSize: ImageSize
  public var scaleX: Float
  public var scaleY: Float
  public var offsetX: Float
  public var offsetY: Float
  /// Which of the picture's tiles it is, from 0 on; 0 for a whole picture.
  public var tileIndex = 0
  /// Tiles that the picture is cut into; 1 for a whole picture.
  public var tileCount = 1

  public init(
    itemID: String,
    originalSize: ImageSize,
    scaleX: Float = 1,
    scaleY: Float = 1,
    offsetX: Float = 0,
    offsetY: Float = 0
  ) {
    self.itemID = itemID
    self.originalSize = originalSize
    self.scaleX = scaleX
    self.scaleY = scaleY
    self.offsetX = offsetX
    self.offsetY = offsetY
  }

  /// A box of the network's input, in coordinates of the original picture, clipped to it.
  public func original(_ box: BoundingBox) -> BoundingBox {
    BoundingBox(
      x1: (box.x1 - offsetX) / scaleX,
      y1: (box.y1 - offsetY) / scaleY,
      x2: (box.x2 - offsetX) / scaleX,
      y2: (box.y2 - offsetY) / scaleY
    ).clipped(to: originalSize)
  }
}
