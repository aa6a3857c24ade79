import OTXCore
import OTXImage

extension Image {
  init(size: ImageSize, color: Color) {
    self.init(size: size, red: color.red, green: color.green, blue: color.blue)
  }

  /// Scaled to fit `size`, the aspect ratio kept and sides cut to whole pixels, as mmcv does.
  func fitted(to size: ImageSize) throws -> (image: Image, scale: Double) {
    let scale = min(
      Double(size.height) / Double(height),
      Double(size.width) / Double(width)
    )
    let target = scaledSize(by: scale)
    return (target == self.size ? self : try resized(to: target), scale)
  }

  /// The size times `scale`, cut to whole pixels; at least one.
  func scaledSize(by scale: Double) -> ImageSize {
    // A hair more, for products that are whole numbers but for rounding.
    func side(_ count: Int) -> Int { max(Int(Double(count) * scale + 1e-6), 1) }
    return ImageSize(height: side(height), width: side(width))
  }
}

extension Mosaic {
  /// Puts the sample and three others on a canvas.
  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    in surroundings: SampleSurroundings<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    let input = surroundings.inputSize
    let canvasSize = ImageSize(height: 2 * input.height, width: 2 * input.width)
    let (low, high) = (Double(centerRange[0]), Double(centerRange[1]))
    let center = (
      x: Int(generator.uniform(low, high) * Double(input.width)),
      y: Int(generator.uniform(low, high) * Double(input.height))
    )
    let indices = (0..<3).map { _ in generator.index(below: surroundings.partnerCount) }
    let filter = BoxFilter(minimumSide: minimumBoxSide, minimumVisibility: minimumVisibility)
    var canvas = Image(size: canvasSize, color: fill.color)
    var others: [Entity] = []
    for (number, index) in indices.enumerated() {
      var entity = try surroundings.partner(index)
      let transform = try draw(entity.image, number + 1, around: center, on: &canvas)
      entity.image = .empty
      entity.move(by: transform, keeping: filter)
      others.append(entity)
    }
    var own = SpatialTransform(size: canvasSize)
    try sample.changePixels { own = try draw($0, 0, around: center, on: &canvas) }
    try sample.remake(own, keeping: filter) { _ in canvas }
    for other in others { sample.join(other, share: 0.25) }
    sample.becomeCanvas()
  }

  /// Draws one of the four (0…3: top left, top right, bottom left, bottom right).
  ///
  /// - Returns: Where the picture's points went.
  func draw(
    _ image: Image,
    _ place: Int,
    around center: (x: Int, y: Int),
    on canvas: inout Image
  ) throws -> SpatialTransform {
    let input = ImageSize(height: canvas.height / 2, width: canvas.width / 2)
    let (fitted, scale) = try image.fitted(to: input)
    let x = place % 2 == 0 ? center.x - fitted.width : center.x
    let y = place / 2 == 0 ? center.y - fitted.height : center.y
    canvas.paste(fitted, y: y, x: x)
    return SpatialTransform(
      scaleX: Float(scale),
      scaleY: Float(scale),
      offsetX: Float(x),
      offsetY: Float(y),
      size: canvas.size
    )
  }
}

extension MixUp {
  /// What is drawn for one mixing; offsets are shares of the space there is.
  struct Draw {
    var scale: Double
    var isFlipped: Bool
    var y: Double
    var x: Double
  }

  func apply<Entity>(
    to sample: inout TrainingSample<Entity>,
    in surroundings: SampleSurroundings<Entity>,
    using generator: inout CounterGenerator
  ) throws {
    // A picture without objects teaches little; but some subsets have no other.
    var index = generator.index(below: surroundings.partnerCount)
    for _ in 0..<14 where !surroundings.hasObjects(index) {
      index = generator.index(below: surroundings.partnerCount)
    }
    let draw = Draw(
      scale: generator.uniform(Double(scalingRatioRange[0]), Double(scalingRatioRange[1])),
      isFlipped: generator.chance(flipProbability),
      y: generator.unit(),
      x: generator.unit()
    )
    var other = try surroundings.partner(index)
    let (image, transforms) = try layer(
      of: other.image,
      input: surroundings.inputSize,
      target: sample.size,
      draw
    )
    other.image = .empty
    let filter = BoxFilter(minimumSide: minimumBoxSide, minimumVisibility: minimumVisibility)
    for transform in transforms { other.move(by: transform, keeping: filter) }
    try sample.changePixels { try $0.average(with: image) }
    sample.join(other, share: 0.5)
  }

  /// The other picture as it is mixed in: of size `target`.
  ///
  /// The steps of mmdetection's `MixUp`: fitted to the input's corner, scaled, flipped, cut.
  ///
  /// - Returns: The layer, and the transforms that take annotations there, in order.
  func layer(
    of image: Image,
    input: ImageSize,
    target: ImageSize,
    _ draw: Draw
  ) throws -> (image: Image, transforms: [SpatialTransform]) {
    let (fitted, scale) = try image.fitted(to: input)
    var canvas = Image(size: input, color: fill.color)
    canvas.paste(fitted, y: 0, x: 0)
    let scaled = canvas.scaledSize(by: draw.scale)
    if scaled != canvas.size { canvas = try canvas.resized(to: scaled) }
    if draw.isFlipped { try canvas.flipHorizontally() }
    let total = Float(scale * draw.scale)
    var transforms = [SpatialTransform(scaleX: total, scaleY: total, size: scaled)]
    if draw.isFlipped { transforms.append(.horizontalFlip(scaled)) }
    let y = Int(draw.y * Double(max(scaled.height - target.height, 0) + 1))
    let x = Int(draw.x * Double(max(scaled.width - target.width, 0) + 1))
    var layer = Image(size: target, color: fill.color)
    layer.paste(canvas, y: -y, x: -x)
    transforms.append(.crop(y: y, x: x, size: target))
    return (layer, transforms)
  }
}
