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

  /// A sample for training: its annotations lie in the network's input.
  ///
  /// All that is random is drawn from a generator of its own, keyed by seed, epoch and index.
  ///
  /// - Parameters:
  ///   - item: What the sample is made of.
  ///   - epoch: Counted from 0.
  ///   - index: Where the item stands in its subset.
  ///   - surroundings: Where other pictures come from.
  /// - Returns: The sample, of the network's input size.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a damaged picture.
  func trainingEntity(
    _ item: DatasetItem,
    epoch: Int,
    index: Int,
    in surroundings: SampleSurroundings<Kind.Entity>
  ) throws -> Kind.Entity {
    var generator = CounterGenerator(seed: seed, UInt64(epoch), UInt64(index))
    var sample = TrainingSample(try entity(of: item))
    for augmentation in augmentations where augmentation.isTaken(epoch: epoch, of: epochCount) {
      try augmentation.apply(to: &sample, in: surroundings, using: &generator)
    }
    return try sample.resized(preprocessing)
  }

  /// An item as it stands in the dataset, decoded.
  func entity(of item: DatasetItem) throws -> Kind.Entity {
    try Kind.entity(from: item, image: SampleLoader.image(of: item), labels: labels)
  }

  /// A sample for evaluation: its annotations stay in coordinates of the original.
  func evaluationEntity(_ item: DatasetItem, hasTruth: Bool) throws -> Kind.Entity {
    let image = try SampleLoader.image(of: item)
    let (pixels, frame) = try preprocessing.prepare(image, itemID: item.id)
    guard hasTruth else { return Kind.unlabeled(pixels, frame: frame) }
    var entity = try Kind.entity(from: item, image: image, labels: labels)
    (entity.image, entity.frame) = (pixels, frame)
    return entity
  }

  /// An item's picture.
  ///
  /// Turned as EXIF asks, but where the dataset states the size of the pixels as they are stored,
  /// its boxes were drawn on those, and they are taken as they are.
  static func image(of item: DatasetItem) throws -> Image {
    switch item.image {
    case .memory(let image): return image
    case .file(let url):
      let image = try ImageFile.read(url)
      guard let stated = item.size, stated != image.size else { return image }
      let stored = try ImageFile.read(url, orientation: .ignored)
      guard stored.size == stated else {
        throw DataError.unreadable(
          file: url.path,
          reason: "has \(image.size) pixels now; it had \(stated) when it was read"
        )
      }
      return stored
    }
  }
}
