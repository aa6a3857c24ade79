import Foundation
import OTXCore
import OTXImage

/// Reads the pictures of one subset and all that is said about them.
struct VOCReader {
  let kind: VOCKind
  let source: VOCSource
  /// What item names are relative to.
  let base: URL
  /// Labels of whole pictures, by picture.
  private let pictureLabels: [String: [String]]
  private let segmentation: VOCSegmentation?
  private let listProblems: [DatasetProblem]

  init(kind: VOCKind, source: VOCSource, base: URL, labels: VOCLabels) throws {
    (self.kind, self.source, self.base) = (kind, source, base)
    var problems: [DatasetProblem] = []
    pictureLabels =
      kind.hasLabels ? VOCClassLists.read(source, labels: labels, &problems) : [:]
    segmentation =
      kind.hasLabelMaps
      ? try source.root.flatMap { try VOCSegmentation(in: $0, labels: labels, kind: kind) } : nil
    listProblems = problems
  }

  private struct Entry {
    var item: DatasetItem?
    var problems: [DatasetProblem] = []

    mutating func report(
      _ kind: String,
      _ location: String,
      _ message: String,
      _ remedy: DatasetProblem.Remedy = .leftOut
    ) {
      problems.append(
        DatasetProblem(kind: kind, location: location, message: message, remedy: remedy)
      )
    }
  }

  /// Reads on several threads; what one file lacks is a problem of that file.
  func read() throws -> (items: [DatasetItem], problems: [DatasetProblem]) {
    let entries = ParallelResults<Entry>(count: source.entries.count)
    let reader = self
    WorkerThreads.forEach(source.entries.count) { index in
      entries.set(index, reader.entry(reader.source.entries[index]))
    }
    var items: [DatasetItem] = []
    var problems = listProblems
    for entry in entries.all.compactMap({ $0 }) {
      problems += entry.problems
      if let item = entry.item { items.append(item) }
    }
    return (items, problems)
  }

  private func entry(_ source: VOCEntry) -> Entry {
    var entry = Entry()
    var annotations = (pictureLabels[source.name] ?? []).map { Annotation.label($0) }
    let map = segmentation?.annotation(source.name)
    guard let file = source.annotations, kind.hasObjects else {
      let (url, _) = picture(of: source, stated: nil)
      entry.item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        annotations: annotations + (map.map { [$0] } ?? []),
        origin: self.source.list ?? ""
      )
      return entry
    }
    let name = file.path(below: base)
    do {
      let root = try XMLScanner.read(ReadFile.bytes(file, name: name), name: name)
      guard root.name == "annotation" else {
        entry.report("damaged annotation file", name, "holds <\(root.name)> and not <annotation>")
        return entry
      }
      let (url, _) = picture(of: source, stated: root.text("filename"))
      for object in root.children("object") {
        do {
          annotations += try VOCObject(kind: kind, file: name).annotations(
            object,
            group: annotations.count + 1
          )
        } catch DataError.unreadable(let location, let reason) {
          entry.report("incomplete object", location, reason)
        }
      }
      entry.item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        size: size(root),
        annotations: annotations + (map.map { [$0] } ?? []),
        origin: name
      )
    } catch DataError.unreadable(_, "the file does not exist") {
      let (url, exists) = picture(of: source, stated: nil)
      guard exists else {
        entry.report(
          "missing annotation file",
          name,
          "neither the annotation file nor the picture of a listed name exists"
        )
        return entry
      }
      if let map { annotations.append(map) }
      if annotations.isEmpty {
        entry.report(
          "missing annotation file",
          name,
          "the annotation file of a listed picture does not exist: nothing is known of the picture",
          .noted
        )
      }
      entry.item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        annotations: annotations,
        origin: self.source.list ?? ""
      )
    } catch DataError.unreadable(let location, let reason) {
      entry.report("damaged annotation file", location, reason)
    } catch {
      entry.report("damaged annotation file", name, "\(error)")
    }
    return entry
  }

  /// The picture that has the annotation file's name, else the one that the file names.
  private func picture(of entry: VOCEntry, stated: String?) -> (url: URL, exists: Bool) {
    let stated = stated.map {
      URL(filePath: $0.replacingOccurrences(of: "\\", with: "/")).lastPathComponent
    }
    let endings = ["jpg", "jpeg", "png", "bmp", "JPG", "JPEG", "PNG", "BMP", "tif", "tiff", "webp"]
    let names =
      ["\(entry.name).jpg"] + (stated.map { [$0] } ?? []) + endings.map { "\(entry.name).\($0)" }
    for folder in source.pictureRoots {
      for name in names {
        let url = folder.appending(path: name)
        if FileManager.default.fileExists(atPath: url.path) { return (url, true) }
      }
    }
    let folder = source.pictureRoots.first ?? base
    return (folder.appending(path: stated ?? "\(entry.name).jpg"), false)
  }

  private func size(_ root: XMLElement) -> ImageSize? {
    guard let size = root.child("size"),
      let height = size.text("height").flatMap({ Int($0) }),
      let width = size.text("width").flatMap({ Int($0) })
    else { return nil }
    return ImageSize(height: height, width: width)
  }
}

/// Reads one `<object>`.
struct VOCObject {
  let kind: VOCKind
  /// The file it stands in, for messages.
  let file: String

  /// The object, and its parts behind it in the same group.
  func annotations(_ object: XMLElement, group: Int) throws -> [Annotation] {
    guard let label = object.text("name") else {
      throw failure(object.line, "an <object> needs a <name>")
    }
    if kind.isAboutPeople, label != "person", label != "background" { return [] }
    var result = Annotation.box(
      try box(of: object, label),
      label: label,
      isDifficult: object.text("difficult") == "1"
    )
    let attributes = attributes(of: object)
    if !attributes.isEmpty { result.attributes = attributes }
    guard kind.hasParts else { return [result] }
    var parts: [Annotation] = []
    for element in object.children("part") {
      guard let name = element.text("name") else {
        throw failure(element.line, "a <part> of '\(label)' needs a <name>")
      }
      var part = Annotation.box(try box(of: element, name), label: name)
      part.group = group
      part.attributes = ["part": .flag(true)]
      parts.append(part)
    }
    if !parts.isEmpty { result.group = group }
    return [result] + parts
  }

  private func attributes(of object: XMLElement) -> [String: AttributeValue] {
    var result: [String: AttributeValue] = [:]
    for name in ["truncated", "occluded"] where object.text(name) == "1" {
      result[name] = .flag(true)
    }
    if let pose = object.text("pose"), pose.lowercased() != "unspecified" {
      result["pose"] = .text(pose)
    }
    if let point = object.child("point"), let x = point.number("x"), let y = point.number("y") {
      result["point"] = .numbers([Double(x), Double(y)])
    }
    for attribute in object.child("attributes")?.children("attribute") ?? [] {
      guard let name = attribute.text("name") else { continue }
      result[name] = AttributeValue(word: attribute.text("value") ?? "")
    }
    if kind.hasActions, let actions = object.child("actions") {
      for action in actions.children { result[action.name] = .flag(action.value == "1") }
    }
    return result
  }

  private func failure(_ line: Int, _ reason: String) -> DataError {
    .unreadable(file: "\(file):\(line)", reason: reason)
  }

  private func box(of object: XMLElement, _ label: String) throws -> BoundingBox {
    guard let box = object.child("bndbox") else {
      throw failure(object.line, "the object '\(label)' has no <bndbox>")
    }
    func number(_ name: String) throws -> Float {
      guard let element = box.child(name) else {
        throw failure(box.line, "the box of '\(label)' has no <\(name)>")
      }
      guard let value = element.value.flatMap({ Float($0) }) else {
        throw failure(element.line, "<\(name)> of '\(label)' is not a number: '\(element.text)'")
      }
      return value
    }
    return BoundingBox(
      x1: try number("xmin"),
      y1: try number("ymin"),
      x2: try number("xmax"),
      y2: try number("ymax")
    )
  }
}
