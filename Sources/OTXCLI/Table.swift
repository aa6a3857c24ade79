/// A table of text with lines around its cells.
///
/// Cells are never broken, so that what stands in them can be copied.
struct Table {
  enum Alignment { case left, center }

  var header: [String]
  var rows: [[String]]
  /// Rows that stand below a line of their own, such as a mean.
  var footer: [[String]] = []
  var alignment = Alignment.left

  /// The table as text.
  ///
  /// - Parameter width: Columns there are; where the table is wider, each row becomes a block of
  ///   lines instead. `nil`: as wide as needed.
  /// - Returns: Lines without an end of the last.
  func text(width: Int? = nil) -> String {
    let all = [header] + rows + footer
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let total = widths.reduce(0, +) + 3 * widths.count + 1
    if let width, total > width { return blocks() }
    let line =
      "+" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "+"
    func row(_ cells: [String]) -> String {
      let padded = zip(cells, widths).map { " \(pad($0, to: $1)) " }
      return "|" + padded.joined(separator: "|") + "|"
    }
    var lines = [line, row(header), line] + rows.map(row) + [line]
    if !footer.isEmpty { lines += footer.map(row) + [line] }
    return lines.joined(separator: "\n")
  }

  private func pad(_ text: String, to width: Int) -> String {
    let excess = max(0, width - text.count)
    guard alignment == .center else { return text + String(repeating: " ", count: excess) }
    // An odd space goes left of texts of even length, as in the tables of earlier versions.
    let left = excess % 2 == 0 || text.count % 2 == 1 ? excess / 2 : excess / 2 + 1
    return String(repeating: " ", count: left) + text
      + String(repeating: " ", count: excess - left)
  }

  private func blocks() -> String {
    let width = header.map(\.count).max() ?? 0
    let blocks = (rows + footer).map { row in
      zip(header, row).filter { !$1.isEmpty }
        .map { $0 + String(repeating: " ", count: width - $0.count + 2) + $1 }
        .joined(separator: "\n")
    }
    return blocks.joined(separator: "\n\n")
  }
}
