package import OTXCore

/// The tiles of one picture, row by row, and the whole picture after them where that is wanted.
///
/// Tiles begin a stride apart (the tile less its overlap); the last ones of a row and of a column are
/// moved inside the picture, so that all are of one size. A picture that is smaller than a tile in
/// one direction has tiles of its own length there; one that is no larger than a tile is one tile.
package struct TileGrid: Sendable, Equatable {
  package let pictureSize: ImageSize
  private let tile: ImageSize
  private let stride: ImageSize
  package let rowCount: Int
  package let columnCount: Int
  private let hasFullImage: Bool

  package init(_ size: ImageSize, _ tiling: Tiling) {
    pictureSize = size
    tile = ImageSize(
      height: min(tiling.tileSize.height, size.height),
      width: min(tiling.tileSize.width, size.width)
    )
    stride = ImageSize(height: tiling.stride.y, width: tiling.stride.x)
    (rowCount, columnCount) = tiling.counts(of: size)
    hasFullImage = tiling.withFullImage && rowCount * columnCount > 1
  }

  /// Tiles of the picture, the whole picture included where it is one of them.
  package var count: Int { rowCount * columnCount + (hasFullImage ? 1 : 0) }

  /// Whether the tile at `index` is the whole picture.
  package func isWhole(_ index: Int) -> Bool { index == rowCount * columnCount || count == 1 }

  package subscript(index: Int) -> PixelRegion {
    guard !isWhole(index) else { return PixelRegion(pictureSize) }
    return self[index / columnCount, index % columnCount]
  }

  private subscript(row: Int, column: Int) -> PixelRegion {
    PixelRegion(
      y: min(row * stride.height, pictureSize.height - tile.height),
      x: min(column * stride.width, pictureSize.width - tile.width),
      height: tile.height,
      width: tile.width
    )
  }

  /// The row of tiles that a tile stands in; the whole picture is none's.
  package func row(of index: Int) -> Int { index / columnCount }

  /// Indices of the tiles that touch a box.
  package func tiles(touching box: BoundingBox) -> [Int] {
    let box = box.clipped(to: pictureSize)
    guard box.isFinite, box.x2 > box.x1, box.y2 > box.y1 else { return [] }
    let rows = range(box.y1, box.y2, tile.height, stride.height, rowCount)
    let columns = range(box.x1, box.x2, tile.width, stride.width, columnCount)
    var found: [Int] = []
    for row in rows {
      for column in columns where self[row, column].overlaps(box) {
        found.append(row * columnCount + column)
      }
    }
    if hasFullImage { found.append(rowCount * columnCount) }
    return found
  }

  /// Rows or columns that may touch what lies between two numbers.
  private func range(
    _ first: Float,
    _ last: Float,
    _ tile: Int,
    _ stride: Int,
    _ count: Int
  ) -> [Int] {
    let high = min(Int(last) / stride, count - 1)
    let low = min(max((Int(first) - tile) / stride, 0), high)
    // The last one lies further back than its number says.
    return high == count - 1 ? Array(low...high) : Array(low...high) + [count - 1]
  }

  /// Whether the tile at `index` shows enough of an object to be taught it.
  ///
  /// Half of the object's area, as in Python OTX. An object of which no tile shows half, because it
  /// is larger than the tiles' overlap, is taught to the tiles that have its centre, so that none is
  /// lost. Of a crowd any part counts, and the whole picture has everything.
  package func shows(_ box: BoundingBox, isCrowd: Bool, in index: Int) -> Bool {
    guard !isWhole(index) else { return true }
    let box = box.clipped(to: pictureSize)
    let region = self[index]
    guard box.isFinite, box.area > 0, region.overlaps(box) else { return false }
    if isCrowd || region.share(of: box) >= TileGrid.leastShare { return true }
    let (x, y) = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
    let hasCenter =
      x >= region.box.x1 && x < region.box.x2 && y >= region.box.y1 && y < region.box.y2
    return hasCenter
      && tiles(touching: box).allSatisfy {
        isWhole($0) || self[$0].share(of: box) < TileGrid.leastShare
      }
  }

  /// The share of an object that a tile must show; Python OTX has the same (`threshold_drop_ann`).
  package static let leastShare: Float = 0.5
}

extension PixelRegion {
  package var box: BoundingBox {
    BoundingBox(x1: Float(x), y1: Float(y), x2: Float(x + width), y2: Float(y + height))
  }

  package func overlaps(_ other: BoundingBox) -> Bool {
    let own = box
    return own.x1 < other.x2 && other.x1 < own.x2 && own.y1 < other.y2 && other.y1 < own.y2
  }

  /// The share of a box's area that lies in the region.
  package func share(of other: BoundingBox) -> Float {
    let own = box
    let width = min(own.x2, other.x2) - max(own.x1, other.x1)
    let height = min(own.y2, other.y2) - max(own.y1, other.y1)
    return other.area > 0 ? max(width, 0) * max(height, 0) / other.area : 0
  }
}
