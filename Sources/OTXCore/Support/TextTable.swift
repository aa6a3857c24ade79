/// A table of text for a terminal, with a ruled frame.
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
    self.rows = rows
    self.footers = footers
    self.alignment = alignment
  }

  /// The lines of the table, joined by line feeds, without one at the end.
  public func rendered() -> String {
    let lines = [columns] + rows + footers
    let widths = columns.indices.map { column in
      lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
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
}
