import Foundation
import OTXCore
import Yams

/// A `data.yaml`: `names` as a list or a map, `path`, and `train`, `val`, `test` as a folder, a list
/// file or several of them.
enum YOLODataFile {
  /// Whether a text is a file of this kind; files of other kinds are `data.yaml` too.
  static func isOne(_ text: String) -> Bool {
    guard let root = try? Yams.compose(yaml: text)?.mapping, root["data"] == nil else {
      return false
    }
    let hasSubset = ["train", "val", "valid", "test"].contains { root[$0] != nil }
    return hasSubset && (root["names"] != nil || root["nc"] != nil)
  }

  static func read(_ file: URL) throws -> YOLODescription {
    let name = file.lastPathComponent
    let root = try mapping(of: file)
    let folder = file.deletingLastPathComponent()
    var description = YOLODescription(base: folder, namesFile: name)
    description.names = try names(root, file: name)
    if let count = root["nc"]?.int, count != description.names?.count {
      description.problems.append(
        DatasetProblem(
          kind: "class count",
          location: location(root["nc"], name),
          message:
            "nc is \(count), but \("class".countedInEnglish(description.names?.count ?? 0)) have a name; the names count",
          remedy: .noted
        )
      )
    }
    description.keypoints = try keypoints(root, file: name)
    description.hasTurnedBoxes = root["task"]?.string?.lowercased() == "obb"
    var roots = [folder]
    if let path = root["path"]?.string, !path.isEmpty {
      let url = path.hasPrefix("/") ? URL(filePath: path) : folder.appending(path: path)
      roots.insert(url.standardizedFileURL, at: 0)
    }
    for (subset, keys) in [(Subset.train, ["train"]), (.val, ["val", "valid"]), (.test, ["test"])] {
      guard let node = keys.compactMap({ root[$0] }).first else { continue }
      let places = node.sequence?.compactMap(\.string) ?? [node.string ?? ""]
      var pictures: [URL] = []
      for place in places where !["", "~", "null"].contains(place) {
        guard let url = PictureList.find(place, roots: roots) else {
          let reason = "\(keys[0]): there is nothing at '\(place)'"
          if subset == .train {
            let looked = roots.map(\.path).joined(separator: " and ")
            throw DataError.unreadable(
              file: location(node, name),
              reason: "\(reason); looked in \(looked)"
            )
          }
          description.problems.append(
            DatasetProblem(
              kind: "missing subset",
              location: location(node, name),
              message: reason,
              remedy: .noted
            )
          )
          continue
        }
        pictures +=
          url.pathExtension.lowercased() == "txt"
          ? try PictureList.read(url, roots: [url.deletingLastPathComponent()] + roots)
          : try FolderListing.allPictures(below: url)
      }
      if !pictures.isEmpty {
        description.sources.append(YOLOSource(subset: subset, pictures: pictures))
      }
    }
    return description
  }

  private static func keypoints(
    _ root: Node.Mapping,
    file: String
  ) throws -> YOLOKeypointShape? {
    guard let node = root["kpt_shape"] else { return nil }
    let shape = node.sequence?.compactMap(\.int) ?? []
    guard shape.count == 2, (1...10_000).contains(shape[0]), (2...3).contains(shape[1]) else {
      throw DataError.unreadable(
        file: location(node, file),
        reason: "kpt_shape: expected [number of points, 2 or 3]"
      )
    }
    var result = YOLOKeypointShape(pointCount: shape[0], dimensionCount: shape[1])
    if let flips = root["flip_idx"] {
      let indices = flips.sequence?.compactMap(\.int) ?? []
      guard indices.sorted() == Array(0..<shape[0]) else {
        throw DataError.unreadable(
          file: location(flips, file),
          reason: "flip_idx: expected each number from 0 to \(shape[0] - 1) once"
        )
      }
      result.flips = indices
    }
    for (key, value) in root["kpt_names"]?.mapping ?? [:] {
      guard let number = key.int, let names = value.sequence?.compactMap(\.string) else { continue }
      result.names[number] = names
    }
    return result
  }

  static func names(_ file: URL) throws -> [String] {
    try names(mapping(of: file), file: file.lastPathComponent)
  }

  private static func mapping(of file: URL) throws -> Node.Mapping {
    let name = file.lastPathComponent
    let text = String(decoding: try ReadFile.bytes(file, name: name), as: UTF8.self)
    do {
      guard let root = try Yams.compose(yaml: text)?.mapping else {
        throw DataError.unreadable(file: name, reason: "is no mapping of keys")
      }
      return root
    } catch let error as YamlError {
      throw DataError.unreadable(file: name, reason: "is not valid YAML: \(error)")
    }
  }

  private static func names(_ root: Node.Mapping, file: String) throws -> [String] {
    guard let node = root["names"] else {
      // `nc` alone: classes have numbers only.
      return (0..<max(root["nc"]?.int ?? 0, 0)).map { "class_\($0)" }
    }
    if let list = node.sequence { return list.map { $0.string ?? "" } }
    guard let map = node.mapping else {
      throw DataError.unreadable(
        file: location(node, file),
        reason: "names: expected a list of names or a map of numbers to names"
      )
    }
    var names: [Int: String] = [:]
    for (key, value) in map {
      guard let number = key.int, (0..<100_000).contains(number), let text = value.string else {
        throw DataError.unreadable(
          file: location(key, file),
          reason: "names: '\(key.string ?? "")' is no class number from 0 on"
        )
      }
      names[number] = text
    }
    return (0..<((names.keys.max() ?? -1) + 1)).map { names[$0] ?? "class_\($0)" }
  }

  private static func location(_ node: Node?, _ file: String) -> String {
    node?.mark.map { "\(file):\($0.line)" } ?? file
  }
}

/// Darknet's `obj.data`: lines of `key = value` with `train`, `valid` and `names`.
enum DarknetFile {
  /// The keys of lists of pictures; other programs write `val` for Darknet's `valid`.
  private static let keys: [(subset: Subset, names: [String])] = [
    (.train, ["train"]), (.val, ["valid", "val"]), (.test, ["test"]),
  ]

  static func isOne(_ text: String) -> Bool {
    let values = values(of: text)
    return values["names"] != nil
      && keys.prefix(2).contains { $0.names.contains { values[$0] != nil } }
  }

  private static func values(of text: String) -> [String: String] {
    var result: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      let parts = line.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      result[parts[0].trimmingCharacters(in: .whitespaces)] =
        parts[1].trimmingCharacters(in: .whitespaces)
    }
    return result
  }

  static func read(_ file: URL) throws -> YOLODescription {
    let name = file.lastPathComponent
    let folder = file.deletingLastPathComponent()
    let values = values(of: String(decoding: try ReadFile.bytes(file, name: name), as: UTF8.self))
    var description = YOLODescription(base: folder)
    func find(_ key: String) throws -> URL? {
      guard let path = values[key] else { return nil }
      // Paths start at the folder that Darknet was run in.
      guard let url = PictureList.find(path, roots: [folder]) else {
        throw DataError.unreadable(file: name, reason: "\(key): there is nothing at '\(path)'")
      }
      return url
    }
    if let names = try find("names") {
      description.namesFile = names.path(below: folder)
      description.names = try PictureList.lines(of: names, name: description.namesFile).map(\.text)
    }
    if let count = values["classes"].flatMap({ Int($0) }), let names = description.names,
      count != names.count
    {
      description.problems.append(
        DatasetProblem(
          kind: "class count",
          location: name,
          message:
            "classes = \(count), but \(description.namesFile) has \("name".counted(names.count)); the names count",
          remedy: .noted
        )
      )
    }
    for (subset, names) in keys {
      guard let key = names.first(where: { values[$0] != nil }), let list = try find(key) else {
        continue
      }
      let pictures = try PictureList.read(list, roots: [folder, list.deletingLastPathComponent()])
      if !pictures.isEmpty {
        description.sources.append(YOLOSource(subset: subset, pictures: pictures))
      }
    }
    return description
  }
}

extension String {
  /// `1 class`, `3 classes`.
  fileprivate func countedInEnglish(_ count: Int) -> String {
    count == 1 ? "1 \(self)" : "\(count) \(self)es"
  }
}
