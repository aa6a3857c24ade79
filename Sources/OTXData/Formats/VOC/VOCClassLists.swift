import Foundation
import OTXCore

/// Labels of whole pictures: `ImageSets/Main/<label>_train.txt`, a picture and a flag a line.
///
/// 1: an object of the label is there; -1: none; 0: only such that are hard to see, which the
/// challenge does not count.
enum VOCClassLists {
  static func read(
    _ source: VOCSource,
    labels: VOCLabels,
    _ problems: inout [DatasetProblem]
  ) -> [String: [String]] {
    guard let root = source.root, let list = source.list else { return [:] }
    let folder = root.appending(path: list).deletingLastPathComponent()
    guard let listing = try? FolderListing(folder) else { return [:] }
    let ending = "_\(source.listName).txt"
    let files = listing.files.filter { $0.lastPathComponent.hasSuffix(ending) }
    let found = files.map { (String($0.lastPathComponent.dropLast(ending.count)), $0) }
    let order = labels.names(withParts: true)
    let places = Dictionary(order.enumerated().map { ($0.element, $0.offset) }) { first, _ in
      first
    }
    let sorted = found.sorted {
      (places[$0.0] ?? .max, $0.0) < (places[$1.0] ?? .max, $1.0)
    }
    var result: [String: [String]] = [:]
    for (label, file) in sorted {
      let name = file.path(below: root)
      guard let lines = try? PictureList.lines(of: file, name: name) else { continue }
      for (number, line) in lines where !line.hasPrefix("#") {
        let space = line.lastIndex(where: \.isWhitespace)
        let flag = space.flatMap { Int(line[line.index(after: $0)...]) }
        guard let space, let flag, (-1...1).contains(flag) else {
          problems.append(
            DatasetProblem(
              kind: "damaged class list",
              location: "\(name):\(number)",
              message: "'\(line)' is not a picture and 1, 0 or -1",
              remedy: .leftOut
            )
          )
          continue
        }
        guard flag == 1 else { continue }
        let picture = line[..<space].trimmingCharacters(in: .whitespaces)
        result[picture.replacingOccurrences(of: "\\", with: "/"), default: []].append(label)
      }
    }
    return result
  }
}

/// Label maps: `SegmentationClass/*.png` and `SegmentationObject/*.png`.
///
/// Pictures with a palette and grey ones hold the numbers of labels; of a palette that has the
/// colours of `labelmap.txt` at other numbers, and in pictures in full colour, the colours count.
struct VOCSegmentation {
  private let classes: URL
  private let instances: URL?
  private let encoding: LabelMap.Encoding
  private let instanceEncoding: LabelMap.Encoding
  private let table: LabelTable

  /// - Returns: `nil` where there are no label maps.
  init?(in root: URL, labels: VOCLabels, kind: VOCKind) throws {
    let listing = try FolderListing(root)
    guard let classes = listing.folder("SegmentationClass"),
      let first = try FolderListing(classes).files(endingIn: "png").first
    else { return nil }
    self.classes = classes
    let objects = kind.hasInstances ? listing.folder("SegmentationObject") : nil
    let firstObject = try objects.flatMap { try FolderListing($0).files(endingIn: "png").first }
    instances = firstObject == nil ? nil : objects
    encoding = VOCSegmentation.encoding(of: first, labels)
    // A palette's number is the object's; in full colour its colour stands for it.
    instanceEncoding =
      firstObject.flatMap { PNGPixels(of: $0) } == .trueColor ? .color : .index
    table = encoding == .color ? labels.colorTable : labels.numberTable
  }

  private static func encoding(of file: URL, _ labels: VOCLabels) -> LabelMap.Encoding {
    switch PNGPixels(of: file) {
    case .trueColor: return .color
    case .palette(let palette):
      guard labels.isStated else { return .index }
      let isInOrder = labels.labels.enumerated().allSatisfy { index, label in
        label.color == nil || label.name == VOCLabels.void
          || (palette.indices.contains(index) && palette[index] == label.color)
      }
      let known = Set(palette)
      let named = labels.labels.compactMap(\.color)
      return isInOrder || !named.contains(where: known.contains) ? .index : .color
    case .grey, nil: return .index
    }
  }

  func annotation(_ name: String) -> Annotation? {
    let url = classes.appending(path: "\(name).png")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let objects = instances?.appending(path: "\(name).png")
    let file = objects.flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
    return .labelMap(
      LabelMap(
        url: url,
        encoding: encoding,
        instances: file.map { .file($0, instanceEncoding) } ?? .none,
        table: table
      )
    )
  }
}
