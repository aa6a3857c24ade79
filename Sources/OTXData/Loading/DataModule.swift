import Foundation
public import OTXCore
import OTXImage
import Synchronization

/// The subsets of one dataset as one task sees them, handed out in batches.
public struct DataModule<Kind: VisionTask>: DataSource {
  public let labels: LabelInfo
  public let preprocessing: Preprocessing
  public let batchSize: Int
  /// Threads that decode ahead; 0: none, the caller decodes.
  public let workerCount: Int
  /// Items that the task cannot use, found when the module was made.
  public let problems: [DatasetProblem]

  /// How pictures are cut into tiles; `nil` where they are not.
  public let tiling: Tiling?

  /// Whole pictures, or tiles of them.
  private let samples: [Subset: SampleList]
  private let loader: SampleLoader<Kind>
  private let seed: UInt64
  private let sampler: EpochSampler
  private let isStrict: Bool
  private let reporter: ProblemReporter
  private let byteBudget: Int
  /// What was left out when the dataset was read, in words.
  private let damage: [String]

  /// Picks out of a dataset what the task needs.
  ///
  /// - Parameters:
  ///   - dataset: As it was read.
  ///   - labels: The labels that the model knows; `nil` for the dataset's own.
  ///   - preprocessing: How pictures are brought to the network's size.
  ///   - augmentations: Steps of training, in order.
  ///   - epochCount: Epochs that the whole training may have; some steps are left out in the last
  ///     ones.
  ///   - multiScale: Sizes that training batches have instead of the one of `preprocessing`.
  ///   - batchSize: Items of a batch, at least 1.
  ///   - seed: Decides order and augmentation.
  ///   - workerCount: Decoding threads; `nil` for the machine's cores, at most 8.
  ///   - strict: Whether a picture that cannot be decoded is an error instead of being passed over.
  ///   - sampler: Which items an epoch of training takes, and in which order.
  ///   - reducedDecoding: Whether JPEG files much larger than the input are decoded at a part of
  ///     their size.
  ///   - cache: Where decoded pictures are kept; `nil`: every epoch decodes them.
  ///   - byteBudget: Memory that batches decoded ahead may take.
  ///   - tiling: Tiles that pictures are cut into, each a sample of its own; `nil` for none.
  ///   - tileSamplingRatio: The share of the tiles without objects that an epoch takes.
  ///   - onProblem: Told once of each picture that turns out damaged while it is decoded, on a
  ///     thread of the loader; by default a line on standard error.
  /// - Throws: ``DataError/unknownLabel(_:known:item:)`` for annotations that `labels` lacks,
  ///   ``ConfigurationError`` for a batch size below 1, for augmentations without sense, for tiles of
  ///   a task that has none and for far too many tiles.
  public init(
    dataset: Dataset,
    labels: LabelInfo? = nil,
    preprocessing: Preprocessing,
    augmentations: [Augmentation] = [],
    epochCount: Int = .max,
    multiScale: MultiScaleOptions = MultiScaleOptions(),
    batchSize: Int = 8,
    seed: Int = 0,
    workerCount: Int? = nil,
    strict: Bool = false,
    sampler: Sampler = .shuffle,
    reducedDecoding: ReducedDecoding = .off,
    cache: PictureCache? = nil,
    byteBudget: Int = 512 << 20,
    tiling: Tiling? = nil,
    tileSamplingRatio: Double = 1,
    onProblem: (@Sendable (DatasetProblem) -> Void)? = nil
  ) throws {
    guard batchSize >= 1 else {
      throw ConfigurationError.invalid("a batch size of \(batchSize): expected 1 or more")
    }
    for augmentation in augmentations {
      try augmentation.validate()
      try augmentation.check(for: Kind.self)
    }
    if tiling != nil { try Kind.checkTiling() }
    self.tiling = tiling
    let labels = labels ?? dataset.labels
    self.labels = labels
    self.preprocessing = preprocessing
    self.batchSize = batchSize
    self.workerCount = workerCount ?? min(WorkerThreads.coreCount, 8)
    self.seed = UInt64(truncatingIfNeeded: seed)
    isStrict = strict
    reporter = ProblemReporter(onProblem)
    self.byteBudget = byteBudget
    loader = SampleLoader(
      labels: labels,
      preprocessing: preprocessing,
      augmentations: augmentations,
      seed: self.seed,
      epochCount: epochCount,
      reducedDecoding: reducedDecoding,
      cache: cache.flatMap { $0.byteLimit > 0 ? $0 : nil },
      multiScale: multiScale
    )
    let (items, problems) = try DataModule.usableItems(of: dataset, labels, strict: strict)
    self.problems = problems
    samples = try items.mapValues { try SampleList($0, tiling: tiling) }
    if let train = samples[.train], train.isTiled {
      self.sampler = EpochSampler(
        sampler,
        tiles: train,
        occupied: train.occupied(),
        ratio: tileSamplingRatio,
        order: TileOrder(train) { item, size in TileReader.isReadInParts(item, size: size) }
      )
    } else {
      self.sampler = EpochSampler(sampler, labels: (items[.train] ?? []).map(\.labelNames))
    }
    damage = dataset.problems.filter { $0.remedy == .leftOut }.summary
  }

  /// Items that the task can use; the others are named.
  private static func usableItems(
    of dataset: Dataset,
    _ labels: LabelInfo,
    strict: Bool
  ) throws -> (items: [Subset: [DatasetItem]], problems: [DatasetProblem]) {
    var result: [Subset: [DatasetItem]] = [:]
    var problems: [DatasetProblem] = []
    result[.unlabeled] = dataset.items[.unlabeled]
    for subset in Subset.allCases where subset != .unlabeled {
      for item in dataset.items[subset] ?? [] {
        do {
          _ = try Kind.entity(from: item, image: .empty, labels: labels)
          result[subset, default: []].append(item)
        } catch DataError.invalidItem(_, let reason) where !strict {
          problems.append(
            DatasetProblem(
              kind: "item that \(Kind.title) cannot use",
              location: item.origin.isEmpty ? item.id : item.origin,
              message: reason,
              remedy: .leftOut
            )
          )
        }
      }
    }
    return (result, problems)
  }

  public func itemCount(_ subset: Subset) -> Int { samples[subset]?.items.count ?? 0 }

  /// Number of samples of a subset: its items, or their tiles.
  public func sampleCount(_ subset: Subset) -> Int { samples[subset]?.count ?? 0 }

  public func batchCount(_ subset: Subset, mode: BatchMode) -> Int {
    plan(subset, mode).batches.count
  }

  public func isFinalPhase(epoch: Int) -> Bool {
    let passing = loader.augmentations.filter { $0.step.lastEpochsWithout > 0 }
    return !passing.isEmpty
      && passing.allSatisfy { !$0.isTaken(epoch: epoch, of: loader.epochCount) }
  }

  public func entitiesWithoutPictures(_ subset: Subset) throws -> [Kind.Entity]? {
    guard let samples = samples[subset], !samples.isTiled else { return nil }
    let pixel = Image(size: ImageSize(height: 1, width: 1))
    return try samples.items.map { try Kind.entity(from: $0, image: pixel, labels: labels) }
  }

  public func annotatedBoxes(_ subset: Subset) -> [BoundingBox] {
    var result: [BoundingBox] = []
    guard let samples = samples[subset] else { return [] }
    if samples.isTiled { return boxes(ofTiles: samples) }
    for item in samples.items {
      guard let size = item.size else { continue }
      let transform = Placement(size, preprocessing)
        .transform(of: size, into: preprocessing.inputSize)
      for annotation in item.annotations where !annotation.isCrowd {
        if let box = annotation.box { result.append(transform(box)) }
      }
    }
    return result
  }

  /// Boxes as tiles show them.
  private func boxes(ofTiles samples: SampleList) -> [BoundingBox] {
    var result: [BoundingBox] = []
    for (number, item) in samples.items.enumerated() {
      guard let grid = samples.grid(of: number) else { continue }
      for annotation in item.annotations where !annotation.isCrowd {
        guard let box = annotation.box else { continue }
        for tile in grid.tiles(touching: box) where grid.shows(box, isCrowd: false, in: tile) {
          let region = grid[tile]
          let cut = SpatialTransform.crop(y: region.y, x: region.x, size: region.size)
          let transform = Placement(region.size, preprocessing)
            .transform(of: region.size, into: preprocessing.inputSize)
          result.append(transform(cut(box).clipped(to: region.size)))
        }
      }
    }
    return result
  }

  /// Makes sure that there is something to work on, before long work begins.
  ///
  /// - Parameters:
  ///   - subset: Which items.
  ///   - mode: What they are for.
  /// - Throws: ``DataError/emptySubset(_:reason:)``.
  public func check(_ subset: Subset, mode: BatchMode) throws {
    _ = try usableSamples(of: subset, mode: mode)
  }

  private func usableSamples(of subset: Subset, mode: BatchMode) throws -> SampleList {
    let samples = samples[subset] ?? SampleList([])
    let items = samples.items
    // What was left out before is the likeliest cause, and nobody may have been told of it yet.
    let leftOut = damage.isEmpty ? "" : ". " + damage.prefix(3).joined(separator: "; ")
    guard !items.isEmpty else {
      let reason =
        problems.isEmpty
        ? "the dataset has none" + (subset == .val ? "; add pictures to validate on" : "")
        : "\(Kind.title) can use none of the \("item".counted(problems.count))"
      throw DataError.emptySubset(subset, reason: reason + leftOut)
    }
    if case .training = mode, !items.contains(where: { Kind.usableAnnotationCount(of: $0) > 0 }) {
      throw DataError.emptySubset(
        subset,
        reason: "no item has an annotation that \(Kind.title) can learn from" + leftOut
      )
    }
    return samples
  }

  /// The batches of one epoch.
  ///
  /// A picture that cannot be decoded is reported once. In evaluation it is left out; in training
  /// the next item of the epoch takes its place, so that batches keep their size.
  ///
  /// - Parameters:
  ///   - subset: Which items.
  ///   - mode: Shuffled and augmented, or in order.
  /// - Returns: A stream whose threads end with it.
  /// - Throws: ``DataError/emptySubset(_:reason:)``.
  public func batches(
    _ subset: Subset,
    mode: BatchMode
  ) throws -> any BatchStream<Kind.Batch> {
    try batches(subset, mode: mode, from: 0)
  }

  /// The batches of one epoch from the one at index `first` on; those before it are not loaded.
  ///
  /// - Throws: As ``batches(_:mode:)``.
  public func batches(
    _ subset: Subset,
    mode: BatchMode,
    from first: Int
  ) throws -> any BatchStream<Kind.Batch> {
    let job = LoadingJob(
      samples: try usableSamples(of: subset, mode: mode),
      hasTruth: subset != .unlabeled,
      plan: plan(subset, mode),
      firstBatch: first,
      mode: mode,
      loader: loader,
      isStrict: isStrict,
      reporter: reporter
    )
    let size = preprocessing.inputSize
    let batchBytes = batchSize * size.height * size.width * Image.channelCount
    let ahead = max(1, min(2 * workerCount, byteBudget / max(batchBytes, 1)))
    return LoaderStream(job: job, workerCount: workerCount, batchesAhead: ahead)
  }

  private func plan(_ subset: Subset, _ mode: BatchMode) -> BatchPlan {
    let count = sampleCount(subset)
    return BatchPlan(
      itemCount: count,
      batchSize: batchSize,
      mode: mode,
      seed: seed,
      // Trained on another subset, every item counts the same.
      sampler: subset == .train
        ? sampler : EpochSampler(.shuffle, labels: [Set<String>](repeating: [], count: count))
    )
  }
}

/// Tells of each damaged picture once, however often it is met.
final class ProblemReporter: Sendable {
  private let told = Mutex<Set<String>>([])
  private let onProblem: @Sendable (DatasetProblem) -> Void

  init(_ onProblem: (@Sendable (DatasetProblem) -> Void)?) {
    self.onProblem =
      onProblem ?? { problem in
        let line = "warning: \(problem.location): \(problem.message)\n"
        FileHandle.standardError.write(Data(line.utf8))
      }
  }

  func report(_ problem: DatasetProblem) {
    guard told.withLock({ $0.insert(problem.location).inserted }) else { return }
    onProblem(problem)
  }
}
