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
        image: .memory(.patterned(size)),
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

  @Test("the same bytes with any number of threads", arguments: Augmentation.all)
  func threads(_ augmentation: Augmentation) throws {
    let dataset = try dataset(odd + odd)
    let alone = try entities(dataset, [augmentation], workerCount: 1)
    let many = try entities(dataset, [augmentation], workerCount: 4)
    #expect(alone.pixels == many.pixels)
    #expect(alone.entities.map(\.objects) == many.entities.map(\.objects))
    #expect(alone.entities.count == 12)
  }

  @Test("boxes stay inside, on odd pictures too", arguments: Augmentation.all)
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

  @Test("pictures without objects", arguments: Augmentation.all)
  func empty(_ augmentation: Augmentation) throws {
    // One picture must have something to learn from.
    var dataset = try dataset(odd, boxes: false)
    let labelled = try self.dataset([ImageSize(height: 8, width: 8)])
    dataset.items[.train]? += labelled.items[.train] ?? []
    #expect(try entities(dataset, [augmentation]).entities.count == 7)
  }

  @Test("each changes a picture, for some draws", arguments: Augmentation.all)
  func effect(_ augmentation: Augmentation) throws {
    let dataset = try dataset(Array(repeating: ImageSize(height: 48, width: 64), count: 4))
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

  @Test("what needs boxes is refused where there are none")
  func needsBoxes() {
    for augmentation in [Augmentation.mosaic(), .mixUp()] {
      #expect(throws: ConfigurationError.self) {
        try augmentation.check(for: MultiClassClassification.self)
      }
    }
  }
}
