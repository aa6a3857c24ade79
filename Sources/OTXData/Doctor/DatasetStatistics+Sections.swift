import Foundation
public import OTXCore

extension DatasetStatistics {
  /// Tables and plots for people.
  public var sections: [ReportSection] {
    var sections = [labelTable]
    if !pictureSizes.isEmpty { sections.append(sizePlot) }
    if !objectSides.isEmpty {
      sections += [
        ReportSection(
          "Objects in a picture",
          .bars(Histogram.whole(objectCounts))
        ),
        ReportSection(
          "Size of objects",
          note: "Square root of the area in pixels, on a scale of powers of two.",
          .bars(Histogram.powers(objectSides, unit: "px"))
        ),
        ReportSection(
          "Share of the picture",
          note: "What part of its picture's area an object takes.",
          .bars(Histogram.shares(objectShares))
        ),
        ReportSection(
          "Shape of objects",
          note: "Width by height: 1 is a square, 2 twice as wide as high.",
          .bars(Histogram.ratios(aspectRatios))
        ),
        heatMaps,
      ]
    }
    return sections
  }

  private var labelTable: ReportSection {
    let present = Subset.allCases.filter { subsets[$0] != nil }
    let columns =
      [ReportTable.Column("label")]
      + present.flatMap { subset in
        [
          ReportTable.Column(subset.rawValue, isNumeric: true),
          ReportTable.Column("in pictures", isNumeric: true),
        ]
      }
    let rows = labels.map { row in
      [row.label]
        + present.flatMap { subset in
          ["\(row.annotationCounts[subset] ?? 0)", "\(row.pictureCounts[subset] ?? 0)"]
        }
    }
    let sums =
      ["pictures"] + present.flatMap { subset in ["", "\(subsets[subset] ?? 0)"] }
    return ReportSection(
      "Labels",
      note: "Annotations of each label, and how many pictures have any.",
      .table(ReportTable(columns: columns, rows: rows, footers: [sums]))
    )
  }

  private var sizePlot: ReportSection {
    var counts: [ImageSize: Int] = [:]
    for size in pictureSizes { counts[size, default: 0] += 1 }
    let frequent = counts.sorted {
      ($1.value, $0.key.height, $0.key.width) < ($0.value, $1.key.height, $1.key.width)
    }
    var bars = frequent.prefix(20).map { ReportBar($0.key.description, $0.value) }
    let others = frequent.dropFirst(20)
    if !others.isEmpty {
      bars.append(
        ReportBar("\(others.count) other sizes", others.reduce(0) { $0 + $1.value })
      )
    }
    return ReportSection("Size of pictures", note: "Height x width.", .bars(bars))
  }

  private var heatMaps: ReportSection {
    var maps = [ReportHeatMap("all labels", counts: centers)]
    let frequent = centersByLabel.sorted {
      ($1.value.joined().reduce(0, +), $0.key) < ($0.value.joined().reduce(0, +), $1.key)
    }
    if frequent.count > 1 {
      maps += frequent.prefix(11).map { ReportHeatMap($0.key, counts: $0.value) }
    }
    return ReportSection(
      "Where objects are",
      note: "Centres of objects over the picture, whatever its size; the darker, the more.",
      .heatMaps(maps)
    )
  }
}

/// Numbers in columns.
private enum Histogram {
  /// Counts of objects, one column each up to 20, wider ones above.
  static func whole(_ values: [Int]) -> [ReportBar] {
    let largest = values.max() ?? 0
    let width = max(1, Int((Double(largest + 1) / 20).rounded(.up)))
    return (0...largest / width).map { column in
      let range = column * width..<(column + 1) * width
      let name = width == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)–\(range.upperBound - 1)"
      return ReportBar(name, values.count { range.contains($0) })
    }
  }

  static func powers(_ values: [Double], unit: String) -> [ReportBar] {
    let exponents = values.map { Int(log2(max($0, 1)).rounded(.down)) }
    guard let low = exponents.min(), let high = exponents.max() else { return [] }
    return (low...high).map { exponent in
      ReportBar(
        "\(1 << exponent)–\(1 << (exponent + 1)) \(unit)",
        exponents.count { $0 == exponent }
      )
    }
  }

  static func shares(_ values: [Double]) -> [ReportBar] {
    let edges = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, Double.infinity]
    let names = ["< 0.1 %", "0.1–0.3 %", "0.3–1 %", "1–3 %", "3–10 %", "10–30 %", "> 30 %"]
    return columns(values, edges, names)
  }

  static func ratios(_ values: [Double]) -> [ReportBar] {
    let edges = [0, 0.25, 0.5, 0.8, 1.25, 2, 4, Double.infinity]
    let names = ["< 1:4", "1:4 – 1:2", "1:2 – 4:5", "4:5 – 5:4", "5:4 – 2:1", "2:1 – 4:1", "> 4:1"]
    return columns(values, edges, names)
  }

  private static func columns(
    _ values: [Double],
    _ edges: [Double],
    _ names: [String]
  ) -> [ReportBar] {
    names.enumerated().map { index, name in
      ReportBar(name, values.count { $0 >= edges[index] && $0 < edges[index + 1] })
    }
  }
}
