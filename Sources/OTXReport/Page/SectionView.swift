import Foundation
import OTXCore

/// A section of a report as HTML.
struct SectionView {
  let section: ReportSection
  /// Makes the names inside the page unique.
  let number: Int

  /// Rows of a table beyond this many are folded away.
  static let openRowCount = 20

  func html() -> String {
    var html = "<section><h3>\(HTML.escaped(section.title))</h3>"
    if !section.note.isEmpty { html += "<p class=\"note\">\(HTML.escaped(section.note))</p>" }
    html += content()
    return html + "</section>"
  }

  private func content() -> String {
    switch section.content {
    case .plots(let plots):
      return "<div class=\"plots\">" + plots.map { PlotView($0).html() }.joined() + "</div>"
    case .table(let table): return SectionView.html(table)
    case .matrix(let matrix): return MatrixView(matrix: matrix).html()
    case .heatMaps(let maps):
      return "<div class=\"plots\">" + maps.map { HeatMapView(map: $0).html() }.joined() + "</div>"
    case .gallery(let pictures):
      let cards = pictures.enumerated().map { index, picture in
        PictureView(picture: picture, name: "p\(number)-\(index)").html()
      }
      return PictureView.legend(of: pictures) + "<div class=\"gallery\">\(cards.joined())</div>"
    case .facts(let facts):
      let items = facts.map {
        "<div><dt>\(HTML.escaped($0.name))</dt><dd>\(HTML.escaped($0.value))</dd></div>"
      }
      return "<dl class=\"facts\">\(items.joined())</dl>"
    case .bars(let bars): return SectionView.html(bars)
    case .lines(let lines):
      return "<ul class=\"lines\">"
        + lines.map { "<li>\(HTML.escaped($0))</li>" }.joined() + "</ul>"
    case .code(let text):
      let code = "<pre>\(HTML.escaped(text))</pre>"
      let lineCount = text.split(separator: "\n", omittingEmptySubsequences: false).count
      return lineCount <= SectionView.openRowCount
        ? code : "<details><summary>\(lineCount) lines</summary>\(code)</details>"
    }
  }

  private static func html(_ table: ReportTable) -> String {
    func cells(_ row: [String], _ tag: String) -> String {
      let cells = zip(table.columns, row).map { column, cell in
        "<\(tag)\(column.isNumeric ? " class=\"n\"" : "")>\(HTML.escaped(cell))</\(tag)>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    func html(_ rows: ArraySlice<[String]>, _ footers: [[String]]) -> String {
      // Words are stacked on narrow screens; numbers keep their columns.
      let kind = table.columns.contains(where: \.isNumeric) ? "" : " class=\"words\""
      var html = "<div class=\"scroll\"><table\(kind)><thead>"
      html += cells(table.columns.map(\.title), "th") + "</thead><tbody>"
      html += rows.map { cells($0, "td") }.joined() + "</tbody>"
      if !footers.isEmpty {
        html += "<tfoot>\(footers.map { cells($0, "td") }.joined())</tfoot>"
      }
      return html + "</table></div>"
    }
    // A row or two are not worth the fold.
    guard table.rows.count > openRowCount + 2 else { return html(table.rows[...], table.footers) }
    let rest = table.rows.dropFirst(openRowCount)
    return html(table.rows.prefix(openRowCount), table.footers)
      + "<details><summary>\(NumberText.count(rest.count)) more rows</summary>\(html(rest, []))</details>"
  }

  private static func html(_ bars: [ReportBar]) -> String {
    let most = Double(max(bars.map(\.count).max() ?? 0, 1))
    func rows(_ bars: ArraySlice<ReportBar>) -> String {
      let rows = bars.map { bar in
        let width = String(format: "%.1f%%", Double(bar.count) / most * 100)
        return "<div><span>\(HTML.escaped(bar.name))</span><i><b style=\"width:\(width)\"></b></i>"
          + "<span class=\"n\">\(NumberText.count(bar.count))</span></div>"
      }
      return "<div class=\"bars\">\(rows.joined())</div>"
    }
    guard bars.count > openRowCount + 2 else { return rows(bars[...]) }
    let rest = bars.dropFirst(openRowCount)
    return rows(bars.prefix(openRowCount))
      + "<details><summary>\(NumberText.count(rest.count)) more</summary>\(rows(rest))</details>"
  }
}

/// A matrix of counts as an HTML table, each cell shaded by its share of the row.
struct MatrixView {
  let matrix: ReportMatrix

  func html() -> String {
    let isWide = matrix.columnLabels.count > 8
    var html = "<div class=\"scroll\"><table class=\"matrix\(isWide ? " wide" : "")\"><thead><tr>"
    html += "<th class=\"corner\">\(HTML.escaped(matrix.rowTitle)) ↓ · "
    html += "\(HTML.escaped(matrix.columnTitle)) →</th>"
    for label in matrix.columnLabels { html += "<th><span>\(HTML.escaped(label))</span></th>" }
    html += "</tr></thead><tbody>"
    for (label, counts) in zip(matrix.rowLabels, matrix.counts) {
      let total = max(counts.reduce(0, +), 1)
      html += "<tr><th>\(HTML.escaped(label))</th>"
      for count in counts {
        let share = Double(count) / Double(total)
        let percent = "\(Int((share * 100).rounded()))%"
        html += "<td class=\"\(share > 0.5 ? "deep" : "")\(count == 0 ? "none" : "")\""
        html += " style=\"--s:\(percent)\" title=\"\(percent) of the row\">"
        html += "\(NumberText.count(count))</td>"
      }
      html += "</tr>"
    }
    return html + "</tbody></table></div>"
  }
}

/// A picture as HTML: what is true beside what the model says.
struct PictureView {
  let picture: ReportPicture
  /// A name that no other picture of the page has.
  let name: String

  /// Captions of more boxes than this would hide the picture.
  private static let captionedCount = 8

  /// What the colours of boxes mean, by the captions of what is true.
  static func legend(of pictures: [ReportPicture]) -> String {
    var names: [Int: String] = [:]
    for mark in pictures.flatMap(\.truth) where mark.box != nil {
      names[mark.colorIndex] = mark.caption
    }
    guard !names.isEmpty else { return "" }
    let items = names.sorted { $0.key < $1.key }.prefix(20).map {
      "<li class=\"c\($0.key % 10)\">\(HTML.escaped($0.value))</li>"
    }
    return "<ul class=\"legend\">\(items.joined())</ul>"
  }

  func html() -> String {
    var html = "<figure class=\"picture\"><figcaption><code>\(HTML.escaped(picture.name))</code>"
    if !picture.caption.isEmpty { html += "<span>\(HTML.escaped(picture.caption))</span>" }
    html += "</figcaption><div class=\"panes\">"
    html += pane("truth", picture.truth, image: definition())
    html += pane("prediction", picture.prediction, image: "<use href=\"#\(name)\"/>")
    return html + "</div></figure>"
  }

  private var height: Int { max(picture.size.height, 1) }
  private var width: Int { max(picture.size.width, 1) }

  private func definition() -> String {
    guard !picture.encoded.isEmpty else {
      return "<rect id=\"\(name)\" class=\"gone\" width=\"\(width)\" height=\"\(height)\"/>"
    }
    let kind = picture.encoded.first == 0x89 ? "png" : "jpeg"
    return "<image id=\"\(name)\" width=\"\(width)\" height=\"\(height)\" "
      + "preserveAspectRatio=\"none\" "
      + "href=\"data:image/\(kind);base64,\(picture.encoded.base64EncodedString())\"/>"
  }

  private func pane(_ title: String, _ marks: [ReportPicture.Mark], image: String) -> String {
    let lines = marks.filter { $0.box == nil }
    var html = "<div><div class=\"pane\">\(title)"
    for line in lines {
      html += " <b class=\"c\(line.colorIndex % 10)\(line.isError ? " wrong" : "")\">"
      html += "\(HTML.escaped(line.caption))</b>"
    }
    html += "</div><svg viewBox=\"0 0 \(width) \(height)\" role=\"img\">\(image)"
    let boxes = marks.filter { $0.box != nil }
    // What is wrong lies on top.
    for mark in boxes.filter({ !$0.isError }) + boxes.filter(\.isError) { html += shape(mark) }
    if boxes.count <= PictureView.captionedCount { html += boxes.map(caption).joined() }
    return html + "</svg></div>"
  }

  private func shape(_ mark: ReportPicture.Mark) -> String {
    guard let box = mark.box, box.isFinite else { return "" }
    let kind = "c\(mark.colorIndex % 10)\(mark.isError ? " wrong" : "")"
    return "<rect class=\"\(kind)\" x=\"\(text(box.x1))\" y=\"\(text(box.y1))\" "
      + "width=\"\(text(max(box.width, 0)))\" height=\"\(text(max(box.height, 0)))\">"
      + "<title>\(HTML.escaped(mark.caption))</title></rect>"
  }

  private func caption(_ mark: ReportPicture.Mark) -> String {
    guard let box = mark.box, box.isFinite else { return "" }
    // About 10 pixels in a pane of 250.
    let size = Float(width) * 0.042
    let y = box.y1 - size * 0.35 > size ? box.y1 - size * 0.35 : box.y1 + size
    let isFarRight = box.x1 > Float(width) * 0.75
    let x = isFarRight ? box.x2 : box.x1
    return "<text class=\"c\(mark.colorIndex % 10)\" x=\"\(text(x))\" y=\"\(text(y))\" "
      + "font-size=\"\(text(size))\"\(isFarRight ? " text-anchor=\"end\"" : "")>"
      + "\(HTML.escaped(mark.caption))</text>"
  }

  private func text(_ value: Float) -> String {
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() && abs(rounded) < 1e6 ? "\(Int(rounded))" : "\(rounded)"
  }
}
