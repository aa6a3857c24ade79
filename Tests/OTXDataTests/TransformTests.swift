import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Transforms")
struct TransformTests {
  /// A black picture with one white rectangle, and its box.
  private func entity(_ box: BoundingBox, height: Int = 120, width: Int = 160) -> Detection.Entity {
    var image = Image(size: ImageSize(height: height, width: width))
    for y in Int(box.y1)..<Int(box.y2) {
      for x in Int(box.x1)..<Int(box.x2) {
        for channel in 0..<3 { image.pixels[(y * width + x) * 3 + channel] = 255 }
      }
    }
    return Detection.Entity(
      image: image,
      frame: ImageFrame(itemID: "a", originalSize: image.size),
      objects: [Detection.LabeledBox(box: box, label: 0)]
    )
  }

  /// The box around what is bright.
  private func brightBox(_ image: Image) -> BoundingBox? {
    var box: BoundingBox?
    for y in 0..<image.height {
      for x in 0..<image.width where image.pixels[(y * image.width + x) * 3] > 127 {
        let (x1, y1) = (Float(x), Float(y))
        box = BoundingBox(
          min(box?.x1 ?? x1, x1),
          min(box?.y1 ?? y1, y1),
          max(box?.x2 ?? 0, x1 + 1),
          max(box?.y2 ?? 0, y1 + 1)
        )
      }
    }
    return box
  }

  private func expectNear(_ a: BoundingBox, _ b: BoundingBox, _ tolerance: Double, _ text: String) {
    expectClose(
      [a.x1, a.y1, a.x2, a.y2],
      [b.x1, b.y1, b.x2, b.y2],
      rtol: 0,
      atol: tolerance,
      text
    )
  }

  @Test("boxes stay on their objects through every augmentation", arguments: ResizeMode.allCases)
  func boxesFollowPixels(_ resize: ResizeMode) throws {
    let preprocessing = Preprocessing(
      inputSize: ImageSize(height: 96, width: 96),
      resize: resize
    )
    let surroundings = SampleSurroundings<Detection.Entity>(
      inputSize: preprocessing.inputSize,
      partnerCount: 1,
      hasObjects: { _ in true },
      partner: { _ in entity(BoundingBox(30, 40, 75, 90)) }
    )
    let steps: [[Augmentation]] = [
      [], [.horizontalFlip(probability: 1)], [.minIoURandomCrop()], [.randomResizedCrop()],
      [.minIoURandomCrop(), .horizontalFlip()],
      [.horizontalFlip(), .minIoURandomCrop(), .horizontalFlip(), .randomResizedCrop()],
    ]
    var droppedCount = 0
    for (number, augmentations) in steps.enumerated() {
      for round in 0..<40 {
        var generator = CounterGenerator(seed: 3, UInt64(number), UInt64(round))
        var sample = TrainingSample(entity(BoundingBox(30, 40, 75, 90)))
        for step in augmentations {
          try step.apply(to: &sample, in: surroundings, using: &generator)
        }
        let result = try sample.resized(preprocessing)
        #expect(result.image.size == preprocessing.inputSize)
        guard let object = result.objects.first else {
          droppedCount += 1
          continue
        }
        let seen = try #require(brightBox(result.image), "\(augmentations) \(round)")
        // Half a pixel of the original, enlarged.
        let scale = max(abs(result.frame.scaleX), abs(result.frame.scaleY))
        expectNear(object.box, seen, Double(1 + scale), "\(augmentations) \(round)")
      }
    }
    #expect(droppedCount < 80, "most objects are kept")
  }

  @Test("an object whose centre leaves the picture is dropped; a crowd stays while seen")
  func dropping() {
    var entity = entity(BoundingBox(10, 10, 50, 50))
    entity.objects += [
      Detection.LabeledBox(box: BoundingBox(10, 10, 50, 50), label: 0, isCrowd: true),
      Detection.LabeledBox(box: BoundingBox(40, 40, 80, 80), label: 1),
      Detection.LabeledBox(box: BoundingBox(60, 60, 60.5, 80), label: 2),
    ]
    #expect(entity.objectBoxes.count == 3, "a crowd does not count")
    entity.move(by: .crop(y: 35, x: 35, size: ImageSize(height: 60, width: 60)))
    #expect(entity.objects.map(\.label) == [0, 1])
    #expect(entity.objects.map(\.isCrowd) == [true, false])
    #expect(entity.objects.map(\.box) == [BoundingBox(0, 0, 15, 15), BoundingBox(5, 5, 45, 45)])
  }

  @Test(
    "evaluation leaves annotations alone, and its frame maps boxes back",
    arguments: ResizeMode.allCases
  )
  func frames(_ resize: ResizeMode) throws {
    for (height, width) in [(120, 160), (161, 93), (96, 96)] {
      let box = BoundingBox(20, 30, 60, 80)
      let image = entity(box, height: height, width: width).image
      let preprocessing = Preprocessing(
        inputSize: ImageSize(height: 96, width: 128),
        resize: resize,
        padValue: 0
      )
      let (input, frame) = try preprocessing.prepare(image, itemID: "a")
      #expect(input.size == preprocessing.inputSize)
      #expect(frame.originalSize == image.size)
      let seen = try #require(brightBox(input))
      expectNear(frame.original(seen), box, 2, "\(resize) \(height)x\(width)")
    }
  }

  @Test("placement: stretched, at the corner, in the middle")
  func placement() {
    let input = ImageSize(height: 300, width: 300)
    let original = ImageSize(height: 480, width: 640)
    func placement(_ mode: ResizeMode) -> Placement {
      Placement(original, Preprocessing(inputSize: input, resize: mode))
    }
    #expect(placement(.standard).size == input)
    #expect(placement(.fitToWindow).size == ImageSize(height: 225, width: 300))
    #expect(placement(.fitToWindow).y == 0)
    #expect(placement(.letterbox).size == ImageSize(height: 225, width: 300))
    #expect(placement(.letterbox).y == 37 && placement(.letterbox).x == 0)
    // A line of one pixel keeps a pixel.
    let line = Placement(
      ImageSize(height: 1, width: 5000),
      Preprocessing(inputSize: input, resize: .letterbox)
    )
    #expect(line.size == ImageSize(height: 1, width: 300))
  }

  private struct CropGoldens: Decodable {
    struct Case: Decodable {
      var height: Int
      var width: Int
      var scale: [Float]
      var ratio: [Float]
      var draws: [Double]
      var region: [Int]
    }
    var cases: [Case]
  }

  @Test("random resized crops are torchvision's, given the same draws")
  func randomResizedCrop() throws {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/crops.json")
    let goldens = try JSONDecoder().decode(CropGoldens.self, from: Data(contentsOf: url))
    #expect(goldens.cases.count > 40)
    for golden in goldens.cases {
      var draws = golden.draws[...]
      var crop = RandomResizedCrop()
      (crop.scale, crop.ratio) = (golden.scale, golden.ratio)
      let region = crop.region(
        in: ImageSize(height: golden.height, width: golden.width)
      ) { draws.popFirst() ?? 0.5 }
      #expect(
        [region.y, region.x, region.height, region.width] == golden.region,
        "\(golden.height)x\(golden.width)"
      )
    }
  }

  @Test("min-IoU crops keep what they promise")
  func minIoUCrop() {
    let size = ImageSize(height: 300, width: 400)
    let boxes = [BoundingBox(50, 60, 180, 200), BoundingBox(220, 100, 330, 280)]
    var crop = MinIoURandomCrop()
    crop.thresholds = [0.3]
    var (whole, partial) = (0, 0)
    for round in 0..<300 {
      var generator = CounterGenerator(seed: 5, UInt64(round))
      guard let part = crop.region(in: size, keeping: boxes, using: &generator) else {
        whole += 1
        continue
      }
      partial += 1
      #expect(part.isInside(size))
      #expect(part.height >= 90 && part.width >= 120)
      let ratio = Double(part.height) / Double(part.width)
      #expect((0.5...2).contains(ratio))
      let centers = boxes.filter {
        let (x, y) = (($0.x1 + $0.x2) / 2, ($0.y1 + $0.y2) / 2)
        return x > Float(part.x) && x < Float(part.x + part.width) && y > Float(part.y)
          && y < Float(part.y + part.height)
      }
      #expect(!centers.isEmpty)
    }
    #expect(whole > 50 && partial > 50)

    // The overlap is intersection over union of the part and each box.
    let part = PixelRegion(y: 0, x: 0, height: 100, width: 100)
    #expect(crop.accepts(part, 0.5, [BoundingBox(0, 0, 100, 50)]))
    #expect(!crop.accepts(part, 0.51, [BoundingBox(0, 0, 100, 50)]))
    #expect(!crop.accepts(part, 0.1, [BoundingBox(0, 0, 100, 50), BoundingBox(200, 0, 300, 50)]))
    #expect(crop.accepts(part, 0, [BoundingBox(0, 0, 100, 50), BoundingBox(200, 0, 300, 50)]))
    #expect(!crop.accepts(part, 0, [BoundingBox(90, 90, 130, 130)]), "no centre inside")
    #expect(crop.accepts(part, 0.9, []))

    // A threshold that nothing reaches ends, with the whole picture.
    var generator = CounterGenerator(seed: 1)
    let tiny = [BoundingBox(0, 0, 1, 1), BoundingBox(399, 299, 400, 300)]
    var impossible = MinIoURandomCrop()
    impossible.thresholds = Array(repeating: 0.99, count: 50)
    impossible.minimumCropSize = 0.9
    for _ in 0..<20 { _ = impossible.region(in: size, keeping: tiny, using: &generator) }
  }

  @Test("colours change half of the time, within the bounds")
  func distortion() {
    var changes = 0
    var step = PhotometricDistortion()
    step.saturation = [0.6, 1.4]
    for round in 0..<400 {
      var generator = CounterGenerator(seed: 9, UInt64(round))
      let distortion = ColorDistortion(step, drawnWith: &generator)
      #expect(abs(distortion.brightness) <= 32 && abs(distortion.hue) <= 18)
      #expect((0.5...1.5).contains(distortion.contrast))
      #expect((0.6...1.4).contains(distortion.saturation))
      if distortion.contrast != 1 { changes += 1 }
    }
    #expect((140...260).contains(changes))
  }

  @Test("draws depend on the key alone and never change")
  func draws() {
    var generator = CounterGenerator(seed: 0, 1, 2)
    let numbers = (0..<3).map { _ in generator.index(below: 1000) }
    #expect(numbers == [700, 704, 895])
    var shuffler = CounterGenerator(seed: 0, 1, 2)
    let order = shuffler.shuffled(Array(0..<8))
    #expect(order == [0, 6, 3, 1, 2, 7, 4, 5])
    var counts = [Int](repeating: 0, count: 5)
    for _ in 0..<10_000 { counts[generator.index(below: 5)] += 1 }
    #expect(counts.allSatisfy { (1800...2200).contains($0) })
    let units = (0..<10_000).map { _ in generator.unit() }
    #expect(units.allSatisfy { (0..<1).contains($0) })
    #expect((0.48...0.52).contains(units.reduce(0, +) / 10_000))
  }
}
