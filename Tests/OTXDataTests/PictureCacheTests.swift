import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Kept and reduced pictures")
struct PictureCacheTests {
  /// A written dataset of drawn shapes.
  private func shapes(_ folder: TemporaryFolder, size: ImageSize) throws -> Dataset {
    let sample = SampleDataset(counts: [.train: 6, .val: 3], size: size)
    try COCOFormat().write(try sample.detection(), to: folder.url)
    return try folder.read()
  }

  private func module(
    _ dataset: Dataset,
    cache: PictureCache?,
    reduced: ReducedDecoding = .off,
    augmentations: [Augmentation] = [.minIoURandomCrop(), .horizontalFlip()]
  ) throws -> DataModule<Detection> {
    try DataModule<Detection>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 48)),
      augmentations: augmentations,
      batchSize: 4,
      workerCount: 2,
      reducedDecoding: reduced,
      cache: cache
    )
  }

  private func batches(
    _ module: DataModule<Detection>,
    _ subset: Subset,
    _ mode: BatchMode
  ) throws -> [Detection.Batch] {
    let stream = try module.batches(subset, mode: mode)
    var result: [Detection.Batch] = []
    while let batch = try stream.next() { result.append(batch) }
    return result
  }

  @Test("batches are the same with a cache, a small cache and none")
  func sameBatches() throws {
    let folder = try TemporaryFolder()
    let dataset = try shapes(folder, size: ImageSize(height: 48, width: 64))
    let pictureBytes = 48 * 64 * 3
    let plain = try module(dataset, cache: nil)
    for byteLimit in [1 << 20, 3 * pictureBytes, pictureBytes - 1] {
      let cache = PictureCache(byteLimit: byteLimit)
      let cached = try module(dataset, cache: cache)
      for epoch in 0..<3 {
        let mode = BatchMode.training(epoch: epoch)
        let (expected, found) = (
          try batches(plain, .train, mode), try batches(cached, .train, mode)
        )
        #expect(found.map(\.images) == expected.map(\.images))
        #expect(
          found.map { $0.entities.map(\.objects) } == expected.map { $0.entities.map(\.objects) }
        )
        let (truth, kept) = (
          try batches(plain, .val, .evaluation), try batches(cached, .val, .evaluation)
        )
        #expect(kept.map(\.images) == truth.map(\.images))
        #expect(kept.map(\.frames) == truth.map(\.frames))
      }
      #expect(cache.figures.byteCount <= byteLimit)
    }
  }

  @Test("a full cache keeps what it has: each epoch finds as many pictures")
  func stableHits() throws {
    let folder = try TemporaryFolder()
    let dataset = try shapes(folder, size: ImageSize(height: 48, width: 64))
    let cache = PictureCache(byteLimit: 4 * 48 * 64 * 3 + 100)
    let module = try module(dataset, cache: cache)
    var hits: [Int] = []
    for epoch in 0..<4 {
      _ = try batches(module, .train, .training(epoch: epoch))
      hits.append(cache.figures.hits)
    }
    #expect(hits == [0, 4, 8, 12])
    #expect(cache.summary?.contains("4 pictures") ?? false)
  }

  @Test("the limit is what the user says, what is free, and no more than the pictures need")
  func limits() throws {
    let folder = try TemporaryFolder()
    let dataset = try shapes(folder, size: ImageSize(height: 48, width: 64))
    let needed = 9 * 48 * 64 * 3
    func limit(_ limit: CacheLimit, memory: Int = 0, free: Int? = 1 << 40) -> Int {
      PictureCache.byteLimit(limit, for: dataset, memoryLimit: memory, availableBytes: free)
    }
    #expect(limit(.none) == 0)
    #expect(limit(.auto) == needed)
    #expect(limit(.bytes(1000)) == 1000)
    #expect(limit(.auto, free: 4000) == 1000)
    #expect(limit(.auto, memory: 2000) == 500)
    #expect(limit(.auto, free: nil) == 0)
    #expect(PictureCache.memoryLimit(0, lessCache: 0, attainableBytes: 1000) == 0)
    #expect(PictureCache.memoryLimit(1000, lessCache: 200, attainableBytes: 5000) == 800)
    #expect(PictureCache.memoryLimit(0, lessCache: 200, attainableBytes: 1000) == 700)
    #expect(PictureCache.memoryLimit(1000, lessCache: 900, attainableBytes: 5000) == 500)
  }

  @Test("reduced decoding moves boxes with the picture", arguments: [ReducedDecoding.auto, .on])
  func reducedBoxes(_ reduced: ReducedDecoding) throws {
    let folder = try TemporaryFolder()
    var image = Image(size: ImageSize(height: 403, width: 597), red: 20, green: 20, blue: 20)
    // A white square; the box around it.
    for y in 96..<208 {
      for index in (y * 597 + 200) * 3..<(y * 597 + 344) * 3 { image.pixels[index] = 255 }
    }
    let file = try folder.write(Data(ImageFile.jpeg(image)), to: "a.jpg")
    let item = DatasetItem(
      id: "a.jpg",
      image: .file(file),
      size: image.size,
      annotations: [.box(BoundingBox(200, 96, 344, 208), label: "square")]
    )
    let dataset = Dataset(
      format: "",
      root: folder.url,
      labels: LabelInfo(names: ["square"]),
      items: [.train: [item], .val: [item]]
    )
    let module = try module(dataset, cache: nil, reduced: reduced, augmentations: [])
    let full = try self.module(dataset, cache: nil, augmentations: [])
    let mode = BatchMode.training(epoch: 0)
    let (entity, whole) = (
      try #require(try batches(module, .train, mode).first),
      try #require(try batches(full, .train, mode).first)
    )
    let box = try #require(entity.entities.first?.objects.first?.box)
    let expected = try #require(whole.entities.first?.objects.first?.box)
    for (a, b) in [(box.x1, expected.x1), (box.y1, expected.y1), (box.x2, expected.x2)] {
      #expect(abs(a - b) < 0.15)
    }
    // White lies where the box is.
    func pixel(_ y: Float, _ x: Float) -> UInt8 {
      entity.images.pixels[(Int(y) * 48 + Int(x)) * 3]
    }
    #expect(pixel((box.y1 + box.y2) / 2, box.x1 + 1.5) > 200)
    #expect(pixel((box.y1 + box.y2) / 2, box.x1 - 2) < 60)
    #expect(pixel(box.y2 - 1.5, (box.x1 + box.x2) / 2) > 200)
    #expect(pixel(box.y2 + 2, (box.x1 + box.x2) / 2) < 60)

    // Predictions are mapped back to the whole picture.
    let frame = try #require(try batches(module, .val, .evaluation).first?.frames.first)
    #expect(frame.originalSize == image.size)
    let back = frame.original(BoundingBox(box.x1, box.y1, box.x2, box.y2))
    #expect(abs(back.x1 - 200) < 3 && abs(back.y2 - 208) < 3)
  }

  @Test("pictures are reduced only as far as every step bears it")
  func reductions() {
    let preprocessing = Preprocessing(inputSize: ImageSize(height: 100, width: 200))
    func size(_ steps: [Augmentation]) -> ImageSize? {
      preprocessing.smallestDecodedSize(before: steps)
    }
    #expect(size([]) == ImageSize(height: 200, width: 400))
    #expect(size([.horizontalFlip(), .mosaic()]) == ImageSize(height: 200, width: 400))
    var crop = RandomResizedCrop()
    crop.scale = [0.0625, 1]
    #expect(size([.randomResizedCrop(crop)]) == ImageSize(height: 400, width: 800))
    var pad = Pad()
    pad.height = 50
    #expect(size([.pad(pad)]) == nil)
  }

  @Test("free memory is the least of the machine's and its control groups'")
  func systemMemory() throws {
    let root = try TemporaryFolder()
    #expect(SystemMemory.availableBytes(root: root.url) == nil)
    try root.write("MemTotal: 100 kB\nMemAvailable:    50 kB\n", to: "proc/meminfo")
    #expect(SystemMemory.availableBytes(root: root.url) == 50 * 1024)
    try root.write("0::/jobs/7\n", to: "proc/self/cgroup")
    try root.write("max\n", to: "sys/fs/cgroup/jobs/memory.max")
    #expect(SystemMemory.availableBytes(root: root.url) == 50 * 1024)
    try root.write("30000\n", to: "sys/fs/cgroup/jobs/7/memory.max")
    try root.write("10000\n", to: "sys/fs/cgroup/jobs/7/memory.current")
    #expect(SystemMemory.availableBytes(root: root.url) == 20000)
    // Files in memory make way.
    try root.write(
      "anon 5\ninactive_file 1000\nactive_file 500\n",
      to: "sys/fs/cgroup/jobs/7/memory.stat"
    )
    #expect(SystemMemory.availableBytes(root: root.url) == 21500)
    #expect(SystemMemory.attainableBytes(root: root.url) == 30000)
    try root.write("9000\n", to: "sys/fs/cgroup/memory/memory.limit_in_bytes")
    #expect(SystemMemory.availableBytes(root: root.url) == 9000)
    #expect(SystemMemory.attainableBytes(root: root.url) == 9000)
    #expect((SystemMemory.availableBytes() ?? 0) > 0)
  }
}
