public import Foundation
public import OTXCore
import OTXImage

/// labelme, the program: a JSON file beside each picture.
///
/// github.com/wkentaro/labelme, README and `examples/`. Polygons, rectangles, circles (ellipses
/// here), lines, points and masks; `flags` of a picture that are set are its labels, those of a
/// shape its attributes. Read only.
public struct LabelMeJSONFormat: DatasetFormat {
  public let name = "labelme_json"
  public let title = "labelme (JSON)"
  public let aliases = ["labelme"]
  public let layouts = [
    "*.json with \"shapes\" beside the pictures", "{train,val,test}/*.json beside the pictures",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let source = try? SubsetFolders.find(in: root, where: LabelMeJSONFormat.isOne).first,
      let file = try? FolderListing(source.folder).files(endingIn: "json").first
    else { return .no(nearly: nil) }
    return .certain(file.path(below: root))
  }

  private static func isOne(_ listing: FolderListing) -> Bool {
    listing.files(endingIn: "json").prefix(3).contains { file in
      guard let text = TextProbe.start(of: file) else { return false }
      let keys = ["\"version\"", "\"flags\"", "\"imagePath\"", "\"shape_type\"", "\"imageData\""]
      return text.contains("\"shapes\"") && keys.contains(where: text.contains)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let (base, sources) = try SubsetFolders.find(
      location,
      format: self,
      where: LabelMeJSONFormat.isOne
    )
    var reading = FormatReading()
    for source in sources {
      for file in try FolderListing(source.folder).files(endingIn: "json") {
        let name = file.path(below: base)
        do {
          let content = try LabelMeJSONFile(file, name: name)
          reading.problems += content.problems
          reading.items[source.subset, default: []].append(content.item(base: base))
          for label in content.annotations.compactMap(\.label)
          where !reading.labels.contains(label) {
            reading.labels.append(label)
          }
        } catch DataError.unreadable(let location, let reason) {
          reading.problems.leaveOut("damaged annotation file", at: location, reason)
        }
      }
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }
}

/// What one file says.
struct LabelMeJSONFile {
  let file: URL
  let name: String
  private(set) var annotations: [Annotation] = []
  private(set) var problems: [DatasetProblem] = []
  private var picture = ""
  private var height: Int?
  private var width: Int?

  private struct Shape {
    var label: String?
    var points: [Float] = []
    var kind = "polygon"
    var group = 0
    var attributes: [String: AttributeValue] = [:]
    var mask: String?
    var position = 0
  }

  init(_ file: URL, name: String) throws {
    (self.file, self.name) = (file, name)
    var shapes: [Shape] = []
    var flags: [String] = []
    var (picture, height, width) = ("", Int?.none, Int?.none)
    var places: [Int] = []
    try JSONScanner.scan(file, name: name) { scanner in
      try scanner.object { scanner, key in
        switch key {
        case "shapes": try scanner.array { shapes.append(try LabelMeJSONFile.shape(&$0)) }
        case "flags": flags += try LabelMeJSONFile.flags(&scanner)
        case "imagePath": picture = try scanner.stringIfPresent() ?? ""
        case "imageHeight": height = try scanner.integerIfPresent()
        case "imageWidth": width = try scanner.integerIfPresent()
        default: try scanner.skipValue()
        }
      }
      places = shapes.map { scanner.line(at: $0.position) }
    }
    (self.picture, self.height, self.width) = (picture, height, width)
    annotations = flags.map { .label($0) }
    for (shape, line) in zip(shapes, places) {
      do {
        annotations.append(try annotation(shape, at: "\(name):\(line)"))
      } catch DataError.unreadable(let location, let reason) {
        problems.leaveOut("shape that cannot be used", at: location, reason)
      }
    }
  }

  func item(base: URL) -> DatasetItem {
    let folder = file.deletingLastPathComponent()
    let stem = file.deletingPathExtension().lastPathComponent
    var finder = PictureFinder(roots: [folder])
    let url = finder.find(picture.isEmpty ? "\(stem).jpg" : picture)
    return DatasetItem(
      id: url.path(below: base),
      image: .file(url),
      size: size,
      annotations: annotations,
      origin: name
    )
  }

  private var size: ImageSize? {
    guard let height, let width, height > 0, width > 0 else { return nil }
    return ImageSize(height: height, width: width)
  }

  /// The names of flags that are set.
  private static func flags(_ scanner: inout JSONScanner) throws -> [String] {
    var result: [String] = []
    guard scanner.nextKind() == .object else {
      try scanner.skipValue()
      return []
    }
    try scanner.object { scanner, key in
      guard scanner.nextKind() == .literal else { return try scanner.skipValue() }
      if try scanner.literal() == true { result.append(key) }
    }
    return result
  }

  private static func shape(_ scanner: inout JSONScanner) throws -> Shape {
    var shape = Shape()
    scanner.skipSpace()
    shape.position = scanner.position
    try scanner.object { scanner, key in
      switch key {
      case "label": shape.label = try scanner.stringIfPresent()
      case "shape_type": shape.kind = try scanner.stringIfPresent() ?? "polygon"
      case "group_id": shape.group = (try scanner.integerIfPresent()).map { $0 &+ 1 } ?? 0
      case "mask": shape.mask = try scanner.stringIfPresent()
      case "description":
        if let text = try scanner.stringIfPresent(), !text.isEmpty {
          shape.attributes["description"] = .text(text)
        }
      case "flags":
        for flag in try flags(&scanner) { shape.attributes[flag] = .flag(true) }
      case "points":
        try scanner.array { scanner in
          var count = 0
          try scanner.array { scanner in
            shape.points.append(Float(try scanner.number()))
            count += 1
          }
          guard count == 2 else { throw scanner.failure("a point needs two numbers") }
        }
      default: try scanner.skipValue()
      }
    }
    return shape
  }

  private func annotation(_ shape: Shape, at place: String) throws -> Annotation {
    func failure(_ reason: String) -> DataError {
      .unreadable(file: place, reason: "the shape '\(shape.label ?? "")' \(reason)")
    }
    let points = shape.points
    guard points.allSatisfy(\.isFinite), points.count >= 2 else {
      throw failure("has no points, or such that are not finite")
    }
    var result: Annotation
    switch shape.kind {
    case "polygon":
      guard points.count >= 6 else { throw failure("is an outline of fewer than three points") }
      result = .region(.polygon(Polygon(points)), label: shape.label)
    case "rectangle":
      guard points.count >= 4, let box = BoundingBox(around: points) else {
        throw failure("is a rectangle of one point")
      }
      result = .box(box, label: shape.label)
    case "circle":
      guard points.count == 4 else { throw failure("is a circle without a point on it") }
      let (dx, dy) = (points[2] - points[0], points[3] - points[1])
      let side = 2 * (dx * dx + dy * dy).squareRoot()
      let circle = RotatedBox(x: points[0], y: points[1], width: side, height: side, angle: 0)
      result = .region(.ellipse(circle), label: shape.label)
    case "line", "linestrip": result = .region(.polyline(points), label: shape.label)
    case "point", "points":
      let visibilities = [Keypoints.Visibility](repeating: .visible, count: points.count / 2)
      result = .keypoints(
        Keypoints(points: points, visibilities: visibilities),
        label: shape.label
      )
    case "mask": result = .region(.mask(try mask(shape, failure)), label: shape.label)
    default: throw failure("is a '\(shape.kind)', which is not read")
    }
    result.group = shape.group
    if !shape.attributes.isEmpty { result.attributes = shape.attributes }
    return result
  }

  /// A PNG of the window that the two points span, as Base64.
  private func mask(_ shape: Shape, _ failure: (String) -> DataError) throws -> RunLengthMask {
    guard let size, size.height <= ImageHeader.maximumPixelCount / size.width,
      let text = shape.mask, let data = Data(base64Encoded: text)
    else { throw failure("is a mask without pixels, or of a picture without a size") }
    let image = try ImageFile.decode(Array(data), name: name)
    guard let left = Int(exactly: shape.points[0].rounded(.down)),
      let top = Int(exactly: shape.points[1].rounded(.down)), left >= 0, top >= 0,
      left <= size.width, top <= size.height
    else { throw failure("is a mask outside of its picture") }
    var bitmap = [Bool](repeating: false, count: size.height * size.width)
    for y in 0..<min(image.height, size.height - top) {
      for x in 0..<min(image.width, size.width - left)
      where image.pixels[3 * (y * image.width + x)] != 0 {
        bitmap[(top + y) * size.width + left + x] = true
      }
    }
    return RunLengthMask(size: size, bitmap: bitmap)
  }
}
