import OTXCore

/// An annotation as Datumaro keeps it: one thing that is known of an object.
struct DatumaroEntry {
  enum Content {
    case label
    case caption(String)
    case box(BoundingBox)
    case polygon([Float])
    case region(Region)
    case keypoints(Keypoints)
    /// A part of a label map, written for Datumaro alone.
    case labelMapPart
  }

  var content: Content
  var labelIndex: Int?
  var id: Int?
  var group = 0
  /// Entries of one number are about one object; `nil` where the file does not tell.
  var object: Int?
  var attributes: [String: AttributeValue] = [:]
  var position = 0

  /// What an entry states, of whatever kind.
  private struct Fields {
    var kind: String?
    var points: [Float] = []
    var box: [Double] = []
    var turned: [Float] = []
    var visibility: [Float] = []
    var caption: String?
    var mask: RunLengthMask?
    var isLabelMapPart = false
    /// The group of the object, where the entry's only joins its parts.
    var ownGroup: Int?
  }

  /// Reads an entry.
  ///
  /// - Returns: `nil` and the reason for one that cannot be used.
  static func read(_ scanner: inout JSONScanner) throws -> (entry: DatumaroEntry?, flaw: String) {
    var entry = DatumaroEntry(content: .label)
    entry.position = scanner.position
    var fields = Fields()
    try scanner.members { scanner, key in
      switch key {
      case "type": fields.kind = try scanner.stringIfPresent()
      case "id": entry.id = try scanner.integerIfPresent()
      case "group": entry.group = try scanner.integerIfPresent() ?? 0
      case "label_id": entry.labelIndex = try scanner.integerIfPresent()
      case "attributes":
        entry.attributes.merge(try scanner.attributes()) { _, new in new }
      case "object_id":
        if let track = try scanner.integerIfPresent(), track >= 0 {
          entry.attributes["object_id"] = .number(Double(track))
        }
      case "z_order":
        if let order = try scanner.integerIfPresent(), order != 0 {
          entry.attributes["z_order"] = .number(Double(order))
        }
      case "points" where scanner.nextKind() == .array:
        try scanner.appendNumbers(to: &fields.points)
      case "bbox" where scanner.nextKind() == .array:
        try scanner.array { fields.box.append(try $0.numberIfPresent() ?? .nan) }
      case "visibility" where scanner.nextKind() == .array:
        try scanner.appendNumbers(to: &fields.visibility)
      case "caption": fields.caption = try scanner.stringIfPresent()
      case "rle" where scanner.nextKind() == .object:
        fields.mask = try DatumaroEntry.mask(&scanner)
      case "otx_group": fields.ownGroup = try scanner.integerIfPresent()
      case "otx_object": entry.object = try scanner.integerIfPresent()
      case "otx_turned" where scanner.nextKind() == .array:
        try scanner.appendNumbers(to: &fields.turned)
      case "otx_label_map_part":
        fields.isLabelMapPart = true
        try scanner.skipValue()
      default: try scanner.skipValue()
      }
    }
    guard let content = content(of: fields) else {
      guard let kind = fields.kind else { return (nil, "has no 'type'") }
      let isKnown = ["caption", "bbox", "polygon", "polyline", "points", "mask", "ellipse"]
        .contains(kind)
      return (
        nil, isKnown ? "lacks what a \(kind) needs" : "is a \(kind), which is no flat shape"
      )
    }
    entry.content = content
    if let group = fields.ownGroup { entry.group = group }
    return (entry, "")
  }

  private static func content(of fields: Fields) -> Content? {
    if fields.isLabelMapPart { return .labelMapPart }
    let points = fields.points
    let isLine = points.count % 2 == 0 && !points.isEmpty
    switch fields.kind {
    case "label": return .label
    case "caption": return fields.caption.map { .caption($0) }
    case "bbox":
      guard fields.box.count == 4 else { return nil }
      return .box(
        BoundingBox(
          x1: Float(fields.box[0]),
          y1: Float(fields.box[1]),
          x2: Float(fields.box[0] + fields.box[2]),
          y2: Float(fields.box[1] + fields.box[3])
        )
      )
    case "polygon":
      if let box = RotatedBox(numbers: fields.turned) { return .region(.rotatedBox(box)) }
      return isLine ? .polygon(points) : nil
    case "polyline": return isLine ? .region(.polyline(points)) : nil
    case "ellipse":
      if let box = RotatedBox(numbers: fields.turned) { return .region(.ellipse(box)) }
      guard points.count == 4 else { return nil }
      let box = RotatedBox(
        x: (points[0] + points[2]) / 2,
        y: (points[1] + points[3]) / 2,
        width: points[2] - points[0],
        height: points[3] - points[1],
        angle: 0
      )
      return .region(.ellipse(box))
    case "mask": return fields.mask.map { .region(.mask($0)) }
    case "points": return isLine ? .keypoints(keypoints(of: fields)) : nil
    default: return nil
    }
  }

  private static func keypoints(of fields: Fields) -> Keypoints {
    let count = fields.points.count / 2
    // Points without a word about them are seen.
    let visibilities = (0..<count).map { index in
      guard fields.visibility.indices.contains(index) else { return Keypoints.Visibility.visible }
      return UInt8(exactly: fields.visibility[index]).flatMap(Keypoints.Visibility.init)
        ?? .visible
    }
    return Keypoints(points: fields.points, visibilities: visibilities)
  }

  private static func mask(_ scanner: inout JSONScanner) throws -> RunLengthMask? {
    var sides: [Float] = []
    var text: String?
    try scanner.members { scanner, key in
      switch key {
      case "size" where scanner.nextKind() == .array: try scanner.appendNumbers(to: &sides)
      case "counts": text = try scanner.stringIfPresent()
      default: try scanner.skipValue()
      }
    }
    let numbers = sides.compactMap { Int(exactly: $0) }
    guard let text, sides.count == 2, numbers.count == 2,
      numbers.allSatisfy({ (0...1 << 24).contains($0) })
    else { return nil }
    let size = ImageSize(height: numbers[0], width: numbers[1])
    return RunLengthMask(size: size, compressed: text.utf8)
  }
}

extension RotatedBox {
  /// Of centre, width, height and angle.
  init?(numbers: [Float]) {
    guard numbers.count == 5 else { return nil }
    self.init(
      x: numbers[0],
      y: numbers[1],
      width: numbers[2],
      height: numbers[3],
      angle: numbers[4]
    )
  }

  var numbers: [Float] { [x, y, width, height, angle] }
}
