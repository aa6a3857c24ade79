import Foundation
import OTXCore
import OTXImage

/// What one sample is made of: an item, or a tile of one.
struct SampleSource: Sendable {
  /// For a tile of training, with the annotations of the tile alone; in coordinates of the picture.
  var item: DatasetItem
  /// `nil`: the item's whole picture.
  var tile: PictureTile?
}

/// A part of a picture that is a sample of its own.
struct PictureTile: Sendable, Equatable {
  var region: PixelRegion
  var pictureSize: ImageSize
  var index: Int
  /// Tiles of the picture.
  var count: Int
  /// Whether it is the whole picture, made smaller.
  var isWhole: Bool { region == PixelRegion(pictureSize) }
}

/// The samples of a subset: its items, or all tiles of all items, one picture after the other.
///
/// Tiles are not kept: they are counted and computed.
struct SampleList: Sendable {
  let items: [DatasetItem]
  /// Of each item; `nil` for one whose size is not known, which is one sample as it is.
  private let grids: [TileGrid?]
  /// Samples before each item, and the number of all at the end; empty without tiles.
  private let starts: [Int]

  /// Whole items.
  init(_ items: [DatasetItem]) {
    self.items = items
    (grids, starts) = ([], [])
  }

  /// More tiles than this are a mistake in the options.
  static let maximumCount = 1 << 26

  /// Tiles of items.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for more than 67 million tiles.
  init(_ items: [DatasetItem], tiling: Tiling?) throws {
    self.items = items
    guard let tiling else {
      (grids, starts) = ([], [])
      return
    }
    let sizes = SampleList.sizes(of: items)
    grids = sizes.map { $0.map { TileGrid($0, tiling) } }
    var starts = [0]
    for grid in grids {
      let count = starts[starts.count - 1] + (grid?.count ?? 1)
      guard count <= SampleList.maximumCount else {
        throw ConfigurationError.invalid(
          "tiles of \(tiling.tileSize) with an overlap of \(tiling.overlap) cut the pictures into more than \(SampleList.maximumCount) tiles; make data.tiling.tileSize larger or data.tiling.overlap smaller"
        )
      }
      starts.append(count)
    }
    self.starts = starts
  }

  /// Sizes of the pictures, from their headers where the dataset does not state them.
  private static func sizes(of items: [DatasetItem]) -> [ImageSize?] {
    let found = ParallelResults<ImageSize>(count: items.count)
    WorkerThreads.forEach(items.count) { index in
      let item = items[index]
      let size: ImageSize? =
        switch item.image {
        case .memory(let image): image.size
        case .path(let path): item.size ?? (try? ImageFile.size(of: path.url))
        case .embedded(let picture): item.size ?? (try? picture.size())
        }
      if let size, size.height > 0, size.width > 0 { found.set(index, size) }
    }
    return found.all
  }

  var isTiled: Bool { !starts.isEmpty }
  var count: Int { isTiled ? starts[starts.count - 1] : items.count }

  /// The item that the sample at `index` is made of, and which of its tiles it is.
  func place(of index: Int) -> (item: Int, tile: Int) {
    guard isTiled else { return (index, 0) }
    var (low, high) = (0, starts.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= index { low = middle } else { high = middle }
    }
    return (low, index - starts[low])
  }

  /// Samples before those of an item.
  func start(of item: Int) -> Int { isTiled ? starts[item] : item }

  /// The tiles of an item; `nil` where it is a sample as it is.
  func grid(of item: Int) -> TileGrid? { isTiled ? grids[item] : nil }

  /// A sample for training: of annotations, those that its tile shows.
  subscript(index: Int) -> SampleSource {
    var source = whole(index)
    guard let tile = source.tile, let grid = grid(of: place(of: index).item) else { return source }
    source.item.annotations.removeAll { annotation in
      guard let box = annotation.box else { return false }
      return !grid.shows(box, isCrowd: annotation.isCrowd, in: tile.index)
    }
    return source
  }

  /// A sample for evaluation: with all annotations of its picture.
  func whole(_ index: Int) -> SampleSource {
    let place = place(of: index)
    guard let grid = grid(of: place.item) else { return SampleSource(item: items[place.item]) }
    return SampleSource(
      item: items[place.item],
      tile: PictureTile(
        region: grid[place.tile],
        pictureSize: grid.pictureSize,
        index: place.tile,
        count: grid.count
      )
    )
  }

  /// For each sample, whether it has annotations of objects.
  func occupied() -> [Bool] {
    var result = [Bool](repeating: !isTiled, count: count)
    guard isTiled else { return result }
    for (number, item) in items.enumerated() {
      let start = starts[number]
      guard let grid = grids[number] else {
        result[start] = true
        continue
      }
      for annotation in item.annotations where !annotation.isCrowd {
        guard let box = annotation.box else { continue }
        for tile in grid.tiles(touching: box) where !result[start + tile] {
          result[start + tile] = grid.shows(box, isCrowd: false, in: tile)
        }
      }
    }
    return result
  }
}
