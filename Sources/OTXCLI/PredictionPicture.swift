import Foundation
import OTXCore
import OTXImage

/// Predictions drawn on their picture.
enum PredictionPicture {
  /// Writes the picture with its predictions.
  static func write(_ prediction: PredictedImage, to file: URL) throws {
    let image = try ImageFile.read(prediction.image)
    try ImageFile.write(try OverlayRenderer.draw(prediction.marks, on: image), to: file)
  }
}
