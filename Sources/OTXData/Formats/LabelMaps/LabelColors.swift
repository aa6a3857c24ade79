import Foundation
import OTXCore
import OTXImage

/// The labels of pictures whose pixels are labels: the number and the colour that stand for each.
final class LabelColors: Sendable {
  struct Entry: Sendable, Equatable {
    var name: String
    var color: Color?
    /// What stands for it in pictures of numbers.
    var number: Int
  }

  let entries: [Entry]
  /// Label of each number.
  let numbers: LabelTable
  /// Label of each packed colour; of two labels of one colour the later one.
  let colors: LabelTable

  /// - Parameters:
  ///   - entries: Labels in the dataset's order.
  ///   - unmarked: Labels that pictures do not mark: they are declared, and their pixels ignored.
  init(_ entries: [Entry], unmarked: Set<String> = []) {
    self.entries = entries
    let marked = entries.filter { !unmarked.contains($0.name) }
    numbers = LabelTable(
      Dictionary(marked.map { ($0.number, $0.name) }) { _, later in later }
    )
    let hasColors = entries.contains { $0.color != nil }
    colors = LabelTable(
      Dictionary(
        marked.compactMap { entry -> (Int, String)? in
          let color = hasColors ? entry.color : VOCLabels.color(entry.number)
          return color.map { (Int($0.packed), entry.name) }
        }
      ) { _, later in later }
    )
  }

  /// Labels numbered in their order.
  convenience init(
    _ labels: [(name: String, color: Color?)],
    unmarked: Set<String> = []
  ) {
    self.init(
      labels.enumerated().map { index, label in
        Entry(name: label.name, color: label.color, number: index)
      },
      unmarked: unmarked
    )
  }

  /// Of a table in code: `(name, red, green, blue)`.
  convenience init(_ table: [(String, UInt8, UInt8, UInt8)], unmarked: Set<String> = []) {
    self.init(
      table.map { ($0.0, Color(red: $0.1, green: $0.2, blue: $0.3)) },
      unmarked: unmarked
    )
  }

  /// Each name once, in order.
  var names: [String] {
    var seen: Set<String> = []
    return entries.map(\.name).filter { seen.insert($0).inserted }
  }
  var hasColors: Bool { entries.contains { $0.color != nil } }

  /// What the dataset says of its labels.
  var details: LabelDetails {
    var details = LabelDetails()
    for entry in entries { details.colors[entry.name] = entry.color }
    return details
  }

  /// A picture of labels; whether its pixels are numbers or colours is read from its header.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  func map(_ url: URL, instances: LabelMap.Instances = .none) throws -> LabelMap {
    switch try IndexImage.storage(of: url) {
    case .color: LabelMap(url: url, encoding: .color, instances: instances, table: colors)
    case .palette where hasColors:
      LabelMap(url: url, encoding: .color, instances: instances, table: colors)
    case .grey, .palette: LabelMap(url: url, instances: instances, table: numbers)
    }
  }
}

extension LabelColors {
  static let metaFileName = "dataset_meta.json"
  static let colorsFileName = "label_colors.txt"

  /// The labels that a folder's `dataset_meta.json` or `label_colors.txt` lists; `nil` without one.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func declared(in folder: URL, base: URL) throws -> LabelColors? {
    let listing = try FolderListing(folder)
    if let file = listing.file(metaFileName) {
      return try metaFile(file, name: file.path(below: base))
    }
    if let file = listing.file(colorsFileName) {
      return try colorsFile(file, name: file.path(below: base))
    }
    return nil
  }

  /// Only the names of a folder's `dataset_meta.json`; `nil` without one.
  static func metaNames(in folder: URL, base: URL) throws -> [String]? {
    guard let file = try FolderListing(folder).file(metaFileName) else { return nil }
    return try metaFile(file, name: file.path(below: base)).names
  }

  /// `{"labels": […], "label_map": {"0": name}, "segmentation_colors": [[r, g, b]]}`, as OpenVINO's
  /// accuracy checker and Datumaro have it.
  static func metaFile(_ url: URL, name: String) throws -> LabelColors {
    var entries: [Entry] = []
    var places: [String: Int] = [:]
    var colors: [Color?] = []
    func add(_ label: String, number: Int?) {
      if let place = places[label] {
        if let number { entries[place].number = number }
        return
      }
      places[label] = entries.count
      entries.append(Entry(name: label, color: nil, number: number ?? entries.count))
    }
    var mapped: [(number: Int, label: String)] = []
    try JSONScanner.scan(url, name: name) { scanner in
      try scanner.object { scanner, key in
        switch key {
        case "labels": try scanner.array { add(try $0.string(), number: nil) }
        case "label_map":
          try scanner.object { scanner, key in
            let label = try scanner.string()
            guard let number = Int(key) else {
              throw scanner.failure("the key '\(key)' of label_map is not a whole number")
            }
            mapped.append((number, label))
          }
        case "segmentation_colors":
          try scanner.array { scanner in
            guard scanner.nextKind() == .array else {
              colors.append(nil)
              return try scanner.skipValue()
            }
            var parts: [Int] = []
            try scanner.array { parts.append(try $0.integerIfPresent() ?? -1) }
            guard parts.count == 3, parts.allSatisfy({ (0...255).contains($0) }) else {
              throw scanner.failure("a colour must be three numbers from 0 to 255")
            }
            colors.append(
              Color(red: UInt8(parts[0]), green: UInt8(parts[1]), blue: UInt8(parts[2]))
            )
          }
        default: try scanner.skipValue()
        }
      }
    }
    for (number, label) in mapped {
      add(label, number: number)
      if let place = places[label], colors.indices.contains(number) {
        entries[place].color = colors[number]
      }
    }
    guard !entries.isEmpty else {
      throw DataError.unreadable(file: name, reason: "lists no labels")
    }
    return LabelColors(entries)
  }

  /// Lines of `red green blue name`, or of a name alone; `#` begins a comment.
  static func colorsFile(_ url: URL, name: String) throws -> LabelColors {
    let text = String(decoding: try ReadFile.bytes(url, name: name), as: UTF8.self)
    var labels: [(name: String, color: Color?)] = []
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      let numbers = words.prefix(3).compactMap { UInt8($0) }
      let label: (name: String, color: Color?) =
        numbers.count == 3 && words.count > 3
        ? (
          words.dropFirst(3).joined(separator: " "),
          Color(red: numbers[0], green: numbers[1], blue: numbers[2])
        )
        : (words.joined(separator: " "), nil)
      guard !labels.contains(where: { $0.name == label.name }) else {
        throw DataError.unreadable(
          file: "\(name):\(index + 1)",
          reason: "the label '\(label.name)' stands twice"
        )
      }
      labels.append(label)
    }
    guard !labels.isEmpty else {
      throw DataError.unreadable(file: name, reason: "lists no labels")
    }
    return LabelColors(labels)
  }

  /// Writes the labels beside the pictures: a ``colorsFileName``, or a ``metaFileName`` where a name has
  /// blanks, which Datumaro's reader of the former does not know.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  func write(to root: URL) throws {
    guard entries.contains(where: { $0.name.contains { $0.isWhitespace } }) else {
      let text = entries.map { entry in
        let parts = entry.color.map { "\($0.red) \($0.green) \($0.blue) " } ?? ""
        return "\(parts)\(entry.name)\n"
      }.joined()
      let file = root.appending(path: LabelColors.colorsFileName)
      return try PictureWriter.write(Data(text.utf8), to: file)
    }
    struct Meta: Encodable {
      var labels: [String]
      var map: [String: String]
      var colors: [[UInt8]]

      enum CodingKeys: String, CodingKey {
        case labels
        case map = "label_map"
        case colors = "segmentation_colors"
      }
    }
    let meta = Meta(
      labels: names,
      map: Dictionary(
        uniqueKeysWithValues: entries.enumerated().map { ("\($0.offset)", $0.element.name) }
      ),
      colors: entries.enumerated().map { index, entry in
        let color = entry.color ?? VOCLabels.color(index)
        return [color.red, color.green, color.blue]
      }
    )
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let file = root.appending(path: LabelColors.metaFileName)
    try PictureWriter.write(encoder.encode(meta), to: file)
  }

  /// The same labels with the black one first, and a `background` where none is black: what CamVid's
  /// readers expect.
  ///
  /// - Returns: The labels; an added `background` is not marked in pictures.
  func withBlackFirst() -> LabelColors {
    var labels = entries.map { (name: $0.name, color: $0.color) }
    var unmarked: Set<String> = []
    if let place = labels.firstIndex(where: { $0.color == .black }) {
      labels.insert(labels.remove(at: place), at: 0)
    } else if let place = labels.firstIndex(where: { $0.name == "background" }) {
      labels.insert(labels.remove(at: place), at: 0)
    } else {
      labels.insert(("background", hasColors ? .black : nil), at: 0)
      unmarked = ["background"]
    }
    return LabelColors(labels, unmarked: unmarked)
  }
}

extension FolderListing {
  /// The file of a name; in another case where there is none in this.
  func file(_ name: String) -> URL? {
    files.first { $0.lastPathComponent == name }
      ?? files.first { $0.lastPathComponent.lowercased() == name.lowercased() }
  }
}
