import Foundation
import OTXCore
import OTXImage

/// Makes one sample of one item: decodes, augments, resizes.
struct SampleLoader<Kind: VisionTask>: Sendable {
  let labels: LabelInfo
  let preprocessing: Preprocessing
  let augmentations: [Augmentation]
  let seed: UInt64
  /// Epochs that the whole training may have; some steps are left out in the last ones.
  var epochCount = Int.max
  var reducedDecoding = ReducedDecoding.off
  /// `nil`: every picture is decoded anew.
  var cache: PictureCache?
  var multiScale = MultiScaleOptions()
  /// Pictures that tiles are cut from; shared by all streams.
  var decodedPictures = DecodedPictures()

  /// Size of the pictures that training takes at a step, counted from 0 over the whole training.
  func inputSize(ofStep step: Int) -> ImageSize {
    multiScale.size(preprocessing.inputSize, seed: seed, step: step)
  }

  /// A sample for training: its annotations lie in the network's input.
  ///
  /// All that is random is drawn from a generator of its own, keyed by seed, epoch and `key`.
  ///
  /// - Parameters:
  ///   - source: What the sample is made of.
  ///   - epoch: Counted from 0.
  ///   - key: Where the sample stands in its subset, or another number for each time more that the
  ///     epoch takes it.
  ///   - surroundings: Where other pictures come from.
  /// - Returns: The sample, of the network's input size.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a damaged picture.
  func trainingEntity(
    _ source: SampleSource,
    epoch: Int,
    key: Int,
    in surroundings: SampleSurroundings<Kind.Entity>
  ) throws -> Kind.Entity {
    var generator = CounterGenerator(seed: seed, UInt64(epoch), UInt64(key))
    var sample = TrainingSample(try entity(of: source))
    let steps = augmentations.filter { $0.isTaken(epoch: epoch, of: epochCount) }
    var input = preprocessing
    input.inputSize = surroundings.inputSize
    for (number, step) in steps.enumerated() {
      if !Kind.Entity.hasBoxes, let mixing = LabelMixing(step) {
        try mixing.apply(to: &sample, steps[..<number], input, in: surroundings, using: &generator)
      } else {
        try step.apply(to: &sample, in: surroundings, using: &generator)
      }
    }
    return try sample.resized(input)
  }

  /// An item or tile as it stands in the dataset, decoded; made smaller where nothing is lost by it.
  func entity(of source: SampleSource) throws -> Kind.Entity {
    let item = source.item
    var largest = preprocessing
    largest.inputSize = multiScale.largestSize(preprocessing.inputSize)
    let enough = largest.smallestDecodedSize(before: augmentations)
    let picture: DecodedPicture
    if let tile = source.tile {
      picture = try pixels(of: tile, in: item, enough: enough ?? largest.inputSize.doubled)
    } else {
      picture = try self.picture(
        of: item,
        keeping: reducedDecoding == .off ? nil : enough,
        enough: enough ?? largest.inputSize.doubled
      )
    }
    var entity = try Kind.entity(from: item, image: picture.image, labels: labels)
    if let tile = source.tile, !tile.isWhole {
      let cut = SpatialTransform.crop(y: tile.region.y, x: tile.region.x, size: tile.region.size)
      entity.frame = ImageFrame(itemID: item.id, originalSize: tile.pictureSize).moved(by: cut)
      // Which objects the tile shows was decided before; they are cut at its sides.
      entity.move(by: cut, keeping: BoxFilter(minimumSide: 0))
    }
    if let transform = picture.reducingTransform {
      entity.frame = ImageFrame(itemID: item.id, originalSize: picture.originalSize)
        .moved(by: transform)
      entity.move(by: transform, keeping: BoxFilter(minimumSide: 0))
    }
    return entity
  }

  private func pixels(
    of tile: PictureTile,
    in item: DatasetItem,
    enough: ImageSize
  ) throws -> DecodedPicture {
    try TileReader(pictures: decodedPictures, cache: cache).pixels(
      of: tile,
      in: item,
      enough: enough
    )
  }

  /// A sample for evaluation: its annotations stay in coordinates of the original.
  ///
  /// Of a picture's tiles the first has the annotations, those of the whole picture.
  func evaluationEntity(_ source: SampleSource, hasTruth: Bool) throws -> Kind.Entity {
    let item = source.item
    let (pixels, frame) = try source.tile.map { try prepared($0, in: item) } ?? prepared(item)
    guard hasTruth, frame.tileIndex == 0 else { return Kind.unlabeled(pixels, frame: frame) }
    var entity = try Kind.entity(from: item, image: .empty, labels: labels)
    (entity.image, entity.frame) = (pixels, frame)
    return entity
  }

  /// A tile at the network's size, and where it lies in the original picture.
  private func prepared(
    _ tile: PictureTile,
    in item: DatasetItem
  ) throws -> (Image, ImageFrame) {
    let picture = try pixels(of: tile, in: item, enough: preprocessing.inputSize.doubled)
    let image = picture.image
    let (result, _) = try preprocessing.prepare(image, itemID: item.id)
    var frame = ImageFrame(itemID: item.id, originalSize: tile.pictureSize)
    (frame.tileIndex, frame.tileCount) = (tile.index, tile.count)
    let cut = SpatialTransform.crop(y: tile.region.y, x: tile.region.x, size: tile.region.size)
    frame = frame.moved(by: picture.reducingTransform ?? cut)
      .moved(
        by: Placement(image.size, preprocessing)
          .transform(of: image.size, into: preprocessing.inputSize)
      )
    return (result, frame)
  }

  /// A picture at the network's size, and where it lies in the original.
  private func prepared(_ item: DatasetItem) throws -> (Image, ImageFrame) {
    let key = PictureCache.Key(of: item, isPrepared: true)
    if let cache, let key, let entry = cache.entry(key), var frame = entry.frame {
      frame.itemID = item.id
      return (entry.picture.image, frame)
    }
    let smallest = reducedDecoding == .on ? preprocessing.smallestDecodedSize(before: []) : nil
    let picture = try PictureFile.decode(
      item,
      keeping: smallest,
      enough: preprocessing.inputSize.doubled
    )
    var (pixels, frame) = try preprocessing.prepare(picture.image, itemID: item.id)
    if let transform = picture.reducingTransform {
      let size = picture.image.size
      frame = ImageFrame(itemID: item.id, originalSize: picture.originalSize)
        .moved(by: transform)
        .moved(
          by: Placement(size, preprocessing).transform(of: size, into: preprocessing.inputSize)
        )
    }
    if let cache, let key {
      let kept = DecodedPicture(image: pixels, originalSize: picture.originalSize)
      cache.keep(PictureCache.Entry(picture: kept, frame: frame), as: key)
    }
    return (pixels, frame)
  }

  /// An item's picture for training, made smaller while it is decoded where it may be.
  private func picture(
    of item: DatasetItem,
    keeping smallest: ImageSize?,
    enough: ImageSize
  ) throws -> DecodedPicture {
    let key = PictureCache.Key(of: item, isPrepared: false)
    if let cache, let key, let entry = cache.entry(key) { return entry.picture }
    let picture = try PictureFile.decode(item, keeping: smallest, enough: enough)
    if let cache, let key { cache.keep(PictureCache.Entry(picture: picture), as: key) }
    return picture
  }

  /// An item's picture as it is.
  static func image(of item: DatasetItem) throws -> Image {
    try PictureFile.decode(item).image
  }
}

/// A picture and how it was decoded.
struct DecodedPicture: Sendable {
  var image: Image
  /// Its size in full.
  var originalSize: ImageSize
  /// What its sides were divided by while it was decoded.
  var reduction = 1

  /// From the original to this picture; `nil` where it was decoded in full.
  ///
  /// The scale is the reduction's and not that of the sizes, which are rounded up: the last column
  /// of a reduced picture may show less than a whole one.
  var reducingTransform: SpatialTransform? {
    guard reduction > 1 else { return nil }
    let scale = 1 / Float(reduction)
    return SpatialTransform(scaleX: scale, scaleY: scale, size: image.size)
  }
}

/// Decodes picture files as a dataset means them.
enum PictureFile {
  /// Decodes an item's picture.
  ///
  /// - Parameters:
  ///   - item: Whose picture.
  ///   - smallest: The size that is enough; `nil` for the whole picture.
  ///   - enough: The size that is enough of a picture that can only be read in parts; `nil` makes
  ///     such a picture an error.
  /// - Returns: The picture.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func decode(
    _ item: DatasetItem,
    keeping smallest: ImageSize? = nil,
    enough: ImageSize? = nil
  ) throws -> DecodedPicture {
    switch item.image {
    case .memory(let image): DecodedPicture(image: image, originalSize: image.size)
    case .path(let path):
      try decode(path.url, statedSize: item.size, keeping: smallest, enough: enough)
    case .embedded(let picture):
      try decode(picture)
    }
  }

  /// Decodes a picture that is too large to be decoded as a whole, reduced.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - header: What its header says.
  ///   - isOriented: Whether EXIF's orientation turns it.
  ///   - enough: The result's sides are no smaller, where the picture's are not.
  /// - Returns: The picture, its sides divided by a whole number.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func decodeLarge(
    _ url: URL,
    header: ImageHeader,
    isOriented: Bool,
    enough: ImageSize
  ) throws -> DecodedPicture {
    let regions = try PictureRegions(url, header: header, isOriented: isOriented)
    let size = regions.size
    let wanted = min(size.height / max(enough.height, 1), size.width / max(enough.width, 1))
    // Never more than 64 million pixels, however long and narrow the picture is.
    let needed = (Double(size.pixelCount) / Double(1 << 26)).squareRoot().rounded(.up)
    let divisor = max(wanted, Int(needed), 1)
    return DecodedPicture(
      image: try regions.image(reducedBy: divisor),
      originalSize: size,
      reduction: divisor
    )
  }

  /// A picture that is a part of a file, in full.
  static func decode(_ picture: EmbeddedPicture) throws -> DecodedPicture {
    let image = try picture.image()
    return DecodedPicture(image: image, originalSize: image.size)
  }

  /// Decodes a file.
  ///
  /// Turned as EXIF asks, but where the dataset states the size of the pixels as they are stored,
  /// its boxes were drawn on those, and they are taken as they are.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - stated: The size that the dataset states, if it does.
  ///   - smallest: The size that is enough; `nil` for the whole picture.
  ///   - enough: The size that is enough of a picture that can only be read in parts; `nil` makes
  ///     such a picture an error.
  /// - Returns: The picture.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func decode(
    _ url: URL,
    statedSize stated: ImageSize?,
    keeping smallest: ImageSize? = nil,
    enough: ImageSize? = nil
  ) throws -> DecodedPicture {
    let file = try ReadableFile(url)
    // A picture that cannot be decoded as a whole is not read as a whole either.
    if try file.byteCount > 1 << 27 || ImageFormat(magic: file.bytes(at: 0, count: 16)) == .tiff {
      let header = try ImageHeader(of: url)
      if let enough, !header.fitsWhole {
        let isOriented = try header.isOriented(stated: stated, file: url.path)
        return try decodeLarge(url, header: header, isOriented: isOriented, enough: enough)
      }
    }
    let bytes = try file.allBytes()
    let header = try ImageHeader(of: bytes, name: file.name)
    let isOriented = try header.isOriented(stated: stated, file: url.path)
    let reduction = smallest.map { header.reduction(keeping: $0, isOriented: isOriented) } ?? 1
    let image = try ImageFile.decode(
      bytes,
      header: header,
      name: file.name,
      orientation: isOriented ? .applied : .ignored,
      reduction: reduction
    )
    return DecodedPicture(
      image: image,
      originalSize: isOriented ? header.size : header.storedSize,
      reduction: reduction
    )
  }
}

extension ImageSize {
  /// Twice as high and as wide: a step that bilinear interpolation does well.
  fileprivate var doubled: ImageSize { ImageSize(height: 2 * height, width: 2 * width) }
}

extension Preprocessing {
  /// The size of a picture that is still large enough to be made smaller to the network's input.
  ///
  /// Twice the input: what is left to the resizing is then a step that bilinear interpolation does
  /// well. Where crops come first, the smallest of them must still fill the input. `nil` where a
  /// step is not known to bear it.
  func smallestDecodedSize(before augmentations: [Augmentation]) -> ImageSize? {
    var share: Float = 1
    // Mosaic and mix-up bring their pictures to the input's size themselves; the others know no
    // pixels, only shares of the picture.
    let scaleFree = [
      "horizontalFlip", "photometricDistortion", "hsvJitter", "randomAffine", "mosaic", "mixUp",
      "verticalFlip", "randomRotate90", "colorJitter", "randomGrayscale", "randomAutoContrast",
      "randomInvert", "randomPosterize", "randomSolarize", "randomErasing", "cutMix",
    ]
    for augmentation in augmentations {
      if case .minIoURandomCrop(let step) = augmentation {
        share *= step.minimumCropSize
      } else if case .randomResizedCrop(let step) = augmentation {
        share *= step.scale[0].squareRoot()
      } else if case .pad(let step) = augmentation {
        guard step.height == 0, step.width == 0, step.divisor == 1 else { return nil }
      } else if !scaleFree.contains(augmentation.name) {
        return nil
      }
    }
    let factor = max(2, 1 / max(share, 0.01))
    return ImageSize(
      height: Int((Float(inputSize.height) * factor).rounded(.up)),
      width: Int((Float(inputSize.width) * factor).rounded(.up))
    )
  }
}
