public import Foundation

/// One picture and whatever its dataset says about it; the same for every file format.
public struct DatasetItem: Sendable, Equatable {
  /// Unique within its subset: the picture's path below the dataset's root, as a rule.
  public var id: String
  public var image: ImageSource
  /// Size as the annotation file states it; `nil` where it does not.
  ///
  /// The decoded picture counts.
  public var size: ImageSize?
  public var annotations: [Annotation]
  /// Outlines of objects, where the dataset has them; their boxes stand in ``annotations``.
  public var outlines: [Outline] = []
  /// Where the item stands in its annotation file, for messages: `train.json: image 7`.
  public var origin: String

  public init(
    id: String,
    image: ImageSource,
    size: ImageSize? = nil,
    annotations: [Annotation],
    origin: String = ""
  ) {
    self.id = id
    self.image = image
    self.size = size
    self.annotations = annotations
    self.origin = origin
  }
}

/// The outline of an object: a polygon.
public struct Outline: Sendable, Equatable {
  public var label: String
  /// `x, y` of each corner after each other, in pixels.
  public var points: [Float]

  /// - Precondition: `points` holds `x` and `y` of at least one corner.
  public init(label: String, points: [Float]) {
    precondition(points.count >= 2 && points.count % 2 == 0)
    (self.label, self.points) = (label, points)
  }

  /// The smallest box around it.
  public var bounds: BoundingBox {
    var box = BoundingBox(x1: points[0], y1: points[1], x2: points[0], y2: points[1])
    for index in stride(from: 2, to: points.count, by: 2) {
      (box.x1, box.x2) = (min(box.x1, points[index]), max(box.x2, points[index]))
      (box.y1, box.y2) = (min(box.y1, points[index + 1]), max(box.y2, points[index + 1]))
    }
    return box
  }
}

/// Where a picture's pixels are.
///
/// Reading them is the image layer's work.
public enum ImageSource: Sendable, Equatable {
  case file(URL)
  case memory(Image)
}

/// A statement of a dataset about a picture.
public enum Annotation: Sendable, Equatable {
  /// The whole picture shows `label`.
  case label(String)
  /// An object in the picture. `isCrowd` marks a region of many objects: it is ignored, neither
  /// a hit nor a miss. `isDifficult` is VOC's flag.
  case box(BoundingBox, label: String, isCrowd: Bool = false, isDifficult: Bool = false)
}

/// A part of a dataset.
///
/// The raw values are the names in files and on the command line.
public enum Subset: String, Codable, CaseIterable, Sendable {
  case train, val, test, unlabeled
}

/// Dictionaries by subset become JSON objects, not lists.
extension Subset: CodingKeyRepresentable {}

/// Index of a label inside ``LabelInfo/names``; never a category id of a file format.
public typealias LabelIndex = Int

/// The labels that a model knows, in the order of its outputs.
public struct LabelInfo: Sendable {
  public let names: [String]
  /// Where each name stands first.
  private let indices: [String: LabelIndex]

  public init(names: [String]) {
    self.names = names
    indices = Dictionary(
      names.enumerated().map { ($0.element, $0.offset) },
      uniquingKeysWith: { first, _ in first }
    )
  }

  public var count: Int { names.count }

  /// The index of the label called `name`; `nil` for one that is not on the list.
  public func index(of name: String) -> LabelIndex? { indices[name] }

  /// The name of the label at `index`, or `label <index>` for one that is not on the list.
  public func name(_ index: LabelIndex) -> String {
    names.indices.contains(index) ? names[index] : "label \(index)"
  }
}

extension LabelInfo: Hashable {
  public static func == (left: LabelInfo, right: LabelInfo) -> Bool { left.names == right.names }
  public func hash(into hasher: inout Hasher) { hasher.combine(names) }
}

extension LabelInfo: Codable {
  private enum CodingKeys: String, CodingKey { case names }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(names: try container.decode([String].self, forKey: .names))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(names, forKey: .names)
  }
}
