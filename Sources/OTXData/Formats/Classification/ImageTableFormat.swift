public import Foundation
public import OTXCore

/// Tables with a column of pictures, as competitions have them: a label, several columns of 0 and 1, a
/// box in each row, or numbers to learn.
///
/// Columns of numbers become attributes of the picture where nothing is a label: values that regression
/// learns. A single column of whole numbers, ten of them at most, is a label.
///
/// The column of pictures is the first one whose first values are pictures that exist, as they stand or with
/// an ending; other columns are known by their names.
public struct ImageTableFormat: DatasetFormat {
  public let name = "image_csv"
  public let title = "Table of pictures"
  public let layouts = [
    "*.csv with a column of picture names and a column of labels, pictures anywhere below"
  ]
  public var aliases: [String] { ["kaggle_image_csv", "kaggle_image_txt"] }

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let tables = try? ImageTableFormat.tables(in: root), let first = tables.first else {
      return .no(nearly: nil)
    }
    return .possible("\(first.file.path(below: root)), column '\(first.columns.picture)'")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let tables = try ImageTableFormat.tables(in: root)
    guard !tables.isEmpty else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no table with a column of pictures that exist and one of labels"
      )
    }
    var reading = FormatReading()
    var labels: Set<String> = []
    for table in tables {
      let items = try table.read(base: table.base, &reading.problems)
      labels.formUnion(items.flatMap(\.annotations).compactMap(\.label))
      LabelMapLayout.add(items, to: &reading, table.subset)
    }
    // Numbers as numbers.
    reading.labels = labels.sorted { left, right in
      guard let first = Double(left), let second = Double(right) else { return left < right }
      return first < second
    }
    return reading
  }

  private static func tables(in root: URL) throws -> [ImageTable] {
    let isFile = root.pathExtension.lowercased() == "csv"
    let folder = isFile ? root.deletingLastPathComponent() : root
    let listing = try FolderListing(folder)
    let files = isFile ? [root] : listing.files(endingIn: "csv") + listing.files(endingIn: "tsv")
    return files.prefix(20).compactMap { file in
      ImageTable(file, folder: listing)
    }
  }
}

/// A table whose columns are understood.
private struct ImageTable {
  struct Columns {
    var picture: String
    var label: String?
    /// Columns of 0 and 1, each a label.
    var flags: [String] = []
    /// Columns of other numbers.
    var numbers: [String] = []
    /// Names of x1, y1 and of x2, y2 or width, height.
    var box: [String] = []
    var isBoxOfSize = false
  }

  let file: URL
  let base: URL
  let subset: Subset
  let columns: Columns
  private let roots: [URL]
  private let ending: String

  private static let labelNames = [
    "label", "labels", "class", "classes", "class_name", "category", "category_name", "target",
    "species", "breed", "diagnosis", "type", "class_id", "label_name",
  ]
  private static let boxNames: [(names: [String], isSize: Bool)] = [
    (["xmin", "ymin", "xmax", "ymax"], false), (["x1", "y1", "x2", "y2"], false),
    (["x_min", "y_min", "x_max", "y_max"], false), (["x", "y", "width", "height"], true),
    (["x", "y", "w", "h"], true), (["bbox_x", "bbox_y", "bbox_width", "bbox_height"], true),
  ]

  init?(_ file: URL, folder: FolderListing) {
    self.file = file
    base = folder.root
    let stem = file.deletingPathExtension().lastPathComponent
    subset =
      Subset(folderName: stem, allowsPrefix: true)
      ?? Subset(folderName: String(stem.prefix { $0 != "_" })) ?? .train
    let inner = folder.folders.flatMap {
      [$0] + ((try? FolderListing($0))?.folders.prefix(8) ?? [])
    }
    // The folder that is called as the table goes first.
    roots =
      [folder.root]
      + inner.sorted { left, right in
        let (first, second) = (left.lastPathComponent, right.lastPathComponent)
        return (first == stem ? 0 : 1, left.path) < (second == stem ? 0 : 1, right.path)
      }.prefix(64)
    guard var table = try? CSVTable(file, name: file.lastPathComponent), table.columns.count > 1
    else {
      return nil
    }
    var rows: [CSVScanner.Row] = []
    while rows.count < 20, let row = try? table.next() { rows.append(row) }
    guard let first = rows.first,
      let (picture, ending) = ImageTable.pictureColumn(table, first, roots)
    else { return nil }
    self.ending = ending
    var columns = Columns(picture: picture)
    let lower = Dictionary(table.columns.map { ($0.lowercased(), $0) }) { first, _ in first }
    columns.label = ImageTable.labelNames.lazy.compactMap { lower[$0] }.first { $0 != picture }
    for candidate in ImageTable.boxNames {
      let found = candidate.names.compactMap { lower[$0] }
      guard found.count == 4 else { continue }
      (columns.box, columns.isBoxOfSize) = (found, candidate.isSize)
      break
    }
    let others = table.columns.filter { $0 != picture && !columns.box.contains($0) && !$0.isEmpty }
    let flags = others.filter { column in
      rows.allSatisfy { ["0", "1", "0.0", "1.0"].contains(table.value(column, of: $0) ?? "0") }
    }
    if columns.label == nil, columns.box.isEmpty {
      let numbers = others.filter { !["id", "index", "unnamed: 0"].contains($0.lowercased()) }
        .filter { column in
          let values = rows.compactMap { table.value(column, of: $0) }
          return !values.isEmpty && values.allSatisfy { Double($0)?.isFinite ?? false }
        }
      let first = numbers.first.map { column in
        Set(rows.compactMap { table.value(column, of: $0) })
      }
      let isMeasure =
        (first?.contains { Double($0)?.rounded() != Double($0) } ?? false)
        || (first?.count ?? 0) > 10
      if flags.count > 1 {
        columns.flags = flags
      } else if numbers.count > 1 || (numbers.count == 1 && isMeasure) {
        columns.numbers = numbers
      } else if others.count == 1 {
        columns.label = others[0]
      }
    }
    guard
      columns.label != nil || !columns.flags.isEmpty || !columns.box.isEmpty
        || !columns.numbers.isEmpty
    else { return nil }
    self.columns = columns
  }

  /// The first column whose value is a picture, and what its names lack.
  private static func pictureColumn(
    _ table: CSVTable,
    _ row: CSVScanner.Row,
    _ roots: [URL]
  ) -> (column: String, ending: String)? {
    for column in table.columns {
      guard let value = table.value(column, of: row), !value.hasPrefix("/"), !value.contains("..")
      else { continue }
      let endings =
        FolderListing.isPictureName(value) ? [""] : [".jpg", ".png", ".jpeg", ".tif", ".bmp"]
      for ending in endings {
        let isThere = roots.contains {
          FileManager.default.fileExists(atPath: $0.appending(path: value + ending).path)
        }
        if isThere { return (column, ending) }
      }
    }
    return nil
  }

  func read(base: URL, _ problems: inout [DatasetProblem]) throws -> [DatasetItem] {
    let name = file.lastPathComponent
    var table = try CSVTable(file, name: name, requiring: [columns.picture])
    var finder = PictureFinder(roots: roots)
    var items: [DatasetItem] = []
    var places: [String: Int] = [:]
    while let row = try table.next() {
      let place = "\(name):\(row.line)"
      guard let value = table.value(columns.picture, of: row) else {
        problems.append(
          DatasetProblem(
            kind: "damaged line",
            location: place,
            message: "the line names no picture",
            remedy: .leftOut
          )
        )
        continue
      }
      let annotations = try annotations(of: row, table)
      if let index = places[value] {
        items[index].annotations += annotations
        continue
      }
      let path = finder.path(of: value + ending)
      places[value] = items.count
      var item = DatasetItem(
        id: path.url.path(below: base),
        image: .path(path),
        annotations: annotations,
        origin: place
      )
      for column in columns.numbers {
        guard let text = table.value(column, of: row), !text.isEmpty else { continue }
        guard let number = Double(text), number.isFinite else {
          problems.append(
            DatasetProblem(
              kind: "number that is none",
              location: place,
              message: "'\(text)' in column '\(column)' is no number",
              remedy: .leftOut
            )
          )
          continue
        }
        item.attributes[column] = .number(number)
      }
      items.append(item)
    }
    return items
  }

  private func annotations(of row: CSVScanner.Row, _ table: CSVTable) throws -> [Annotation] {
    let label = columns.label.flatMap { table.value($0, of: row) }
    if !columns.box.isEmpty {
      // A picture without objects has empty fields.
      guard columns.box.allSatisfy({ table.value($0, of: row) != nil }) else { return [] }
      let numbers = try columns.box.map { Float(try table.number($0, of: row)) }
      let box = BoundingBox(
        x1: numbers[0],
        y1: numbers[1],
        x2: columns.isBoxOfSize ? numbers[0] + numbers[2] : numbers[2],
        y2: columns.isBoxOfSize ? numbers[1] + numbers[3] : numbers[3]
      )
      return [.box(box, label: label ?? "object")]
    }
    if let label { return [.label(label)] }
    if !columns.numbers.isEmpty { return [] }
    return columns.flags.filter { table.value($0, of: row).flatMap { Double($0) } == 1 }.map {
      .label($0)
    }
  }
}
