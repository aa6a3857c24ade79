/// A statement of a dataset about a picture: a label of the whole, an object in it, a text.
///
/// One object is one annotation, whatever is known of it: its box, its region (a polygon, a mask, a
/// turned box), its key points. What few datasets have is stored aside, so that a million plain
/// boxes stay small.
public struct Annotation: Sendable, Equatable {
  /// The label's name; `nil` where the dataset gives none.
  public var label: String?
  /// The object's box, in pixels of the picture; `nil` for what is said of the whole picture.
  public var box: BoundingBox?
  /// The object's pixels, where more than a box is known.
  public var region: Region?
  /// A region of many objects: it is ignored, neither a hit nor a miss.
  public var isCrowd: Bool
  /// An object that is hard to see (VOC's flag).
  public var isDifficult: Bool
  private var extras: Extras?

  /// - Parameters:
  ///   - label: The label's name, if any.
  ///   - box: The object's box; where it is `nil`, that of `region`.
  ///   - region: The object's pixels.
  ///   - isCrowd: Whether it is a region of many objects.
  ///   - isDifficult: Whether it is hard to see.
  public init(
    label: String?,
    box: BoundingBox? = nil,
    region: Region? = nil,
    isCrowd: Bool = false,
    isDifficult: Bool = false
  ) {
    self.label = label
    self.box = box ?? region?.bounds
    self.region = region
    self.isCrowd = isCrowd
    self.isDifficult = isDifficult
  }

  /// What an annotation is about.
  public enum Kind: Sendable, Equatable {
    /// The whole picture shows ``Annotation/label``.
    case label
    /// An object in the picture.
    case object
    /// A text about the picture.
    case caption
    /// A label for each pixel.
    case labelMap
  }

  public var kind: Kind {
    if extras?.labelMap != nil { return .labelMap }
    if extras?.caption != nil { return .caption }
    return box != nil || region != nil || extras?.keypoints != nil ? .object : .label
  }

  /// What few annotations have.
  private final class Extras: Sendable, Equatable {
    let keypoints: Keypoints?
    let caption: String?
    let labelMap: LabelMap?
    let id: Int?
    let group: Int
    let attributes: [String: AttributeValue]

    init(_ values: Values) {
      keypoints = values.keypoints
      caption = values.caption
      labelMap = values.labelMap
      id = values.id
      group = values.group
      attributes = values.attributes
    }

    static func == (left: Extras, right: Extras) -> Bool {
      left === right || left.values == right.values
    }

    var values: Values {
      Values(
        keypoints: keypoints,
        caption: caption,
        labelMap: labelMap,
        id: id,
        group: group,
        attributes: attributes
      )
    }
  }

  /// The same, to be changed.
  private struct Values: Equatable {
    var keypoints: Keypoints?
    var caption: String?
    var labelMap: LabelMap?
    var id: Int?
    var group = 0
    var attributes: [String: AttributeValue] = [:]
  }

  private mutating func change(_ body: (inout Values) -> Void) {
    var values = extras?.values ?? Values()
    body(&values)
    extras = values == Values() ? nil : Extras(values)
  }

  /// The object's key points.
  public var keypoints: Keypoints? {
    get { extras?.keypoints }
    set { change { $0.keypoints = newValue } }
  }

  /// A text about the picture.
  public var caption: String? {
    get { extras?.caption }
    set { change { $0.caption = newValue } }
  }

  /// A label for each pixel.
  public var labelMap: LabelMap? {
    get { extras?.labelMap }
    set { change { $0.labelMap = newValue } }
  }

  /// The annotation's number in its file; in videos, the number of the object's track.
  public var id: Int? {
    get { extras?.id }
    set { change { $0.id = newValue } }
  }

  /// Annotations of one number belong together; 0 for one that stands alone.
  public var group: Int {
    get { extras?.group ?? 0 }
    set { change { $0.group = newValue } }
  }

  /// What the dataset says besides.
  public var attributes: [String: AttributeValue] {
    get { extras?.attributes ?? [:] }
    set { change { $0.attributes = newValue } }
  }
}

extension Annotation {
  /// The whole picture shows `label`.
  public static func label(_ label: String) -> Annotation { Annotation(label: label) }

  /// An object of which a box is known.
  public static func box(
    _ box: BoundingBox,
    label: String?,
    isCrowd: Bool = false,
    isDifficult: Bool = false
  ) -> Annotation {
    Annotation(label: label, box: box, isCrowd: isCrowd, isDifficult: isDifficult)
  }

  /// An object of which a region is known; `box` is the dataset's own box, if it has one.
  public static func region(
    _ region: Region,
    label: String?,
    box: BoundingBox? = nil,
    isCrowd: Bool = false
  ) -> Annotation {
    Annotation(label: label, box: box, region: region, isCrowd: isCrowd)
  }

  /// An object of which key points are known; without a box, that around its visible points.
  public static func keypoints(
    _ keypoints: Keypoints,
    label: String?,
    box: BoundingBox? = nil
  ) -> Annotation {
    var annotation = Annotation(label: label, box: box ?? keypoints.bounds)
    annotation.keypoints = keypoints
    return annotation
  }

  /// A text about the picture.
  public static func caption(_ text: String) -> Annotation {
    var annotation = Annotation(label: nil)
    annotation.caption = text
    return annotation
  }

  /// A label for each pixel.
  public static func labelMap(_ map: LabelMap) -> Annotation {
    var annotation = Annotation(label: nil)
    annotation.labelMap = map
    return annotation
  }

  /// Names of the labels that the annotation uses; for a label map, all of its table.
  public var labelNames: [String] {
    if let labelMap { return labelMap.table.names }
    return label.map { [$0] } ?? []
  }
}

/// A value that a dataset gives beside what tasks learn: `occluded`, `pose`, `weather`.
public enum AttributeValue: Sendable, Hashable {
  case flag(Bool)
  case number(Double)
  case text(String)
  case numbers([Double])
}

extension AttributeValue: CustomStringConvertible {
  public var description: String {
    switch self {
    case .flag(let value): value ? "true" : "false"
    case .number(let value): AttributeValue.text(of: value)
    case .text(let value): value
    case .numbers(let values): values.map(AttributeValue.text(of:)).joined(separator: " ")
    }
  }

  private static func text(of number: Double) -> String {
    Int(exactly: number).map(String.init) ?? "\(number)"
  }

  /// A word as a flag or a number where it is one, else as a text.
  public init(word: String) {
    switch word.lowercased() {
    case "true": self = .flag(true)
    case "false": self = .flag(false)
    default: self = Double(word).flatMap { $0.isFinite ? .number($0) : nil } ?? .text(word)
    }
  }
}
