import Foundation
import OTXCore

/// One COCO annotation file, as it is written (cocodataset.org, "Data format").
struct COCOFile: Sendable {
  struct Category: Sendable {
    var id: Int
    var name: String
    var parent: String?
    var keypoints: KeypointLayout?
    var color: Color?
  }

  /// Something wrong with an entry.
  struct Flaw: Sendable {
    /// Where the entry begins.
    var position: Int
    var kind: String
    var message: String
    /// Whether the entry is left out altogether.
    var isLeftOut = true
  }

  /// What to call the file in messages.
  var name: String
  var categories: [Category] = []
  /// As they were read, part after part.
  var pictures: [COCOPictures] = []
  var objects: [COCOObjects] = []
  private var found: Set<String> = []

  var pictureCount: Int { pictures.reduce(0) { $0 + $1.list.count } }
  var flaws: [Flaw] { pictures.flatMap(\.flaws) + objects.flatMap(\.flaws) }

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - name: What to call it in messages.
  ///   - kind: What it says, where that is known.
  /// - Throws: ``DataError/unreadable(file:reason:)`` with file, line and column for text that is
  ///   not JSON or a value of the wrong type, and for missing lists.
  init(_ url: URL, name: String, kind: COCOKind? = nil) throws {
    self.name = name
    var file = self
    let isObject = try JSONScanner.scan(url, name: name) { scanner in
      guard scanner.nextKind() == .object else {
        try scanner.skipValue()
        return false
      }
      try scanner.object { try file.readMember(&$0, $1) }
      return true
    }
    guard isObject else {
      throw DataError.unreadable(
        file: "\(name):1:1",
        reason: "is not a COCO annotation file: it does not begin with an object '{'"
      )
    }
    self = file
    let isCaptions = !objects.isEmpty && objects.allSatisfy(\.hasCaptionsOnly)
    var required = ["images"]
    if kind != .imageInfo { required.append("annotations") }
    if kind?.hasCategories ?? !isCaptions { required.append("categories") }
    for key in required where !found.contains(key) {
      let purpose = kind.map { " of \($0.title)" } ?? " for object detection"
      throw DataError.unreadable(
        file: name,
        reason: "is not a COCO annotation file\(purpose): it has no '\(key)'"
      )
    }
  }

  private mutating func readMember(_ scanner: inout JSONScanner, _ key: String) throws {
    guard ["categories", "images", "annotations"].contains(key) else {
      return try scanner.skipValue()
    }
    guard found.insert(key).inserted else { throw scanner.failure("'\(key)' stands twice") }
    guard scanner.nextKind() == .array else {
      throw scanner.failure("'\(key)' should be a list")
    }
    switch key {
    case "images": pictures = try JSONList<COCOPictures>.read(&scanner)
    case "annotations": objects = try JSONList<COCOObjects>.read(&scanner)
    default:
      try scanner.array { scanner in
        try scanner.expectObject(in: key)
        try readCategory(&scanner)
      }
    }
  }

  private mutating func readCategory(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var (id, name): (Int?, String?)
    var (points, edges): ([String], [Float]) = ([], [])
    var category = Category(id: 0, name: "")
    try scanner.members { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent()
      case "name": name = try scanner.stringIfPresent()
      case "supercategory": category.parent = try scanner.stringIfPresent()
      case "keypoints" where scanner.nextKind() == .array:
        try scanner.array { points.append(try $0.stringIfPresent() ?? "") }
      case "skeleton" where scanner.nextKind() == .array:
        try scanner.array { scanner in
          guard scanner.nextKind() == .array else { return try scanner.skipValue() }
          try scanner.appendNumbers(to: &edges)
        }
      case "color" where scanner.nextKind() == .array:
        var levels: [Float] = []
        try scanner.appendNumbers(to: &levels)
        category.color = Color(levels: levels)
      default: try scanner.skipValue()
      }
    }
    guard let id, let name, !name.isEmpty else {
      throw scanner.failure("a category needs a numeric 'id' and a 'name'", at: position)
    }
    if let other = categories.first(where: { $0.id == id }) {
      guard other.name == name else {
        throw scanner.failure(
          "two categories have the id \(id): '\(other.name)' and '\(name)'",
          at: position
        )
      }
      return
    }
    (category.id, category.name) = (id, name)
    if ["", "none", name].contains(category.parent) { category.parent = nil }
    if !points.isEmpty || !edges.isEmpty {
      category.keypoints = KeypointLayout(names: points, edges: COCOFile.edges(edges))
    }
    categories.append(category)
  }

  /// Pairs of points; COCO counts them from 1, some programs from 0.
  private static func edges(_ numbers: [Float]) -> [KeypointLayout.Edge] {
    let first = numbers.contains(0) ? 0 : 1
    return stride(from: 0, to: numbers.count - 1, by: 2).compactMap { index in
      guard let from = Int32(exactly: numbers[index]).map(Int.init),
        let to = Int32(exactly: numbers[index + 1]).map(Int.init)
      else { return nil }
      return KeypointLayout.Edge(from: from - first, to: to - first)
    }
  }
}

extension JSONScanner {
  /// Stands on an object, an element of the list `key`.
  mutating func expectObject(in key: String) throws {
    guard nextKind() == .object else { throw failure("'\(key)' should be a list of objects") }
  }
}

extension Color {
  /// Of red, green and blue; `nil` for other numbers.
  init?(levels: [Float]) {
    let channels = levels.compactMap { UInt8(exactly: $0) }
    guard levels.count == 3, channels.count == 3 else { return nil }
    self.init(red: channels[0], green: channels[1], blue: channels[2])
  }
}

/// Entries of the list `images`.
struct COCOPictures: JSONListReader {
  struct Picture: Sendable {
    var id: Int
    var fileName: String
    var size: ImageSize?
    var attributes: [String: AttributeValue]
    /// Where the entry begins, for messages.
    var position: Int
  }

  var list: [Picture] = []
  var flaws: [COCOFile.Flaw] = []

  mutating func readElement(_ scanner: inout JSONScanner) throws {
    try scanner.expectObject(in: "images")
    let position = scanner.position
    var (id, height, width): (Int?, Int?, Int?)
    var fileName = ""
    var attributes: [String: AttributeValue] = [:]
    try scanner.members { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent()
      case "file_name": fileName = try scanner.stringIfPresent() ?? ""
      case "height": height = try scanner.integerIfPresent()
      case "width": width = try scanner.integerIfPresent()
      case "attributes": attributes = try scanner.attributes()
      default: try scanner.skipValue()
      }
    }
    guard let id, !fileName.isEmpty else {
      flaws.append(
        COCOFile.Flaw(
          position: position,
          kind: "incomplete image entry",
          message: "an image needs a numeric 'id' and a 'file_name'"
        )
      )
      return
    }
    var size: ImageSize?
    if let height, let width { size = ImageSize(height: height, width: width) }
    list.append(
      Picture(id: id, fileName: fileName, size: size, attributes: attributes, position: position)
    )
  }
}
