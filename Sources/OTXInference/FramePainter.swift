import Foundation
package import OTXCore
import OTXImage

/// Draws what models found on pictures.
package struct FramePainter {
  /// The colours of the first model's labels.
  var colors: [Color]
  /// Pictures are made larger or smaller until they touch it on two sides; `nil`: as they are.
  var fit: ImageSize?

  package init(colors: [Color], fit: ImageSize? = nil) { (self.colors, self.fit) = (colors, fit) }

  /// Behind figures that belong to no label.
  private static let neutral = Color(red: 32, green: 32, blue: 32)
  private static let neutralIndex = -1

  /// - Parameters:
  ///   - result: The picture and what was found.
  ///   - note: A line of text to put on it, if any.
  /// - Returns: The picture with marks; lines and letters are drawn at its final size.
  /// - Throws: What drawing throws.
  package func paint(_ result: FrameResult, note: String?) throws -> Image {
    var image = result.frame.image
    var marks = result.findings.allMarks
    if let fit, image.height > 0, image.width > 0 {
      let scale = min(
        Double(fit.height) / Double(image.height),
        Double(fit.width) / Double(image.width)
      )
      let size = ImageSize(
        height: max(Int((Double(image.height) * scale).rounded()), 1),
        width: max(Int((Double(image.width) * scale).rounded()), 1)
      )
      if size != image.size {
        marks = marks.scaled(
          x: Float(size.width) / Float(image.width),
          y: Float(size.height) / Float(image.height)
        )
        image = try image.resized(to: size, interpolation: scale < 1 ? .area : .bilinear)
      }
    }
    if let note { marks.append(.caption(note, colorIndex: FramePainter.neutralIndex)) }
    return try OverlayRenderer.draw(marks, on: image) { index in
      guard index != FramePainter.neutralIndex else { return FramePainter.neutral }
      return colors.indices.contains(index) ? colors[index] : LabelPalette.color(index)
    }
  }
}
