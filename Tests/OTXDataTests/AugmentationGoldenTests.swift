import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Augmentations against their references")
struct AugmentationGoldenTests {
  private func entity(_ size: ImageSize, _ boxes: [BoundingBox]) -> Detection.Entity {
    let image = Image.patterned(size)
    return Detection.Entity(
      image: image,
      frame: ImageFrame(itemID: "a", originalSize: size),
      objects: boxes.enumerated().map { .init(box: $1, label: $0) }
    )
  }

  /// The box that the script puts into each of its pictures.
  private func box(in size: ImageSize) -> BoundingBox {
    BoundingBox(2, 3, Float(size.width - 1), Float(size.height - 2))
  }

  @Test("affine: mmdetection's matrix, OpenCV's pixels")
  func affine() throws {
    for golden in try AugmentationGoldens.read().affine {
      let transform = RandomAffine.transform(
        rotation: golden.rotation,
        scale: golden.scale,
        shear: (golden.shear[0], golden.shear[1]),
        shift: (golden.shift[0], golden.shift[1]),
        into: ImageSize(golden.target)
      )
      let matrix = [
        transform.scaleX, transform.shearX, transform.offsetX,
        transform.shearY, transform.scaleY, transform.offsetY,
      ]
      expectClose(matrix, golden.matrix, atol: 1e-6, "matrix")
      expectClose(numbers(transform(BoundingBox(3, 2, 9, 7))), golden.box, atol: 1e-5, "box")
      let result = try Image.smooth(ImageSize(golden.source))
        .warped(by: transform, fill: Color(red: 114, green: 7, blue: 201))
      // OpenCV before 4.11 rounds positions to 1/32 of a pixel, later versions do not. At an edge
      // to the fill, 1/32 of the largest step is 6.
      #expect(largestDifference(result.pixels, golden.pixels) <= 6, "\(golden.rotation)")
    }
  }

  @Test("HSV: OpenCV's 8-bit arithmetic")
  func hsv() throws {
    for golden in try AugmentationGoldens.read().hsv {
      var image = Image.patterned(ImageSize(height: 13, width: 17))
      try image.shiftHSV(hue: golden.shift[0], saturation: golden.shift[1], value: golden.shift[2])
      #expect(largestDifference(image.pixels, golden.pixels) == 0, "\(golden.shift)")
    }
  }

  @Test("mosaic: pictures and boxes lie where mmdetection puts them")
  func mosaic() throws {
    for golden in try AugmentationGoldens.read().mosaic {
      let input = ImageSize(golden.input)
      var canvas = Image(
        size: ImageSize(height: 2 * input.height, width: 2 * input.width),
        color: Color(red: 114, green: 114, blue: 114)
      )
      var boxes: [[Float]] = []
      for (place, sides) in golden.sizes.enumerated() {
        let size = ImageSize(sides)
        var entity = entity(size, [box(in: size)])
        let center = (x: golden.center[0], y: golden.center[1])
        let transform = try Mosaic().draw(entity.image, place, around: center, on: &canvas)
        entity.move(by: transform, keeping: BoxFilter())
        boxes += entity.objects.map { numbers($0.box) }
      }
      #expect(largestDifference(canvas.pixels, golden.pixels) == 0)
      expectClose(boxes.flatMap { $0 }, golden.boxes.flatMap { $0 }, atol: 1e-5)
    }
  }

  @Test("mix-up: mmdetection's layer, box and mean")
  func mixUp() throws {
    for golden in try AugmentationGoldens.read().mixUp {
      let size = ImageSize(golden.size)
      var other = entity(size, [box(in: size)])
      let (layer, transforms) = try MixUp().layer(
        of: other.image,
        input: ImageSize(golden.input),
        target: ImageSize(golden.target),
        MixUp.Draw(
          scale: golden.factor,
          isFlipped: golden.flip,
          y: (Double(golden.y) + 0.5) / Double(golden.space[0]),
          x: (Double(golden.x) + 0.5) / Double(golden.space[1])
        )
      )
      var image = Image.smooth(ImageSize(golden.target))
      try image.average(with: layer)
      #expect(largestDifference(image.pixels, golden.pixels) == 0, "\(golden.size)")
      for transform in transforms { other.move(by: transform, keeping: BoxFilter(minimumSide: 0)) }
      let found = other.objects.first.map { numbers($0.box) } ?? [0, 0, 0, 0]
      expectClose(found, golden.box, atol: 1e-4, "\(golden.size)")
    }
  }

  @Test("colours and levels: torchvision's bytes")
  func operations() throws {
    let operations: [String: (inout Image, Double) throws -> Void] = [
      "brightness": { try $0.adjustBrightness(Float($1)) },
      "contrast": { try $0.adjustContrast($1) },
      "saturation": { try $0.adjustSaturation($1) },
      "hue": { try $0.adjustHue($1) },
      "sharpness": { try $0.adjustSharpness($1) },
      "posterize": { try $0.posterize(bits: Int($1)) },
      "solarize": { try $0.solarize(threshold: Float($1)) },
      "grayscale": { image, _ in try image.convertToGrayscale() },
      "invert": { image, _ in try image.invert() },
      "autoContrast": { image, _ in try image.autoContrast() },
      "equalize": { image, _ in try image.equalize() },
      "blur3": { try $0.blur(size: 3, sigma: $1) },
      "blur5": { try $0.blur(size: 5, sigma: $1) },
    ]
    let goldens = try AugmentationGoldens.read().operations
    #expect(Set(goldens.map(\.name)) == Set(operations.keys))
    for golden in goldens {
      let size = ImageSize(height: 17, width: 18)
      var image = golden.source == "picture" ? Image.patterned(size) : Image.smooth(size)
      let operation = try #require(operations[golden.name])
      try operation(&image, golden.value)
      // A blur adds up in another order; what lies half way may be rounded the other way.
      let tolerance = golden.name.hasPrefix("blur") ? 1 : 0
      #expect(
        largestDifference(image.pixels, golden.pixels) <= tolerance,
        "\(golden.name) \(golden.value) \(golden.source)"
      )
    }
  }

  @Test("AutoAugment and RandAugment: torchvision's operations, magnitudes and pairs")
  func policies() throws {
    let golden = try AugmentationGoldens.read().policy
    let size = ImageSize(height: 12, width: 16)
    for one in golden.operations {
      let operation = try #require(PolicyOperation(rawValue: one.name))
      #expect(operation.isSigned == one.signed, "\(one.name)")
      let magnitude = operation.magnitude(one.bin, of: 31, on: size)
      expectClose(abs(magnitude), abs(one.magnitude), rtol: 1e-6, atol: 1e-6, one.name)
      var sample = TrainingSample(
        Detection.Entity(
          image: .patterned(size),
          frame: ImageFrame(itemID: "a", originalSize: size),
          objects: []
        )
      )
      try operation.apply(
        to: &sample,
        one.magnitude,
        fill: .black,
        keeping: BoxFilter()
      )
      let image = sample.entity.image
      #expect(largestDifference(image.pixels, one.pixels) == 0, "\(one.name) \(one.magnitude)")
    }
    #expect(PolicyOperation.randAugment.map(\.rawValue) == golden.randAugment)
    let pairs = AutoAugment.imageNet.map { pair in
      pair.map {
        AugmentationGoldens.Policy.Choice(
          name: $0.operation.rawValue,
          probability: $0.probability,
          bin: $0.bin
        )
      }
    }
    #expect(pairs == golden.imageNet)
  }

  @Test("erasing: torchvision's rectangles, given the same draws")
  func erasing() throws {
    for golden in try AugmentationGoldens.read().erasing {
      var draws = golden.draws[...]
      let region = RandomErasing().region(in: ImageSize(golden.size)) { draws.popFirst() ?? 0.5 }
      let found = region.map { [$0.y, $0.x, $0.height, $0.width] } ?? []
      #expect(found == golden.region, "\(golden.size)")
    }
  }

  @Test("cut-mix: the rectangle is cut at the border, and the share with it")
  func cutMix() {
    let size = ImageSize(height: 40, width: 60)
    let inside = CutMix.region(in: size, share: 0.25, center: (20, 30))
    #expect(inside == PixelRegion(y: 10, x: 15, height: 20, width: 30))
    let corner = CutMix.region(in: size, share: 0.25, center: (0, 59))
    #expect(corner == PixelRegion(y: 0, x: 44, height: 10, width: 16))
    #expect(CutMix.region(in: size, share: 0, center: (5, 5)).height == 0)
  }

  @Test(
    "turns by whole pixels take boxes along",
    arguments: [QuarterTurn.half, .upsideDown, .right, .left]
  )
  func turns(_ turn: QuarterTurn) throws {
    let size = ImageSize(height: 5, width: 8)
    var entity = entity(size, [BoundingBox(2, 1, 5, 2)])
    entity.image = Image(size) { y, x, _ in y == 1 && (2..<5).contains(x) ? 255 : 0 }
    var sample = TrainingSample(entity)
    try sample.turn(turn)
    let box = try #require(sample.entity.objects.first).box
    let image = sample.entity.image
    for y in 0..<image.height {
      for x in 0..<image.width {
        let isInside =
          Float(x) >= box.x1 && Float(x) < box.x2 && Float(y) >= box.y1
          && Float(y) < box.y2
        #expect((image.pixels[3 * (y * image.width + x)] == 255) == isInside)
      }
    }
  }
}
