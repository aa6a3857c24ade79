import Foundation
import OTXCore
import OTXImage

extension HSVJitter {
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    // Each in turn: how much, and whether; always as many draws.
    let shifts = [hue, saturation, value].map { bound in
      let shift = Int(generator.uniform(-1, 1) * Double(bound))
      return generator.chance(0.5) ? shift : 0
    }
    guard shifts != [0, 0, 0] else { return }
    try sample.changePixels {
      try $0.shiftHSV(hue: shifts[0], saturation: shifts[1], value: shifts[2])
    }
  }
}

extension ColorJitter {
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    let order = generator.shuffled([0, 1, 2, 3])
    let factors = [brightness, contrast, saturation].map { bound in
      generator.uniform(max(0, 1 - Double(bound)), 1 + Double(bound))
    }
    let turn = generator.uniform(-Double(hue), Double(hue))
    try sample.changePixels { image in
      for change in order {
        switch change {
        case 0: if brightness > 0 { try image.adjustBrightness(Float(factors[0])) }
        case 1: if contrast > 0 { try image.adjustContrast(factors[1]) }
        case 2: if saturation > 0 { try image.adjustSaturation(factors[2]) }
        default: if hue > 0 { try image.adjustHue(turn) }
        }
      }
    }
  }
}

extension RandomErasing {
  /// The part to paint over; `nil` where ten tries find none.
  ///
  /// The formulas of torchvision's `RandomErasing.make_params`.
  ///
  /// - Parameters:
  ///   - size: The picture's.
  ///   - unit: Draws a number in 0 ..< 1.
  /// - Returns: A part inside the picture.
  func region(in size: ImageSize, unit: () -> Double) -> PixelRegion? {
    func between(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }
    let area = Double(size.height * size.width)
    let (low, high) = (log(Double(ratio[0])), log(Double(ratio[1])))
    for _ in 0..<10 {
      let target = area * between(Double(scale[0]), Double(scale[1]))
      let aspect = exp(between(low, high))
      let height = Int((target * aspect).squareRoot().rounded(.toNearestOrEven))
      let width = Int((target / aspect).squareRoot().rounded(.toNearestOrEven))
      guard height < size.height, width < size.width else { continue }
      let y = Int(unit() * Double(size.height - height + 1))
      let x = Int(unit() * Double(size.width - width + 1))
      return PixelRegion(y: y, x: x, height: height, width: width)
    }
    return nil
  }
}
