public import Foundation
public import OTXCore
import OTXImage

/// Where a model looks for a label in a picture.
public struct SaliencyMap: Codable, Sendable, Equatable {
  /// The label; `nil` for a map of the picture as a whole.
  public var label: String?
  /// How sure the model is of the label, 0…1; `nil` where it says nothing of it.
  public var score: Float?
  /// Cells of the map.
  public var size: ImageSize
  /// 0…255, row by row; each map from its least to its most.
  public var values: [UInt8]
  /// What leaving out and putting in the map's places does, where it was asked for.
  public var judgement: SaliencyJudgement?
  /// Where the picture lies in the network's input, which the map covers.
  let frame: ImageFrame
  let inputSize: ImageSize

  package init(
    label: String?,
    score: Float?,
    size: ImageSize,
    values: [UInt8],
    judgement: SaliencyJudgement? = nil,
    frame: ImageFrame,
    inputSize: ImageSize
  ) {
    (self.label, self.score, self.size, self.values) = (label, score, size, values)
    (self.judgement, self.frame, self.inputSize) = (judgement, frame, inputSize)
  }

  /// The map in the pixels of the picture, linear between cells.
  ///
  /// - Parameter cropsPadding: Whether bars that were added around the picture are cut off the map;
  ///   otherwise the whole map is stretched over the picture.
  /// - Returns: 0…255, row by row.
  public func pixels(cropsPadding: Bool = true) -> [UInt8] {
    let target = frame.originalSize
    func axis(_ length: Int, _ cells: Int, _ input: Int, _ scale: Float, _ offset: Float)
      -> [(Int, Int, Float)]
    {
      (0..<length).map { pixel in
        let place = Float(pixel) + 0.5
        let share =
          cropsPadding ? (place * scale + offset) / Float(input) : place / Float(length)
        let position = min(max(share * Float(cells) - 0.5, 0), Float(cells - 1))
        let first = Int(position)
        return (first, min(first + 1, cells - 1), position - Float(first))
      }
    }
    let rows = axis(target.height, size.height, inputSize.height, frame.scaleY, frame.offsetY)
    let columns = axis(target.width, size.width, inputSize.width, frame.scaleX, frame.offsetX)
    var result: [UInt8] = []
    result.reserveCapacity(target.height * target.width)
    for (top, bottom, down) in rows {
      for (left, right, across) in columns {
        func value(_ row: Int) -> Float {
          let (a, b) = (values[row * size.width + left], values[row * size.width + right])
          return Float(a) * (1 - across) + Float(b) * across
        }
        result.append(UInt8((value(top) * (1 - down) + value(bottom) * down).rounded()))
      }
    }
    return result
  }

  /// The map as a picture of colours, as large as the picture.
  public func heatMap(cropsPadding: Bool = true) throws -> Image {
    try HeatMap.image(pixels(cropsPadding: cropsPadding), size: frame.originalSize)
  }

  /// The picture with the map's colours over it.
  ///
  /// - Parameters:
  ///   - picture: The one that was explained.
  ///   - weight: Of the colours, 0…1.
  ///   - cropsPadding: As in ``pixels(cropsPadding:)``.
  /// - Returns: A picture of the same size.
  /// - Throws: ``DataError/invalidItem(_:reason:)`` for a picture of another size.
  public func overlay(
    on picture: Image,
    weight: Double = 0.5,
    cropsPadding: Bool = true
  ) throws -> Image {
    try HeatMap.overlay(pixels(cropsPadding: cropsPadding), on: picture, weight: weight)
  }
}

/// How good a map is: what the model still says when the places are taken away, the most important
/// ones first, and what it says when they alone come back.
///
/// RISE's measures (Petsiuk, Das and Saenko, RISE: Randomized input sampling for explanation of
/// black-box models, BMVC 2018, section 4.3): the areas under the label's score over the share of
/// pixels.
public struct SaliencyJudgement: Codable, Sendable, Equatable {
  /// 0…1, lower is better: pixels become the network's mean colour.
  public var deletion: Double
  /// 0…1, higher is better: pixels come into a blurred picture.
  public var insertion: Double

  package init(deletion: Double, insertion: Double) {
    (self.deletion, self.insertion) = (deletion, insertion)
  }
}

/// What a model looks at in one picture file.
public struct PictureExplanation: Codable, Sendable {
  public var image: URL
  public var size: ImageSize
  /// The maps that were asked for, the surest label first.
  public var maps: [SaliencyMap]
  /// The means of the network's last features, to compare pictures by.
  public var featureVector: [Float]

  package init(image: URL, size: ImageSize, maps: [SaliencyMap], featureVector: [Float]) {
    (self.image, self.size, self.maps) = (image, size, maps)
    self.featureVector = featureVector
  }
}
