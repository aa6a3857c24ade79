import Foundation
import OTXCore
import OTXImage

/// A sample on its way through augmentation.
///
/// Crops and mirrorings only note what is to be done; pixels are touched once, when they are
/// resized, or earlier where a colour changes.
struct TrainingSample<Entity: DataEntity> {
  private(set) var entity: Entity
  /// The part of `entity.image` that is left.
  private var region: PixelRegion
  private var isMirrored = false

  init(_ entity: Entity) {
    self.entity = entity
    region = PixelRegion(entity.image.size)
  }

  /// Size of the picture as it is now.
  var size: ImageSize { region.size }

  /// Takes a part of the picture, in its present coordinates.
  mutating func crop(to part: PixelRegion) {
    let x = isMirrored ? region.width - part.x - part.width : part.x
    region = PixelRegion(
      y: region.y + part.y,
      x: region.x + x,
      height: part.height,
      width: part.width
    )
    move(by: .crop(y: part.y, x: part.x, size: part.size))
  }

  mutating func flipHorizontally() {
    isMirrored.toggle()
    move(by: .horizontalFlip(size))
  }

  /// Changes the colours.
  mutating func distort(_ distortion: ColorDistortion) throws {
    if region != PixelRegion(entity.image.size) {
      entity.image = try entity.image.cropped(to: region)
      region = PixelRegion(entity.image.size)
    }
    entity.image = try entity.image.distorted(distortion)
  }

  /// The sample as the network takes it.
  consuming func resized(_ preprocessing: Preprocessing) throws -> Entity {
    let input = preprocessing.inputSize
    let placement = Placement(size, preprocessing)
    // Mirrored after resizing, within the bars.
    let x = isMirrored ? input.width - placement.x - placement.size.width : placement.x
    var image = try entity.image.resized(
      to: placement.size,
      region: region,
      canvas: input,
      offset: (placement.y, x),
      padValue: preprocessing.padValue
    )
    if isMirrored { try image.flipHorizontally() }
    move(by: placement.transform(of: size, into: input))
    entity.image = image
    return entity
  }

  private mutating func move(by transform: SpatialTransform) {
    entity.move(by: transform)
    entity.frame = entity.frame.moved(by: transform)
  }
}

extension Augmentation {
  /// Throws where numbers make no sense; a recipe's are checked with their place when it is read.
  func validate() throws {
    func isRange(_ numbers: [Float], above low: Float) -> Bool {
      numbers.count == 2 && numbers[0] > low && numbers[0] <= numbers[1] && numbers[1].isFinite
    }
    let isValid =
      switch self {
      case .minIoURandomCrop(let thresholds, let minimum):
        thresholds.allSatisfy { (0...1).contains($0) } && minimum > 0 && minimum <= 1
      case .randomResizedCrop(let scale, let ratio):
        isRange(scale, above: 0) && isRange(ratio, above: 0)
      case .horizontalFlip(let probability): (0...1).contains(probability)
      case .photometricDistortion(let brightness, let contrast, let saturation, let hue):
        brightness.isFinite && hue.isFinite && isRange(contrast, above: -1)
          && isRange(saturation, above: -1)
      }
    guard isValid else { throw ConfigurationError.invalid("\(self): numbers out of range") }
  }

  /// Applies this step with numbers drawn from `generator`.
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    switch self {
    case .minIoURandomCrop(let thresholds, let minimumCropSize):
      let part = MinIoUCrop(thresholds: thresholds, minimumCropSize: minimumCropSize)
        .region(in: sample.size, keeping: sample.entity.objectBoxes, using: &generator)
      if let part { sample.crop(to: part) }
    case .randomResizedCrop(let scale, let ratio):
      sample.crop(
        to: RandomResizedCrop(scale: scale, ratio: ratio).region(in: sample.size) {
          generator.unit()
        }
      )
    case .horizontalFlip(let probability):
      if generator.chance(probability) { sample.flipHorizontally() }
    case .photometricDistortion(let brightness, let contrast, let saturation, let hue):
      let distortion = ColorDistortion(
        drawnWith: &generator,
        brightness: brightness,
        contrast: contrast,
        saturation: saturation,
        hue: hue
      )
      if distortion != ColorDistortion() { try sample.distort(distortion) }
    }
  }
}
