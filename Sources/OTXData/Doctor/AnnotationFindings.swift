import Foundation
import OTXCore
import OTXImage

/// What is odd about a dataset's objects.
struct AnnotationFindings {
  private let dataset: Dataset
  private let command: String

  init(_ dataset: Dataset, _ command: String) { (self.dataset, self.command) = (dataset, command) }

  var all: [DatasetFinding] {
    var findings: [DatasetFinding] = []
    var tiny: (count: Int, first: String) = (0, "")
    for item in Subset.allCases.lazy.flatMap({ dataset.items[$0] ?? [] }) {
      let place = item.origin.isEmpty ? item.id : item.origin
      findings += crossings(item, place)
      findings += repeats(item, place)
      findings += pixelFiles(item, place)
      for box in item.annotations.compactMap(\.box) where min(box.width, box.height) < 2 {
        if tiny.count == 0 { tiny.first = place }
        tiny.count += 1
      }
    }
    if tiny.count > 0 {
      findings.append(
        DatasetFinding(
          .note,
          kind: "tiny object",
          location: tiny.first,
          message:
            "\("object".counted(tiny.count)) less than 2 pixels wide or high: no network sees \(tiny.count == 1 ? "it" : "them")"
        )
      )
    }
    return findings + sizes
  }

  private func crossings(_ item: DatasetItem, _ place: String) -> [DatasetFinding] {
    item.annotations.enumerated().compactMap { index, annotation in
      guard case .polygon(let polygon) = annotation.region,
        let part = polygon.parts.first(where: { SelfCrossing.isSelfCrossing($0) })
      else { return nil }
      return DatasetFinding(
        .warning,
        kind: "polygon that crosses itself",
        location: place,
        message:
          "polygon \(index + 1)\(annotation.label.map { " ('\($0)')" } ?? ""), of \(part.count / 2) corners, crosses itself: what is inside is not clear"
      )
    }
  }

  /// Label maps and masks in files: there, and as large as their picture.
  private func pixelFiles(_ item: DatasetItem, _ place: String) -> [DatasetFinding] {
    item.annotations.compactMap { annotation in
      var url = annotation.labelMap?.url
      if case .maskFile(let file) = annotation.region { url = file.url }
      guard let url else { return nil }
      func finding(_ message: String) -> DatasetFinding {
        DatasetFinding(
          .error,
          kind: "unusable label map",
          location: place,
          message: "\(url.path(below: dataset.root)) \(message)"
        )
      }
      do {
        let size = try ImageHeader(of: url).storedSize
        guard let stated = item.size, size != stated else { return nil }
        return finding("has \(size) pixels and its picture \(stated)")
      } catch DataError.unreadable(_, let reason) {
        return finding("cannot be used: \(reason)")
      } catch {
        return finding("cannot be used: \(error)")
      }
    }
  }

  /// Objects that are marked twice.
  private func repeats(_ item: DatasetItem, _ place: String) -> [DatasetFinding] {
    let objects = item.annotations.enumerated().filter {
      $0.element.box != nil && !$0.element.isCrowd
    }
    var findings: [DatasetFinding] = []
    // Sorted by the left edge, only boxes that begin alike can be the same.
    let sorted = objects.sorted { ($0.element.box?.x1 ?? 0) < ($1.element.box?.x1 ?? 0) }
    for (position, (index, annotation)) in sorted.enumerated() {
      guard let box = annotation.box else { continue }
      for (other, second) in sorted[(position + 1)...] {
        guard let next = second.box, next.x1 - box.x1 <= box.width * 0.05 else { break }
        guard annotation.label == second.label, box.iou(next) > 0.95,
          annotation.region == second.region, annotation.keypoints == second.keypoints
        else { continue }
        findings.append(
          DatasetFinding(
            .warning,
            kind: "object that is marked twice",
            location: place,
            message:
              "objects \(min(index, other) + 1) and \(max(index, other) + 1) ('\(annotation.label ?? "")') are one box",
            suggestion: DatasetDoctor.fixCommand(command)
          )
        )
      }
    }
    return findings
  }

  /// Sizes of pictures that differ a lot: a network sees all at one size.
  private var sizes: [DatasetFinding] {
    let all = dataset.items.values.joined().compactMap(\.size)
    guard let smallest = all.min(by: { $0.height * $0.width < $1.height * $1.width }),
      let largest = all.max(by: { $0.height * $0.width < $1.height * $1.width })
    else { return [] }
    let ratio = Double(largest.height * largest.width) / Double(smallest.height * smallest.width)
    guard ratio >= 16 else { return [] }
    return [
      DatasetFinding(
        .note,
        kind: "pictures of very different sizes",
        location: dataset.root.lastPathComponent,
        message:
          "\(Set(all).count) sizes, from \(smallest) to \(largest): a network sees all at one size"
      )
    ]
  }
}

/// Whether a closed outline crosses itself.
enum SelfCrossing {
  /// Whether two edges of an outline cross.
  ///
  /// - Parameter points: `x, y` of each corner after each other.
  /// - Returns: `false` for edges that only touch.
  static func isSelfCrossing(_ points: [Float]) -> Bool {
    let count = points.count / 2
    guard count > 3 else { return false }
    func corner(_ index: Int) -> (x: Double, y: Double) {
      (Double(points[2 * (index % count)]), Double(points[2 * (index % count) + 1]))
    }
    let edges = (0..<count).map { index -> Edge in
      Edge(index: index, corner(index), corner(index + 1))
    }.sorted { $0.low < $1.low }
    for (position, first) in edges.enumerated() {
      for second in edges[(position + 1)...] {
        guard second.low <= first.high else { break }
        let gap = abs(first.index - second.index)
        guard gap > 1, gap < count - 1 else { continue }
        if first.crosses(second) { return true }
      }
    }
    return false
  }

  private struct Edge {
    let index: Int
    let a: (x: Double, y: Double)
    let b: (x: Double, y: Double)
    let low: Double
    let high: Double

    init(index: Int, _ a: (x: Double, y: Double), _ b: (x: Double, y: Double)) {
      (self.index, self.a, self.b) = (index, a, b)
      (low, high) = (min(a.x, b.x), max(a.x, b.x))
    }

    /// Whether the insides of two edges meet in one point.
    func crosses(_ other: Edge) -> Bool {
      func side(
        _ p: (x: Double, y: Double),
        _ q: (x: Double, y: Double),
        _ r: (x: Double, y: Double)
      )
        -> Double
      {
        (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)
      }
      let (c, d) = (side(a, b, other.a), side(a, b, other.b))
      let (e, f) = (side(other.a, other.b, a), side(other.a, other.b, b))
      return c * d < 0 && e * f < 0
    }
  }
}
