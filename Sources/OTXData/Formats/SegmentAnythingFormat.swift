public import Foundation
public import OTXCore

/// Segment Anything (SA-1B): a JSON file of masks without labels for each picture.
///
/// Kirillov et al., Segment Anything, ICCV 2023; the dataset's page, "Annotation format".
public struct SegmentAnythingFormat: DatasetFormat {
  public let name = "segment_anything"
  public let title = "Segment Anything"
  public let aliases = ["sa_1b"]
  public let layouts = ["sa_1.json beside sa_1.jpg, all in one folder or in {train,val,test}/"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isDirectory),
      isDirectory.boolValue,
      let first = try? sources(.root(root, format: nil)).first
    else { return .no(nearly: nil) }
    return .certain(first.file.path(below: root))
  }

  /// All of a folder are of the kind that the first is.
  private func files(in folder: URL) throws -> [URL] {
    let files = try FolderListing(folder).files(endingIn: "json")
    guard let first = files.first else { return [] }
    let keys = JSONScanner.firstKeys(of: first)
    let isOwn = keys.contains("image") && !keys.contains("images") && keys.contains("annotations")
    return isOwn ? files : []
  }

  private func sources(
    _ location: DataLocation
  ) throws -> [(subset: Subset, file: URL, roots: [URL])] {
    var sources = try JSONSources.find(location) { try files(in: $0) }
    // A picture's name says nothing about subsets.
    if case .root(let root, _) = location {
      for index in sources.indices
      where sources[index].file.deletingLastPathComponent().isSameFolder(as: root) {
        sources[index].subset = .train
      }
    }
    return sources
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources = try sources(location)
    guard let first = sources.first else {
      throw DataError.unreadable(
        file: location.place,
        reason: "holds no JSON file of a picture and its masks"
      )
    }
    var base = first.file.deletingLastPathComponent()
    if case .root(let root, _) = location, root.pathExtension.lowercased() != "json" { base = root }
    var reading = FormatReading()
    var finder = PictureFinder(roots: Array(Set(sources.flatMap(\.roots))))
    for source in sources {
      let name = source.file.path(below: base)
      var log = ProblemLog(file: source.file, name: name)
      let picture = try SegmentAnythingPicture(source.file, name: name, &log)
      let path = finder.path(of: picture.fileName)
      reading.items[source.subset, default: []].append(
        DatasetItem(
          id: path.url.path(below: base),
          image: .path(path),
          size: picture.size,
          annotations: picture.annotations,
          origin: name
        )
      )
      reading.problems += log.problems
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }
}

/// What one file says.
private struct SegmentAnythingPicture {
  var fileName = ""
  var size: ImageSize?
  var annotations: [Annotation] = []

  init(_ file: URL, name: String, _ log: inout ProblemLog) throws {
    var picture = self
    var problems = log
    try JSONScanner.scan(file, name: name) { scanner in
      guard scanner.nextKind() == .object else {
        throw scanner.failure("is not Segment Anything's: it does not begin with an object '{'")
      }
      try scanner.members { scanner, key in
        switch key {
        case "image" where scanner.nextKind() == .object: try picture.readImage(&scanner)
        case "annotations": try scanner.objects { try picture.readMask(&$0, &problems) }
        default: try scanner.skipValue()
        }
      }
    }
    guard !picture.fileName.isEmpty else {
      throw DataError.unreadable(file: name, reason: "has no 'file_name' in 'image'")
    }
    (self, log) = (picture, problems)
  }

  private init() {}

  private mutating func readImage(_ scanner: inout JSONScanner) throws {
    var (height, width): (Int?, Int?)
    try scanner.members { scanner, key in
      switch key {
      case "file_name": fileName = try scanner.stringIfPresent() ?? ""
      case "height": height = try scanner.integerIfPresent()
      case "width": width = try scanner.integerIfPresent()
      default: try scanner.skipValue()
      }
    }
    if let height, let width { size = ImageSize(height: height, width: width) }
  }

  private mutating func readMask(
    _ scanner: inout JSONScanner,
    _ log: inout ProblemLog
  ) throws {
    let position = scanner.position
    var id: Int?
    var mask: RunLengthMask?
    var box: [Double] = []
    var attributes: [String: AttributeValue] = [:]
    try scanner.members { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent()
      case "segmentation" where scanner.nextKind() == .object:
        mask = try COCOObjects.runLengths(&scanner)
      case "bbox" where scanner.nextKind() == .array:
        try scanner.array { box.append(try $0.numberIfPresent() ?? .nan) }
      case "predicted_iou", "stability_score", "crop_box":
        attributes[key.text] = try scanner.attributeValue()
      case "point_coords" where scanner.nextKind() == .array:
        // Points one after the other.
        var numbers: [Float] = []
        try scanner.array { scanner in
          guard scanner.nextKind() == .array else { return try scanner.skipValue() }
          try scanner.appendNumbers(to: &numbers)
        }
        attributes["point_coords"] = .numbers(numbers.map(Double.init))
      default: try scanner.skipValue()
      }
    }
    guard let mask else {
      return try log.leftOut(
        "incomplete annotation",
        at: position,
        "an annotation needs a 'segmentation' of run lengths that fill its 'size'"
      )
    }
    var annotation = Annotation.region(.mask(mask), label: nil)
    if box.count == 4 {
      annotation.box = BoundingBox(
        x1: Float(box[0]),
        y1: Float(box[1]),
        x2: Float(box[0] + box[2]),
        y2: Float(box[1] + box[3])
      )
    }
    annotation.id = id
    annotation.attributes = attributes
    annotations.append(annotation)
  }
}
