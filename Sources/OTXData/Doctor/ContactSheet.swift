public import OTXCore
import OTXImage

/// A picture and what is known of it, to be looked at.
public struct AnnotatedPicture: Sendable {
  public var name: String
  public var image: Image
  /// In pixels of `image`.
  public var annotations: [Annotation]

  public init(name: String, image: Image, annotations: [Annotation]) {
    (self.name, self.image, self.annotations) = (name, image, annotations)
  }
}

/// Pictures in rows on one sheet, annotations drawn.
public enum ContactSheet {
  /// Draws a sheet.
  ///
  /// - Parameters:
  ///   - pictures: What to show, row by row; at least one.
  ///   - labels: Their places pick the colours.
  ///   - cellSide: Pixels of a picture's longer side on the sheet.
  /// - Returns: The sheet; about as wide as it is high.
  /// - Throws: Whatever drawing throws.
  public static func draw(
    _ pictures: [AnnotatedPicture],
    labels: LabelInfo,
    cellSide: Int = 480
  ) throws -> Image {
    let columnCount = max(1, Int(Double(pictures.count).squareRoot().rounded(.up)))
    let rowCount = (pictures.count + columnCount - 1) / columnCount
    let (gap, title) = (8, max(18, cellSide / 20))
    let cells = try pictures.map { try scaled($0, to: cellSide) }
    let cellHeight = cells.map(\.image.height).max() ?? cellSide
    let size = ImageSize(
      height: rowCount * (cellHeight + title + gap) + gap,
      width: columnCount * (cellSide + gap) + gap
    )
    var sheet = Image(size: size, red: 30, green: 32, blue: 36)
    for (index, cell) in cells.enumerated() {
      let y = gap + index / columnCount * (cellHeight + title + gap)
      let x = gap + index % columnCount * (cellSide + gap)
      let drawn = try OverlayRenderer.draw(cell.annotations, labels: labels, on: cell.image)
      sheet.paste(
        drawn,
        y: y + title + (cellHeight - drawn.height) / 2,
        x: x + (cellSide - drawn.width) / 2
      )
      try OverlayRenderer.write(
        cell.name,
        on: &sheet,
        y: y,
        x: x,
        height: title,
        width: cellSide
      )
    }
    return sheet
  }

  /// A picture at the size that it has on the sheet: marks are drawn on that, so that lines are of
  /// one width everywhere.
  private static func scaled(_ picture: AnnotatedPicture, to side: Int) throws -> AnnotatedPicture {
    let longer = max(picture.image.height, picture.image.width, 1)
    let scale = Float(side) / Float(longer)
    let size = ImageSize(
      height: max(1, Int((Float(picture.image.height) * scale).rounded())),
      width: max(1, Int((Float(picture.image.width) * scale).rounded()))
    )
    let image = try picture.image.resized(
      to: size,
      interpolation: scale < 1 ? .area : .bilinear
    )
    return AnnotatedPicture(
      name: picture.name,
      image: image,
      annotations: picture.annotations.map { $0.scaled(by: scale) }
    )
  }

  /// Items of a dataset, decoded.
  ///
  /// - Parameters:
  ///   - dataset: Where from.
  ///   - subset: Only of this one; `nil`: of all.
  ///   - label: Only items with this label; `nil`: any.
  ///   - count: As many at most.
  ///   - seed: Decides which, where there are more.
  /// - Returns: The pictures, and the names of those that cannot be decoded, with the reason.
  public static func pictures(
    of dataset: Dataset,
    subset: Subset?,
    label: String?,
    count: Int,
    seed: Int
  ) -> (pictures: [AnnotatedPicture], damaged: [String]) {
    var items = Subset.allCases.filter { subset == nil || $0 == subset }
      .flatMap { dataset.items[$0] ?? [] }
    if let label {
      items = items.filter { $0.annotations.contains { $0.labelNames.contains(label) } }
    }
    if items.count > count {
      var generator = CounterGenerator(seed: UInt64(truncatingIfNeeded: seed), 0x73_68_65_65_74)
      let chosen = generator.shuffled(Array(items.indices)).prefix(count).sorted()
      items = chosen.map { items[$0] }
    }
    var damaged: [String] = []
    let pictures = items.compactMap { item -> AnnotatedPicture? in
      do {
        let image = try item.picture()
        return AnnotatedPicture(name: item.id, image: image, annotations: item.annotations)
      } catch {
        damaged.append("\(item.id): \(error)")
        return nil
      }
    }
    return (pictures, damaged)
  }

  /// The first pictures of a training epoch as the network would see them.
  ///
  /// - Parameters:
  ///   - module: A data module with the recipe's augmentations.
  ///   - count: As many at most.
  ///   - epoch: Counted from 0; other epochs draw other numbers.
  /// - Returns: The augmented pictures.
  /// - Throws: ``OTXCore/DataError`` for a damaged picture.
  public static func augmentedPictures<Kind: VisionTask>(
    of module: DataModule<Kind>,
    count: Int,
    epoch: Int
  ) throws -> [AnnotatedPicture] {
    let stream = try module.batches(.train, mode: .training(epoch: epoch))
    var result: [AnnotatedPicture] = []
    while result.count < count, let batch = try stream.next() {
      let images = batch.images
      let stride = images.height * images.width * Image.channelCount
      for (index, entity) in batch.entities.enumerated() where result.count < count {
        let pixels = Array(images.pixels[index * stride..<(index + 1) * stride])
        result.append(
          AnnotatedPicture(
            name: entity.frame.itemID,
            image: Image(size: images.size, pixels: pixels),
            annotations: entity.annotations(labels: module.labels)
          )
        )
      }
    }
    return result
  }
}

extension Annotation {
  /// The same on a picture of another size.
  func scaled(by scale: Float) -> Annotation {
    var result = self
    result.box = box.map {
      BoundingBox(x1: $0.x1 * scale, y1: $0.y1 * scale, x2: $0.x2 * scale, y2: $0.y2 * scale)
    }
    result.region = region?.scaled(by: scale)
    if let keypoints {
      result.keypoints = Keypoints(
        points: keypoints.points.map { $0 * scale },
        visibilities: keypoints.visibilities
      )
    }
    return result
  }
}

extension Region {
  fileprivate func scaled(by scale: Float) -> Region? {
    func scaled(_ box: RotatedBox) -> RotatedBox {
      RotatedBox(
        x: box.x * scale,
        y: box.y * scale,
        width: box.width * scale,
        height: box.height * scale,
        angle: box.angle
      )
    }
    switch self {
    case .polygon(let polygon): return .polygon(polygon.mapPoints { ($0 * scale, $1 * scale) })
    case .rotatedBox(let box): return .rotatedBox(scaled(box))
    case .ellipse(let box): return .ellipse(scaled(box))
    case .polyline(let points): return .polyline(points.map { $0 * scale })
    case .maskFile: return nil
    case .mask(let mask): return mask.scaled(by: scale).map(Region.mask)
    }
  }
}

extension RunLengthMask {
  /// The mask on a picture of another size, by the nearest pixel.
  fileprivate func scaled(by scale: Float) -> RunLengthMask? {
    let target = ImageSize(
      height: max(1, Int((Float(size.height) * scale).rounded())),
      width: max(1, Int((Float(size.width) * scale).rounded()))
    )
    guard size.height > 0, size.width > 0 else { return nil }
    let source = bitmap
    var result = [Bool](repeating: false, count: target.height * target.width)
    for y in 0..<target.height {
      let row = min(y * size.height / target.height, size.height - 1)
      for x in 0..<target.width {
        let column = min(x * size.width / target.width, size.width - 1)
        result[y * target.width + x] = source[row * size.width + column]
      }
    }
    return RunLengthMask(size: target, bitmap: result)
  }
}
