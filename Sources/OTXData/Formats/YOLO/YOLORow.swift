import Foundation
import OTXCore

/// An object of a label file, in pixels.
struct YOLORow: Equatable {
  var label: Int
  /// Inside the picture.
  var box: BoundingBox
  /// `x, y` after each other; empty for a plain box.
  ///
  /// Four corners may lie outside the picture.
  var outline: [Float] = []
  var keypoints: Keypoints?
  var isDifficult = false
  var size: ImageSize

  /// Whether the outline is a rectangle, however it is turned; two pixels are rounding.
  var isRectangle: Bool {
    guard outline.count == 8 else { return false }
    let corners = RotatedBox(corners: outline).corners
    return zip(corners, outline).allSatisfy { abs($0 - $1) <= 2 }
  }

  func annotation(label name: String, outlinesAreTurnedBoxes areTurned: Bool) -> Annotation {
    var result = Annotation(label: name, box: box, isDifficult: isDifficult)
    if areTurned, outline.count == 8 {
      result.region = .rotatedBox(RotatedBox(corners: outline))
    } else if !outline.isEmpty {
      let (width, height) = (Float(size.width), Float(size.height))
      result.region = .polygon(
        Polygon(outline).mapPoints { x, y in (min(max(x, 0), width), min(max(y, 0), height)) }
      )
    }
    if let keypoints { result.keypoints = keypoints }
    return result
  }
}

/// Reads the lines of one label file.
struct YOLORowParser {
  /// How far beyond the picture's edges rounding may bring a number.
  static let tolerance = 1e-3

  private let description: YOLODescription
  private let size: ImageSize
  private let file: String
  /// Whether lines are eight numbers in pixels, a label's name and whether it is hard to see.
  private let isInPixels: Bool
  private(set) var problems: [DatasetProblem] = []

  init(
    _ description: YOLODescription,
    size: ImageSize,
    file: String,
    isInPixels: Bool = false
  ) {
    (self.description, self.size, self.file) = (description, size, file)
    self.isInPixels = isInPixels
  }

  /// A line that cannot be used is a problem with its number; the others count.
  mutating func rows(of text: String) -> [YOLORow] {
    var rows: [YOLORow] = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let fields = line.split { $0.isWhitespace || $0 == "\u{FEFF}" }
      guard !fields.isEmpty else { continue }
      do {
        let row = try isInPixels ? rowInPixels(fields) : row(fields)
        guard !rows.contains(row) else {
          report("line that stands twice", index, "the line stands twice: '\(line)'", .corrected)
          continue
        }
        rows.append(row)
      } catch {
        report(error.kind, index, error.message, .leftOut)
      }
    }
    return rows
  }

  private struct Refusal: Error {
    var kind: String
    var message: String
  }

  private mutating func report(
    _ kind: String,
    _ index: Int,
    _ message: String,
    _ remedy: DatasetProblem.Remedy
  ) {
    problems.append(
      DatasetProblem(
        kind: kind,
        location: "\(file):\(index + 1)",
        message: message,
        remedy: remedy
      )
    )
  }

  private func row(_ fields: [Substring]) throws(Refusal) -> YOLORow {
    var numbers: [Double] = []
    for field in fields {
      guard let number = Double(field), number.isFinite else {
        throw Refusal(kind: "line with a word", message: "'\(field)' is no number")
      }
      numbers.append(number)
    }
    let label = try label(numbers[0])
    let values = Array(numbers.dropFirst())
    let keypointCount = description.keypoints?.numberCount ?? 0
    let isOutline = values.count >= 6 && values.count % 2 == 0 && keypointCount == 0
    guard values.count == 4 || isOutline || values.count == 4 + keypointCount else {
      throw Refusal(
        kind: "line of the wrong length",
        message:
          "\(fields.count) columns; expected 5 (class, x-centre, y-centre, width, height), or a class and three points or more"
      )
    }
    // The corners of a turned box may lie beyond the picture.
    let isTurned = isOutline && values.count == 8
    try check(isOutline ? values : Array(values.prefix(4)), isTurned ? -1...2 : range)
    if isOutline { return outline(values, label) }
    var row = try box(Array(values.prefix(4)), label)
    if let shape = description.keypoints, values.count > 4 {
      row.keypoints = try keypoints(Array(values.dropFirst(4)), shape)
    }
    return row
  }

  private var range: ClosedRange<Double> {
    -YOLORowParser.tolerance...1 + YOLORowParser.tolerance
  }

  private func check(_ values: [Double], _ range: ClosedRange<Double>) throws(Refusal) {
    for value in values where !range.contains(value) {
      throw Refusal(
        kind: "number outside 0 and 1",
        message:
          "\(value) lies outside 0 and 1: numbers are shares of the picture's width or height"
      )
    }
  }

  private func keypoints(
    _ values: [Double],
    _ shape: YOLOKeypointShape
  ) throws(Refusal) -> Keypoints {
    var points: [Float] = []
    var visibilities: [Keypoints.Visibility] = []
    for start in stride(from: 0, to: values.count, by: shape.dimensionCount) {
      let (x, y) = (values[start], values[start + 1])
      let visibility: Keypoints.Visibility
      if shape.dimensionCount == 3 {
        guard let known = UInt8(exactly: values[start + 2]).flatMap(Keypoints.Visibility.init)
        else {
          throw Refusal(
            kind: "key point of no visibility",
            message: "the visibility \(values[start + 2]) is not 0, 1 or 2"
          )
        }
        visibility = known
      } else {
        visibility = x == 0 && y == 0 ? .absent : .visible
      }
      if visibility != .absent { try check([x, y], range) }
      points +=
        visibility == .absent
        ? [0, 0] : [Float(x * Double(size.width)), Float(y * Double(size.height))]
      visibilities.append(visibility)
    }
    return Keypoints(points: points, visibilities: visibilities)
  }

  /// `x1 y1 x2 y2 x3 y3 x4 y4 name difficult`, in pixels.
  private func rowInPixels(_ fields: [Substring]) throws(Refusal) -> YOLORow {
    let numbers = fields.prefix(8).compactMap { Float($0) }.filter(\.isFinite)
    guard numbers.count == 8, (9...10).contains(fields.count) else {
      throw Refusal(
        kind: "line of the wrong length",
        message: "\(fields.count) columns; expected eight numbers, a label and 0 or 1"
      )
    }
    let name = String(fields[8])
    guard let label = description.names?.firstIndex(of: name) else {
      throw Refusal(
        kind: "class without a name",
        message: "\(description.namesFile) does not name '\(name)'"
      )
    }
    var row = outline(numbers, label)
    row.isDifficult = fields.count == 10 && fields[9] != "0"
    return row
  }

  private func label(_ number: Double) throws(Refusal) -> Int {
    guard let label = Int(exactly: number), label >= 0 else {
      throw Refusal(
        kind: "class that is no number",
        message: "the class \(number) is no whole number from 0 on"
      )
    }
    if let names = description.names, label >= names.count {
      throw Refusal(
        kind: "class without a name",
        message:
          "class \(label), but \(description.namesFile) names \(names.count) (0 to \(names.count - 1))"
      )
    }
    guard label < 100_000 else {
      throw Refusal(kind: "class without a name", message: "class \(label) is hardly one")
    }
    return label
  }

  private func box(_ values: [Double], _ label: Int) throws(Refusal) -> YOLORow {
    let (height, width) = (Double(size.height), Double(size.width))
    guard values[2] > 0, values[3] > 0 else {
      throw Refusal(
        kind: "box of zero size",
        message: "the box is \(values[2]) wide and \(values[3]) high"
      )
    }
    return YOLORow(
      label: label,
      box: BoundingBox(
        x1: Float((values[0] - values[2] / 2) * width),
        y1: Float((values[1] - values[3] / 2) * height),
        x2: Float((values[0] + values[2] / 2) * width),
        y2: Float((values[1] + values[3] / 2) * height)
      ),
      size: size
    )
  }

  private func outline(_ values: [Double], _ label: Int) -> YOLORow {
    let points = values.enumerated().map { index, value in
      Float(value * Double(index % 2 == 0 ? size.width : size.height))
    }
    return outline(points, label)
  }

  private func outline(_ points: [Float], _ label: Int) -> YOLORow {
    let box = BoundingBox(around: points) ?? BoundingBox(x1: 0, y1: 0, x2: 0, y2: 0)
    return YOLORow(label: label, box: box.clipped(to: size), outline: points, size: size)
  }
}
