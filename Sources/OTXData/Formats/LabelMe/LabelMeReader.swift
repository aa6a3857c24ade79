import Foundation
import OTXCore

/// Reads XML files one after the other.
struct LabelMeReader {
  let root: URL
  /// The folder of the annotation files; pictures lie in the same folders below `Images/`.
  let annotations: URL
  private var finders: [String: PictureFinder] = [:]

  init(root: URL, annotations: URL) { (self.root, self.annotations) = (root, annotations) }

  mutating func read(_ file: URL, subset: Subset?, into reading: inout FormatReading) {
    let name = file.path(below: root)
    do {
      let document = try XMLScanner.read(ReadFile.bytes(file, name: name), name: name)
      guard document.name == "annotation" else {
        reading.problems.leaveOut(
          "damaged annotation file",
          at: name,
          "holds <\(document.name)> and not <annotation>"
        )
        return
      }
      let folder = file.deletingLastPathComponent().path(below: annotations)
      let isBelow = !folder.hasPrefix("/")
      let stated = document.text("folder")
      let own = isBelow && !folder.isEmpty ? folder : stated ?? ""
      let item = item(document, file, name, own, &reading)
      let found =
        subset
        ?? own.split(separator: "/").reversed().lazy.compactMap {
          Subset(folderName: String($0))
        }.first
      reading.items[found ?? .train, default: []].append(item)
    } catch DataError.unreadable(let location, let reason) {
      reading.problems.leaveOut("damaged annotation file", at: location, reason)
    } catch {
      reading.problems.leaveOut("damaged annotation file", at: name, "\(error)")
    }
  }

  private mutating func item(
    _ document: XMLElement,
    _ file: URL,
    _ name: String,
    _ folder: String,
    _ reading: inout FormatReading
  ) -> DatasetItem {
    let stem = file.deletingPathExtension().lastPathComponent
    let picture = document.text("filename") ?? "\(stem).jpg"
    let url = find(picture, in: "Images", folder, beside: file)
    var size: ImageSize?
    if let stated = document.child("imagesize"),
      let height = stated.text("nrows").flatMap({ Int($0) }),
      let width = stated.text("ncols").flatMap({ Int($0) })
    {
      size = ImageSize(height: height, width: width)
    }
    var item = DatasetItem(
      id: url.path(below: root),
      image: .file(url),
      size: size,
      annotations: [],
      origin: name
    )
    var parts = LabelMeParts()
    for object in document.children("object") where object.text("deleted") != "1" {
      guard var annotation = annotation(object, name, folder, file, &reading.problems) else {
        continue
      }
      annotation.attributes = LabelMeAttributes.read(object)
      if let label = annotation.label, !reading.labels.contains(label) {
        reading.labels.append(label)
      }
      parts.add(object, index: item.annotations.count)
      item.annotations.append(annotation)
    }
    for (index, group) in parts.groups { item.annotations[index].group = group }
    return item
  }

  private mutating func find(
    _ name: String,
    in kind: String,
    _ folder: String,
    beside file: URL
  ) -> URL {
    let key = "\(kind)/\(folder)"
    let roots = [root.appending(path: kind).appending(path: folder), root.appending(path: kind)]
    let others = [file.deletingLastPathComponent(), root]
    return finders[key, default: PictureFinder(roots: roots + others)].find(name)
  }

  private mutating func annotation(
    _ object: XMLElement,
    _ name: String,
    _ folder: String,
    _ file: URL,
    _ problems: inout [DatasetProblem]
  ) -> Annotation? {
    let label = object.text("name")
    func refuse(_ reason: String) -> Annotation? {
      problems.leaveOut(
        "object that cannot be used",
        at: "\(name):\(object.line)",
        "the object '\(label ?? "")' \(reason)"
      )
      return nil
    }
    if let polygon = object.child("polygon") {
      var points: [Float] = []
      for point in polygon.children("pt") {
        guard let x = point.number("x"), let y = point.number("y"), x.isFinite, y.isFinite else {
          return refuse("has a point that is no two numbers")
        }
        points += [x, y]
      }
      if object.text("type") == "bounding_box" {
        guard let box = BoundingBox(around: points) else { return refuse("has no points") }
        return .box(box, label: label)
      }
      guard points.count >= 6 else { return refuse("has an outline of fewer than three points") }
      return .region(.polygon(Polygon(points)), label: label)
    }
    guard let segment = object.child("segm") else { return refuse("has neither outline nor mask") }
    guard let mask = segment.text("mask") else { return refuse("has a mask without a file") }
    let url = find(mask, in: "Masks", folder, beside: file)
    guard FileManager.default.fileExists(atPath: url.path) else {
      return refuse("has the mask \(mask), which does not exist")
    }
    return .region(.maskFile(MaskFile(url: url, selection: .nonZero)), label: label)
  }
}

/// Which objects are parts of others.
private struct LabelMeParts {
  private var indices: [Int: Int] = [:]
  private var links: [(Int, Int)] = []

  mutating func add(_ object: XMLElement, index: Int) {
    guard let id = object.text("id").flatMap({ Int($0) }) else { return }
    indices[id] = index
    for name in ["hasparts", "ispartof"] {
      let text = object.child("parts")?.text(name) ?? ""
      for other in text.split(separator: ",") {
        if let other = Int(other.trimmingCharacters(in: .whitespaces)) { links.append((id, other)) }
      }
    }
  }

  /// The group of each object that has parts or is one, from 1.
  var groups: [(index: Int, group: Int)] {
    var roots: [Int: Int] = [:]
    func root(_ id: Int) -> Int {
      var id = id
      while let next = roots[id], next != id { id = next }
      return id
    }
    var linked: Set<Int> = []
    for (one, other) in links where indices[one] != nil && indices[other] != nil && one != other {
      linked.formUnion([one, other])
      let (first, second) = (root(one), root(other))
      roots[max(first, second)] = min(first, second)
    }
    var numbers: [Int: Int] = [:]
    return linked.sorted().map { id in
      let top = root(id)
      let number = numbers[top] ?? numbers.count + 1
      numbers[top] = number
      return (indices[id] ?? 0, number)
    }
  }
}

/// `<attributes>`: names and `name=value` with commas between.
enum LabelMeAttributes {
  static func read(_ object: XMLElement) -> [String: AttributeValue] {
    var result: [String: AttributeValue] = [:]
    if object.text("occluded") == "yes" { result["occluded"] = .flag(true) }
    let part = object.child("polygon") ?? object.child("segm")
    if let user = part?.text("username") { result["username"] = .text(user) }
    for word in split(object.text("attributes") ?? "") {
      guard let sign = word.firstIndex(of: "=") else {
        result[word] = .flag(true)
        continue
      }
      let value = String(word[word.index(after: sign)...])
      let isQuoted = value.count >= 2 && value.hasPrefix("\"") && value.hasSuffix("\"")
      result[String(word[..<sign])] =
        isQuoted ? .text(String(value.dropFirst().dropLast())) : AttributeValue(word: value)
    }
    return result
  }

  /// Commas inside quotes part nothing.
  private static func split(_ text: String) -> [String] {
    var words = [""]
    var isQuoted = false
    for character in text {
      if character == "\"" { isQuoted.toggle() }
      if character == ",", !isQuoted {
        words.append("")
      } else {
        words[words.count - 1].append(character)
      }
    }
    return words.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }

  static func text(_ attributes: [String: AttributeValue]) -> String {
    attributes.sorted { $0.key < $1.key }.compactMap { name, value in
      guard name != "occluded", name != "username" else { return nil }
      let clean = name.filter { !"=,\"".contains($0) }
      switch value {
      case .flag(true): return clean
      case .flag(false): return "\(clean)=false"
      case .number: return "\(clean)=\(value)"
      case .text, .numbers:
        let text = value.description.replacingOccurrences(of: "\"", with: "'")
        return "\(clean)=\"\(text)\""
      }
    }.joined(separator: ", ")
  }
}
