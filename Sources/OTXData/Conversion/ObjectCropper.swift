import Foundation
public import OTXCore
import OTXImage
import Synchronization

/// Makes a dataset of whole pictures out of one of objects: each annotated object becomes a picture
/// of its own, with its label.
///
/// Nothing is read before a picture is needed. Crowds, objects without a label and those smaller than
/// ``minimumSide`` are left out.
public struct ObjectCropper: Sendable {
  /// What is added around an object, in parts of its longer side.
  public var margin: Float
  /// Objects with a shorter side, in pixels, are left out.
  public var minimumSide: Float

  /// - Throws: ``ConfigurationError/invalid(_:)`` for a margin below 0 or above 10, or a side below 1.
  public init(margin: Float = 0.1, minimumSide: Float = 8) throws {
    guard (0...10).contains(margin), minimumSide >= 1 else {
      throw ConfigurationError.invalid(
        "objects are cut out with a margin of 0 to 10 times their size and sides of at least 1 pixel"
      )
    }
    (self.margin, self.minimumSide) = (margin, minimumSide)
  }

  /// The dataset of objects.
  ///
  /// - Parameter dataset: Any with boxes or regions.
  /// - Returns: Its items are called after their picture and a number; `problems` tells of what was
  ///   left out.
  /// - Throws: ``DataError`` where there is no object.
  public func crop(_ dataset: Dataset) throws -> Dataset {
    var left = LeftOut()
    var result = dataset
    result.problems = []
    result.items = dataset.items.mapValues { items in
      items.flatMap { crops(of: $0, &left) }
    }
    guard result.items.values.contains(where: { !$0.isEmpty }) else {
      throw DataError.unreadable(
        file: dataset.root.path,
        reason: "has no annotated objects to cut out; 'otx data info' says what it has"
      )
    }
    result.problems = left.problems
    return result
  }

  private struct LeftOut {
    var problems: [DatasetProblem] = []
    mutating func add(_ item: DatasetItem, _ kind: String, _ message: String) {
      problems.append(
        DatasetProblem(
          kind: kind,
          location: item.origin.isEmpty ? item.id : item.origin,
          message: message,
          remedy: .leftOut
        )
      )
    }
  }

  private func crops(of item: DatasetItem, _ left: inout LeftOut) -> [DatasetItem] {
    let source = CroppedPictures(item)
    let parts = item.id.split { $0 == "/" || $0 == "\\" }.filter { $0 != "." && $0 != ".." }
    let path = parts.joined(separator: "_")
    let stem = path.lastIndex(of: ".").map { String(path[..<$0]) } ?? path
    var found: [DatasetItem] = []
    for annotation in item.annotations {
      guard let box = annotation.objectBounds else { continue }
      guard let label = annotation.label, !annotation.isCrowd else {
        left.add(item, "object without a label of its own", "a crowd or no label: not cut out")
        continue
      }
      guard min(box.width, box.height) >= minimumSide else {
        left.add(item, "small object", "'\(label)' of \(box.width) x \(box.height) pixels")
        continue
      }
      let name = source.add(box.grown(by: margin * max(box.width, box.height)))
      found.append(
        DatasetItem(
          id: "\(stem)-\(found.count).png",
          image: .embedded(
            EmbeddedPicture(
              url: item.image.url ?? URL(filePath: item.id),
              name: name,
              reader: source
            )
          ),
          annotations: [.label(label)],
          origin: item.origin
        )
      )
    }
    return found
  }
}

extension Annotation {
  /// The box of the object, given or around its region.
  fileprivate var objectBounds: BoundingBox? { box ?? region?.bounds }
}

extension BoundingBox {
  fileprivate func grown(by margin: Float) -> BoundingBox {
    BoundingBox(x1: x1 - margin, y1: y1 - margin, x2: x2 + margin, y2: y2 + margin)
  }
}

/// Parts of one picture; it is decoded once for those that are read one after the other.
private final class CroppedPictures: EmbeddedPictureReader {
  private struct State {
    var boxes: [String: BoundingBox] = [:]
  }
  private let item: DatasetItem
  private let state = Mutex(State())
  private static let newest = Mutex<(id: ObjectIdentifier, image: Image)?>(nil)

  init(_ item: DatasetItem) { self.item = item }

  func add(_ box: BoundingBox) -> String {
    state.withLock { state in
      let name = "\(item.id), object \(state.boxes.count)"
      state.boxes[name] = box
      return name
    }
  }

  func size(of name: String) throws -> ImageSize {
    try region(name, in: item.size ?? picture().size).size
  }

  func image(of name: String) throws -> Image {
    let whole = try picture()
    return try whole.cropped(to: region(name, in: whole.size))
  }

  private func picture() throws -> Image {
    let id = ObjectIdentifier(self)
    if let known = CroppedPictures.newest.withLock({ $0?.id == id ? $0?.image : nil }) {
      return known
    }
    let image = try item.picture()
    CroppedPictures.newest.withLock { $0 = (id, image) }
    return image
  }

  private func region(_ name: String, in size: ImageSize) throws -> PixelRegion {
    guard let box = state.withLock({ $0.boxes[name] }) else {
      throw DataError.unreadable(file: name, reason: "no such object")
    }
    let inside = box.clipped(to: size)
    let (y, x) = (Int(inside.y1), Int(inside.x1))
    let region = PixelRegion(
      y: y,
      x: x,
      height: Int(inside.y2.rounded(.up)) - y,
      width: Int(inside.x2.rounded(.up)) - x
    )
    guard region.isInside(size) else {
      throw DataError.unreadable(
        file: name,
        reason: "the object lies outside its picture of \(size)"
      )
    }
    return region
  }
}
