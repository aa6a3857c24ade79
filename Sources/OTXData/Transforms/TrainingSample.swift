import Foundation
import OTXCore
import OTXImage

/// A sample on its way through augmentation.
///
/// Crops and mirrorings only note what is to be done; pixels are touched once, when they are
/// resized, or earlier where a step needs them.
struct TrainingSample<Entity: DataEntity> {
  private(set) var entity: Entity
  /// The part of `entity.image` that is left.
  private var region: PixelRegion
  private var isMirrored = false
  /// Whether the picture is a mosaic's canvas, twice as large as the network's input.
  private(set) var isCanvas = false

  init(_ entity: Entity) {
    self.entity = entity
    region = PixelRegion(entity.image.size)
  }

  /// Size of the picture as it is now.
  var size: ImageSize { region.size }

  /// Takes a part of the picture, in its present coordinates.
  mutating func crop(to part: PixelRegion, keeping filter: BoxFilter = .centerInside) {
    let x = isMirrored ? region.width - part.x - part.width : part.x
    region = PixelRegion(
      y: region.y + part.y,
      x: region.x + x,
      height: part.height,
      width: part.width
    )
    move(by: .crop(y: part.y, x: part.x, size: part.size), keeping: filter)
  }

  mutating func flipHorizontally() {
    isMirrored.toggle()
    move(by: .horizontalFlip(size))
  }

  /// Changes pixels; size and annotations stay.
  mutating func changePixels(_ change: (inout Image) throws -> Void) throws {
    var image = try takePixels()
    try change(&image)
    setPixels(image)
  }

  /// Replaces the picture by what `make` makes of it; annotations go where `transform` says.
  mutating func remake(
    _ transform: SpatialTransform,
    keeping filter: BoxFilter,
    _ make: (Image) throws -> Image
  ) throws {
    let image = try make(takePixels())
    setPixels(image)
    move(by: transform, keeping: filter)
  }

  /// Adds what is known about a picture that was put into this one.
  mutating func join(_ other: Entity, share: Float) { entity.join(other, share: share) }

  /// Notes whether the picture is a mosaic's canvas.
  mutating func becomeCanvas(_ isCanvas: Bool = true) { self.isCanvas = isCanvas }

  /// The sample as the network takes it.
  consuming func resized(_ preprocessing: Preprocessing) throws -> Entity {
    let input = preprocessing.inputSize
    let placement = Placement(size, preprocessing)
    // Mirrored after resizing, within the bars.
    let x = isMirrored ? input.width - placement.x - placement.size.width : placement.x
    var image: Image
    if region == PixelRegion(entity.image.size), size == input {
      image = takeImage()
    } else {
      image = try entity.image.resized(
        to: placement.size,
        region: region,
        canvas: input,
        offset: (placement.y, x),
        padValue: preprocessing.padValue
      )
    }
    if isMirrored { try image.flipHorizontally() }
    move(by: placement.transform(of: size, into: input))
    entity.image = image
    return entity
  }

  /// The present pixels; nothing else holds them, so that they can be changed in place.
  private mutating func takePixels() throws -> Image {
    var image =
      region == PixelRegion(entity.image.size)
      ? takeImage() : try entity.image.cropped(to: region)
    if isMirrored { try image.flipHorizontally() }
    return image
  }

  private mutating func takeImage() -> Image {
    let image = entity.image
    entity.image = .empty
    return image
  }

  private mutating func setPixels(_ image: Image) {
    entity.image = image
    region = PixelRegion(image.size)
    isMirrored = false
  }

  private mutating func move(
    by transform: SpatialTransform,
    keeping filter: BoxFilter = .centerInside
  ) {
    entity.move(by: transform, keeping: filter)
    entity.frame = entity.frame.moved(by: transform)
  }
}

extension TrainingSample: AugmentableSample {
  var objectBoxes: [BoundingBox] { entity.objectBoxes }

  mutating func crop(y: Int, x: Int, height: Int, width: Int) {
    crop(to: PixelRegion(y: y, x: x, height: height, width: width))
  }

  mutating func remake(
    _ transform: SpatialTransform,
    _ make: (Image) throws -> Image
  ) throws {
    try remake(transform, keeping: .centerInside, make)
  }
}
