import Foundation
import OTXCore
import OTXImage
import Testing

/// What Pillow and OpenCV made of small pictures (`Tools/goldens/image.py`).
struct ImageGoldens: Decodable {
  struct Decoding: Decodable {
    var name: String
    var file: Data
    var tolerance: Int
    var height: Int
    var width: Int
    var pixels: Data
  }

  struct Resizing: Decodable {
    var interpolation: String
    var source: [Int]
    var target: [Int]
    var pixels: Data
  }

  struct Distorting: Decodable {
    var brightness: Float
    var contrast: Float
    var saturation: Float
    var hue: Float
    var isContrastFirst: Bool
    var pixels: Data
  }

  var decoding: [Decoding]
  var resizing: [Resizing]
  var distorting: [Distorting]

  static func read() throws -> ImageGoldens {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/image.json")
    var goldens = try JSONDecoder().decode(ImageGoldens.self, from: Data(contentsOf: url))
    goldens.decoding += try CodecGoldens.read().decoding
    return goldens
  }
}

/// TIFF, WebP and unusual files of other formats (`Tools/goldens/codecs.py`).
struct CodecGoldens: Decodable {
  struct Reducing: Decodable {
    var divisor: Int
    var file: Data
    var height: Int
    var width: Int
    var pixels: Data
  }

  var decoding: [ImageGoldens.Decoding]
  var reduced: [Reducing]

  static func read() throws -> CodecGoldens {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/codecs.json")
    return try JSONDecoder().decode(CodecGoldens.self, from: Data(contentsOf: url))
  }
}

/// The picture that the script computes too: integers only.
func patterned(height: Int, width: Int) -> Image {
  var image = Image(size: ImageSize(height: height, width: width))
  for y in 0..<height {
    for x in 0..<width {
      for channel in 0..<3 {
        let value = y * 7 + x * 13 + channel * 71 + (y * x % 17) * 5
        image.pixels[(y * width + x) * 3 + channel] = UInt8(value & 255)
      }
    }
  }
  return image
}

/// A picture of slow ramps, as the script computes it.
func smooth(height: Int, width: Int) -> Image {
  var image = Image(size: ImageSize(height: height, width: width))
  for y in 0..<height {
    for x in 0..<width {
      for channel in 0..<3 {
        let value = 40 + y * 5 + x * (3 + channel) + channel * 20
        image.pixels[(y * width + x) * 3 + channel] = UInt8(min(max(value, 0), 255))
      }
    }
  }
  return image
}

/// The largest difference of two pictures' bytes; of another size: `Int.max`.
func largestDifference(_ pixels: [UInt8], _ expected: Data) -> Int {
  guard pixels.count == expected.count else { return .max }
  return zip(pixels, expected).map { abs(Int($0) - Int($1)) }.max() ?? 0
}
