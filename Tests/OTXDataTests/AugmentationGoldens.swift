import Foundation
import OTXCore
import OTXImage

/// What OpenCV made of small pictures (`Tools/goldens/augmentations.py`).
struct AugmentationGoldens: Decodable {
  struct Affine: Decodable {
    var rotation: Double
    var scale: Double
    var shear: [Double]
    var shift: [Double]
    var source: [Int]
    var target: [Int]
    var matrix: [Float]
    var box: [Float]
    var pixels: Data
  }

  struct HSV: Decodable {
    var shift: [Int]
    var pixels: Data
  }

  struct MosaicCase: Decodable {
    var center: [Int]
    var sizes: [[Int]]
    var input: [Int]
    var boxes: [[Float]]
    var pixels: Data
  }

  struct MixUpCase: Decodable {
    var size: [Int]
    var factor: Double
    var flip: Bool
    var input: [Int]
    var target: [Int]
    var y: Int
    var x: Int
    var space: [Int]
    var box: [Float]
    var pixels: Data
  }

  struct Operation: Decodable {
    var name: String
    var value: Double
    var source: String
    var pixels: Data
  }

  struct Policy: Decodable {
    struct Case: Decodable {
      var name: String
      var bin: Int
      var magnitude: Double
      var signed: Bool
      var pixels: Data
    }
    struct Choice: Decodable, Equatable {
      var name: String
      var probability: Float
      var bin: Int
    }
    var operations: [Case]
    var imageNet: [[Choice]]
    var randAugment: [String]
  }

  struct Erasing: Decodable {
    var size: [Int]
    var draws: [Double]
    var region: [Int]
  }

  var affine: [Affine]
  var hsv: [HSV]
  var mosaic: [MosaicCase]
  var mixUp: [MixUpCase]
  var operations: [Operation]
  var policy: Policy
  var erasing: [Erasing]

  static func read() throws -> AugmentationGoldens {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/augmentations.json")
    return try JSONDecoder().decode(AugmentationGoldens.self, from: Data(contentsOf: url))
  }
}

extension ImageSize {
  init(_ sides: [Int]) { self.init(height: sides[0], width: sides[1]) }
}

extension Image {
  /// A picture whose bytes are given by row, column and channel.
  init(_ size: ImageSize, _ level: (_ y: Int, _ x: Int, _ channel: Int) -> Int) {
    var pixels: [UInt8] = []
    for y in 0..<size.height {
      for x in 0..<size.width {
        for channel in 0..<3 { pixels.append(UInt8(level(y, x, channel) & 255)) }
      }
    }
    self.init(size: size, pixels: pixels)
  }

  /// `picture` of `Tools/goldens/image.py`.
  static func patterned(_ size: ImageSize) -> Image {
    Image(size) { y, x, channel in y * 7 + x * 13 + channel * 71 + (y * x % 17) * 5 }
  }

  /// `smooth` of `Tools/goldens/image.py`.
  static func smooth(_ size: ImageSize) -> Image {
    Image(size) { y, x, channel in min(40 + y * 5 + x * (3 + channel) + channel * 20, 255) }
  }
}

/// The largest difference of two pictures' bytes; of another size: `Int.max`.
func largestDifference(_ pixels: [UInt8], _ expected: Data) -> Int {
  guard pixels.count == expected.count else { return .max }
  return zip(pixels, expected).map { abs(Int($0) - Int($1)) }.max() ?? 0
}

func numbers(_ box: BoundingBox) -> [Float] { [box.x1, box.y1, box.x2, box.y2] }
