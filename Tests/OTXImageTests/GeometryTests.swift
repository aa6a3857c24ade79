import Foundation
import OTXCore
import OTXImage
import Testing

@Suite("Resizing, mirroring, colours")
struct GeometryTests {
  @Test("resizing gives OpenCV's pixels")
  func resizing() throws {
    for golden in try ImageGoldens.read().resizing {
      let interpolation: Interpolation =
        switch golden.interpolation {
        case "area": .area
        case "nearest": .nearest
        case "bicubic": .bicubic
        default: .bilinear
        }
      let source = patterned(height: golden.source[0], width: golden.source[1])
      let size = ImageSize(height: golden.target[0], width: golden.target[1])
      let result = try source.resized(to: size, interpolation: interpolation)
      // Other builds of OpenCV round differently in the last place.
      let difference = largestDifference(result.pixels, golden.pixels)
      #expect(difference <= 1, "\(golden.interpolation) \(source.size) to \(size): \(difference)")
    }
  }

  @Test("a part resized is the part cut out and resized")
  func region() throws {
    let image = patterned(height: 40, width: 50)
    let region = PixelRegion(y: 7, x: 11, height: 20, width: 31)
    let size = ImageSize(height: 33, width: 17)
    #expect(
      try image.resized(to: size, region: region)
        == image.cropped(to: region).resized(to: size)
    )
  }

  @Test("bars around a resized picture have the grey level asked for")
  func bars() throws {
    let image = patterned(height: 10, width: 20)
    let size = ImageSize(height: 8, width: 16)
    let canvas = ImageSize(height: 16, width: 20)
    let result = try image.resized(to: size, canvas: canvas, offset: (y: 3, x: 2), padValue: 114)
    let inner = try result.cropped(to: PixelRegion(y: 3, x: 2, height: 8, width: 16))
    #expect(try inner == image.resized(to: size))
    for y in 0..<16 {
      for x in 0..<20 where !(3..<11).contains(y) || !(2..<18).contains(x) {
        #expect(result.pixels[(y * 20 + x) * 3] == 114)
      }
    }
  }

  @Test("mirroring moves every pixel")
  func flip() throws {
    let image = patterned(height: 5, width: 7)
    let flipped = try image.flippedHorizontally()
    for y in 0..<5 {
      for x in 0..<7 {
        let (a, b) = ((y * 7 + x) * 3, (y * 7 + 6 - x) * 3)
        #expect(image.pixels[a..<a + 3].elementsEqual(flipped.pixels[b..<b + 3]))
      }
    }
    #expect(try flipped.flippedHorizontally() == image)
  }

  @Test("changing colours gives OpenCV's pixels")
  func distorting() throws {
    let image = smooth(height: 11, width: 14)
    for golden in try ImageGoldens.read().distorting {
      let result = try image.distorted(
        ColorDistortion(
          brightness: golden.brightness,
          contrast: golden.contrast,
          saturation: golden.saturation,
          hue: golden.hue,
          isContrastFirst: golden.isContrastFirst
        )
      )
      #expect(largestDifference(result.pixels, golden.pixels) <= 1, "\(golden)")
    }
    #expect(try image.distorted(ColorDistortion()) == image)
  }

  @Test("parts outside the picture are refused")
  func outside() {
    let image = patterned(height: 5, width: 7)
    for region in [
      PixelRegion(y: 0, x: 0, height: 6, width: 7), PixelRegion(y: -1, x: 0, height: 2, width: 2),
      PixelRegion(y: 0, x: 0, height: 0, width: 2),
    ] {
      #expect(throws: DataError.self) { try image.cropped(to: region) }
      #expect(throws: DataError.self) {
        try image.resized(to: ImageSize(height: 2, width: 2), region: region)
      }
    }
    #expect(throws: DataError.self) { try image.resized(to: ImageSize(height: 0, width: 4)) }
    #expect(throws: DataError.self) {
      try Image.empty.resized(to: ImageSize(height: 4, width: 4))
    }
  }
}
