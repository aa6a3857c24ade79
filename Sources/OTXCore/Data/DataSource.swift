/// What an engine needs of a data module: batches of one task, pulled.
public protocol DataSource<Kind>: Sendable {
  associatedtype Kind: VisionTask
  var labels: LabelInfo { get }

  /// Number of items of a subset, whole pictures; 0 where there is none.
  func itemCount(_ subset: Subset) -> Int

  /// Number of batches that ``batches(_:epoch:)`` gives.
  func batchCount(_ subset: Subset, mode: BatchMode) -> Int

  /// The batches of one epoch.
  ///
  /// The stream decodes ahead on threads of its own, within a bound, and hands batches out in
  /// order. Their content depends on the data source's seed, `epoch` and the item alone, never on
  /// the number of threads.
  func batches(_ subset: Subset, mode: BatchMode) throws -> any BatchStream<Kind.Batch>

  /// The batches of one epoch from the one at index `first` on, the same as in the whole epoch.
  ///
  /// Unless given, the batches before it are made and dropped.
  func batches(
    _ subset: Subset,
    mode: BatchMode,
    from first: Int
  ) throws -> any BatchStream<Kind.Batch>

  /// Whether an epoch (from 0) is one of the last, which go without steps that all before them had.
  func isFinalPhase(epoch: Int) -> Bool

  /// The boxes of a subset's objects, in pixels of the network's input, without augmentation; no
  /// picture is read for it.
  func annotatedBoxes(_ subset: Subset) -> [BoundingBox]

  /// What is known of each item of a subset, in the order of evaluation, with pictures of one pixel:
  /// nothing is decoded. `nil` where that is not known beforehand.
  func entitiesWithoutPictures(_ subset: Subset) throws -> [Kind.Entity]?

  /// How pictures are cut into tiles, each of which is a sample of its own; `nil` where they are not.
  ///
  /// In evaluation a picture's tiles come one after the other, over several batches if need be, and
  /// its first tile carries what is known of the whole picture: ``TileGatherer`` puts them together.
  var tiling: Tiling? { get }
}

extension DataSource {
  public func annotatedBoxes(_ subset: Subset) -> [BoundingBox] { [] }

  public func entitiesWithoutPictures(_ subset: Subset) throws -> [Kind.Entity]? { nil }

  public var tiling: Tiling? { nil }

  public func batches(
    _ subset: Subset,
    mode: BatchMode,
    from first: Int
  ) throws -> any BatchStream<Kind.Batch> {
    let stream = try batches(subset, mode: mode)
    for _ in 0..<first { _ = try stream.next() }
    return stream
  }

  public func isFinalPhase(epoch: Int) -> Bool { false }
}

/// How a subset is walked.
public enum BatchMode: Sendable, Equatable {
  /// Shuffled by `epoch` and augmented; the last batch may be short.
  case training(epoch: Int)
  /// In order, resized only; annotations stay in original coordinates.
  case evaluation
}

/// A sequence of batches that is pulled.
///
/// Dropping it ends its threads.
public protocol BatchStream<Batch>: AnyObject, Sendable {
  associatedtype Batch
  /// The next batch, or `nil` after the last; waits until it is decoded.
  func next() throws -> Batch?
}
