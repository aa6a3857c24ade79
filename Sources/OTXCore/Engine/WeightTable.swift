/// What became of each weight when a file's weights were put into a network.
public struct WeightTable: Sendable, Equatable {
  /// What happened to a weight.
  public enum Status: String, Sendable, CaseIterable {
    /// Copied from the file.
    case matched
    /// In the file, but of another shape; the network keeps its own.
    case skipped
    /// Not in the file; the network keeps its own.
    case missing
    /// In the file, but not in the network.
    case unused
  }

  /// A weight of the network, of the file, or of both.
  public struct Row: Sendable, Equatable {
    public var status: Status
    /// The network's name for it; empty where it is `unused`.
    public var name: String
    /// The file's name for it; empty where it is `missing`.
    public var fileName: String
    public var shape: [Int]
    public var fileShape: [Int]

    public init(
      _ status: Status,
      name: String = "",
      shape: [Int] = [],
      fileName: String = "",
      fileShape: [Int] = []
    ) {
      self.status = status
      self.name = name
      self.fileName = fileName
      self.shape = shape
      self.fileShape = fileShape
    }

    /// The row as a line for people.
    public var line: String {
      switch status {
      case .matched: "\(name) \(shape): taken from \(fileName)"
      case .skipped: "\(name): skipped, \(fileShape) in the file, \(shape) here"
      case .missing: "\(name) \(shape): missing in the file"
      case .unused: "\(fileName) \(fileShape): not used here"
      }
    }
  }

  /// Weights of the network in its order, then those of the file that are not used.
  public var rows: [Row]

  public init(rows: [Row]) { self.rows = rows }

  /// How many weights had this fate.
  public func count(_ status: Status) -> Int { rows.count { $0.status == status } }

  /// Lines for what was not copied: skipped first, then unused, then missing.
  ///
  /// Parts of a network of which the file has nothing, and parts of a file of which nothing is used,
  /// are one line each.
  /// - Parameter rowCount: Longest list; a last line tells how many more there are.
  /// - Returns: No more than `rowCount + 1` lines, without line feeds.
  public func differences(rowCount: Int) -> [String] {
    let all =
      rows.filter { $0.status == .skipped }.map(\.line)
      + lines(.unused, \.fileName, "not used here")
      + lines(.missing, \.name, "missing in the file")
    var shown = all.prefix(rowCount).map { "  \($0)" }
    if all.count > rowCount {
      shown.append("  … and \(all.count - rowCount) more; every weight is listed in train.log")
    }
    return shown
  }

  private func lines(_ status: Status, _ name: (Row) -> String, _ what: String) -> [String] {
    func part(_ row: Row) -> Substring { name(row).prefix { $0 != "." } }
    var counts: [Substring: Int] = [:]
    var mixed: Set<Substring> = []
    for row in rows where !name(row).isEmpty {
      if row.status == status {
        counts[part(row), default: 0] += 1
      } else {
        mixed.insert(part(row))
      }
    }
    var told: Set<Substring> = []
    return rows.filter { $0.status == status }.compactMap { row in
      let part = part(row)
      let count = counts[part] ?? 0
      guard count > 1, !mixed.contains(part) else { return row.line }
      return told.insert(part).inserted ? "\(part).* (\(count) weights): \(what)" : nil
    }
  }

  private static let columns = ["status", "name", "shape", "name in the file", "shape in the file"]

  /// All rows as a table of text.
  public func rendered() -> String {
    TextTable(columns: Self.columns, rows: rows.map { cells($0, separator: ", ") }).rendered()
  }

  /// All rows as CSV with a header.
  public func csv() -> String {
    func field(_ text: String) -> String {
      text.contains { ",\"\n\r".contains($0) }
        ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }
    let lines = [Self.columns] + rows.map { cells($0, separator: "x") }
    return lines.map { $0.map(field).joined(separator: ",") + "\n" }.joined()
  }

  private func cells(_ row: Row, separator: String) -> [String] {
    func text(_ shape: [Int], isThere: Bool) -> String {
      guard isThere else { return "" }
      return shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: separator)
    }
    return [
      row.status.rawValue, row.name, text(row.shape, isThere: !row.name.isEmpty), row.fileName,
      text(row.fileShape, isThere: !row.fileName.isEmpty),
    ]
  }
}
