import OTXCore

/// Entries of the list `annotations`: objects, texts, or the segments of a picture.
struct COCOObjects: JSONListReader {
  struct Object: Sendable {
    /// `Int.min` where the entry has none.
    var id: Int
    var imageID: Int
    var categoryID: Int?
    var position: Int
    var box: BoundingBox?
    var region: Region?
    var isCrowd: Bool
    /// Aside, for most objects have none.
    private var aside: Aside?

    init(imageID: Int, position: Int) {
      (id, self.imageID, self.position, isCrowd) = (.min, imageID, position, false)
    }

    var extras: Extras? {
      get { aside?.extras }
      set { aside = newValue.flatMap { $0.isEmpty ? nil : Aside($0) } }
    }

    var hasExtras: Bool { aside != nil }

    private final class Aside: Sendable {
      let extras: Extras
      init(_ extras: Extras) { self.extras = extras }
    }

    var title: String { id == .min ? "an annotation" : "annotation \(id)" }
  }

  /// What few annotations have.
  struct Extras: Sendable {
    var keypoints: Keypoints?
    var caption: String?
    var attributes: [String: AttributeValue] = [:]
    var segments: Segments?

    var isEmpty: Bool {
      keypoints == nil && caption == nil && attributes.isEmpty && segments == nil
    }
  }

  /// The segments of a picture.
  struct Segments: Sendable {
    var fileName: String
    var list: [Object]
  }

  var list: [Object] = []
  var flaws: [COCOFile.Flaw] = []
  private var scratch = Scratch()

  /// Room that is used again and again.
  private struct Scratch: Sendable {
    var numbers: [Float] = []
    var box: [Float] = []
  }

  init() {}

  /// Whether there are entries, and all of them are texts.
  var hasCaptionsOnly: Bool { !list.isEmpty && list.allSatisfy { $0.extras?.caption != nil } }

  mutating func readElement(_ scanner: inout JSONScanner) throws {
    try scanner.expectObject(in: "annotations")
    let position = scanner.position
    var entry = try readEntry(&scanner)
    if entry.fileName != nil || entry.segments != nil {
      entry.extras.segments = Segments(
        fileName: entry.fileName ?? "",
        list: entry.segments ?? []
      )
    }
    let title = entry.id.map { "annotation \($0)" } ?? "an annotation"
    let isObject = entry.extras.segments == nil && entry.extras.caption == nil
    guard let imageID = entry.imageID, entry.categoryID != nil || !isObject else {
      let needed = isObject ? "'image_id' and 'category_id', both numbers" : "a numeric 'image_id'"
      return leaveOut(position, "incomplete annotation", "\(title) needs \(needed)")
    }
    var object = Object(imageID: imageID, position: position)
    object.id = entry.id ?? .min
    object.categoryID = entry.categoryID
    object.isCrowd = entry.isCrowd
    object.extras = entry.extras
    object.region = region(of: entry, title, position)
    switch scratch.box.count {
    case 4: object.box = box()
    case 0: object.box = object.region?.bounds ?? entry.extras.keypoints?.bounds
    default:
      let count = scratch.box.count
      return leaveOut(
        position,
        "incomplete annotation",
        "\(title) needs a 'bbox' of 4 numbers, it has \(count)"
      )
    }
    list.append(object)
  }

  private func box() -> BoundingBox {
    let numbers = scratch.box
    return BoundingBox(x1: numbers[0], y1: numbers[1], x2: numbers[2], y2: numbers[3])
  }

  private mutating func leaveOut(_ position: Int, _ kind: String, _ message: String) {
    flaws.append(COCOFile.Flaw(position: position, kind: kind, message: message))
  }

  // MARK: An entry

  /// What stands in an entry.
  private struct Entry {
    var id, imageID, categoryID: Int?
    var isCrowd = false
    var polygon: Polygon?
    var mask: RunLengthMask?
    /// What is wrong with the region.
    var regionFlaw: String?
    var extras = Extras()
    var fileName: String?
    var segments: [Object]?
  }

  private mutating func readEntry(_ scanner: inout JSONScanner) throws -> Entry {
    var entry = Entry()
    scratch.box.removeAll(keepingCapacity: true)
    // Taken and not copied: as long as two hold it, each change is a copy.
    var room = Scratch()
    swap(&room, &scratch)
    try scanner.members { scanner, key in
      switch key {
      case "id": entry.id = try scanner.integerIfPresent()
      case "image_id": entry.imageID = try scanner.integerIfPresent()
      case "category_id": entry.categoryID = try scanner.integerIfPresent()
      case "iscrowd":
        entry.isCrowd =
          scanner.nextKind() == .literal
          ? try scanner.literal() ?? false : try scanner.numberIfPresent() == 1
      case "bbox" where scanner.nextKind() == .array:
        room.box.removeAll(keepingCapacity: true)
        try COCOObjects.readBox(&scanner, into: &room.box)
      case "segmentation":
        try COCOObjects.readSegmentation(&scanner, into: &entry, &room.numbers)
      case "keypoints" where scanner.nextKind() == .array:
        entry.extras.keypoints = try COCOObjects.keypoints(&scanner, &entry, &room.numbers)
      case "caption": entry.extras.caption = try scanner.stringIfPresent()
      case "attributes":
        entry.extras.attributes.merge(try scanner.attributes()) { _, new in new }
      case "score":
        if let score = try scanner.numberIfPresent() {
          entry.extras.attributes["score"] = .number(score)
        }
      case "file_name": entry.fileName = try scanner.stringIfPresent()
      case "segments_info" where scanner.nextKind() == .array:
        entry.segments = try COCOObjects.segments(&scanner)
      default: try scanner.skipValue()
      }
    }
    swap(&room, &scratch)
    return entry
  }

  /// The corners of x, y, width and height; as many numbers as there are, where those are not four.
  private static func readBox(_ scanner: inout JSONScanner, into box: inout [Float]) throws {
    var numbers: (Double, Double, Double, Double) = (0, 0, 0, 0)
    var count = 0
    try scanner.array { scanner in
      let number = try scanner.numberIfPresent() ?? .nan
      switch count {
      case 0: numbers.0 = number
      case 1: numbers.1 = number
      case 2: numbers.2 = number
      default: numbers.3 = number
      }
      count += 1
    }
    if count == 4 {
      box.append(Float(numbers.0))
      box.append(Float(numbers.1))
      box.append(Float(numbers.0 + numbers.2))
      box.append(Float(numbers.1 + numbers.3))
    } else {
      for _ in 0..<min(count, 64) { box.append(0) }
    }
  }

  private static func readSegmentation(
    _ scanner: inout JSONScanner,
    into entry: inout Entry,
    _ room: inout [Float]
  ) throws {
    switch scanner.nextKind() {
    case .array:
      room.removeAll(keepingCapacity: true)
      var lengths: [Int] = []
      var first: Int?
      try scanner.array { scanner in
        let start = room.count
        guard scanner.nextKind() == .array else {
          // One outline without a list around it, as some programs write it.
          room.append(Float(try scanner.numberIfPresent() ?? .nan))
          return
        }
        try scanner.appendNumbers(to: &room)
        if first == nil { first = room.count - start } else { lengths.append(room.count - start) }
      }
      guard let first, !lengths.isEmpty else {
        entry.polygon = outline(room[...], &entry).map { Polygon($0) }
        return
      }
      var parts: [[Float]] = []
      var start = 0
      for length in [first] + lengths {
        if let part = outline(room[start..<start + length], &entry) { parts.append(part) }
        start += length
      }
      if !parts.isEmpty { entry.polygon = Polygon(parts: parts) }
    case .object: try readMask(&scanner, into: &entry)
    default: try scanner.skipValue()
    }
  }

  /// The numbers of an outline; `nil` for none, and for what is no outline.
  private static func outline(_ numbers: ArraySlice<Float>, _ entry: inout Entry) -> [Float]? {
    guard !numbers.isEmpty else { return nil }
    guard numbers.count >= 6, numbers.count % 2 == 0 else {
      entry.regionFlaw = "an outline of \(numbers.count) numbers, which is no polygon"
      return nil
    }
    guard numbers.allSatisfy(\.isFinite) else {
      entry.regionFlaw = "an outline that is not made of finite numbers"
      return nil
    }
    // A slice that is all of its array would keep the array's room.
    return [Float](unsafeUninitializedCapacity: numbers.count) { buffer, count in
      _ = buffer.initialize(from: numbers)
      count = numbers.count
    }
  }

  private static func readMask(_ scanner: inout JSONScanner, into entry: inout Entry) throws {
    entry.mask = try runLengths(&scanner)
    if entry.mask == nil { entry.regionFlaw = "a run-length mask that does not fill its 'size'" }
  }

  /// A mask in run lengths, packed or not; `nil` for one that does not fill its size.
  static func runLengths(_ scanner: inout JSONScanner) throws -> RunLengthMask? {
    var size: [Float] = []
    var counts: [UInt32]? = []
    var text: String?
    try scanner.members { scanner, key in
      switch key {
      case "size" where scanner.nextKind() == .array: try scanner.appendNumbers(to: &size)
      case "counts":
        if scanner.nextKind() == .string {
          text = try scanner.string()
        } else if scanner.nextKind() == .array {
          try scanner.array { scanner in
            let count = try scanner.integerIfPresent().flatMap { UInt32(exactly: $0) }
            if let count { counts?.append(count) } else { counts = nil }
          }
        } else {
          try scanner.skipValue()
        }
      default: try scanner.skipValue()
      }
    }
    let sides = size.compactMap { Int(exactly: $0) }
    guard size.count == 2, sides.count == 2, sides.allSatisfy({ (0...1 << 24).contains($0) })
    else { return nil }
    let pixels = ImageSize(height: sides[0], width: sides[1])
    if let text { return RunLengthMask(size: pixels, compressed: text.utf8) }
    return counts.flatMap { RunLengthMask(size: pixels, counts: $0) }
  }

  private static func keypoints(
    _ scanner: inout JSONScanner,
    _ entry: inout Entry,
    _ room: inout [Float]
  ) throws -> Keypoints? {
    room.removeAll(keepingCapacity: true)
    try scanner.appendNumbers(to: &room)
    guard room.count % 3 == 0, room.allSatisfy(\.isFinite) else {
      entry.regionFlaw = "'keypoints' that are no triples of numbers"
      return nil
    }
    guard !room.isEmpty else { return nil }
    var points: [Float] = []
    var visibilities: [Keypoints.Visibility] = []
    for start in stride(from: 0, to: room.count, by: 3) {
      points.append(room[start])
      points.append(room[start + 1])
      let visibility = UInt8(exactly: room[start + 2]).flatMap(Keypoints.Visibility.init)
      visibilities.append(visibility ?? .visible)
    }
    return Keypoints(points: points, visibilities: visibilities)
  }

  private static func segments(_ scanner: inout JSONScanner) throws -> [Object] {
    var segments: [Object] = []
    var box: [Float] = []
    try scanner.array { scanner in
      guard scanner.nextKind() == .object else { return try scanner.skipValue() }
      var segment = Object(imageID: 0, position: scanner.position)
      box.removeAll(keepingCapacity: true)
      try scanner.members { scanner, key in
        switch key {
        case "id": segment.id = try scanner.integerIfPresent() ?? .min
        case "category_id": segment.categoryID = try scanner.integerIfPresent()
        case "iscrowd":
          segment.isCrowd =
            scanner.nextKind() == .literal
            ? try scanner.literal() ?? false : try scanner.numberIfPresent() == 1
        case "bbox" where scanner.nextKind() == .array: try readBox(&scanner, into: &box)
        case "attributes":
          let attributes = try scanner.attributes()
          if !attributes.isEmpty { segment.extras = Extras(attributes: attributes) }
        default: try scanner.skipValue()
        }
      }
      if box.count == 4 {
        segment.box = BoundingBox(x1: box[0], y1: box[1], x2: box[2], y2: box[3])
      }
      segments.append(segment)
    }
    return segments
  }

  /// The region of an entry; one that cannot be used is noted, for its box can.
  private mutating func region(of entry: Entry, _ title: String, _ position: Int) -> Region? {
    if let flaw = entry.regionFlaw {
      flaws.append(
        COCOFile.Flaw(
          position: position,
          kind: "unusable region",
          message: "\(title) has \(flaw); the rest of it is kept",
          isLeftOut: false
        )
      )
    }
    return entry.polygon.map(Region.polygon) ?? entry.mask.map(Region.mask)
  }
}
