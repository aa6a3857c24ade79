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

  /// Size of the pictures that training takes at a step, counted from 0 over the whole training.
  func inputSize(ofStep step: Int) -> ImageSize {
    multiScale.size(preprocessing.inputSize, seed: seed, step: step)
  }

  /// A sample for training: its annotations lie in the network's input.
  ///
  /// All that is random is drawn from a generator of its own, keyed by seed, epoch and `key`.
  ///
  /// - Parameters:
  ///   - item: What the sample is made of.
  ///   - epoch: Counted from 0.
  ///   - key: Where the item stands in its subset, or another number for each time more that the
  ///     epoch takes it.
  ///   - surroundings: Where other pictures come from.
  /// - Returns: The sample, of the network's input size.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a damaged picture.
  func trainingEntity(
    _ item: DatasetItem,
    epoch: Int,
    key: Int,
    in surroundings: SampleSurroundings<Kind.Entity>
  ) throws -> Kind.Entity {
    var generator = CounterGenerator(seed: seed, UInt64(epoch), UInt64(key))
    var sample = TrainingSample(try entity(of: item))
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

  /// An item as it stands in the dataset, decoded; made smaller where nothing is lost by it.
  func entity(of item: DatasetItem) throws -> Kind.Entity {
    var largest = preprocessing
    largest.inputSize = multiScale.largestSize(preprocessing.inputSize)
    let smallest =
      reducedDecoding == .off ? nil : largest.smallestDecodedSize(before: augmentations)
    let picture = try picture(of: item, keeping: smallest)
    var entity = try Kind.entity(from: item, image: picture.image, labels: labels)
    if let transform = picture.reducingTransform {
      entity.frame = ImageFrame(itemID: item.id, originalSize: picture.originalSize)
        .moved(by: transform)
      entity.move(by: transform, keeping: BoxFilter(minimumSide: 0))
    }
    return entity
  }

  /// A sample for evaluation: its annotations stay in coordinates of the original.
  func evaluationEntity(_ item: DatasetItem, hasTruth: Bool) throws -> Kind.Entity {
    let (pixels, frame) = try prepared(item)
    guard hasTruth else { return Kind.unlabeled(pixels, frame: frame) }
    var entity = try Kind.entity(from: item, image: .empty, labels: labels)
    (entity.image, entity.frame) = (pixels, frame)
    return entity
  }

  /// A picture at the network's size, and where it lies in the original.
  private func prepared(_ item: DatasetItem) throws -> (Image, ImageFrame) {
    let key = SampleLoader.key(of: item, isPrepared: true)
    if let cache, let key, let entry = cache.entry(key), var frame = entry.frame {
      frame.itemID = item.id
      return (entry.picture.image, frame)
    }
    let smallest = reducedDecoding == .on ? preprocessing.smallestDecodedSize(before: []) : nil
    let picture = try SampleLoader.decoded(item, keeping: smallest)
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
  private func picture(of item: DatasetItem, keeping smallest: ImageSize?) throws -> DecodedPicture
  {
    let key = SampleLoader.key(of: item, isPrepared: false)
    if let cache, let key, let entry = cache.entry(key) { return entry.picture }
    let picture = try SampleLoader.decoded(item, keeping: smallest)
    if let cache, let key { cache.keep(PictureCache.Entry(picture: picture), as: key) }
    return picture
  }

  /// What an item's picture is kept as; `nil` for one that is in memory anyway.
  private static func key(of item: DatasetItem, isPrepared: Bool) -> PictureCache.Key? {
    let path: String
    switch item.image {
    case .memory: return nil
    case .path(let file): path = file.path
    case .embedded(let picture): path = "\(picture.url.path)/\(picture.name)"
    }
    return PictureCache.Key(path: path, statedSize: item.size, isPrepared: isPrepared)
  }

  private static func decoded(
    _ item: DatasetItem,
    keeping smallest: ImageSize?
  ) throws -> DecodedPicture {
    switch item.image {
    case .memory(let image): DecodedPicture(image: image, originalSize: image.size)
    case .path(let path):
      try PictureFile.decode(path.url, statedSize: item.size, keeping: smallest)
    case .embedded(let picture):
      try PictureFile.decode(picture)
    }
  }

  /// An item's picture as it is.
  static func image(of item: DatasetItem) throws -> Image {
    try decoded(item, keeping: nil).image
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
  /// - Returns: The picture.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func decode(
    _ url: URL,
    statedSize stated: ImageSize?,
    keeping smallest: ImageSize? = nil
  ) throws -> DecodedPicture {
    let file = try ReadableFile(url)
    let bytes = try file.allBytes()
    let header = try ImageHeader(of: bytes, name: file.name)
    var isOriented = true
    if let stated, stated != header.size {
      guard stated == header.storedSize else {
        throw DataError.unreadable(
          file: url.path,
          reason: "has \(header.size) pixels now; it had \(stated) when it was read"
        )
      }
      isOriented = false
    }
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
