import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Tiles")
struct TilingTests {
  private func tiling(_ side: Int, overlap: Double = 0.2, full: Bool = false) -> Tiling {
    Tiling(
      tileSize: ImageSize(height: side, width: side),
      overlap: overlap,
      withFullImage: full
    )
  }

  private func grid(_ height: Int, _ width: Int, _ tiling: Tiling) -> TileGrid {
    TileGrid(ImageSize(height: height, width: width), tiling)
  }

  @Test(
    "tiles stand a stride apart, the last ones moved inside",
    arguments: [
      (400, [0]), (401, [0, 1]), (399, [0]), (720, [0, 320]), (721, [0, 320, 321]),
      (1000, [0, 320, 600]), (1041, [0, 320, 640, 641]), (1, [0]),
    ]
  )
  func positions(length: Int, starts: [Int]) {
    let wide = grid(100, length, tiling(400))
    let regions = (0..<wide.count).map { wide[$0] }
    #expect(regions.map(\.x) == starts)
    #expect(regions.allSatisfy { $0.width == min(400, length) && $0.y == 0 && $0.height == 100 })
    let high = grid(length, 100, tiling(400))
    #expect((0..<high.count).map { high[$0].y } == starts)
  }

  @Test("rows and columns are counted on their own, the whole picture comes last")
  func wholePicture() {
    let grid = grid(500, 900, tiling(400, full: true))
    #expect((grid.rowCount, grid.columnCount, grid.count) == (2, 3, 7))
    #expect(grid[4] == PixelRegion(y: 100, x: 320, height: 400, width: 400))
    #expect(grid[6] == PixelRegion(y: 0, x: 0, height: 500, width: 900))
    #expect(self.grid(300, 400, tiling(400, full: true)).count == 1)
  }

  @Test("every point is in a tile, and the tiles that a box touches are found", arguments: 0..<40)
  func coverage(seed: UInt64) {
    var generator = CounterGenerator(seed: seed)
    let size = ImageSize(
      height: 1 + generator.index(below: 900),
      width: 1 + generator.index(below: 900)
    )
    let tiling = Tiling(
      tileSize: ImageSize(
        height: 40 + generator.index(below: 300),
        width: 40 + generator.index(below: 300)
      ),
      overlap: Double(generator.index(below: 10)) / 10,
      withFullImage: seed % 2 == 0
    )
    let grid = TileGrid(size, tiling)
    let regions = (0..<grid.count).map { grid[$0] }
    #expect(regions.allSatisfy { $0.isInside(size) })
    for _ in 0..<50 {
      let x = Float(generator.unit()) * Float(size.width)
      let y = Float(generator.unit()) * Float(size.height)
      let box = BoundingBox(
        x - Float(generator.unit()) * 90,
        y - Float(generator.unit()) * 90,
        x + 0.5,
        y + 0.5
      ).clipped(to: size)
      let touched = regions.indices.filter { regions[$0].overlaps(box) }
      #expect(grid.tiles(touching: box) == touched)
      guard box.area > 0 else { continue }
      let showing = touched.filter { grid.shows(box, isCrowd: false, in: $0) }
      #expect(!showing.isEmpty, "some tile is taught \(box)")
      // Its middle lies in one of them.
      let (middleX, middleY) = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
      #expect(
        showing.contains { index in
          let tile = regions[index].box
          return middleX >= tile.x1 && middleX < tile.x2 && middleY >= tile.y1 && middleY < tile.y2
        }
      )
    }
  }

  @Test("a tile is taught what it shows half of; what no tile does, goes to where its middle is")
  func halfShown() {
    // Tiles at 0 and 60, of 100.
    let grid = grid(100, 160, tiling(100, overlap: 0.4))
    func tiles(_ x1: Float, _ x2: Float, isCrowd: Bool = false) -> [Int] {
      (0..<grid.count).filter {
        grid.shows(BoundingBox(x1, 10, x2, 20), isCrowd: isCrowd, in: $0)
      }
    }
    #expect(tiles(70, 90) == [0, 1])
    #expect(tiles(50, 70) == [0, 1], "exactly half")
    #expect(tiles(49, 69) == [0])
    #expect(tiles(95, 120) == [1])
    #expect(tiles(95, 120, isCrowd: true) == [0, 1])
    let apart = self.grid(200, 200, tiling(100, overlap: 0))
    let middle = BoundingBox(70, 70, 132, 132)
    #expect((0..<4).filter { apart.shows(middle, isCrowd: false, in: $0) } == [3])
  }

  // MARK: Samples

  private let preprocessing = Preprocessing(inputSize: ImageSize(height: 64, width: 64))

  private func dataset(_ count: Int = 3) throws -> Dataset {
    try SampleDataset(
      counts: [.train: count, .val: 2],
      size: ImageSize(height: 150, width: 230)
    ).detection()
  }

  private func module(
    _ dataset: Dataset,
    workerCount: Int = 2,
    augmentations: [Augmentation] = [],
    tiling: Tiling? = nil,
    ratio: Double = 1,
    sampler: Sampler = .shuffle
  ) throws -> DataModule<Detection> {
    try DataModule(
      dataset: dataset,
      preprocessing: preprocessing,
      augmentations: augmentations,
      batchSize: 4,
      workerCount: workerCount,
      sampler: sampler,
      tiling: tiling ?? self.tiling(64),
      tileSamplingRatio: ratio,
      onProblem: { _ in }
    )
  }

  private func entities(
    _ module: DataModule<Detection>,
    _ mode: BatchMode,
    _ subset: Subset = .train
  ) throws -> [Detection.Entity] {
    let stream = try module.batches(subset, mode: mode)
    var result: [Detection.Entity] = []
    while let batch = try stream.next() {
      let stride = batch.images.pixels.count / batch.count
      for (index, entity) in batch.entities.enumerated() {
        var entity = entity
        let pixels = Array(batch.images.pixels[index * stride..<(index + 1) * stride])
        entity.image = Image(size: batch.images.size, pixels: pixels)
        result.append(entity)
      }
    }
    return result
  }

  private func content(_ entities: [Detection.Entity]) -> [String] {
    entities.map { "\($0.frame) \($0.objects) \($0.image.pixels.hashValue)" }
  }

  @Test("training sees each tile once: its own pixels, its objects cut at its sides")
  func training() throws {
    let dataset = try dataset()
    let module = try module(dataset)
    let items = try #require(dataset.items[.train])
    let found = try entities(module, .training(epoch: 0))
    let grid = TileGrid(ImageSize(height: 150, width: 230), tiling(64))
    #expect(found.count == 3 * grid.count)
    #expect(module.itemCount(.train) == 3)
    #expect(module.sampleCount(.train) == 3 * grid.count)
    var seen: Set<String> = []
    for entity in found {
      let item = try #require(items.first { $0.id == entity.frame.itemID })
      let (y, x) = (Int(-entity.frame.offsetY), Int(-entity.frame.offsetX))
      seen.insert("\(item.id) \(y) \(x)")
      let region = PixelRegion(y: y, x: x, height: 64, width: 64)
      #expect(entity.image == (try item.picture().cropped(to: region)))
      let index = try #require((0..<grid.count).first { grid[$0] == region })
      let expected = item.annotations.compactMap(\.box)
        .filter { grid.shows($0, isCrowd: false, in: index) }
        .map {
          BoundingBox(
            $0.x1 - Float(x),
            $0.y1 - Float(y),
            $0.x2 - Float(x),
            $0.y2 - Float(y)
          ).clipped(to: region.size)
        }
      #expect(entity.objects.map(\.box) == expected)
    }
    #expect(seen.count == found.count)
    let boxes = module.annotatedBoxes(.train)
    #expect(boxes.count == found.reduce(0) { $0 + $1.objects.count })
  }

  @Test("results do not depend on the number of threads; epochs differ")
  func threads() throws {
    let dataset = try dataset()
    let steps: [Augmentation] = [.mosaic(), .horizontalFlip(), .mixUp()]
    let expected = content(
      try entities(module(dataset, workerCount: 0, augmentations: steps), .training(epoch: 2))
    )
    for count in [1, 3] {
      let module = try module(dataset, workerCount: count, augmentations: steps)
      #expect(content(try entities(module, .training(epoch: 2))) == expected)
      #expect(content(try entities(module, .training(epoch: 3))) != expected)
    }
  }

  @Test("an epoch takes a share of the empty tiles, others each time, and all that have objects")
  func emptyTiles() throws {
    let dataset = try dataset()
    let all = try entities(module(dataset), .training(epoch: 0))
    let emptyCount = all.count { $0.objects.isEmpty }
    #expect(emptyCount > 8)
    let module = try module(dataset, ratio: 0.25)
    func places(_ epoch: Int) throws -> (empty: Set<String>, full: Int) {
      let found = try entities(module, .training(epoch: epoch))
      let empty = found.filter(\.objects.isEmpty).map { "\($0.frame)" }
      return (Set(empty), found.count - empty.count)
    }
    let (first, second) = (try places(0), try places(1))
    #expect(first.empty.count == Int((Double(emptyCount) / 4).rounded()))
    #expect(second.empty.count == first.empty.count)
    #expect(first.empty != second.empty)
    #expect(first.full == all.count - emptyCount)
    #expect(second.full == first.full)
    let none = try self.module(dataset, ratio: 0)
    #expect(try entities(none, .training(epoch: 0)).allSatisfy { !$0.objects.isEmpty })
    // Evaluation looks everywhere.
    #expect(try entities(none, .evaluation).count == all.count)
  }

  @Test("one decoded picture serves all its tiles, whatever the threads and the order")
  func decodedOnce() throws {
    let folder = try TemporaryFolder()
    var dataset = try dataset(5)
    dataset.items[.train] = try dataset.items[.train]?.enumerated().map { index, item in
      var item = item
      let bytes = try ImageFile.jpeg(item.picture())
      item.image = .file(try folder.write(Data(bytes), to: "\(index).jpg"))
      return item
    }
    let samples = try SampleList(try #require(dataset.items[.train]), tiling: tiling(64))
    let pictures = DecodedPictures()
    let reader = TileReader(pictures: pictures)
    WorkerThreads.forEach(samples.count, threadCount: 4) { index in
      let source = samples[index]
      guard let tile = source.tile else { return }
      _ = try? reader.pixels(of: tile, in: source.item, enough: tile.region.size)
    }
    #expect(pictures.decodings == 5)
    // Room for one picture only: still no more than once for each, taken one after the other.
    let small = DecodedPictures(byteLimit: 150 * 230 * 3)
    for index in 0..<samples.count {
      let source = samples[index]
      let tile = try #require(source.tile)
      _ = try TileReader(pictures: small).pixels(
        of: tile,
        in: source.item,
        enough: tile.region.size
      )
    }
    #expect(small.decodings == 5)
  }

  @Test("a group of tiles needs no more memory than the budget, and every tile is taken")
  func order() throws {
    let items = (0..<40).map { index in
      DatasetItem(
        id: "\(index)",
        image: .file(URL(filePath: "/none/\(index).jpg")),
        size: ImageSize(height: 3000, width: 4000),
        annotations: []
      )
    }
    let samples = try SampleList(items, tiling: tiling(1000))
    let order = TileOrder(samples) { item, _ in item.id == "7" }
    let draws = (0..<samples.count).map { EpochSampler.Draw(index: $0) }
    let (arranged, groups) = order.arranged(draws, epoch: 0, seed: 1)
    #expect(arranged.map(\.index).sorted() == draws.map(\.index))
    // Five pictures of 36 MB fit into 192 MiB; of one picture each row is a part of its own.
    #expect((8...10).contains(groups.count))
    for group in groups {
      let pictures = Set(arranged[group].map { samples.place(of: $0.index).item })
      #expect(pictures.count >= 2 && pictures.subtracting([7]).count <= 5)
    }
    let other = order.arranged(draws, epoch: 1, seed: 1)
    #expect(other.draws.map(\.index) != arranged.map(\.index))
  }

  @Test("a picture of which a part cannot be read is left out whole, and named once")
  func damaged() throws {
    let folder = try TemporaryFolder()
    var dataset = try dataset()
    let bytes = Data(try ImageFile.jpeg(try #require(dataset.items[.val]?[0]).picture()))
    let url = try folder.write(bytes.prefix(bytes.count / 2), to: "half.jpg")
    dataset.items[.val]?[0].image = .file(url)
    let module = try module(dataset)
    let found = try entities(module, .evaluation, .val)
    #expect(Set(found.map(\.frame.itemID)).count == 1)
  }

  // MARK: Putting together

  /// Says of a tile what it was taught, the surer the more it shows.
  private func perfect(_ entity: Detection.Entity, _ truth: [Detection.LabeledBox])
    -> Detection.Prediction
  {
    let frame = entity.frame
    let tile = frame.original(BoundingBox(0, 0, 64, 64))
    let objects = truth.compactMap { object -> Detection.ScoredBox? in
      let box = BoundingBox(
        max(object.box.x1, tile.x1),
        max(object.box.y1, tile.y1),
        min(object.box.x2, tile.x2),
        min(object.box.y2, tile.y2)
      )
      let share = box.width > 0 && box.height > 0 ? box.area / object.box.area : 0
      guard share >= 0.5 else { return nil }
      return Detection.ScoredBox(box: box, label: object.label, score: 0.2 + 0.7 * share)
    }
    return Detection.Prediction(objects: objects)
  }

  @Test("a model that answers perfectly on tiles finds every object of the pictures once")
  func perfectModel() throws {
    // Objects of up to 16 pixels, tiles that share 32.
    var dataset = try SampleDataset(
      counts: [.val: 4],
      size: ImageSize(height: 150, width: 230)
    ).detection()
    for index in 0..<4 {
      var generator = CounterGenerator(seed: 9, UInt64(index))
      dataset.items[.val]?[index].annotations = (0..<30).map { number in
        let x = Float(number % 6 * 38) + Float(generator.unit()) * 18
        let y = Float(number / 6 * 29) + Float(generator.unit()) * 10
        let side = 4 + Float(generator.unit()) * 12
        return .box(
          BoundingBox(x, y, x + side, y + side),
          label: SampleDataset.labels.names[number % 3]
        )
      }
    }
    for full in [false, true] {
      let tiling = tiling(64, overlap: 0.5, full: full)
      let module = try module(dataset, tiling: tiling)
      var gatherer = TileGatherer<Detection>(module.tiling)
      var score = DetectionScore(labels: dataset.labels)
      var (pictureCount, objectCount) = (0, 0)
      var truth: [Detection.LabeledBox] = []
      let stream = try module.batches(.val, mode: .evaluation)
      while let batch = try stream.next() {
        let predictions = batch.entities.map { entity in
          if entity.frame.tileIndex == 0 { truth = entity.objects }
          return perfect(entity, truth)
        }
        let whole = gatherer.add(predictions, batch.entities)
        score.update(whole.predictions, whole.entities)
        pictureCount += whole.entities.count
        objectCount += whole.predictions.reduce(0) { $0 + $1.objects.count }
      }
      #expect(pictureCount == 4)
      #expect(objectCount == 120)
      let report = score.compute(confidenceThreshold: 0.5)
      #expect(abs((report.values["map"] ?? 0) - 1) < 1e-9)
      #expect(report.values["f-measure"] == 1)
    }
  }

  @Test("merging is by label, by score, and ends at the most objects")
  func merging() throws {
    let merge = try #require(Detection.tileMerge)
    func object(_ x: Float, _ label: Int, _ score: Float) -> Detection.ScoredBox {
      Detection.ScoredBox(box: BoundingBox(x, 0, x + 10, 10), label: label, score: score)
    }
    let parts = [
      Detection.Prediction(objects: [object(0, 0, 0.9), object(50, 1, 0.4)]),
      Detection.Prediction(objects: [object(1, 0, 0.95), object(1, 1, 0.7), object(7, 0, 0.3)]),
    ]
    var tiling = tiling(64)
    #expect(
      merge(parts, tiling).objects
        == [object(1, 0, 0.95), object(1, 1, 0.7), object(50, 1, 0.4), object(7, 0, 0.3)]
    )
    tiling.maximumInstanceCount = 2
    #expect(merge(parts, tiling).objects == [object(1, 0, 0.95), object(1, 1, 0.7)])
    #expect(merge([parts[0]], tiling) == parts[0])
  }

  @Test("a task that sees pictures whole refuses tiles, and says so")
  func classification() throws {
    let dataset = try SampleDataset(counts: [.train: 2, .val: 2]).classification()
    let error = #expect(throws: ConfigurationError.self) {
      try DataModule<MultiClassClassification>(
        dataset: dataset,
        preprocessing: preprocessing,
        tiling: tiling(64)
      )
    }
    #expect(error?.description.contains("data.tiling.enabled") == true)
  }

  @Test("too many tiles are a mistake that is named")
  func tooMany() throws {
    let item = DatasetItem(
      id: "a",
      image: .file(URL(filePath: "/none/a.tif")),
      size: ImageSize(height: 100_000, width: 100_000),
      annotations: []
    )
    #expect(throws: ConfigurationError.self) {
      try SampleList([item], tiling: tiling(40, overlap: 0.9))
    }
  }
}
