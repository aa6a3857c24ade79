import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Synchronization
import Testing

@testable import OTXData

@Suite("Loading batches")
struct LoaderTests {
  private let preprocessing = Preprocessing(inputSize: ImageSize(height: 32, width: 40))

  private func dataset(_ count: Int = 11) throws -> Dataset {
    try SampleDataset(
      counts: [.train: count, .val: 5],
      size: ImageSize(height: 48, width: 64)
    ).detection()
  }

  private func module(
    _ dataset: Dataset,
    batchSize: Int = 4,
    seed: Int = 0,
    workerCount: Int = 2,
    byteBudget: Int = 1 << 20
  ) throws -> DataModule<Detection> {
    try DataModule(
      dataset: dataset,
      preprocessing: preprocessing,
      augmentations: [.minIoURandomCrop(), .horizontalFlip(), .photometricDistortion()],
      batchSize: batchSize,
      seed: seed,
      workerCount: workerCount,
      byteBudget: byteBudget
    )
  }

  private func all(
    _ module: DataModule<Detection>,
    _ subset: Subset = .train,
    _ mode: BatchMode = .training(epoch: 0)
  ) throws -> [Detection.Batch] {
    let stream = try module.batches(subset, mode: mode)
    var batches: [Detection.Batch] = []
    while let batch = try stream.next() { batches.append(batch) }
    #expect(try stream.next() == nil, "the end stays the end")
    return batches
  }

  private func content(_ batches: [Detection.Batch]) -> [[String]] {
    batches.map { batch in
      batch.entities.map { "\($0.frame) \($0.objects)" } + ["\(batch.images.pixels.hashValue)"]
    }
  }

  @Test("what comes out does not depend on the number of threads")
  func sameForAnyWorkerCount() throws {
    let dataset = try dataset()
    for mode in [BatchMode.training(epoch: 3), .evaluation] {
      let expected = content(try all(module(dataset, workerCount: 0), .train, mode))
      for workerCount in [1, 2, 5] {
        let found = content(try all(module(dataset, workerCount: workerCount), .train, mode))
        #expect(found == expected, "\(workerCount) threads")
      }
      // Nor on how far they may go ahead.
      #expect(content(try all(module(dataset, byteBudget: 0), .train, mode)) == expected)
    }
  }

  @Test("epochs and seeds differ, repeats do not")
  func randomness() throws {
    let dataset = try dataset()
    let module = try module(dataset)
    let first = content(try all(module, .train, .training(epoch: 0)))
    #expect(content(try all(module, .train, .training(epoch: 0))) == first)
    #expect(content(try all(module, .train, .training(epoch: 1))) != first)
    #expect(content(try all(self.module(dataset, seed: 1), .train, .training(epoch: 0))) != first)
  }

  @Test("an item's augmentation depends on seed, epoch and item, not on its batch")
  func augmentationOfAnItem() throws {
    let dataset = try dataset()
    func pictures(_ batchSize: Int) throws -> [String: Int] {
      var result: [String: Int] = [:]
      for batch in try all(module(dataset, batchSize: batchSize)) {
        let stride = batch.images.pixels.count / batch.count
        for (index, entity) in batch.entities.enumerated() {
          let pixels = batch.images.pixels[index * stride..<(index + 1) * stride]
          result[entity.frame.itemID] = Array(pixels).hashValue
        }
      }
      return result
    }
    #expect(try pictures(1) == pictures(4))
  }

  @Test("every item once an epoch; in order for evaluation, annotations as they are")
  func everyItemOnce() throws {
    let dataset = try dataset()
    let module = try module(dataset)
    let ids = try #require(dataset.items[.train]).map(\.id)
    let trained = try all(module).flatMap { $0.entities.map(\.frame.itemID) }
    #expect(trained != ids)
    #expect(trained.sorted() == ids.sorted())
    let evaluated = try all(module, .train, .evaluation).flatMap(\.entities)
    #expect(evaluated.map(\.frame.itemID) == ids)
    for (index, entity) in evaluated.enumerated() {
      #expect(entity.objects.map(\.box) == dataset.boxes(.train, index))
      #expect(entity.image == .empty)
    }
    #expect(module.itemCount(.train) == 11)
    #expect(module.batchCount(.train, mode: .evaluation) == 3)
    #expect(module.itemCount(.test) == 0)
  }

  @Test("no training batch of one item, where there is another way")
  func batchPlan() {
    func sizes(_ count: Int, _ batchSize: Int, _ mode: BatchMode) -> [Int] {
      shuffledPlan(count, batchSize, mode, seed: 0).batches.map(\.count)
    }
    let training = BatchMode.training(epoch: 0)
    #expect(sizes(17, 8, .evaluation) == [8, 8, 1])
    #expect(sizes(17, 8, training) == [8, 7, 2])
    #expect(sizes(18, 8, training) == [8, 8, 2])
    #expect(sizes(16, 8, training) == [8, 8])
    #expect(sizes(5, 2, training) == [2, 3])
    #expect(sizes(3, 2, training) == [3])
    #expect(sizes(1, 8, training) == [1])
    #expect(sizes(3, 1, training) == [1, 1, 1])
    #expect(sizes(0, 8, training) == [])
    for count in 1...40 {
      for batchSize in 2...9 {
        let plan = shuffledPlan(count, batchSize, training, seed: 4)
        #expect(plan.batches.flatMap { Array($0) } == Array(0..<count))
        #expect(plan.order.sorted() == Array(0..<count))
        #expect(count == 1 || plan.batches.allSatisfy { $0.count > 1 })
        #expect(plan.batches.allSatisfy { $0.count <= max(batchSize, 3) })
      }
    }
  }

  @Test("dropping a stream ends its threads, wherever it stands")
  func threadsEnd() throws {
    let module = try module(dataset(40), batchSize: 2, workerCount: 3)
    for taken in [0, 1, 5, 100] {
      var stream = try module.batches(.train, mode: .training(epoch: 0)) as? LoaderStream<Detection>
      let queue = try #require(stream?.queue)
      for _ in 0..<taken { _ = try stream?.next() }
      // Threads count once they run; with work left, all of them do before long.
      if taken < 5 {
        while queue.liveThreadCount < 3 { sched_yield() }
        #expect(queue.liveThreadCount == 3)
      }
      stream = nil
      #expect(queue.liveThreadCount == 0, "after \(taken) batches")
    }
  }

  @Test("no more is decoded ahead than the bound allows")
  func bound() throws {
    let bytes = 2 * 32 * 40 * 3
    let module = try module(dataset(40), batchSize: 2, workerCount: 4, byteBudget: 3 * bytes)
    let stream = try #require(
      try module.batches(.train, mode: .training(epoch: 0)) as? LoaderStream<Detection>
    )
    var batchCount = 0
    repeat {
      let started = stream.queue.startedSampleCount
      #expect(started.count <= started.limit)
      #expect(started.limit <= (batchCount + 3) * 2)
      batchCount += 1
    } while try stream.next() != nil
    #expect(batchCount == 21)
  }

  /// A dataset in files, one of them cut short after it was checked.
  private func damagedDataset(_ folder: TemporaryFolder) throws -> (Dataset, name: String) {
    try SampleDataset(
      counts: [.train: 6, .val: 2],
      size: ImageSize(height: 48, width: 64)
    ).drawDetection(at: folder.url)
    let dataset = try folder.read()
    let item = try #require(dataset.items[.train]?[2])
    let bytes = try Data(contentsOf: folder.url.appending(path: item.id))
    try folder.write(bytes.prefix(bytes.count / 2), to: item.id)
    return (dataset, item.id)
  }

  @Test("a picture that cannot be decoded is passed over and reported once")
  func damagedPicture() throws {
    let folder = try TemporaryFolder()
    let (dataset, name) = try damagedDataset(folder)
    let reported = Reported()
    let module = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: preprocessing,
      batchSize: 2,
      onProblem: { reported.add($0) }
    )
    for epoch in 0..<2 {
      let batches = try all(module, .train, .training(epoch: epoch))
      #expect(batches.map(\.count) == [2, 2, 2], "another takes its place")
      #expect(!batches.flatMap(\.frames).map(\.itemID).contains(name))
    }
    let evaluated = try all(module, .train, .evaluation).flatMap(\.frames).map(\.itemID)
    #expect(evaluated.count == 5 && !evaluated.contains(name))
    #expect(reported.all.map(\.location) == [name])
    #expect(reported.all.first?.message.contains("Premature end of JPEG file") ?? false)
  }

  private final class Reported: Sendable {
    private let problems = Mutex<[DatasetProblem]>([])
    func add(_ problem: DatasetProblem) { problems.withLock { $0.append(problem) } }
    var all: [DatasetProblem] { problems.withLock { $0 } }
  }

  @Test("every picture can be decoded once, to find what headers do not tell")
  func verification() throws {
    let folder = try TemporaryFolder()
    let (dataset, name) = try damagedDataset(folder)
    let steps = Mutex<[Int]>([])
    let problems = dataset.verifyPictures { done, total in
      steps.withLock { $0.append(done) }
      #expect(total == 8)
    }
    #expect(steps.withLock { $0.sorted() } == Array(1...8))
    #expect(problems.count == 1)
    #expect(problems[0].location.contains(URL(filePath: name).lastPathComponent))
  }

  @Test("augmentations without sense are refused before anything is loaded")
  func senselessAugmentations() throws {
    let dataset = try dataset(2)
    let senseless: [Augmentation] = [
      with(RandomResizedCrop()) { $0.scale = [] },
      with(RandomResizedCrop()) { $0.ratio = [2, 1] },
      .horizontalFlip(probability: 2),
      with(MinIoURandomCrop()) { $0.minimumCropSize = 0 },
      with(PhotometricDistortion()) { $0.contrast = [1] },
      with(PhotometricDistortion()) { $0.hue = .nan },
    ]
    for augmentation in senseless {
      #expect(throws: ConfigurationError.self, "\(augmentation)") {
        try DataModule<Detection>(
          dataset: dataset,
          preprocessing: preprocessing,
          augmentations: [augmentation]
        )
      }
    }
  }

  @Test("strictly, it is an error that names the file, and stays one")
  func strictlyDamaged() throws {
    let folder = try TemporaryFolder()
    let (dataset, name) = try damagedDataset(folder)
    for workerCount in [0, 3] {
      let module = try DataModule<Detection>(
        dataset: dataset,
        preprocessing: preprocessing,
        batchSize: 2,
        workerCount: workerCount,
        strict: true
      )
      let stream = try module.batches(.train, mode: .evaluation)
      #expect(try stream.next()?.count == 2)
      for _ in 0..<2 {
        let error = #expect(throws: DataError.self) { try stream.next() }
        #expect(error?.description.contains(name) ?? false)
      }
    }
  }

  @Test("when nothing can be decoded, training ends with an error")
  func nothingDecodes() throws {
    let folder = try TemporaryFolder()
    let (dataset, _) = try damagedDataset(folder)
    for item in dataset.items[.train] ?? [] { try folder.write("text", to: item.id) }
    let module = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: preprocessing,
      batchSize: 2,
      onProblem: { _ in }
    )
    let stream = try module.batches(.train, mode: .training(epoch: 0))
    #expect(throws: DataError.self) { try stream.next() }
    #expect(try module.batches(.train, mode: .evaluation).next() == nil)
  }

  @Test("subsets without usable items are errors that say why")
  func emptySubsets() throws {
    let detection = try module(dataset())
    let missing = #expect(throws: DataError.self) {
      try detection.batches(.test, mode: .evaluation)
    }
    #expect(missing?.description.contains("the test subset") ?? false)

    // Boxes do not make a class of a picture.
    let classes = try DataModule<MultiClassClassification>(
      dataset: dataset(),
      preprocessing: preprocessing
    )
    #expect(classes.problems.count == 16)
    let unusable = #expect(throws: DataError.self) {
      try classes.batches(.train, mode: .training(epoch: 0))
    }
    #expect(unusable?.description.contains("multi-class classification can use none") ?? false)

    // Pictures without a box: nothing to learn from, but something to be scored on.
    var bare = try dataset()
    for subset in bare.items.keys {
      bare.items[subset] = bare.items[subset]?.map { item in
        var item = item
        item.annotations = []
        return item
      }
    }
    bare.problems = [
      DatasetProblem(
        kind: "box without size",
        location: "a.json:7",
        message: "box 1 has no area",
        remedy: .leftOut
      )
    ]
    let module = try module(bare)
    let bareError = #expect(throws: DataError.self) {
      try module.check(.train, mode: .training(epoch: 0))
    }
    #expect(bareError?.description.contains("a.json:7: box 1 has no area") ?? false)
    #expect(throws: DataError.self) { try module.batches(.train, mode: .training(epoch: 0)) }
    try module.check(.train, mode: .evaluation)
    #expect(try all(module, .train, .evaluation).count == 3)
  }

  @Test("labels that the model lacks are an error that names them")
  func unknownLabels() throws {
    let error = #expect(throws: DataError.self) {
      try DataModule<Detection>(
        dataset: dataset(),
        labels: LabelInfo(names: ["circles", "square", "triangle"]),
        preprocessing: preprocessing
      )
    }
    #expect(error?.description.contains("unknown label 'circle', did you mean 'circles'?") ?? false)
    #expect(throws: ConfigurationError.self) { try module(dataset(), batchSize: 0) }
  }

  @Test("pictures of classes are handed out with their labels")
  func classification() throws {
    let dataset = try SampleDataset(counts: [.train: 7]).classification()
    let module = try DataModule<MultiClassClassification>(
      dataset: dataset,
      preprocessing: preprocessing,
      augmentations: [.randomResizedCrop(), .horizontalFlip()],
      batchSize: 3
    )
    let stream = try module.batches(.train, mode: .training(epoch: 0))
    var labels: [Int] = []
    while let batch = try stream.next() { labels += batch.entities.map(\.label) }
    #expect(labels.sorted() == [0, 0, 0, 1, 1, 2, 2])
  }
}
