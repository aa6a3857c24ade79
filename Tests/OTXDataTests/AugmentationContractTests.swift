import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// What every augmentation promises; the list is ``Augmentation/all``.
@Suite("Augmentation contract")
struct AugmentationContractTests {
  private let input = ImageSize(height: 32, width: 40)

  private static func list(for subject: AugmentationSubject) -> [Augmentation] {
    Augmentation.all.filter { [.all, subject].contains(type(of: $0.step).subject) }
  }
  private static let forBoxes = list(for: .boxes)
  private static let forWholePictures = list(for: .wholePictures)

  /// The picture with half of the contrast, so that there is something to stretch.
  private func dim(_ image: Image) -> Image {
    Image(size: image.size, pixels: image.pixels.map { 60 + $0 / 2 })
  }

  /// Pictures in memory with two boxes each; some have none.
  private func dataset(_ sizes: [ImageSize], boxes: Bool = true) throws -> Dataset {
    let items = sizes.enumerated().map { index, size in
      let (height, width) = (Float(size.height), Float(size.width))
      let objects: [Annotation] = [
        .box(BoundingBox(0, 0, width, height), label: "a"),
        .box(BoundingBox(width / 4, height / 3, width / 2, height), label: "b"),
      ]
      return DatasetItem(
        id: "item \(index)",
        image: .memory(dim(.patterned(size))),
        size: size,
        annotations: boxes && index % 4 != 3 ? objects : []
      )
    }
    var dataset = try SampleDataset(counts: [.train: 1]).detection()
    dataset.labels = LabelInfo(names: ["a", "b"])
    dataset.items = [.train: items]
    return dataset
  }

  private func entities(
    _ dataset: Dataset,
    _ augmentations: [Augmentation],
    epoch: Int = 0,
    workerCount: Int = 1,
    resize: ResizeMode = .fitToWindow
  ) throws -> (entities: [Detection.Entity], pixels: [[UInt8]]) {
    let module = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: input, resize: resize, padValue: 114),
      augmentations: augmentations,
      epochCount: 10,
      batchSize: 2,
      seed: 5,
      workerCount: workerCount
    )
    let stream = try module.batches(.train, mode: .training(epoch: epoch))
    var result: ([Detection.Entity], [[UInt8]]) = ([], [])
    while let batch = try stream.next() {
      #expect(batch.images.size == input)
      result.0 += batch.entities
      result.1.append(batch.images.pixels)
    }
    return result
  }

  private let odd = [
    ImageSize(height: 1, width: 1), ImageSize(height: 3, width: 2000),
    ImageSize(height: 40, width: 60), ImageSize(height: 33, width: 7),
    ImageSize(height: 500, width: 2), ImageSize(height: 64, width: 64),
  ]

  @Test("the same bytes with any number of threads", arguments: forBoxes)
  func threads(_ augmentation: Augmentation) throws {
    let dataset = try dataset(odd + odd)
    let alone = try entities(dataset, [augmentation], workerCount: 1)
    let many = try entities(dataset, [augmentation], workerCount: 4)
    #expect(alone.pixels == many.pixels)
    #expect(alone.entities.map(\.objects) == many.entities.map(\.objects))
    #expect(alone.entities.count == 12)
  }

  @Test("boxes stay inside, on odd pictures too", arguments: forBoxes)
  func boxes(_ augmentation: Augmentation) throws {
    let dataset = try dataset(odd + odd)
    var count = 0
    for epoch in 0..<6 {
      for resize in ResizeMode.allCases {
        let found = try entities(dataset, [augmentation], epoch: epoch, resize: resize)
        for object in found.entities.flatMap(\.objects) {
          count += 1
          let box = object.box
          #expect(box.isFinite && box == box.clipped(to: input) && box.area > 0)
          #expect([0, 1].contains(object.label))
        }
      }
    }
    #expect(count > 0)
  }

  @Test("pictures without objects", arguments: forBoxes)
  func empty(_ augmentation: Augmentation) throws {
    // One picture must have something to learn from.
    var dataset = try dataset(odd, boxes: false)
    let labelled = try self.dataset([ImageSize(height: 8, width: 8)])
    dataset.items[.train]? += labelled.items[.train] ?? []
    #expect(try entities(dataset, [augmentation]).entities.count == 7)
  }

  @Test("each changes a picture, for some draws", arguments: forBoxes)
  func effect(_ augmentation: Augmentation) throws {
    let dataset = try dataset(Array(repeating: ImageSize(height: 230, width: 250), count: 4))
    let plain = try entities(dataset, []).pixels
    let changed = try (0..<10).contains { epoch in
      let plain = epoch == 0 ? plain : try entities(dataset, [], epoch: epoch).pixels
      return try entities(dataset, [augmentation], epoch: epoch).pixels != plain
    }
    #expect(changed)
  }

  @Test("a recipe's text says all and comes back the same", arguments: Augmentation.all)
  func coding(_ augmentation: Augmentation) throws {
    let text = try JSONEncoder().encode([augmentation])
    #expect(try JSONDecoder().decode([Augmentation].self, from: text) == [augmentation])
    let name = try JSONEncoder().encode([augmentation.name])
    #expect(try JSONDecoder().decode([Augmentation].self, from: name) == [augmentation])
    try augmentation.validate()
  }

  @Test("mosaic and its kin end before the last epochs")
  func lastEpochs() throws {
    var mosaic = Mosaic()
    mosaic.lastEpochsWithout = 3
    let step = Augmentation.mosaic(mosaic)
    let dataset = try dataset(Array(repeating: ImageSize(height: 48, width: 64), count: 4))
    for epoch in [0, 6, 7, 9] {
      let plain = try entities(dataset, [], epoch: epoch).pixels
      let isPlain = try entities(dataset, [step], epoch: epoch).pixels == plain
      #expect(isPlain == (epoch >= 7), "epoch \(epoch) of 10")
      for steps in [[], [.hsvJitter()], [step, .hsvJitter()]] as [[Augmentation]] {
        let module = try DataModule<Detection>(
          dataset: dataset,
          preprocessing: Preprocessing(inputSize: ImageSize(height: 48, width: 64)),
          augmentations: steps,
          epochCount: 10
        )
        #expect(module.isFinalPhase(epoch: epoch) == (steps.count == 2 && epoch >= 7))
      }
    }
  }

  @Test("numbers without sense are refused, with their limits")
  func limits() {
    func error(_ text: String) -> String {
      do {
        _ = try JSONDecoder().decode([Augmentation].self, from: Data(text.utf8))
        return "none"
      } catch DecodingError.dataCorrupted(let context) {
        return context.debugDescription
      } catch { return "\(error)" }
    }
    #expect(
      error("[{\"randomAffine\": {\"maxRotateDegree\": 200}}]")
        == "maxRotateDegree needs a number from 0.0 to 180.0"
    )
    #expect(
      error("[{\"randomAffine\": {\"scalingRatioRange\": [2, 1]}}]")
        == "scalingRatioRange needs two numbers from 0.01 to 100.0, the smaller first"
    )
    #expect(
      error("[{\"pad\": {\"fill\": 300}}]") == "fill needs a whole number from 0 to 255, or three"
    )
    #expect(error("[{\"hsvJitter\": {\"hue\": 2.5}}]") == "hue needs a whole number from 0 to 90")
    #expect(error("[{\"mosaic\": {\"centreRange\": 1}}]").contains("did you mean 'centerRange'?"))
    #expect(error("[mosiac]".replacing("mosiac", with: "\"mosiac\"")).contains("'mosaic'"))
  }

  @Test("what is for another kind of task is refused")
  func subjects() {
    #expect(throws: ConfigurationError.self) {
      try Augmentation.mosaic().check(for: MultiClassClassification.self)
    }
    #expect(throws: ConfigurationError.self) {
      try Augmentation.cutMix().check(for: Detection.self)
    }
  }

  private func classified(
    _ augmentations: [Augmentation],
    workerCount: Int = 1
  ) throws -> (entities: [MultiClassClassification.Entity], pixels: [[UInt8]]) {
    var dataset = try dataset(odd + odd)
    dataset.items[.train] = dataset.items[.train]?.enumerated().map { index, item in
      var item = item
      item.annotations = [.label(index % 2 == 0 ? "a" : "b")]
      return item
    }
    let module = try DataModule<MultiClassClassification>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: input),
      augmentations: augmentations,
      batchSize: 3,
      workerCount: workerCount
    )
    let stream = try module.batches(.train, mode: .training(epoch: 0))
    var result: ([MultiClassClassification.Entity], [[UInt8]]) = ([], [])
    while let batch = try stream.next() {
      result.0 += batch.entities
      result.1.append(batch.images.pixels)
    }
    return result
  }

  @Test(
    "whole pictures: labels' shares add up, with any number of threads",
    arguments: forWholePictures
  )
  func wholePictures(_ augmentation: Augmentation) throws {
    let alone = try classified([.horizontalFlip(), augmentation])
    let many = try classified([.horizontalFlip(), augmentation], workerCount: 4)
    #expect(alone.pixels == many.pixels)
    #expect(alone.entities.map(\.labelShares) == many.entities.map(\.labelShares))
    for entity in alone.entities {
      expectClose(entity.labelShares.reduce(0) { $0 + $1.share }, 1)
      #expect(entity.labelShares.allSatisfy { (0...1).contains($0.share) })
    }
    let isMixed = alone.entities.contains { !$0.mixedLabels.isEmpty }
    #expect(isMixed == [.mixUp(), .cutMix()].contains(augmentation))
  }

  @Test("Beta(1, 1) is uniform; a small alpha leaves most pictures nearly alone")
  func beta() {
    var generator = CounterGenerator(seed: 1)
    let even = (0..<4000).map { _ in generator.beta(1) }
    #expect(even.allSatisfy { (0...1).contains($0) })
    #expect((0.47...0.53).contains(even.reduce(0, +) / 4000))
    #expect((900...1100).contains(even.count { $0 < 0.25 }))
    let extreme = (0..<4000).map { _ in generator.beta(0.2) }
    // The distribution function of Beta(0.2, 0.2) at 0.1 is 0.3367 (scipy).
    #expect((1230...1460).contains(extreme.count { $0 < 0.1 }))
  }

  @Test("sizes change every so many steps, as a function of seed and step")
  func multiScale() throws {
    var options = MultiScaleOptions()
    let base = ImageSize(height: 416, width: 640)
    #expect(options.size(base, seed: 3, step: 70) == base)
    options.range = 5
    let sizes = (0..<2000).map { options.size(base, seed: 3, step: $0) }
    for (step, size) in sizes.enumerated() {
      #expect(size == sizes[step / 10 * 10])
      #expect(size.height % 32 == 0 && (256...576).contains(size.height))
      #expect(size.width == size.height / 32 * 20 / 13 * 32)
    }
    #expect(Set(sizes).count == 11)
    #expect(sizes != (0..<2000).map { options.size(base, seed: 4, step: $0) })

    options.range = 1
    options.stride = 8
    options.interval = 2
    let module = try DataModule<Detection>(
      dataset: try dataset(odd + odd),
      preprocessing: Preprocessing(inputSize: input),
      augmentations: [.mosaic(), .randomAffine()],
      multiScale: options,
      batchSize: 2,
      seed: 5
    )
    var seen: [ImageSize] = []
    for epoch in 0..<3 {
      let stream = try module.batches(.train, mode: .training(epoch: epoch))
      while let batch = try stream.next() { seen.append(batch.images.size) }
    }
    #expect(seen == (0..<18).map { options.size(input, seed: 5, step: $0) })
    #expect(Set(seen).count > 1)
    let evaluation = try module.batches(.train, mode: .evaluation)
    while let batch = try evaluation.next() { #expect(batch.images.size == input) }
  }
}
