public import Foundation
public import OTXCore
import OTXImage

/// MNIST as tables: a line for each picture, its label and then its 784 grey levels.
///
/// The form that Kaggle spread. A line of column names may come first. `labels.txt` names the labels;
/// names and sizes of other pictures stand in `meta_<subset>.csv`, as Datumaro writes it. Label -1 is
/// none.
public struct MNISTCSVFormat: WritableDatasetFormat {
  public let name = "mnist_csv"
  public let title = "MNIST CSV"
  public let layouts = ["mnist_train.csv, mnist_test.csv with lines 'label,0,0,…'"]

  public init() {}

  private static func tables(in listing: FolderListing) -> [URL] {
    listing.files(endingIn: "csv").filter { $0.lastPathComponent.contains("mnist_") }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root),
      let first = MNISTCSVFormat.tables(in: listing).first
    else { return .no(nearly: nil) }
    return .certain(first.lastPathComponent)
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    let tables = MNISTCSVFormat.tables(in: listing)
    guard !tables.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    reading.labels = try MNISTFormat.labels(in: listing, base: root)
    for table in tables {
      let stem = table.deletingPathExtension().lastPathComponent
      let word = stem.split(separator: "_").last.map(String.init) ?? stem
      let subset = Subset(folderName: word) ?? .train
      let meta = try listing.exactFile("meta_\(word).csv").map { try MNISTCSVFormat.rows(of: $0) }
      let items = try MNISTCSVFormat.items(of: table, labels: reading.labels, meta: meta)
      LabelMapLayout.add(items, to: &reading, subset)
    }
    return reading
  }

  private static func rows(of file: URL) throws -> [[String]] {
    var scanner = try CSVScanner(file, name: file.lastPathComponent, separator: 0x2C)
    var rows: [[String]] = []
    while let row = try scanner.next() { rows.append(row.fields) }
    return rows
  }

  private static func items(
    of table: URL,
    labels: [String],
    meta: [[String]]?
  ) throws -> [DatasetItem] {
    let name = table.lastPathComponent
    var scanner = try CSVScanner(table, name: name, separator: 0x2C)
    var (pixels, places, found) = (
      [UInt8](), [RawPictures.Place](), [(String, [Annotation], Int)]()
    )
    while let row = try scanner.next() {
      guard let first = row.field(0), let number = Int(first.trimmingCharacters(in: .whitespaces))
      else {
        if found.isEmpty { continue }  // Column names.
        throw scanner.failure("the label is no whole number", line: row.line)
      }
      guard number == -1 || labels.indices.contains(number) else {
        throw scanner.failure("the label \(number) is none of \(labels.count)", line: row.line)
      }
      let levels = try row.fields.dropFirst().map { field in
        guard let level = UInt8(field.trimmingCharacters(in: .whitespaces)) else {
          throw scanner.failure("'\(field)' is no grey level from 0 to 255", line: row.line)
        }
        return level
      }
      let own = meta.flatMap { found.count < $0.count ? $0[found.count] : nil } ?? []
      guard let size = size(of: own, count: levels.count) else {
        throw scanner.failure("has \(levels.count) grey levels, not 28 × 28", line: row.line)
      }
      places.append(RawPictures.Place(offset: pixels.count, size: size))
      pixels += levels
      let id = own.count == 1 || own.count == 3 ? own[0] : "\(found.count)"
      found.append((id, number == -1 ? [] : [.label(labels[number])], row.line))
    }
    let reader = RawPictures(table, source: .memory(pixels), places: places, layout: .grey)
    return found.enumerated().map { index, entry in
      DatasetItem(
        id: entry.0,
        image: reader.picture(index),
        annotations: entry.1,
        origin: "\(name):\(entry.2)"
      )
    }
  }

  private static func size(of meta: [String], count: Int) -> ImageSize? {
    var size = ImageSize(height: MNISTFormat.side, width: MNISTFormat.side)
    if meta.count > 1, let height = Int(meta[meta.count - 2]), let width = Int(meta[meta.count - 1])
    {
      guard (1...16_384).contains(height), (1...16_384).contains(width) else { return nil }
      size = ImageSize(height: height, width: width)
    }
    return size.height * size.width == count ? size : nil
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    .labels
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    let labels = dataset.writtenLabels
    for item in dataset.items.values.joined() { _ = try MNISTFormat.label(of: item, labels, title) }
    try PictureWriter.makeFolder(root)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var (lines, meta) = ("", "")
      var names = UniqueNames()
      for item in items {
        let number = try MNISTFormat.label(of: item, labels, title) ?? -1
        let image = try item.image.loaded()
        lines += "\(number)," + image.greyLevels.map { "\($0)" }.joined(separator: ",") + "\n"
        let name = names.name(of: item)
        let quoted =
          name.contains { ",\"\n\r".contains($0) }
          ? "\"\(name.replacingOccurrences(of: "\"", with: "\"\""))\"" : name
        meta += "\(quoted),\(image.height),\(image.width)\n"
      }
      try PictureWriter.write(
        Data(lines.utf8),
        to: root.appending(path: "mnist_\(subset.rawValue).csv")
      )
      try PictureWriter.write(
        Data(meta.utf8),
        to: root.appending(path: "meta_\(subset.rawValue).csv")
      )
    }
    let text = labels.map { $0 + "\n" }.joined()
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "labels.txt"))
  }
}
