import Foundation
import OTXCore
import OTXImage
import Testing

@testable import OTXData

/// Objects as pictures of their own.
@Suite struct ObjectCropperTests {
  /// Red at row 2 and 3, column 4 to 7; all else black.
  private func dataset(_ annotations: [Annotation]) -> Dataset {
    var image = Image(size: ImageSize(height: 10, width: 20))
    for y in 2..<4 {
      for x in 4..<8 { image.pixels[(y * 20 + x) * 3] = 255 }
    }
    let item = DatasetItem(id: "a/b.png", image: .memory(image), annotations: annotations)
    return Dataset(
      format: "coco",
      root: URL(filePath: "/data"),
      labels: LabelInfo(names: ["red"]),
      items: [.train: [item], .val: []]
    )
  }

  private func object(_ x1: Float, _ y1: Float, _ x2: Float, _ y2: Float) -> Annotation {
    .box(BoundingBox(x1: x1, y1: y1, x2: x2, y2: y2), label: "red")
  }

  @Test func anObjectIsAPictureOfItsOwn() throws {
    let cropper = try ObjectCropper(margin: 0, minimumSide: 1)
    let crops = try cropper.crop(dataset([object(4, 2, 8, 4), object(15.5, 7.2, 19, 9)]))
    let items = try #require(crops.items[.train])
    #expect(items.map(\.id) == ["a_b-0.png", "a_b-1.png"])
    #expect(items.map(\.annotations) == [[.label("red")], [.label("red")]])
    let first = try items[0].picture()
    #expect(first.size == ImageSize(height: 2, width: 4))
    #expect(stride(from: 0, to: first.pixels.count, by: 3).allSatisfy { first.pixels[$0] == 255 })
    // Whole pixels that the box touches.
    #expect(try items[1].picture().size == ImageSize(height: 2, width: 4))
    #expect(crops.problems.isEmpty)
  }

  @Test func aMarginEndsAtThePicture() throws {
    let cropper = try ObjectCropper(margin: 1, minimumSide: 1)
    let crops = try cropper.crop(dataset([object(4, 2, 8, 4)]))
    let picture = try #require(crops.items[.train]?.first).picture()
    // 4 pixels to each side: up to the upper edge, and columns 0 to 12.
    #expect(picture.size == ImageSize(height: 8, width: 12))
    #expect(picture.pixels[(2 * 12 + 4) * 3] == 255)
    #expect(picture.pixels[(1 * 12 + 4) * 3] == 0)
  }

  @Test func whatIsLeftOutIsNamed() throws {
    var crowd = object(0, 0, 9, 9)
    crowd.isCrowd = true
    let cropper = try ObjectCropper(minimumSide: 3)
    let crops = try cropper.crop(dataset([crowd, object(4, 2, 8, 4), object(1, 1, 9, 9)]))
    #expect(crops.items[.train]?.count == 1)
    #expect(crops.problems.map(\.kind) == ["object without a label of its own", "small object"])
    #expect(throws: DataError.self) { try cropper.crop(dataset([crowd])) }
    #expect(throws: ConfigurationError.self) { try ObjectCropper(margin: -1) }
  }
}
