import Foundation
import OTXCore

/// What the loader's threads work on.
struct LoadingJob<Kind: VisionTask>: Sendable {
  let samples: SampleList
  /// Whether the items say what is in them; without, they are there to be predicted on.
  let hasTruth: Bool
  let plan: BatchPlan
  /// Where in the plan to begin.
  var firstBatch = 0
  let mode: BatchMode
  let loader: SampleLoader<Kind>
  let isStrict: Bool
  let reporter: ProblemReporter

  /// The sample at a position of the plan; `nil` for a damaged one that is left out.
  func entity(at position: Int, ofBatch batch: Int) throws -> Kind.Entity? {
    switch mode {
    case .evaluation:
      let source = samples.whole(plan.order[position])
      return try readable(source.item) {
        try loader.evaluationEntity(source, hasTruth: hasTruth)
      }
    case .training(let epoch):
      let step = epoch * plan.batches.count + batch
      let surroundings = surroundings(of: position, step: step)
      // The items after a damaged one stand in for it.
      let places = plan.order.count
      return try firstReadable(of: places) { step in
        let place = (position + step) % places
        return try loader.trainingEntity(
          samples[plan.order[place]],
          epoch: epoch,
          key: plan.keys[place],
          in: surroundings
        )
      } item: { step in
        samples.whole(plan.order[(position + step) % places]).item
      }
    }
  }

  /// Where a training sample finds its partners: among all items, or, of tiles, among those whose
  /// pictures are in memory with its own.
  private func surroundings(
    of position: Int,
    step: Int
  ) -> SampleSurroundings<Kind.Entity> {
    let neighbours = samples.isTiled ? plan.neighbours(of: position) : 0..<samples.count
    func sample(_ index: Int) -> Int {
      samples.isTiled ? plan.order[neighbours.lowerBound + index] : index
    }
    let count = neighbours.count
    return SampleSurroundings(
      inputSize: loader.inputSize(ofStep: step),
      partnerCount: count,
      hasObjects: { Kind.usableAnnotationCount(of: samples[sample($0)].item) > 0 },
      partner: { index in
        try firstReadable(of: count) { step in
          try loader.entity(of: samples[sample((index + step) % count)])
        } item: { step in
          samples.whole(sample((index + step) % count)).item
        }
      }
    )
  }

  /// What `body` makes of the first item, of `count` that are tried in turn, that can be decoded.
  private func firstReadable(
    of count: Int,
    body: (Int) throws -> Kind.Entity,
    item: (Int) -> DatasetItem
  ) throws -> Kind.Entity {
    for step in 0..<count {
      if let entity = try readable(item(step), { try body(step) }) { return entity }
    }
    throw DataError.emptySubset(.train, reason: "none of its pictures can be decoded")
  }

  /// What `body` makes of an item; `nil`, and a report, where its picture is damaged.
  private func readable(
    _ item: DatasetItem,
    _ body: () throws -> Kind.Entity
  ) throws -> Kind.Entity? {
    do { return try body() } catch DataError.unreadable(let file, let reason) {
      if isStrict { throw DataError.unreadable(file: file, reason: reason) }
      let consequence =
        mode == .evaluation ? "it is left out" : "others are trained on in its place"
      reporter.report(
        DatasetProblem(
          kind: "unreadable picture",
          location: item.id,
          message: "\(reason.aboutPicture); \(consequence)",
          remedy: .leftOut
        )
      )
      return nil
    }
  }
}

/// Starts a thread of a name for a piece of work; throws where the system gives none.
typealias ThreadStart =
  @Sendable (_ name: String, _ work: @escaping @Sendable () -> Void) throws -> Void

/// Batches decoded ahead on threads of its own, handed out in order.
///
/// Dropping it stops the threads and waits for them: at most for the samples in their hands.
final class LoaderStream<Kind: VisionTask>: BatchStream {
  let queue: LoaderQueue<Kind>

  init(
    job: LoadingJob<Kind>,
    workerCount: Int,
    batchesAhead: Int,
    start: @escaping ThreadStart = { try SystemThread.start(name: $0, $1) }
  ) {
    queue = LoaderQueue(job: job, batchesAhead: batchesAhead, start: start)
    for number in 0..<workerCount { queue.startThread(number) }
  }

  deinit { queue.stop() }

  func next() throws -> Kind.Batch? { try queue.next() }
}

/// The state that the threads of one stream share.
///
/// Work is handed out sample by sample in the plan's order, so results do not depend on how many
/// threads there are; whoever finishes a batch's last sample puts the batch together.
final class LoaderQueue<Kind: VisionTask>: @unchecked Sendable {
  private struct Gathering {
    var samples: [Kind.Entity?]
    /// The error of the earliest sample that failed.
    var failure: (offset: Int, error: any Error)?
    var missingCount: Int
  }

  private let job: LoadingJob<Kind>
  private let batchesAhead: Int
  private let start: ThreadStart

  // All below is guarded by `condition`.
  private let condition = NSCondition()
  private var nextPosition = 0
  private var nextBatch = 0
  private var currentBatch = 0
  private var gatherings: [Int: Gathering] = [:]
  private var finished: [Int: Result<Kind.Batch?, any Error>] = [:]
  private var isStopped = false
  private var threadCount = 0

  init(job: LoadingJob<Kind>, batchesAhead: Int, start: @escaping ThreadStart) {
    self.job = job
    self.batchesAhead = batchesAhead
    self.start = start
    nextBatch = min(job.firstBatch, job.plan.batches.count)
    currentBatch = nextBatch
    if nextBatch < job.plan.batches.count {
      nextPosition = job.plan.batches[nextBatch].lowerBound
    }
  }

  /// Threads that have not ended.
  var liveThreadCount: Int { condition.withLock { threadCount } }

  /// Samples that were begun, and how many may be by now; for tests of the bound.
  var startedSampleCount: (count: Int, limit: Int) {
    condition.withLock {
      let last = min(currentBatch + batchesAhead, job.plan.batches.count)
      return (nextPosition, last == 0 ? 0 : job.plan.batches[last - 1].upperBound)
    }
  }

  /// Starts a thread that loads samples.
  ///
  /// Where the system gives no more threads, whoever asks for a batch loads it.
  func startThread(_ number: Int) {
    condition.withLock { threadCount += 1 }
    let end: @Sendable () -> Void = { [self] in
      condition.withLock {
        threadCount -= 1
        condition.broadcast()
      }
    }
    do {
      try start("otx-loader-\(number)") { [self] in
        work()
        end()
      }
    } catch {
      end()
    }
  }

  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
      while threadCount > 0 { condition.wait() }
      gatherings = [:]
      finished = [:]
    }
  }

  func next() throws -> Kind.Batch? {
    while true {
      guard let result = takeBatch() else { return nil }
      // A batch of which nothing is left is passed over.
      if let batch = try result.get() { return batch }
    }
  }

  /// The next batch in order, `nil` after the last; waits for it, or works where no thread does.
  private func takeBatch() -> Result<Kind.Batch?, any Error>? {
    condition.lock()
    defer { condition.unlock() }
    guard currentBatch < job.plan.batches.count else { return nil }
    while finished[currentBatch] == nil {
      if threadCount == 0 {
        condition.unlock()
        workOnce()
        condition.lock()
      } else {
        condition.wait()
      }
    }
    guard let result = finished[currentBatch] else { return nil }
    if case .failure = result {
      // An error ends the epoch; asking again gives the same error.
      isStopped = true
    } else {
      finished[currentBatch] = nil
      currentBatch += 1
    }
    condition.broadcast()
    return result
  }

  private func work() {
    while workOnce() {}
  }

  /// Takes the next sample and loads it.
  ///
  /// - Returns: Whether there may be more to do.
  @discardableResult
  private func workOnce() -> Bool {
    guard let (batch, position) = takeSample() else { return false }
    let offset = position - job.plan.batches[batch].lowerBound
    let result = Result { try job.entity(at: position, ofBatch: batch) }
    guard let complete = put(result, batch: batch, offset: offset) else { return true }
    let collated = LoaderQueue.collate(complete)
    condition.withLock {
      finished[batch] = collated
      condition.broadcast()
    }
    return true
  }

  private func takeSample() -> (batch: Int, position: Int)? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      guard !isStopped, nextBatch < job.plan.batches.count else { return nil }
      if nextBatch < currentBatch + batchesAhead { break }
      condition.wait()
    }
    let (batch, position) = (nextBatch, nextPosition)
    let range = job.plan.batches[batch]
    if position == range.lowerBound {
      gatherings[batch] = Gathering(
        samples: [Kind.Entity?](repeating: nil, count: range.count),
        missingCount: range.count
      )
    }
    nextPosition += 1
    if nextPosition == range.upperBound { nextBatch += 1 }
    return (batch, position)
  }

  /// Puts a sample into its batch; returns the batch when it was the last one missing.
  private func put(
    _ result: Result<Kind.Entity?, any Error>,
    batch: Int,
    offset: Int
  ) -> Gathering? {
    condition.withLock {
      // Taken out while it changes: otherwise the samples would be copied.
      guard var gathering = gatherings.removeValue(forKey: batch) else { return nil }
      switch result {
      case .success(let entity): gathering.samples[offset] = entity
      case .failure(let error):
        if offset < gathering.failure?.offset ?? .max { gathering.failure = (offset, error) }
      }
      gathering.missingCount -= 1
      if gathering.missingCount == 0 { return gathering }
      gatherings[batch] = gathering
      return nil
    }
  }

  private static func collate(_ gathering: Gathering) -> Result<Kind.Batch?, any Error> {
    if let failure = gathering.failure { return .failure(failure.error) }
    let samples = gathering.samples.compactMap { $0 }
    return Result { samples.isEmpty ? nil : try Kind.Batch(collating: samples) }
  }
}

extension String {
  /// Why a picture cannot be read, as a sentence.
  var aboutPicture: String { hasPrefix("the file ") ? self : "the picture \(self)" }
}
