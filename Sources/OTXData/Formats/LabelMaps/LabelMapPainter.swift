import Foundation
import OTXCore
import OTXImage

/// Paints what is said of an item into pictures of labels.
struct LabelMapPainter {
  /// Number of each label.
  let numbers: [String: UInt32]
  /// What pixels are that nothing is said about.
  let background: UInt32

  init(labels: [String], background: UInt32) {
    numbers = Dictionary(labels.enumerated().map { ($0.element, UInt32($0.offset)) }) { first, _ in
      first
    }
    self.background = background
  }

  /// The pixels of an item.
  struct Painting {
    /// Number of each pixel's label.
    var labels: IndexImage
    /// The object that a pixel belongs to, from 1; 0 for none.
    ///
    /// Labels count their objects apart.
    var objects: IndexImage
  }

  /// Refuses an item that says something that is no pixels.
  static func check(_ item: DatasetItem, format: String) throws {
    var hasPixels = item.annotations.isEmpty
    for annotation in item.annotations {
      switch (annotation.kind, annotation.region) {
      case (.labelMap, _): hasPixels = true
      case (.object, nil), (.object, .polyline):
        throw DataError.invalidItem(
          item.id,
          reason: "has an object of which no pixels are known; \(format) holds pixels"
        )
      case (.object, _): hasPixels = true
      case (.label, _), (.caption, _): break
      }
    }
    guard hasPixels else {
      throw DataError.invalidItem(
        item.id,
        reason: "has labels of the whole picture alone; \(format) holds pixels"
      )
    }
  }

  /// Later annotations are painted over earlier ones.
  ///
  /// - Returns: `nil` for an item without annotations of pixels.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for masks that cannot be read,
  ///   ``DataError/unknownLabel(_:known:item:)``.
  func paint(_ item: DatasetItem, size: ImageSize) throws -> Painting? {
    var labels = [UInt32](repeating: background, count: size.height * size.width)
    var objects = [UInt32](repeating: 0, count: labels.count)
    var objectCounts: [UInt32: UInt32] = [:]
    var isPainted = false
    func fill(_ mask: RunLengthMask, _ number: UInt32, _ object: UInt32) {
      for position in mask.runs.joined() {
        let pixel = position % size.height * size.width + position / size.height
        (labels[pixel], objects[pixel]) = (number, object)
      }
    }
    func number(_ label: String?) throws -> UInt32 {
      guard let label, let number = numbers[label] else {
        throw DataError.unknownLabel(label ?? "", known: numbers.keys.sorted(), item: item.id)
      }
      return number
    }
    func nextObject(_ number: UInt32) -> UInt32 {
      objectCounts[number, default: 0] += 1
      return objectCounts[number, default: 0]
    }
    for annotation in item.annotations {
      if let map = annotation.labelMap {
        isPainted = true
        for segment in try map.segments(size: size) {
          let label = try number(segment.label)
          fill(segment.mask, label, segment.instance == nil ? 0 : nextObject(label))
        }
      } else if let region = annotation.region {
        isPainted = true
        let label = try number(annotation.label)
        fill(try region.mask(size: size), label, annotation.isCrowd ? 0 : nextObject(label))
      }
    }
    guard isPainted else { return nil }
    return Painting(
      labels: IndexImage(size: size, values: labels),
      objects: IndexImage(size: size, values: objects)
    )
  }
}

extension IndexImage {
  /// The picture with the colour of each number; black for those without one.
  func colored(_ colors: [Color]) -> Image {
    var image = Image(size: size)
    for (index, value) in values.enumerated() where Int(value) < colors.count {
      let color = colors[Int(value)]
      image.pixels[3 * index] = color.red
      image.pixels[3 * index + 1] = color.green
      image.pixels[3 * index + 2] = color.blue
    }
    return image
  }
}

extension Dataset {
  /// Labels to write: those that the dataset declares, then others that are used; `background` only
  /// where it is used.
  var writtenLabels: [String] {
    var used = Set(labels.names)
    for annotation in items.values.joined().flatMap(\.annotations) {
      used.formUnion(annotation.labelNames)
    }
    let declared = declaredLabels.filter { $0 != "background" || used.contains($0) }
    let known = Set(declared + labels.names)
    return declared + labels.names.filter { !declared.contains($0) }
      + used.subtracting(known).sorted()
  }
}
