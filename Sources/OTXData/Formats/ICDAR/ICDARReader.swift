import Foundation
import OTXCore

/// Reads the files of one subset.
struct ICDARReader {
  let kind: ICDARKind
  let folder: URL
  let base: URL
  private let pictures: PictureStems
  private(set) var problems: [DatasetProblem] = []

  init(kind: ICDARKind, folder: URL, base: URL) throws {
    (self.kind, self.folder, self.base) = (kind, folder, base)
    pictures = try PictureStems(below: FolderListing(folder).folder("images") ?? folder)
  }

  mutating func read() throws -> [DatasetItem] {
    let files = try FolderListing(folder).files.filter(kind.isAnnotation)
    if kind == .wordRecognition { return try files.flatMap { try words(of: $0) } }
    return try files.map { file in
      let name = file.path(below: base)
      let stem = file.deletingPathExtension().lastPathComponent
      let picture = String(kind == .localization ? stem.dropFirst(3) : stem.dropLast(3))
      let annotations =
        kind == .localization ? try places(of: file, name) : try characters(of: file, name)
      return item(picture, annotations, origin: name)
    }
  }

  private func item(_ stem: String, _ annotations: [Annotation], origin: String) -> DatasetItem {
    let url = pictures[stem] ?? pictures.root.appending(path: "\(stem).png")
    return DatasetItem(
      id: url.path(below: base),
      image: .file(url),
      annotations: annotations,
      origin: origin
    )
  }

  /// `word_1.png, "text"`.
  private mutating func words(of file: URL) throws -> [DatasetItem] {
    let name = file.path(below: base)
    var items: [DatasetItem] = []
    for (number, line) in try NumberedLines.read(file, name: name) {
      guard let comma = line.firstIndex(of: ",") else {
        problems.leaveOut(
          "line that is no word",
          at: "\(name):\(number)",
          "'\(line)' is not a picture, a comma and a word in quotes"
        )
        continue
      }
      let text = line[line.index(after: comma)...].trimmingCharacters(in: .whitespaces)
      let stem = PictureStems.stem(String(line[..<comma]))
      guard text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else {
        problems.leaveOut(
          "word without quotes",
          at: "\(name):\(number)",
          "the word of \(stem) does not stand in quotes: '\(text)'"
        )
        continue
      }
      let word = ICDARReader.unescaped(text.dropFirst().dropLast())
      items.append(item(stem, [.caption(word)], origin: "\(name):\(number)"))
    }
    return items
  }

  /// Quotes inside a word have a backslash before them.
  private static func unescaped(_ text: Substring) -> String {
    var result = ""
    var isEscaped = false
    for character in text {
      if character == "\\", !isEscaped {
        isEscaped = true
        continue
      }
      isEscaped = false
      result.append(character)
    }
    return result
  }

  /// `x1,y1,x2,y2,x3,y3,x4,y4,text` or `x1 y1 x2 y2 "text"`.
  private mutating func places(of file: URL, _ name: String) throws -> [Annotation] {
    var result: [Annotation] = []
    for (number, line) in try NumberedLines.read(file, name: name) {
      var rest = Substring(line)
      var text: String?
      if let quote = line.firstIndex(of: "\""), let end = line.lastIndex(of: "\""), end > quote {
        text = String(line[line.index(after: quote)..<end])
        rest = line[..<quote]
      }
      let separators = rest.contains(",") ? "," : " \t"
      let fields = rest.split(omittingEmptySubsequences: separators != ",") {
        separators.contains($0)
      }.map { $0.trimmingCharacters(in: .whitespaces) }
      let numbers = fields.prefix { Float($0)?.isFinite ?? false }.prefix(8).compactMap {
        Float($0)
      }
      guard numbers.count >= 4 else {
        problems.leaveOut(
          "line that is no word",
          at: "\(name):\(number)",
          "'\(line)' does not begin with four or eight numbers"
        )
        continue
      }
      let count = numbers.count == 8 ? 8 : 4
      // A word may hold commas and blanks itself.
      let parts = rest.split(
        maxSplits: count,
        omittingEmptySubsequences: separators != ","
      ) { separators.contains($0) }
      let words = parts.count > count ? parts[count].trimmingCharacters(in: .whitespaces) : ""
      let region: Region? = count == 8 ? .polygon(Polygon(numbers)) : nil
      let box =
        count == 8
        ? nil : BoundingBox(x1: numbers[0], y1: numbers[1], x2: numbers[2], y2: numbers[3])
      var annotation = Annotation(label: nil, box: box, region: region)
      let word = text ?? words
      if !word.isEmpty { annotation.attributes = ["text": .text(word)] }
      result.append(annotation)
    }
    return result
  }

  /// `red green blue centre-x centre-y x1 y1 x2 y2 "c"`; a blank line parts words, `#` stands before
  /// a character that is not to be counted.
  private mutating func characters(of file: URL, _ name: String) throws -> [Annotation] {
    let stem = file.deletingPathExtension().lastPathComponent
    let mask = folder.appending(path: "\(stem).bmp")
    let hasMask = FileManager.default.fileExists(atPath: mask.path)
    if !hasMask {
      problems.note(
        "missing mask",
        at: name,
        "there is no \(stem).bmp: boxes of the characters are taken without their pixels"
      )
    }
    var words: [[Annotation]] = [[]]
    var (last, index) = (0, 0)
    for (number, line) in try NumberedLines.read(file, name: name) {
      if number > last + 1, words.last?.isEmpty == false { words.append([]) }
      last = number
      guard var character = ICDARReader.character(line, mask: hasMask ? mask : nil) else {
        problems.leaveOut(
          "line that is no character",
          at: "\(name):\(number)",
          "'\(line)' is not nine numbers and a character in quotes"
        )
        continue
      }
      character.attributes["index"] = .number(Double(index))
      index += 1
      words[words.count - 1].append(character)
    }
    var group = 0
    return words.flatMap { word -> [Annotation] in
      guard word.count > 1 else { return word }
      group += 1
      return word.map { character in
        var character = character
        character.group = group
        return character
      }
    }
  }

  private static func character(_ line: String, mask: URL?) -> Annotation? {
    let isIgnored = line.hasPrefix("#")
    let fields = line.drop { $0 == "#" }.split(separator: " ", maxSplits: 9)
    let numbers = fields.prefix(9).compactMap { Int($0) }
    guard numbers.count == 9, let red = UInt8(exactly: numbers[0]),
      let green = UInt8(exactly: numbers[1]), let blue = UInt8(exactly: numbers[2])
    else { return nil }
    let color = Color(red: red, green: green, blue: blue)
    let region = mask.map { Region.maskFile(MaskFile(url: $0, selection: .color(color))) }
    var box: BoundingBox? = BoundingBox(
      x1: Float(numbers[5]),
      y1: Float(numbers[6]),
      x2: Float(numbers[7]),
      y2: Float(numbers[8])
    )
    // A box without an area is that of a thin character; its pixels tell.
    if let known = box, known.area == 0, region != nil { box = nil }
    var result = Annotation(label: nil, box: box, region: region)
    var text = fields.count > 9 ? String(fields[9]) : ""
    if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") {
      text = String(text.dropFirst().dropLast())
    }
    result.attributes = [
      "color": .text("\(red) \(green) \(blue)"), "center": .text("\(numbers[3]) \(numbers[4])"),
      "text": .text(isIgnored ? " " : text),
    ]
    return result
  }
}
