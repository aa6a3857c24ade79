public import OTXCore

/// The forms of annotations that a format has a place for.
public struct AnnotationForms: OptionSet, Sendable, Hashable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Labels of whole pictures.
  public static let labels = AnnotationForms(rawValue: 1)
  public static let boxes = AnnotationForms(rawValue: 2)
  public static let polygons = AnnotationForms(rawValue: 4)
  public static let masks = AnnotationForms(rawValue: 8)
  public static let rotatedBoxes = AnnotationForms(rawValue: 16)
  public static let ellipses = AnnotationForms(rawValue: 32)
  public static let lines = AnnotationForms(rawValue: 64)
  public static let keypoints = AnnotationForms(rawValue: 128)
  public static let captions = AnnotationForms(rawValue: 256)
  public static let labelMaps = AnnotationForms(rawValue: 512)
  /// Objects without a label.
  public static let unnamed = AnnotationForms(rawValue: 1024)

  public static let all: AnnotationForms = [
    .labels, .boxes, .polygons, .masks, .rotatedBoxes, .ellipses, .lines, .keypoints, .captions,
    .labelMaps, .unnamed,
  ]

  /// Boxes and what lies in them, each with a label.
  public static let objects: AnnotationForms = [.boxes, .polygons, .masks, .keypoints]
}

/// Brings annotations into forms that a format holds.
///
/// A form that is finer than the format's becomes the next coarser one: pixels become outlines,
/// outlines boxes; a label map becomes the segments it is made of. What has no coarser form is left
/// out, and counted.
public struct DatasetAdapter {
  private let forms: AnnotationForms
  /// A line for each change of form, with how many there were: `label maps as masks`.
  public private(set) var changes: [String: Int] = [:]

  public init(to forms: AnnotationForms) { self.forms = forms }

  /// The dataset in forms that fit.
  ///
  /// - Throws: ``OTXCore/DataError/unreadable(file:reason:)`` for a file of pixels that is needed and
  ///   cannot be read.
  public mutating func adapt(_ dataset: Dataset) throws -> Dataset {
    guard forms != .all else { return dataset }
    var result = dataset
    for (subset, items) in dataset.items {
      result.items[subset] = try items.map { item in
        var item = item
        item.annotations = try item.annotations.flatMap { try adapted($0, of: item) }
        return item
      }
    }
    return result
  }

  /// The changes in words, in alphabetical order.
  public var summary: [String] {
    changes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
  }

  private mutating func note(_ change: String) { changes[change, default: 0] += 1 }

  private mutating func adapted(
    _ annotation: Annotation,
    of item: DatasetItem
  ) throws -> [Annotation] {
    switch annotation.kind {
    case .label: return keep(annotation, .labels, "labels of whole pictures left out")
    case .caption: return keep(annotation, .captions, "captions left out")
    case .labelMap:
      guard !forms.contains(.labelMaps), let map = annotation.labelMap else { return [annotation] }
      guard !forms.isDisjoint(with: [.masks, .polygons, .boxes]) else {
        note("label maps left out")
        return []
      }
      note("label maps as objects")
      return try map.segments(size: item.size).flatMap { segment in
        try object(
          .region(.mask(segment.mask), label: segment.label, box: segment.mask.bounds),
          of: item
        )
      }
    case .object:
      guard annotation.label != nil || forms.contains(.unnamed) else {
        note("objects without a label left out")
        return []
      }
      return try object(annotation, of: item)
    }
  }

  private mutating func keep(
    _ annotation: Annotation,
    _ form: AnnotationForms,
    _ change: String
  ) -> [Annotation] {
    if forms.contains(form) { return [annotation] }
    note(change)
    return []
  }

  private mutating func object(_ object: Annotation, of item: DatasetItem) throws -> [Annotation] {
    var result = object
    if result.keypoints != nil, !forms.contains(.keypoints) {
      result.keypoints = nil
      note("key points left out")
    }
    if let region = result.region {
      result.region = try self.region(region, of: item)
      if result.box == nil { result.box = result.region?.bounds ?? region.bounds }
      if result.region == nil, case .polyline = region, object.keypoints == nil {
        note("lines left out")
        return []
      }
    }
    let isKept =
      result.region != nil || result.keypoints != nil
      || (result.box != nil && forms.contains(.boxes))
    guard isKept else {
      note("boxes left out")
      return []
    }
    return [result]
  }

  /// The finest form of a region that the format holds; `nil` for its box alone.
  private mutating func region(_ region: Region, of item: DatasetItem) throws -> Region? {
    switch region {
    case .polygon(let polygon):
      if forms.contains(.polygons) { return region }
      return try masked(region, of: item, "polygons") ?? box(polygon, "polygons")
    case .mask(let mask):
      return forms.contains(.masks) ? region : outlined(mask)
    case .maskFile(let file):
      if forms.contains(.masks) { return region }
      return outlined(try file.mask())
    case .rotatedBox(let turned):
      return forms.contains(.rotatedBoxes) ? region : polygon(turned.corners, "turned boxes")
    case .ellipse(let turned):
      return forms.contains(.ellipses) ? region : polygon(turned.ellipsePoints, "ellipses")
    case .polyline: return forms.contains(.lines) ? region : nil
    }
  }

  private mutating func outlined(_ mask: RunLengthMask) -> Region? {
    guard forms.contains(.polygons), let polygon = mask.polygon() else {
      note("masks as boxes")
      return nil
    }
    note("masks as polygons")
    return .polygon(polygon)
  }

  private mutating func polygon(_ points: [Float], _ what: String) -> Region? {
    guard forms.contains(.polygons) else { return box(Polygon(points), what) }
    note("\(what) as polygons")
    return .polygon(Polygon(points))
  }

  private mutating func masked(
    _ region: Region,
    of item: DatasetItem,
    _ what: String
  ) throws -> Region? {
    guard forms.contains(.masks), let size = item.size else { return nil }
    note("\(what) as masks")
    return .mask(try region.mask(size: size))
  }

  private mutating func box(_ polygon: Polygon, _ what: String) -> Region? {
    note("\(what) as boxes")
    return nil
  }
}
