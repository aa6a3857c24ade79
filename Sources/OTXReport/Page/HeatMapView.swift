import OTXCore

/// A heat map as HTML: a square for each cell, the darker the more often.
struct HeatMapView {
  let map: ReportHeatMap

  func html() -> String {
    let rowCount = map.counts.count
    let columnCount = map.counts.first?.count ?? 0
    let largest = map.counts.joined().max() ?? 0
    let total = map.counts.joined().reduce(0, +)
    guard rowCount > 0, columnCount > 0, largest > 0 else { return "" }
    var html = "<figure class=\"plot\"><figcaption>\(HTML.escaped(map.title))</figcaption>"
    html += "<svg viewBox=\"0 0 \(columnCount) \(rowCount)\" class=\"heat\" role=\"img\" "
    html += "preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\">"
    for (y, row) in map.counts.enumerated() {
      for (x, count) in row.enumerated() where count > 0 {
        let share = Double(count) / Double(largest)
        html += "<rect x=\"\(x)\" y=\"\(y)\" width=\"1\" height=\"1\" "
        html += "fill-opacity=\"\(NumberText.figure(share))\">"
        html += "<title>\(NumberText.count(count)) of \(NumberText.count(total))</title></rect>"
      }
    }
    return html + "</svg></figure>"
  }
}
