public import Foundation
public import OTXCore

/// Roboflow's export for several labels a picture: a table with a column for each label, 1 where it holds.
///
/// Labels are sorted by name.
public struct RoboflowMulticlassFormat: DatasetFormat {
  public let name = "roboflow_multiclass"
  public let title = "Roboflow multi-label CSV"
  public let layouts = ["{train,valid,test}/_classes.csv with the pictures beside it"]

  private static let tableName = "_classes.csv"

  public init() {}

  private static func sources(in root: URL) throws -> [(subset: Subset, table: URL)] {
    let listing = try FolderListing(root)
    if let own = listing.exactFile(tableName) {
      return [(Subset(folderName: root.lastPathComponent) ?? .train, own)]
    }
    return try listing.folders.compactMap { folder in
      guard let table = try FolderListing(folder).exactFile(tableName) else { return nil }
      return (Subset(folderName: folder.lastPathComponent) ?? .train, table)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? RoboflowMulticlassFormat.sources(in: root).first else {
      return .no(nearly: nil)
    }
    return .certain(first.table.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try RoboflowMulticlassFormat.sources(in: root)
    guard !sources.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    var labels: Set<String> = []
    for source in sources {
      let name = source.table.path(below: root)
      var table = try CSVTable(source.table, name: name, requiring: ["filename"])
      let columns = table.columns.filter { $0 != "filename" && !$0.isEmpty }
      labels.formUnion(columns)
      var finder = PictureFinder(roots: [source.table.deletingLastPathComponent()])
      while let row = try table.next() {
        guard let file = table.value("filename", of: row) else {
          reading.problems.append(
            DatasetProblem(
              kind: "damaged line",
              location: "\(name):\(row.line)",
              message: "the line names no picture",
              remedy: .leftOut
            )
          )
          continue
        }
        let path = finder.path(of: file)
        let own = columns.filter { table.value($0, of: row).flatMap { Double($0) } == 1 }
        reading.items[source.subset, default: []].append(
          DatasetItem(
            id: path.url.path(below: root),
            image: .path(path),
            annotations: own.map { .label($0) },
            origin: "\(name):\(row.line)"
          )
        )
      }
    }
    reading.labels = labels.sorted()
    reading.noteUnusedPictures(base: root)
    return reading
  }
}
