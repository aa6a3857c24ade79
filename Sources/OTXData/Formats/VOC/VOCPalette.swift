import Foundation
import OTXCore

/// The lines of `labelmap.txt` that a dataset needs, and how its label maps are written.
struct VOCPalette {
  private let lines: [(name: String, color: Color?)]
  /// Whether label maps are painted anew, in the colours of the lines.
  let isPainted: Bool

  /// Whether an object's pixels are written.
  static func paints(_ annotation: Annotation, _ kind: VOCKind) -> Bool {
    guard kind == .segmentation || kind == .instanceSegmentation, annotation.label != nil,
      let region = annotation.region
    else { return false }
    if case .polyline = region { return false }
    return true
  }

  init(_ dataset: Dataset, kind: VOCKind) throws {
    let names =
      dataset.declaredLabels + dataset.labels.names.filter { !dataset.declaredLabels.contains($0) }
    let annotations = dataset.items.values.joined().lazy.flatMap(\.annotations)
    let maps = kind.hasLabelMaps ? annotations.compactMap(\.labelMap) : []
    let hasRegions = annotations.contains { VOCPalette.paints($0, kind) }
    if !hasRegions, let first = maps.first, maps.allSatisfy({ VOCPalette.isSame($0, first) }),
      let stated = VOCPalette.lines(of: first)
    {
      // Other labels have no pixels, so no colours.
      let named = Set(stated.map(\.name))
      lines = stated + names.filter { !named.contains($0) }.map { ($0, nil) }
      isPainted = false
      return
    }
    isPainted = hasRegions || !maps.isEmpty
    lines = VOCPalette.colored(names, isPainted ? [:] : dataset.labelDetails.colors)
  }

  /// Whether two label maps can share a `labelmap.txt`, as files that VOC's readers take.
  private static func isSame(_ map: LabelMap, _ other: LabelMap) -> Bool {
    switch map.instances {
    case .none, .file: break
    default: return false
    }
    return map.encoding == other.encoding && map.table == other.table
      && PNGPixels(of: map.url) != nil
  }

  /// The lines that say what a label map says; `nil` where VOC has none for it.
  private static func lines(of map: LabelMap) -> [(name: String, color: Color?)]? {
    let entries = map.table.labels.sorted { $0.key < $1.key }
    guard Set(entries.map(\.value)).count == entries.count else { return nil }
    switch map.encoding {
    case .color:
      let colors = entries.compactMap { entry in
        Color(number: entry.key).map { (name: entry.value, color: Optional($0)) }
      }
      return colors.count == entries.count ? colors : nil
    case .index:
      // A label's number is its place in the list.
      guard entries.map(\.key) == Array(0..<entries.count) else { return nil }
      return entries.map { ($0.value, VOCLabels.color($0.key)) }
    }
  }

  private static func colored(
    _ names: [String],
    _ known: [String: Color]
  ) -> [(name: String, color: Color?)] {
    names.enumerated().map { index, name in
      if let color = known[name] { return (name, color) }
      if name == "background" { return (name, .black) }
      // 255 is the border around objects.
      let number = index + 1
      return (name, VOCLabels.color(number < VOCLabels.voidNumber ? number : number + 1))
    }
  }

  /// The colour of a label's pixels.
  func color(of name: String) -> Color {
    lines.first { $0.name == name }?.color ?? .black
  }

  var text: String {
    let rows = lines.map { name, color in
      let clean = name.replacingOccurrences(of: ":", with: " ")
        .replacingOccurrences(of: "\n", with: " ")
      let channels = color.map { "\($0.red),\($0.green),\($0.blue)" } ?? ""
      return "\(clean):\(channels)::"
    }
    return (["# label:color_rgb:parts:actions"] + rows + [""]).joined(separator: "\n")
  }
}
