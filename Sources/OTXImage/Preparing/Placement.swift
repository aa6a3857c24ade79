public import OTXCore

/// Where a picture comes to lie in a network's input.
package struct Placement: Equatable {
  /// Size of the picture after resizing, without bars.
  package var size: ImageSize
  package var x = 0
  package var y = 0

  /// Where `preprocessing` puts a picture of `original` size.
  ///
  /// With the aspect ratio kept, sides are rounded to whole pixels, as openvino-model-api does.
  package init(_ original: ImageSize, _ preprocessing: Preprocessing) {
    let input = preprocessing.inputSize
    guard preprocessing.resize != .standard else {
      size = input
      return
    }
    let scale = min(
      Double(input.height) / Double(original.height),
      Double(input.width) / Double(original.width)
    )
    size = ImageSize(
      height: min(max(Int((Double(original.height) * scale).rounded()), 1), input.height),
      width: min(max(Int((Double(original.width) * scale).rounded()), 1), input.width)
    )
    if preprocessing.resize == .letterbox {
      x = (input.width - size.width) / 2
      y = (input.height - size.height) / 2
    }
  }

  /// The transform of a picture of `original` size.
  package func transform(of original: ImageSize, into input: ImageSize) -> SpatialTransform {
    SpatialTransform(
      scaleX: Float(size.width) / Float(original.width),
      scaleY: Float(size.height) / Float(original.height),
      offsetX: Float(x),
      offsetY: Float(y),
      size: input
    )
  }
}

extension Preprocessing {
  /// A picture as the network takes it, and where it lies in the original.
  ///
  /// The one way from a picture to a network's input outside training: evaluation, prediction and
  /// deployed programs all come here.
  ///
  /// - Parameters:
  ///   - image: A picture of any size.
  ///   - itemID: What to call it in messages.
  /// - Returns: Bytes of the input's size, not yet normalised, and the frame that maps boxes back.
  /// - Throws: ``DataError/invalidItem(_:reason:)`` for a picture without pixels.
  public func prepare(_ image: Image, itemID: String) throws -> (image: Image, frame: ImageFrame) {
    let placement = Placement(image.size, self)
    let frame = ImageFrame(itemID: itemID, originalSize: image.size)
      .moved(by: placement.transform(of: image.size, into: inputSize))
    if image.size == inputSize { return (image, frame) }
    let result = try image.resized(
      to: placement.size,
      canvas: inputSize,
      offset: (placement.y, placement.x),
      padValue: padValue
    )
    return (result, frame)
  }
}
