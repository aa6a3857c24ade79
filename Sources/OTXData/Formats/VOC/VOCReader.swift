import Foundation
import OTXCore
import OTXImage

/// Reads the annotation files of one subset.
struct VOCReader {
  let source: VOCSource
  /// What item names are relative to.
  let base: URL

  private struct Entry {
    var item: DatasetItem?
    var problems: [DatasetProblem] = []
  }

  /// Reads on several threads; what one file lacks is a problem of that file.
  func read() throws -> (items: [DatasetItem], problems: [DatasetProblem]) {
    let entries = ParallelResults<Entry>(count: source.annotations.count)
    let reader = self
    WorkerThreads.forEach(source.annotations.count) { index in
      entries.set(index, reader.entry(reader.source.annotations[index]))
    }
    var items: [DatasetItem] = []
    var problems: [DatasetProblem] = []
    for entry in entries.all.compactMap({ $0 }) {
      problems += entry.problems
      if let item = entry.item { items.append(item) }
    }
    return (items, problems)
  }

  private func entry(_ file: URL) -> Entry {
    let name = file.path(below: base)
    var entry = Entry()
    func leftOut(_ kind: String, _ location: String, _ message: String) {
      entry.problems.append(
        DatasetProblem(kind: kind, location: location, message: message, remedy: .leftOut)
      )
    }
    do {
      let root = try XMLScanner.read(ReadFile.bytes(file, name: name), name: name)
      guard root.name == "annotation" else {
        leftOut("damaged annotation file", name, "holds <\(root.name)> and not <annotation>")
        return entry
      }
      let url = picture(of: file, root)
      var item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        size: size(root),
        annotations: [],
        origin: name
      )
      for object in root.children("object") {
        do {
          item.annotations.append(try box(object, name))
        } catch DataError.unreadable(let location, let reason) {
          leftOut("incomplete object", location, reason)
        }
      }
      entry.item = item
    } catch DataError.unreadable(let location, let reason) {
      let isMissing = reason == "the file does not exist"
      leftOut(
        isMissing ? "missing annotation file" : "damaged annotation file",
        location,
        isMissing ? "the annotation file of a listed picture does not exist" : reason
      )
    } catch {
      leftOut("damaged annotation file", name, "\(error)")
    }
    return entry
  }

  /// The picture that has the annotation file's name, else the one that the file names.
  private func picture(of file: URL, _ root: XMLElement) -> URL {
    let stem = file.deletingPathExtension().lastPathComponent
    let stated = root.child("filename")?.value.map { URL(filePath: $0).lastPathComponent }
    let endings = ["jpg", "jpeg", "png", "bmp", "JPG", "JPEG", "PNG", "BMP", "tif", "tiff", "webp"]
    let names = ["\(stem).jpg"] + (stated.map { [$0] } ?? []) + endings.map { "\(stem).\($0)" }
    for folder in source.pictureRoots {
      for name in names {
        let url = folder.appending(path: name)
        if FileManager.default.fileExists(atPath: url.path) { return url }
      }
    }
    let folder = source.pictureRoots.first ?? file.deletingLastPathComponent()
    return folder.appending(path: stated ?? "\(stem).jpg")
  }

  private func size(_ root: XMLElement) -> ImageSize? {
    guard let size = root.child("size"),
      let height = size.child("height")?.value.flatMap({ Int($0) }),
      let width = size.child("width")?.value.flatMap({ Int($0) })
    else { return nil }
    return ImageSize(height: height, width: width)
  }

  private func box(_ object: XMLElement, _ file: String) throws -> Annotation {
    func failure(_ line: Int, _ reason: String) -> DataError {
      .unreadable(file: "\(file):\(line)", reason: reason)
    }
    guard let label = object.child("name")?.value else {
      throw failure(object.line, "an <object> needs a <name>")
    }
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
    let bounds = BoundingBox(
      x1: try number("xmin"),
      y1: try number("ymin"),
      x2: try number("xmax"),
      y2: try number("ymax")
    )
    return .box(bounds, label: label, isDifficult: object.child("difficult")?.value == "1")
  }
}

/// Writes a dataset as Pascal VOC.
struct VOCWriter {
  var options = DatasetWriteOptions()

  func write(_ dataset: Dataset, to root: URL) throws {
    let annotations = root.appending(path: "Annotations")
    let pictures = root.appending(path: "JPEGImages")
    let lists = root.appending(path: "ImageSets/Main")
    for folder in [annotations, pictures, lists] { try PictureWriter.makeFolder(folder) }
    var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var list = ""
      for item in items {
        let (name, size) = try names.write(item)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        list += stem + "\n"
        let text = document(item, name: name, size: size)
        try PictureWriter.write(Data(text.utf8), to: annotations.appending(path: "\(stem).xml"))
      }
      try PictureWriter.write(Data(list.utf8), to: lists.appending(path: "\(subset.rawValue).txt"))
    }
  }

  private func document(_ item: DatasetItem, name: String, size: ImageSize) -> String {
    var lines = [
      "<annotation>", "  <filename>\(escaped(name))</filename>",
      "  <size><width>\(size.width)</width><height>\(size.height)</height><depth>3</depth></size>",
    ]
    for annotation in item.annotations {
      guard let box = annotation.box, let label = annotation.label else { continue }
      lines += [
        "  <object>", "    <name>\(escaped(label))</name>",
        "    <difficult>\(annotation.isDifficult ? 1 : 0)</difficult>",
        "    <bndbox><xmin>\(box.x1)</xmin><ymin>\(box.y1)</ymin><xmax>\(box.x2)</xmax><ymax>\(box.y2)</ymax></bndbox>",
        "  </object>",
      ]
    }
    return (lines + ["</annotation>", ""]).joined(separator: "\n")
  }

  private func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;")
  }
}
