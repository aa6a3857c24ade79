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
}
