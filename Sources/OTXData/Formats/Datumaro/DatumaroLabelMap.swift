import Foundation
import OTXCore

/// A label map in a file of Datumaro's, which has no place of its own for it.
enum DatumaroLabelMap {
  /// Reads an entry of `otx_label_maps`; `nil` for one that names no file.
  ///
  /// - Parameters:
  ///   - scanner: Stands before the entry.
  ///   - root: What paths are relative to.
  /// - Returns: The map.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func read(_ scanner: inout JSONScanner, root: URL) throws -> LabelMap? {
    var (path, objects): (String?, String?)
    var isColor = false
    var areObjectsColors = false
    var divisor: Int?
    var kind = "none"
    var labels: [Int: String] = [:]
    try scanner.members { scanner, key in
      switch key {
      case "path": path = try scanner.stringIfPresent()
      case "colors": isColor = try scanner.nextKind() == .literal && scanner.literal() ?? false
      case "instances": kind = try scanner.stringIfPresent() ?? "none"
      case "divisor": divisor = try scanner.integerIfPresent()
      case "objects": objects = try scanner.stringIfPresent()
      case "object_colors":
        areObjectsColors = try scanner.nextKind() == .literal && scanner.literal() ?? false
      case "labels" where scanner.nextKind() == .object:
        try scanner.members { scanner, key in
          let label = try scanner.stringIfPresent()
          if let number = Int(key.text) { labels[number] = label }
        }
      default: try scanner.skipValue()
      }
    }
    guard let path else { return nil }
    var instances = LabelMap.Instances.none
    switch kind {
    case "quotient": if let divisor, divisor > 0 { instances = .quotient(divisor) }
    case "product": if let divisor, divisor > 0 { instances = .product(divisor) }
    case "file":
      if let objects {
        instances = .file(root.appending(path: objects), areObjectsColors ? .color : .index)
      }
    case "ade20k": instances = .ade20k
    default: break
    }
    return LabelMap(
      url: root.appending(path: path),
      encoding: isColor ? .color : .index,
      instances: instances,
      table: LabelTable(labels)
    )
  }

  /// Writes an entry, and copies of its pictures below `masks/`.
  ///
  /// - Parameters:
  ///   - map: What to write.
  ///   - stem: What the copies' names begin with, below `root`.
  ///   - root: What paths are relative to.
  ///   - text: Where to write.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func write(_ map: LabelMap, stem: String, root: URL, to text: inout JSONText) throws {
    let path = try copy(map.url, to: stem, root)
    try text.object { text in
      text.member("path", path)
      text.key("colors")
      text.value(map.encoding == .color)
      switch map.instances {
      case .none: text.member("instances", "none")
      case .quotient(let divisor):
        text.member("instances", "quotient")
        text.member("divisor", divisor)
      case .product(let divisor):
        text.member("instances", "product")
        text.member("divisor", divisor)
      case .ade20k: text.member("instances", "ade20k")
      case .file(let url, let encoding):
        text.member("instances", "file")
        text.member("objects", try copy(url, to: stem + "-objects", root))
        text.key("object_colors")
        text.value(encoding == .color)
      }
      text.key("labels")
      text.object { text in
        for (number, label) in map.table.labels.sorted(by: { $0.key < $1.key }) {
          text.member(String(number), label)
        }
      }
    }
  }

  private static func copy(_ file: URL, to stem: String, _ root: URL) throws -> String {
    let path = "\(stem).\(file.pathExtension)"
    let target = root.appending(path: path)
    try PictureWriter.makeFolder(target.deletingLastPathComponent())
    try PictureWriter.write(Data(ReadFile.bytes(file, name: file.path)), to: target)
    return path
  }
}
