import Foundation
import OTXCore
import OTXImage

extension MinIoURandomCrop {
  /// The part to take; `nil` for the whole picture.
  ///
  /// SSD (Liu et al. 2016), section 2.2: one of "the whole picture", a threshold, or "any part"; up
  /// to 50 parts are tried, with an aspect ratio of ½ to 2; each side is at least `minimumCropSize`
  /// of the picture's; at least one object has its centre inside.
  func region(
    in size: ImageSize,
    keeping boxes: [BoundingBox],
    using generator: inout CounterGenerator
  ) -> PixelRegion? {
    let modes: [Float?] = [nil] + thresholds.map { $0 } + [0]
    // A threshold that no part reaches is drawn again, but not for ever.
    for _ in 0..<20 {
      guard let threshold = modes[generator.index(below: modes.count)] else { return nil }
      for _ in 0..<50 {
        let part = candidate(in: size, using: &generator)
        if let part, accepts(part, threshold, boxes) { return part }
      }
    }
    return nil
  }

  private func candidate(
    in size: ImageSize,
    using generator: inout CounterGenerator
  ) -> PixelRegion? {
    let minimum = Double(minimumCropSize)
    let width = Int(generator.uniform(minimum, 1) * Double(size.width))
    let height = Int(generator.uniform(minimum, 1) * Double(size.height))
    guard width > 0, height > 0, (0.5...2).contains(Double(height) / Double(width)) else {
      return nil
    }
    let x = generator.index(below: size.width - width + 1)
    let y = generator.index(below: size.height - height + 1)
    return PixelRegion(y: y, x: x, height: height, width: width)
  }

  func accepts(_ part: PixelRegion, _ threshold: Float, _ boxes: [BoundingBox]) -> Bool {
    let area = BoundingBox(
      x1: Float(part.x),
      y1: Float(part.y),
      x2: Float(part.x + part.width),
      y2: Float(part.y + part.height)
    )
    guard boxes.allSatisfy({ $0.iou(area) >= threshold }) else { return false }
    return boxes.isEmpty
      || boxes.contains { box in
        let (x, y) = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
        return x > area.x1 && y > area.y1 && x < area.x2 && y < area.y2
      }
  }
}

extension RandomResizedCrop {
  /// The part to take.
  ///
  /// The formulas of torchvision's `RandomResizedCrop.get_params`: ten tries, then the largest part
  /// in the middle with an allowed ratio.
  ///
  /// - Parameters:
  ///   - size: The picture's.
  ///   - unit: Draws a number in 0 ..< 1.
  /// - Returns: The part to take.
  func region(in size: ImageSize, unit: () -> Double) -> PixelRegion {
    func between(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }
    let (minRatio, maxRatio) = (Double(ratio[0]), Double(ratio[1]))
    let area = Double(size.height * size.width)
    for _ in 0..<10 {
      let target = area * between(Double(scale[0]), Double(scale[1]))
      let aspect = exp(between(log(minRatio), log(maxRatio)))
      let width = Int((target * aspect).squareRoot().rounded(.toNearestOrEven))
      let height = Int((target / aspect).squareRoot().rounded(.toNearestOrEven))
      guard width > 0, height > 0, width <= size.width, height <= size.height else { continue }
      let y = min(Int(unit() * Double(size.height - height + 1)), size.height - height)
      let x = min(Int(unit() * Double(size.width - width + 1)), size.width - width)
      return PixelRegion(y: y, x: x, height: height, width: width)
    }
    return central(in: size, minRatio, maxRatio)
  }

  private func central(in size: ImageSize, _ low: Double, _ high: Double) -> PixelRegion {
    var (height, width) = (size.height, size.width)
    let aspect = Double(width) / Double(height)
    if aspect < low {
      height = Int((Double(width) / low).rounded(.toNearestOrEven))
    } else if aspect > high {
      width = Int((Double(height) * high).rounded(.toNearestOrEven))
    }
    height = min(max(height, 1), size.height)
    width = min(max(width, 1), size.width)
    return PixelRegion(
      y: (size.height - height) / 2,
      x: (size.width - width) / 2,
      height: height,
      width: width
    )
  }
}

extension ColorDistortion {
  /// Draws each change with a chance of one half, as SSD does.
  init(_ step: PhotometricDistortion, drawnWith generator: inout CounterGenerator) {
    self.init()
    isContrastFirst = generator.chance(0.5)
    if generator.chance(0.5) {
      self.brightness = Float(generator.uniform(-Double(step.brightness), Double(step.brightness)))
    }
    if generator.chance(0.5) {
      self.contrast = Float(generator.uniform(Double(step.contrast[0]), Double(step.contrast[1])))
    }
    if generator.chance(0.5) {
      self.saturation = Float(
        generator.uniform(Double(step.saturation[0]), Double(step.saturation[1]))
      )
    }
    if generator.chance(0.5) {
      self.hue = Float(generator.uniform(-Double(step.hue), Double(step.hue)))
    }
    // Without a change the order means nothing; `self` then equals the distortion that does nothing.
    if self.contrast == 1 { isContrastFirst = true }
  }
}
