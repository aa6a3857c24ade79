import Foundation
import OTXCore
import OTXImage

/// An operation of AutoAugment and RandAugment, with torchvision's magnitudes.
enum PolicyOperation: String, CaseIterable {
  case identity = "Identity"
  case shearX = "ShearX"
  case shearY = "ShearY"
  case translateX = "TranslateX"
  case translateY = "TranslateY"
  case rotate = "Rotate"
  case brightness = "Brightness"
  case color = "Color"
  case contrast = "Contrast"
  case sharpness = "Sharpness"
  case posterize = "Posterize"
  case solarize = "Solarize"
  case autoContrast = "AutoContrast"
  case equalize = "Equalize"
  case invert = "Invert"

  /// What RandAugment draws from.
  static let randAugment = allCases.filter { $0 != .invert }

  /// Whether the magnitude is negative half of the time.
  var isSigned: Bool {
    switch self {
    case .shearX, .shearY, .translateX, .translateY, .rotate, .brightness, .color, .contrast,
      .sharpness:
      true
    case .identity, .posterize, .solarize, .autoContrast, .equalize, .invert: false
    }
  }

  /// The magnitude of strength `bin` of `binCount` on a picture of `size`; 0 where it has none.
  func magnitude(_ bin: Int, of binCount: Int, on size: ImageSize) -> Double {
    let share = Double(bin) / Double(binCount - 1)
    return switch self {
    case .shearX, .shearY: 0.3 * share
    case .translateX: 150 / 331 * Double(size.width) * share
    case .translateY: 150 / 331 * Double(size.height) * share
    case .rotate: 30 * share
    case .brightness, .color, .contrast, .sharpness: 0.9 * share
    case .posterize: (8 - 4 * share).rounded(.toNearestOrEven)
    case .solarize: 1 - share
    case .identity, .autoContrast, .equalize, .invert: 0
    }
  }

  /// How the operation moves the pixels of a picture of `size`; `nil` where it moves none.
  func transform(_ magnitude: Double, on size: ImageSize) -> SpatialTransform? {
    switch self {
    case .shearX: return SpatialTransform(shearX: -Float(magnitude), size: size)
    case .shearY: return SpatialTransform(shearY: -Float(magnitude), size: size)
    case .translateX: return SpatialTransform(offsetX: Float(Int(magnitude)), size: size)
    case .translateY: return SpatialTransform(offsetY: Float(Int(magnitude)), size: size)
    case .rotate:
      // About the middle; to the left for positive angles.
      let angle = magnitude * .pi / 180
      let (cosine, sine) = (cos(angle), sin(angle))
      let (x, y) = (Double(size.width) / 2, Double(size.height) / 2)
      return SpatialTransform(
        scaleX: Float(cosine),
        scaleY: Float(cosine),
        offsetX: Float(x - cosine * x - sine * y),
        offsetY: Float(y + sine * x - cosine * y),
        shearX: Float(sine),
        shearY: -Float(sine),
        size: size
      )
    default: return nil
    }
  }

  /// Changes the pixels where they stand.
  func change(_ image: inout Image, _ magnitude: Double) throws {
    switch self {
    case .brightness: try image.adjustBrightness(Float(1 + magnitude))
    case .color: try image.adjustSaturation(1 + magnitude)
    case .contrast: try image.adjustContrast(1 + magnitude)
    case .sharpness: try image.adjustSharpness(1 + magnitude)
    case .posterize: try image.posterize(bits: Int(magnitude))
    case .solarize: try image.solarize(threshold: Float(255 * magnitude))
    case .autoContrast: try image.autoContrast()
    case .equalize: try image.equalize()
    case .invert: try image.invert()
    case .identity, .shearX, .shearY, .translateX, .translateY, .rotate: break
    }
  }

  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    _ magnitude: Double,
    fill: Color,
    keeping filter: BoxFilter
  ) throws {
    if let transform = transform(magnitude, on: sample.size) {
      try sample.remake(transform, keeping: filter) {
        try $0.warpedNearest(by: transform, fill: fill)
      }
    } else if self != .identity {
      try sample.changePixels { try change(&$0, magnitude) }
    }
  }
}

extension RandAugment {
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    let filter = BoxFilter(minimumSide: minimumBoxSide, minimumVisibility: minimumVisibility)
    let bin = min(magnitude, magnitudeBinCount - 1)
    for _ in 0..<operationCount {
      let operations = PolicyOperation.randAugment
      let operation = operations[generator.index(below: operations.count)]
      let sign: Double = generator.chance(0.5) && operation.isSigned ? -1 : 1
      let magnitude = operation.magnitude(bin, of: magnitudeBinCount, on: sample.size)
      try operation.apply(to: &sample, sign * magnitude, fill: fill.color, keeping: filter)
    }
  }
}

extension AutoAugment {
  /// An operation, how often it is taken, and its strength of ten.
  typealias Choice = (operation: PolicyOperation, probability: Float, bin: Int)

  /// The pairs of the ImageNet policy.
  static let imageNet: [[Choice]] = [
    [(.posterize, 0.4, 8), (.rotate, 0.6, 9)], [(.solarize, 0.6, 5), (.autoContrast, 0.6, 0)],
    [(.equalize, 0.8, 0), (.equalize, 0.6, 0)], [(.posterize, 0.6, 7), (.posterize, 0.6, 6)],
    [(.equalize, 0.4, 0), (.solarize, 0.2, 4)], [(.equalize, 0.4, 0), (.rotate, 0.8, 8)],
    [(.solarize, 0.6, 3), (.equalize, 0.6, 0)], [(.posterize, 0.8, 5), (.equalize, 1, 0)],
    [(.rotate, 0.2, 3), (.solarize, 0.6, 8)], [(.equalize, 0.6, 0), (.posterize, 0.4, 6)],
    [(.rotate, 0.8, 8), (.color, 0.4, 0)], [(.rotate, 0.4, 9), (.equalize, 0.6, 0)],
    [(.equalize, 0, 0), (.equalize, 0.8, 0)], [(.invert, 0.6, 0), (.equalize, 1, 0)],
    [(.color, 0.6, 4), (.contrast, 1, 8)], [(.rotate, 0.8, 8), (.color, 1, 2)],
    [(.color, 0.8, 8), (.solarize, 0.8, 7)], [(.sharpness, 0.4, 7), (.invert, 0.6, 0)],
    [(.shearX, 0.6, 5), (.equalize, 1, 0)], [(.color, 0.4, 0), (.equalize, 0.6, 0)],
    [(.equalize, 0.4, 0), (.solarize, 0.2, 4)], [(.solarize, 0.6, 5), (.autoContrast, 0.6, 0)],
    [(.invert, 0.6, 0), (.equalize, 1, 0)], [(.color, 0.6, 4), (.contrast, 1, 8)],
    [(.equalize, 0.8, 0), (.equalize, 0.6, 0)],
  ]

  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    let filter = BoxFilter(minimumSide: minimumBoxSide, minimumVisibility: minimumVisibility)
    for choice in AutoAugment.imageNet[generator.index(below: AutoAugment.imageNet.count)]
    where generator.chance(choice.probability) {
      let operation = choice.operation
      let sign: Double = generator.chance(0.5) && operation.isSigned ? -1 : 1
      let magnitude = operation.magnitude(choice.bin, of: 10, on: sample.size)
      try operation.apply(to: &sample, sign * magnitude, fill: fill.color, keeping: filter)
    }
  }
}
