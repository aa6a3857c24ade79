public import Foundation

/// One part of a report for people.
///
/// A task, a metric or a program says with these values what is to be shown; whoever writes a report
/// (`OTXReport`: HTML) knows how each looks and nothing of where it comes from.
public struct ReportSection: Codable, Sendable, Equatable {
  public var title: String
  /// A sentence or two on how to read it; empty for none.
  public var note: String
  public var content: Content

  /// What is shown.
  public enum Content: Codable, Sendable, Equatable {
    /// Plots side by side.
    case plots([ReportPlot])
    case table(ReportTable)
    case matrix(ReportMatrix)
    case heatMaps([ReportHeatMap])
    case gallery([ReportPicture])
    /// Names and values: what a run was made of.
    case facts([ReportFact])
    /// Names with a count each: a histogram.
    case bars([ReportBar])
    /// Lines of plain text, one a paragraph.
    case lines([String])
    /// Preformatted text: a recipe, commands.
    case code(String)
  }

  public init(_ title: String, note: String = "", _ content: Content) {
    self.title = title
    self.note = note
    self.content = content
  }
}

/// Curves over one pair of axes.
public struct ReportPlot: Codable, Sendable, Equatable {
  public var title: String
  /// What the axes show, with the unit where there is one: `time (s)`.
  public var xLabel: String
  public var yLabel: String
  public var series: [Series]
  public var markers: [Marker] = []
  /// The ends of the axes; where one is missing, the data's.
  public var xRange: ClosedRange<Double>?
  public var yRange: ClosedRange<Double>?

  /// One curve.
  public struct Series: Codable, Sendable, Equatable {
    public var name: String
    public var points: [Point]
    public var style: Style
    /// Picks the colour; a faint series may share that of the one it belongs to.
    public var colorIndex: Int
    public init(_ name: String, _ points: [Point], style: Style = .line, colorIndex: Int = 0) {
      self.name = name
      self.points = points
      self.style = style
      self.colorIndex = colorIndex
    }
  }

  /// How a curve is drawn.
  public enum Style: String, Codable, Sendable {
    case line
    /// Thick: what the eye should find first.
    case strong
    /// In the background: raw values behind smoothed ones, one of many; not in the legend.
    case faint
    case dashed
  }

  /// A point of a line, in the units of its axes.
  public struct Point: Codable, Sendable, Equatable {
    public var x: Double
    public var y: Double
    public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
  }

  /// A point that stands out.
  public struct Marker: Codable, Sendable, Equatable {
    public var point: Point
    /// Empty for a point that needs no words.
    public var label: String
    public var colorIndex: Int
    public init(_ point: Point, _ label: String, colorIndex: Int = 0) {
      self.point = point
      self.label = label
      self.colorIndex = colorIndex
    }
  }

  public init(
    _ title: String,
    x xLabel: String,
    y yLabel: String,
    series: [Series],
    markers: [Marker] = [],
    xRange: ClosedRange<Double>? = nil,
    yRange: ClosedRange<Double>? = nil
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.markers = markers
    self.xRange = xRange
    self.yRange = yRange
  }
}

/// Rows of text under named columns.
public struct ReportTable: Codable, Sendable, Equatable {
  public var columns: [Column]
  public var rows: [[String]]
  /// Rows of the whole, set apart below.
  public var footers: [[String]]

  /// A column: its title, and how its cells line up.
  public struct Column: Codable, Sendable, Equatable {
    public var title: String
    /// Whether its cells are numbers, which line up at the right.
    public var isNumeric: Bool
    public init(_ title: String, isNumeric: Bool = false) {
      self.title = title
      self.isNumeric = isNumeric
    }
  }

  public init(columns: [Column], rows: [[String]], footers: [[String]] = []) {
    self.columns = columns
    self.rows = rows
    self.footers = footers
  }
}

/// Counts of rows against columns, shaded by their share of the row.
public struct ReportMatrix: Codable, Sendable, Equatable {
  public var rowTitle: String
  public var columnTitle: String
  public var rowLabels: [String]
  public var columnLabels: [String]
  public var counts: [[Int]]

  public init(
    rowTitle: String,
    columnTitle: String,
    rowLabels: [String],
    columnLabels: [String],
    counts: [[Int]]
  ) {
    self.rowTitle = rowTitle
    self.columnTitle = columnTitle
    self.rowLabels = rowLabels
    self.columnLabels = columnLabels
    self.counts = counts
  }
}

/// How often something lies where, over a picture of which all that matters is the place.
public struct ReportHeatMap: Codable, Sendable, Equatable {
  public var title: String
  /// Counts `[rows, columns]` from the top left; every row has the same count of columns.
  public var counts: [[Int]]
  public init(_ title: String, counts: [[Int]]) { (self.title, self.counts) = (title, counts) }
}

/// One picture with what is true of it and what a model says of it.
public struct ReportPicture: Codable, Sendable, Equatable {
  /// The item's name in its dataset.
  public var name: String
  /// What there is to see: `2 missed, 1 false`.
  public var caption: String
  /// In whose pixels the marks are.
  public var size: ImageSize
  public var truth: [Mark]
  public var prediction: [Mark]
  /// An encoded picture, JPEG or PNG, of any size; empty where there is none.
  public var encoded: Data

  /// A box, or a line about the whole picture.
  public struct Mark: Codable, Sendable, Equatable {
    public var box: BoundingBox?
    public var caption: String
    public var colorIndex: Int
    /// An object that was missed, or a detection of what is not there.
    public var isError: Bool
    public init(box: BoundingBox?, caption: String, colorIndex: Int, isError: Bool) {
      self.box = box
      self.caption = caption
      self.colorIndex = colorIndex
      self.isError = isError
    }
  }

  public init(
    name: String,
    caption: String,
    size: ImageSize,
    truth: [Mark],
    prediction: [Mark],
    encoded: Data = Data()
  ) {
    self.name = name
    self.caption = caption
    self.size = size
    self.truth = truth
    self.prediction = prediction
    self.encoded = encoded
  }
}

/// A name and a value.
public struct ReportFact: Codable, Sendable, Equatable {
  public var name: String
  public var value: String
  public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// One column of a histogram.
public struct ReportBar: Codable, Sendable, Equatable {
  public var name: String
  public var count: Int
  public init(_ name: String, _ count: Int) { (self.name, self.count) = (name, count) }
}
