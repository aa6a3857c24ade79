import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXReport

@Suite("Report pages") struct PageTests {
  @Test func everyTextIsEscaped() throws {
    let evil = "<script>alert('\"x\"&')</script>"
    let mark = ReportPicture.Mark(
      box: BoundingBox(x1: 1, y1: 1, x2: 5, y2: 5),
      caption: evil,
      colorIndex: 0,
      isError: true
    )
    let line = ReportPicture.Mark(box: nil, caption: evil, colorIndex: 1, isError: false)
    let plot = ReportPlot(
      evil,
      x: evil,
      y: evil,
      series: [.init(evil, [.init(0, 0)]), .init(evil, [.init(1, 1)], colorIndex: 1)],
      markers: [.init(.init(0, 0), evil)]
    )
    let contents: [ReportSection.Content] = [
      .plots([plot]),
      .table(ReportTable(columns: [.init(evil)], rows: [[evil]], footers: [[evil]])),
      .matrix(
        ReportMatrix(
          rowTitle: evil,
          columnTitle: evil,
          rowLabels: [evil],
          columnLabels: [evil],
          counts: [[1]]
        )
      ),
      .gallery([
        ReportPicture(
          name: evil,
          caption: evil,
          size: ImageSize(height: 9, width: 9),
          truth: [mark, line],
          prediction: [mark, line]
        )
      ]),
      .facts([ReportFact(evil, evil)]), .bars([ReportBar(evil, 1)]), .lines([evil]), .code(evil),
    ]
    let page = ReportPage(
      title: evil,
      subtitle: evil,
      notices: [evil],
      tiles: [ReportFact(evil, evil)],
      groups: [.init(evil, contents.map { ReportSection(evil, note: evil, $0) })]
    )
    let html = page.html()
    #expect(!html.contains("<script"))
    #expect(!html.contains("alert('"))
    let escaped = "&lt;script&gt;alert(&#39;&quot;x&quot;&amp;&#39;)&lt;/script&gt;"
    #expect(html.components(separatedBy: escaped).count > 40)
    #expect(HTML.escaped("a\u{0}\u{1B}b\n") == "a\u{FFFD}\u{FFFD}b\n")
    try expectWellFormed(html)
  }

  /// Every tag is closed, in order.
  private func expectWellFormed(_ html: String) throws {
    var open: [Substring] = []
    let void: Set<Substring> = ["meta", "!DOCTYPE"]
    for part in html.split(separator: "<").dropFirst(html.hasPrefix("<") ? 0 : 1) {
      let end = try #require(part.firstIndex(of: ">"))
      let tag = part[..<end]
      let name = tag.split(whereSeparator: { " />\n".contains($0) }).first ?? ""
      if tag.hasPrefix("/") {
        #expect(open.last == name, "\(name) closes \(open)")
        if !open.isEmpty { open.removeLast() }
      } else if !tag.hasSuffix("/"), !void.contains(name) {
        open.append(name)
      }
    }
    #expect(open.isEmpty)
  }

  @Test func aPageNeedsNoOtherFile() throws {
    let html = try SyntheticRun.page.html()
    for word in ["http://", "https://", "src=", "@import", "url("] { #expect(!html.contains(word)) }
    try expectWellFormed(html)
  }

  /// Eighty labels and a long run make a page that still opens at once.
  @Test func aBigRunMakesASmallPage() throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url, labelCount: 80, stepCount: 4000)
    let html = try RunReport(directory: folder.url).page().html()
    #expect(html.utf8.count < 3 << 20)
    #expect(html.contains("more rows</summary>"), "long tables are folded")
    try expectWellFormed(html)
  }

  @Test func linesAreThinnedWithoutLosingPeaks() {
    let points = (0..<10_000).map {
      ReportPlot.Point(Double($0), $0 == 5077 ? 99 : $0 == 5078 ? -99 : 0)
    }
    let thinned = PlotView.thinned(points)
    #expect(thinned.count <= PlotView.maximumPointCount)
    #expect(thinned.map(\.y).max() == 99 && thinned.map(\.y).min() == -99)
    #expect(zip(thinned, thinned.dropFirst()).allSatisfy { $0.x < $1.x })
    #expect(PlotView.thinned(Array(points.prefix(600))).count == 600)
  }

  @Test func axesEndAtRoundValues() {
    let axis = Axis([0.13, 2.76], fixed: nil, tickCount: 5, grows: true)
    #expect(axis.range == 0...3)
    #expect(axis.ticks.count == 4 && axis.step == 1)
    let fixed = Axis([0.3], fixed: 0...1, tickCount: 5, grows: true)
    #expect(fixed.ticks.map { NumberText.tick($0, step: fixed.step) }.first == "0.0")
    #expect(fixed.ticks.count == 6)
    for values in [[], [.nan, .infinity], [0], [5, 5], [-1e-9, 1e-9], [0, 1e12]] as [[Double]] {
      let axis = Axis(values, fixed: nil, tickCount: 5, grows: true)
      #expect(axis.range.lowerBound < axis.range.upperBound)
      #expect((2...12).contains(axis.ticks.count), "\(values): \(axis.ticks)")
      #expect(axis.ticks.allSatisfy { (-0.001...1.001).contains(axis.position($0)) })
    }
  }

  @Test func numbersForPeople() {
    #expect(NumberText.count(1_234_567) == "1,234,567" && NumberText.count(-999) == "-999")
    #expect(
      [0.5, 2, 12.34, 1234, 0].map(NumberText.rate) == ["0.5", "2.0", "12.3", "1,234", "0.0"]
    )
    #expect(
      [0.0123, 59.94, 59.96, 245, 2640, 7800].map(NumberText.duration)
        == ["12 ms", "59.9 s", "1 min 0 s", "4 min 5 s", "44 min", "2 h 10 min"]
    )
    #expect(NumberText.duration(.nan) == "-" && NumberText.figure(.infinity) == "-")
    #expect(NumberText.tick(0.0002, step: 0.0002) == "0.0002")
    #expect(NumberText.tick(2e-5, step: 1e-5) == "2e-05")
    #expect(NumberText.tick(0.30000000000000004, step: 0.1) == "0.3")
    #expect(NumberText.bytes(3 << 30) == "3.0 GiB" && NumberText.bytes(5 << 20) == "5 MiB")
    #expect(ShellText.quoted("/a/b.pth") == "/a/b.pth")
    #expect(ShellText.quoted("it's") == "'it'\\''s'" && ShellText.quoted("") == "''")
  }
}
