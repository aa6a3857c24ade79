import Foundation
import OTXCore

/// A plot as HTML: lines as SVG stretched to the frame, words as text of the page, so that they
/// have the same size on every screen.
struct PlotView {
  let plot: ReportPlot
  private let x: Axis
  private let y: Axis

  /// Points of one curve beyond this many are thinned out.
  static let maximumPointCount = 600

  init(_ plot: ReportPlot) {
    self.plot = plot
    let points = plot.series.flatMap(\.points) + plot.markers.map(\.point)
    x = Axis(points.map(\.x), fixed: plot.xRange, tickCount: 5, grows: false)
    y = Axis(points.map(\.y), fixed: plot.yRange, tickCount: 5, grows: true)
  }

  func html() -> String {
    var html = "<figure class=\"plot\"><figcaption>\(HTML.escaped(plot.title))</figcaption>"
    html += legend()
    html += "<div class=\"ylabel\">\(HTML.escaped(plot.yLabel))</div><div class=\"area\">"
    html += "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    html += "<path class=\"grid\" d=\"\(grid())\"/>"
    // What lies in the background comes first.
    let order: [ReportPlot.Style] = [.faint, .dashed, .line, .strong]
    for style in order {
      for series in plot.series where series.style == style { html += path(series) }
    }
    html += "</svg>" + tickLabels() + markers()
    html += "</div><div class=\"xlabel\">\(HTML.escaped(plot.xLabel))</div></figure>"
    return html
  }

  private func legend() -> String {
    let named = plot.series.filter { $0.style != .faint && !$0.name.isEmpty }
    // One curve is what the title says.
    guard named.count > 1 else { return "" }
    let items = named.map {
      "<li class=\"c\($0.colorIndex % 10) \($0.style.rawValue)\">\(HTML.escaped($0.name))</li>"
    }
    return "<ul class=\"legend\">\(items.joined())</ul>"
  }

  private func grid() -> String {
    y.ticks.map { "M0 \(coordinate(1 - y.position($0)))H1000" }.joined()
  }

  private func path(_ series: ReportPlot.Series) -> String {
    let points = PlotView.thinned(series.points.filter { $0.x.isFinite && $0.y.isFinite })
    guard !points.isEmpty else { return "" }
    var data = ""
    for (index, point) in points.enumerated() {
      data += index == 0 ? "M" : "L"
      data += "\(coordinate(x.position(point.x))) \(coordinate(1 - y.position(point.y)))"
    }
    let name = HTML.escaped(series.name)
    return "<path class=\"c\(series.colorIndex % 10) \(series.style.rawValue)\" d=\"\(data)\">"
      + (name.isEmpty ? "" : "<title>\(name)</title>") + "</path>"
  }

  private func tickLabels() -> String {
    let columns = x.ticks.map { value in
      "<span class=\"xt\" style=\"left:\(percent(x.position(value)))\">\(NumberText.tick(value, step: x.step))</span>"
    }
    let rows = y.ticks.map { value in
      "<span class=\"yt\" style=\"bottom:\(percent(y.position(value)))\">\(NumberText.tick(value, step: y.step))</span>"
    }
    return (columns + rows).joined()
  }

  private func markers() -> String {
    plot.markers.filter { $0.point.x.isFinite && $0.point.y.isFinite }.map { marker in
      let (left, bottom) = (x.position(marker.point.x), y.position(marker.point.y))
      let place = "left:\(percent(left));bottom:\(percent(bottom))"
      var html = "<i class=\"dot c\(marker.colorIndex % 10)\" style=\"\(place)\"></i>"
      if !marker.label.isEmpty {
        // Towards the middle of the frame, so that it stays inside.
        let side = "\(left > 0.5 ? "left" : "right")\(bottom > 0.8 ? " below" : "")"
        html +=
          "<span class=\"mark \(side)\" style=\"\(place)\">\(HTML.escaped(marker.label))</span>"
      }
      return html
    }.joined()
  }

  /// At most ``maximumPointCount`` points: of each stretch the lowest and the highest.
  static func thinned(_ points: [ReportPlot.Point]) -> [ReportPlot.Point] {
    guard points.count > maximumPointCount else { return points }
    let stretchCount = maximumPointCount / 2
    return (0..<stretchCount).flatMap { stretch -> [ReportPlot.Point] in
      let from = stretch * points.count / stretchCount
      let to = (stretch + 1) * points.count / stretchCount
      guard let low = (from..<to).min(by: { points[$0].y < points[$1].y }),
        let high = (from..<to).max(by: { points[$0].y < points[$1].y })
      else { return [] }
      return (low == high ? [low] : [min(low, high), max(low, high)]).map { points[$0] }
    }
  }

  /// Thousandths of the frame; what leaves it far is held near its edge.
  private func coordinate(_ position: Double) -> String {
    let value = (min(max(position, -1), 2) * 10_000).rounded() / 10
    return value == value.rounded() ? "\(Int(value))" : "\(value)"
  }

  private func percent(_ position: Double) -> String { String(format: "%.2f%%", position * 100) }
}
