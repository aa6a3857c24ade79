import Foundation
import OTXCore

/// One COCO annotation file, as it is written (cocodataset.org, "Data format").
struct COCOFile {
  struct Category {
    var id: Int
    var name: String
  }

  struct Picture {
    var id: Int
    var fileName: String
    var height: Int?
    var width: Int?
    /// Where the entry begins, for messages.
    var position: Int
  }

  struct Object {
    var id: Int?
    var imageID: Int
    var categoryID: Int
    /// x, y, width, height in pixels.
    var x: Double
    var y: Double
    var width: Double
    var height: Double
    var isCrowd: Bool
    var position: Int
  }

  /// What to call the file in messages.
  var name: String
  var categories: [Category] = []
  var pictures: [Picture] = []
  var objects: [Object] = []
  /// Entries that lack what they need, with the byte where they begin.
  var flaws: [(position: Int, kind: String, message: String)] = []

  /// Reads a file.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` with file, line and column for text that is
  ///   not JSON or a value of the wrong type, and for missing lists.
  init(_ url: URL, name: String) throws {
    self.name = name
    var found: Set<String> = []
    var file = self
    let isObject = try JSONScanner.scan(url, name: name) { scanner in
      guard scanner.nextKind() == .object else {
        try scanner.skipValue()
        return false
      }
      try scanner.object { scanner, key in
        switch key {
        case "categories": try file.list(&scanner, key, &found) { try $0.readCategory(&$1) }
        case "images": try file.list(&scanner, key, &found) { try $0.readPicture(&$1) }
        case "annotations": try file.list(&scanner, key, &found) { try $0.readObject(&$1) }
        default: try scanner.skipValue()
        }
      }
      return true
    }
    guard isObject else {
      throw DataError.unreadable(
        file: "\(name):1:1",
        reason: "is not a COCO annotation file: it does not begin with an object '{'"
      )
    }
    for key in ["images", "annotations", "categories"] where !found.contains(key) {
      throw DataError.unreadable(
        file: name,
        reason: "is not a COCO annotation file for object detection: it has no '\(key)'"
      )
    }
    self = file
  }

  private mutating func list(
    _ scanner: inout JSONScanner,
    _ key: String,
    _ found: inout Set<String>,
    _ element: (inout COCOFile, inout JSONScanner) throws -> Void
  ) throws {
    guard scanner.nextKind() == .array else {
      throw scanner.failure("'\(key)' should be a list")
    }
    found.insert(key)
    try scanner.array { scanner in
      guard scanner.nextKind() == .object else {
        throw scanner.failure("'\(key)' should be a list of objects")
      }
      try element(&self, &scanner)
    }
  }

  private mutating func readCategory(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var id: Int?
    var name: String?
    try scanner.object { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent()
      case "name": name = try scanner.stringIfPresent()
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
    categories.append(Category(id: id, name: name))
  }

  private mutating func readPicture(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var picture = Picture(id: 0, fileName: "", height: nil, width: nil, position: position)
    var id: Int?
    try scanner.object { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent()
      case "file_name": picture.fileName = try scanner.stringIfPresent() ?? ""
      case "height": picture.height = try scanner.integerIfPresent()
      case "width": picture.width = try scanner.integerIfPresent()
      default: try scanner.skipValue()
      }
    }
    guard let id, !picture.fileName.isEmpty else {
      flaws.append(
        (position, "incomplete image entry", "an image needs a numeric 'id' and a 'file_name'")
      )
      return
    }
    picture.id = id
    pictures.append(picture)
  }

  private mutating func readObject(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var (id, imageID, categoryID): (Int?, Int?, Int?)
    var numbers: (Double, Double, Double, Double) = (0, 0, 0, 0)
    var numberCount = 0
    var isCrowd = false
    try scanner.object { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent()
      case "image_id": imageID = try scanner.integerIfPresent()
      case "category_id": categoryID = try scanner.integerIfPresent()
      case "iscrowd":
        isCrowd =
          scanner.nextKind() == .literal
          ? try scanner.literal() ?? false : try scanner.numberIfPresent() == 1
      case "bbox" where scanner.nextKind() == .array:
        try scanner.array { scanner in
          let number = try scanner.numberIfPresent()
          switch numberCount {
          case 0: numbers.0 = number ?? .nan
          case 1: numbers.1 = number ?? .nan
          case 2: numbers.2 = number ?? .nan
          default: numbers.3 = number ?? .nan
          }
          numberCount += 1
        }
      default: try scanner.skipValue()
      }
    }
    let label = id.map { "annotation \($0)" } ?? "an annotation"
    guard let imageID, let categoryID else {
      flaws.append(
        (
          position, "incomplete annotation",
          "\(label) needs 'image_id' and 'category_id', both numbers"
        )
      )
      return
    }
    guard numberCount == 4 else {
      flaws.append(
        (
          position, "incomplete annotation",
          "\(label) needs a 'bbox' of 4 numbers, it has \(numberCount)"
        )
      )
      return
    }
    objects.append(
      Object(
        id: id,
        imageID: imageID,
        categoryID: categoryID,
        x: numbers.0,
        y: numbers.1,
        width: numbers.2,
        height: numbers.3,
        isCrowd: isCrowd,
        position: position
      )
    )
  }
}
