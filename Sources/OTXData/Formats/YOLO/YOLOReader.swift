import Foundation
import OTXCore
import OTXImage

/// Reads the label files of a dataset.
struct YOLOReader {
  let description: YOLODescription

  init(_ description: YOLODescription) { self.description = description }

  /// What one picture's label file says.
  private struct Entry {
    var item: DatasetItem
    var rows: [YOLORow] = []
    var labelFile: String?
    var problems: [DatasetProblem] = []
  }

  func read() throws -> FormatReading {
    var reading = FormatReading()
    reading.problems = description.problems
    var entries: [(subset: Subset, entries: [Entry])] = []
    for source in description.sources {
      entries.append((source.subset, read(source, &reading.problems)))
    }
    let names = names(for: entries.flatMap { $0.entries.flatMap(\.rows) }, &reading.problems)
    reading.labels = names
    for (subset, entries) in entries {
      for entry in entries {
        reading.problems += entry.problems
        var item = entry.item
        for row in entry.rows { row.add(to: &item, label: names[row.label]) }
        reading.items[subset, default: []].append(item)
      }
    }
    noteUnusedLabelFiles(Set(entries.flatMap { $0.entries.compactMap(\.labelFile) }), &reading)
    return reading
  }

  private func read(_ source: YOLOSource, _ problems: inout [DatasetProblem]) -> [Entry] {
    var folders: [String: [URL]] = [:]
    for picture in source.pictures {
      let folder = picture.deletingLastPathComponent()
      if folders[folder.path] == nil { folders[folder.path] = YOLOLayout.labelFolders(of: folder) }
    }
    let places = folders
    let results = ParallelResults<Entry>(count: source.pictures.count)
    let reader = self
    WorkerThreads.forEach(source.pictures.count) { index in
      let picture = source.pictures[index]
      let folders = places[picture.deletingLastPathComponent().path] ?? []
      results.set(index, reader.entry(picture, folders))
    }
    let entries = results.all.compactMap { $0 }
    let unlabeled = entries.filter { $0.labelFile == nil }
    if let first = unlabeled.first {
      let all = unlabeled.count == entries.count ? "no picture" : nil
      problems.append(
        DatasetProblem(
          kind: "picture without a label file",
          location: first.item.id,
          message:
            "\(all ?? "picture".counted(unlabeled.count)) of \(source.subset.rawValue) \(all == nil ? "without" : "has") a label file: taken as pictures without objects, the first: \(first.item.id)",
          remedy: .noted
        )
      )
    }
    return entries
  }

  private func entry(_ picture: URL, _ folders: [URL]) -> Entry {
    let id = picture.path(below: description.base)
    var entry = Entry(item: DatasetItem(id: id, image: .file(picture), annotations: []))
    let stem = picture.deletingPathExtension().lastPathComponent
    let candidates = folders.map { $0.appending(path: stem + ".txt") }
    guard
      let file = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) })
    else { return entry }
    let name = file.path(below: description.base)
    entry.labelFile = file.standardizedFileURL.path
    entry.item.origin = name
    do {
      let bytes = try ReadableFile(file).allBytes()
      guard !bytes.isEmpty else { return entry }
      // Without a picture the numbers mean nothing; the checker tells of it.
      guard let size = try? ImageHeader(of: picture).size else { return entry }
      var parser = YOLORowParser(description, size: size, file: name)
      entry.rows = parser.rows(of: String(decoding: bytes, as: UTF8.self))
      entry.problems = parser.problems
    } catch DataError.unreadable(_, let reason) {
      entry.problems.append(
        DatasetProblem(
          kind: "damaged annotation file",
          location: name,
          message: reason,
          remedy: .leftOut
        )
      )
    } catch {
      entry.problems.append(
        DatasetProblem(
          kind: "damaged annotation file",
          location: name,
          message: "\(error)",
          remedy: .leftOut
        )
      )
    }
    return entry
  }

  /// The dataset's class names; made of numbers where no file has them.
  private func names(for rows: [YOLORow], _ problems: inout [DatasetProblem]) -> [String] {
    if let names = description.names { return names }
    let count = (rows.map(\.label).max() ?? -1) + 1
    problems.append(
      DatasetProblem(
        kind: "classes without names",
        location: description.base.lastPathComponent,
        message: "no file names the classes; write classes.txt with a name a line",
        remedy: .noted
      )
    )
    return (0..<count).map { "class_\($0)" }
  }

  /// Label files that no picture has are annotations that are lost.
  private func noteUnusedLabelFiles(_ used: Set<String>, _ reading: inout FormatReading) {
    let folders = Set(used.map { URL(filePath: $0).deletingLastPathComponent().path })
    for folder in folders.sorted() {
      guard let listing = try? FolderListing(URL(filePath: folder)) else { continue }
      for file in listing.files(endingIn: "txt") {
        let stem = file.deletingPathExtension().lastPathComponent.lowercased()
        guard !used.contains(file.standardizedFileURL.path), !YOLOLayout.otherTexts.contains(stem),
          (try? YOLOLayout.beginsLikeLabels(file)) == true
        else { continue }
        reading.problems.append(
          DatasetProblem(
            kind: "label file without a picture",
            location: file.path(below: description.base),
            message: "there is no picture of this name in the dataset",
            remedy: .leftOut
          )
        )
      }
    }
    reading.noteUnusedPictures(base: description.base)
  }
}

/// An object of a label file, in pixels.
struct YOLORow: Equatable {
  var label: Int
  var box: BoundingBox
  /// `x, y` after each other; empty for a plain box.
  var outline: [Float] = []

  func add(to item: inout DatasetItem, label name: String) {
    let region = outline.isEmpty ? nil : Region.polygon(Polygon(outline))
    item.annotations.append(Annotation(label: name, box: box, region: region))
  }
}

/// Reads the lines of one label file.
struct YOLORowParser {
  /// How far beyond the picture's edges rounding may bring a number.
  static let tolerance = 1e-3

  private let description: YOLODescription
  private let size: ImageSize
  private let file: String
  private(set) var problems: [DatasetProblem] = []

  init(_ description: YOLODescription, size: ImageSize, file: String) {
    (self.description, self.size, self.file) = (description, size, file)
  }

  /// A line that cannot be used is a problem with its number; the others count.
  mutating func rows(of text: String) -> [YOLORow] {
    var rows: [YOLORow] = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let fields = line.split { $0.isWhitespace || $0 == "\u{FEFF}" }
      guard !fields.isEmpty else { continue }
      do {
        let row = try row(fields)
        guard !rows.contains(row) else {
          report("line that stands twice", index, "the line stands twice: '\(line)'", .corrected)
          continue
        }
        rows.append(row)
      } catch {
        report(error.kind, index, error.message, .leftOut)
      }
    }
    return rows
  }

  private struct Refusal: Error {
    var kind: String
    var message: String
  }

  private mutating func report(
    _ kind: String,
    _ index: Int,
    _ message: String,
    _ remedy: DatasetProblem.Remedy
  ) {
    problems.append(
      DatasetProblem(
        kind: kind,
        location: "\(file):\(index + 1)",
        message: message,
        remedy: remedy
      )
    )
  }

  private func row(_ fields: [Substring]) throws(Refusal) -> YOLORow {
    var numbers: [Double] = []
    for field in fields {
      guard let number = Double(field), number.isFinite else {
        throw Refusal(kind: "line with a word", message: "'\(field)' is no number")
      }
      numbers.append(number)
    }
    let label = try label(numbers[0])
    let values = Array(numbers.dropFirst())
    let isOutline =
      values.count >= 6 && values.count % 2 == 0 && description.keypointNumberCount == 0
    guard values.count == 4 || isOutline || values.count == 4 + description.keypointNumberCount
    else {
      throw Refusal(
        kind: "line of the wrong length",
        message:
          "\(fields.count) columns; expected 5 (class, x-centre, y-centre, width, height), or a class and three points or more"
      )
    }
    let used = isOutline ? values : Array(values.prefix(4))
    let range = -YOLORowParser.tolerance...1 + YOLORowParser.tolerance
    for value in used where !range.contains(value) {
      throw Refusal(
        kind: "number outside 0 and 1",
        message:
          "\(value) lies outside 0 and 1: numbers are shares of the picture's width or height"
      )
    }
    return isOutline ? outline(used, label) : try box(used, label)
  }

  private func label(_ number: Double) throws(Refusal) -> Int {
    guard let label = Int(exactly: number), label >= 0 else {
      throw Refusal(
        kind: "class that is no number",
        message: "the class \(number) is no whole number from 0 on"
      )
    }
    if let names = description.names, label >= names.count {
      throw Refusal(
        kind: "class without a name",
        message:
          "class \(label), but \(description.namesFile) names \(names.count) (0 to \(names.count - 1))"
      )
    }
    guard label < 100_000 else {
      throw Refusal(kind: "class without a name", message: "class \(label) is hardly one")
    }
    return label
  }

  private func box(_ values: [Double], _ label: Int) throws(Refusal) -> YOLORow {
    let (height, width) = (Double(size.height), Double(size.width))
    guard values[2] > 0, values[3] > 0 else {
      throw Refusal(
        kind: "box of zero size",
        message: "the box is \(values[2]) wide and \(values[3]) high"
      )
    }
    return YOLORow(
      label: label,
      box: BoundingBox(
        x1: Float((values[0] - values[2] / 2) * width),
        y1: Float((values[1] - values[3] / 2) * height),
        x2: Float((values[0] + values[2] / 2) * width),
        y2: Float((values[1] + values[3] / 2) * height)
      )
    )
  }

  private func outline(_ values: [Double], _ label: Int) -> YOLORow {
    let points = values.enumerated().map { index, value in
      Float(min(max(value, 0), 1) * Double(index % 2 == 0 ? size.width : size.height))
    }
    let box = BoundingBox(around: points) ?? BoundingBox(x1: 0, y1: 0, x2: 0, y2: 0)
    return YOLORow(label: label, box: box, outline: points)
  }
}
