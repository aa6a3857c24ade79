import Foundation
import OTXCore
import OTXData
import OTXTesting
import Testing

/// What a user would write: a stripe of a level across the picture.
private struct Stripe: CustomAugmentation {
  static let name = "testStripe"
  static var parameters: [AugmentationParameter<Stripe>] {
    [
      .probability(\.probability),
      .integer("thickness", \.thickness, 1...64, "Rows of the stripe."),
    ]
  }
  var probability: Float = 1
  var thickness = 4

  func apply<Sample: AugmentableSample>(
    to sample: inout Sample,
    using generator: inout CounterGenerator
  ) throws {
    guard generator.chance(probability) else { return }
    let (width, rows) = (sample.size.width, min(thickness, sample.size.height))
    let top = generator.index(below: sample.size.height - rows + 1)
    try sample.changePixels { image in
      let start = top * width * Image.channelCount
      for index in start..<start + rows * width * Image.channelCount { image.pixels[index] = 255 }
    }
  }
}

/// Another step that calls itself as one of the library's.
private struct Usurper: CustomAugmentation {
  static let name = "mosaic"
  static var parameters: [AugmentationParameter<Usurper>] { [] }
  func apply<Sample: AugmentableSample>(
    to sample: inout Sample,
    using generator: inout CounterGenerator
  ) throws {}
}

@Suite("A step of one's own")
struct CustomAugmentationTests {
  private func decoded(_ text: String) throws -> [Augmentation] {
    try JSONDecoder().decode([Augmentation].self, from: Data(text.utf8))
  }

  @Test("is known to recipes by its name, with its parameters and their limits")
  func recipes() throws {
    try Augmentation.register(Stripe.self)
    try Augmentation.register(Stripe.self)
    let steps = try decoded(#"["horizontalFlip", {"testStripe": {"thickness": 9}}]"#)
    var wanted = Stripe()
    wanted.thickness = 9
    #expect(steps == [.horizontalFlip(), wanted.augmentation])
    let again = try decoded(String(decoding: JSONEncoder().encode(steps), as: UTF8.self))
    #expect(again == steps)
    #expect(throws: DecodingError.self) { try decoded(#"[{"testStripe": {"thickness": 65}}]"#) }
    #expect(throws: DecodingError.self) { try decoded(#"[{"testStripe": {"color": 1}}]"#) }
    #expect(throws: ConfigurationError.self) { try Augmentation.register(Usurper.self) }
  }

  @Test("changes training pictures, the same ones on any number of threads")
  func pictures() throws {
    let dataset = try SampleDataset(counts: [.train: 6], size: ImageSize(height: 40, width: 40))
      .detection()
    func batches(_ workerCount: Int) throws -> [[UInt8]] {
      let module = try DataModule<Detection>(
        dataset: dataset,
        preprocessing: Preprocessing(inputSize: ImageSize(height: 40, width: 40)),
        augmentations: [Stripe().augmentation],
        batchSize: 2,
        workerCount: workerCount
      )
      let stream = try module.batches(.train, mode: .training(epoch: 0))
      var result: [[UInt8]] = []
      while let batch = try stream.next() { result.append(batch.images.pixels) }
      return result
    }
    let one = try batches(1)
    #expect(try batches(3) == one)
    let pictureBytes = 40 * 40 * 3
    for batch in one {
      for start in stride(from: 0, to: batch.count, by: pictureBytes) {
        let rows = (0..<40).filter { row in
          let first = start + row * 120
          return batch[first..<first + 120].allSatisfy { $0 == 255 }
        }
        #expect(rows.count == 4, "a stripe of four rows")
      }
    }
  }
}
