/// Whether pictures are cut into tiles, and how; a section of a recipe.
///
/// Tiles are for small objects in large pictures: brought to a network's input as a whole, such a
/// picture leaves nothing of them. A network that is trained in tiles also predicts in tiles, whose
/// findings are put together again (``Tiling``).
public struct TilingOptions: Codable, Sendable, Equatable {
  /// `auto`: where objects would be tiny at the network's input.
  public var enabled = TilingUse.off
  /// `auto`: from the sizes of the objects; then `overlap` follows the largest of them.
  public var tileSize = TileSize.auto
  /// The share of a tile that the next one shows again, 0…0.9.
  public var overlap = 0.2
  /// Overlap (intersection over union) above which the weaker of two boxes of one label, found in
  /// several tiles, is dropped.
  public var iouThreshold: Float = 0.45
  /// The most objects that a whole picture can have, the surest first.
  public var maximumInstanceCount = 1500
  /// With `tileSize: auto`, a usual object's side as a share of a tile's.
  public var objectTileRatio = 0.03
  /// The share of the tiles without objects that an epoch of training takes, others in each epoch.
  public var samplingRatio = 1.0
  /// Whether the whole picture, made smaller, is one more tile.
  public var withFullImage = false
  public init() {}

  /// Options with which a model that works in tiles is trained and evaluated further.
  public init(_ tiling: Tiling?) {
    guard let tiling else { return }
    enabled = .on
    tileSize = .size(tiling.tileSize)
    overlap = tiling.overlap
    iouThreshold = tiling.iouThreshold
    maximumInstanceCount = tiling.maximumInstanceCount
    withFullImage = tiling.withFullImage
  }

  /// Tiles of this size are made where nothing is known of the objects.
  public static let defaultTileSize = ImageSize(height: 400, width: 400)

  /// What travels with a model; `nil` where pictures are taken whole.
  ///
  /// What is still `auto` counts as off, and its tile as ``defaultTileSize``: whoever knows the data
  /// decides before.
  public var settled: Tiling? {
    guard enabled == .on else { return nil }
    let size: ImageSize =
      switch tileSize {
      case .auto: TilingOptions.defaultTileSize
      case .size(let size): size
      }
    return Tiling(
      tileSize: size,
      overlap: overlap,
      iouThreshold: iouThreshold,
      maximumInstanceCount: maximumInstanceCount,
      withFullImage: withFullImage
    )
  }
}

/// Whether pictures are cut into tiles.
public enum TilingUse: String, Codable, CaseIterable, Sendable {
  case auto
  case on = "true"
  case off = "false"
}

/// The size of tiles, or that it follows from the objects.
public enum TileSize: Sendable, Equatable {
  case auto
  case size(ImageSize)
}

extension TileSize: Codable, LosslessStringConvertible {
  public init?(_ text: String) {
    if text.lowercased() == "auto" {
      self = .auto
    } else {
      guard let size = ImageSize(text) else { return nil }
      self = .size(size)
    }
  }

  /// `auto`, or `HxW`.
  public var description: String {
    switch self {
    case .auto: "auto"
    case .size(let size): size.description
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try (try? container.decode(String.self)) ?? String(container.decode(Int.self))
    guard let size = TileSize(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "'\(text)' is neither auto nor a size such as 400x400"
      )
    }
    self = size
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// How a model's pictures are cut into tiles and its findings put together; travels with the model.
public struct Tiling: Codable, Sendable, Equatable {
  public var tileSize: ImageSize
  /// The share of a tile that the next one shows again, 0…0.9.
  public var overlap: Double
  /// Overlap above which the weaker of two boxes of one label is dropped.
  public var iouThreshold: Float
  /// The most objects of a whole picture, the surest first.
  public var maximumInstanceCount: Int
  /// Whether the whole picture, made smaller, is one more tile.
  public var withFullImage: Bool

  public init(
    tileSize: ImageSize,
    overlap: Double = 0.2,
    iouThreshold: Float = 0.45,
    maximumInstanceCount: Int = 1500,
    withFullImage: Bool = false
  ) {
    self.tileSize = tileSize
    self.overlap = overlap
    self.iouThreshold = iouThreshold
    self.maximumInstanceCount = maximumInstanceCount
    self.withFullImage = withFullImage
  }

  /// Pixels from one tile to the next, at least 1.
  public var stride: (y: Int, x: Int) {
    func stride(_ side: Int) -> Int { max(Int((Double(side) * (1 - overlap)).rounded()), 1) }
    return (stride(tileSize.height), stride(tileSize.width))
  }

  /// Rows and columns of tiles of a picture; the whole picture is not counted.
  package func counts(of size: ImageSize) -> (rows: Int, columns: Int) {
    func count(_ length: Int, _ tile: Int, _ stride: Int) -> Int {
      1 + (max(length - tile, 0) + stride - 1) / stride
    }
    let stride = stride
    return (
      count(size.height, tileSize.height, stride.y), count(size.width, tileSize.width, stride.x)
    )
  }
}
