/// A table of text for a terminal, with a ruled frame.
///
/// Cells are never broken, so that what stands in them can be copied.
///
/// ```
/// +-----+-----+
/// | gts | ap  |
/// +-----+-----+
/// | 76  | 0.9 |
/// +-----+-----+
/// ```
public struct TextTable: Sendable, Equatable {
  /// Where a cell's text stands.
  public enum Alignment: Sendable { case left, center, right }

  public var columns: [String]
  public var rows: [[String]]
  /// Rows below a rule of their own: sums and means.
  public var footers: [[String]]
  /// The alignment of every cell, titles included.
  public var alignment: Alignment

  /// Rows may be shorter than `columns`: their last cells are empty then.
  public init(
    columns: [String],
    rows: [[String]],
    footers: [[String]] = [],
    alignment: Alignment = .left
  ) {
    self.columns = columns
    self.rows = rows.map { $0.map(\.onOneLine) }
    self.footers = footers.map { $0.map(\.onOneLine) }
    self.alignment = alignment
  }

  /// The table as text.
  ///
  /// - Parameter width: Columns of the terminal: where the table is wider, each row becomes a block
  ///   of lines `title  cell`, without its empty cells. `nil`: as wide as needed.
  /// - Returns: Its lines, joined by line feeds, without one at the end.
  public func rendered(width: Int? = nil) -> String {
    let lines = [columns] + rows + footers
    let widths = columns.indices.map { column in
      lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    if let width, widths.reduce(1, { $0 + $1 + 3 }) > width { return blocks(width) }
    let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) + "+" }.joined()
    func line(_ cells: [String]) -> String {
      let padded = widths.enumerated().map { column, width in
        pad(column < cells.count ? cells[column] : "", to: width)
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }
    var result = [rule, line(columns), rule]
    result += rows.map(line)
    if !rows.isEmpty { result.append(rule) }
    if !footers.isEmpty { result += footers.map(line) + [rule] }
    return result.joined(separator: "\n")
  }

  private func pad(_ text: String, to width: Int) -> String {
    let excess = width - text.count
    let before =
      switch alignment {
      case .left: 0
      case .right: excess
      // An odd space goes before a text of even length, after one of odd length.
      case .center: excess / 2 + (excess % 2 == 1 && text.count.isMultiple(of: 2) ? 1 : 0)
      }
    return String(repeating: " ", count: before) + text
      + String(repeating: " ", count: excess - before)
  }

  /// A line a cell; what is longer than the terminal goes on below itself.
  private func blocks(_ lineWidth: Int) -> String {
    let width = (columns.map(\.count).max() ?? 0) + 2
    let room = max(lineWidth - width, 8)
    let blocks = (rows + footers).map { row in
      zip(columns, row).filter { !$1.isEmpty }
        .flatMap { name, cell in
          cell.wrapped(to: room).enumerated().map { line, text in
            let start = line == 0 ? name : ""
            return start + String(repeating: " ", count: width - start.count) + text
          }
        }
        .joined(separator: "\n")
    }
    return blocks.joined(separator: "\n\n")
  }
}

extension String {
  /// Lines of at most `width` characters, broken at spaces where there are some.
  fileprivate func wrapped(to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ", omittingEmptySubsequences: false).map(String.init) {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? word : " " + word
      while line.count > width {
        lines.append(String(line.prefix(width)))
        line = String(line.dropFirst(width))
      }
    }
    return lines + [line]
  }

  /// The text without what would break a line or steer a terminal: labels come from foreign files.
  fileprivate var onOneLine: String {
    guard unicodeScalars.contains(where: \.isControl) else { return self }
    let scalars = unicodeScalars.map { $0.isControl ? " " : $0 }
    return String(String.UnicodeScalarView(scalars))
  }
}

extension Unicode.Scalar {
  /// Whether it is of the category Cc; asking its properties takes a tenth of a command's start.
  fileprivate var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}
