import Foundation

@testable import OTXCore
@testable import OTXData

/// Writes annotations as `Tools/datumaro/compare.py` writes Datumaro's: one text for each thing that
/// Datumaro keeps apart, where one annotation of ours holds all that is known of an object.
struct AnnotationText {
  /// When an object's box is a text of its own beside its region or its key points.
  enum Boxes {
    /// Only where nothing else is known of the object.
    case alone
    /// Where it is not just the box around the region or the points.
    case stated
    /// Always.
    case always
  }

  /// The formats of which Datumaro gives boxes beside regions and key points, and why.
  static let boxes: [String: Boxes] = [
    // `bbox` and `segmentation` of one JSON object become annotations of one group.
    "coco": .always,
    "coco_instances": .always,
    "coco_person_keypoints": .always,
    "coco_stuff": .always,
    "roboflow_coco": .always,
    "mmdet_coco": .always,
    // A line each in `list_bbox_celeba.txt` and `list_landmarks_celeba.txt`.
    "celeba": .always,
    // The head's box comes from a file of its own.
    "mpii_json": .stated,
  ]

  var boxes: Boxes

  init(format: String) { boxes = AnnotationText.boxes[format] ?? .alone }

  /// The texts of an item's annotations, sorted.
  func texts(of item: DatasetItem) throws -> [String] {
    try item.annotations.flatMap(texts).sorted()
  }

  /// The texts of one annotation: several where more is known than Datumaro keeps in one.
  func texts(of annotation: Annotation) throws -> [String] {
    let label = annotation.label ?? "-"
    let flags =
      (annotation.isCrowd ? " #is_crowd" : "") + (annotation.isDifficult ? " #difficult" : "")
    switch annotation.kind {
    case .label: return ["label \(label)\(flags)"]
    case .caption:
      let words = (annotation.caption ?? "").split(whereSeparator: \.isWhitespace)
      return ["caption \(words.joined(separator: " "))"]
    case .labelMap: return try annotation.labelMap.map(LabelMapTexts.texts) ?? []
    case .object:
      var texts: [String] = []
      if let region = annotation.region { texts += try text(of: region, label: label) }
      if let keypoints = annotation.keypoints { texts.append(text(of: keypoints, label: label)) }
      if let box = annotation.box, hasText(box, of: annotation) {
        texts.append("box \(label) \(numbers([box.x1, box.y1, box.x2, box.y2]))")
      }
      return texts.map { $0 + flags }
    }
  }

  private func hasText(_ box: BoundingBox, of annotation: Annotation) -> Bool {
    if annotation.region == nil, annotation.keypoints == nil { return true }
    switch boxes {
    case .alone: return false
    case .stated: return box != annotation.region?.bounds && box != annotation.keypoints?.bounds
    case .always: return true
    }
  }

  private func text(of region: Region, label: String) throws -> [String] {
    switch region {
    case .polygon(let polygon): polygon.parts.map { "polygon \(label) \(numbers($0))" }
    case .polyline(let points): ["polyline \(label) \(numbers(points))"]
    case .mask(let mask): ["mask \(label) \(AnnotationText.numbers(of: mask))"]
    case .maskFile(let file):
      ["mask \(label) \(AnnotationText.numbers(of: try file.mask()))"]
    case .rotatedBox(let box):
      ["rotated \(label) \(numbers([box.x, box.y, box.width, box.height, box.angle]))"]
    case .ellipse(let box):
      [
        "ellipse \(label) "
          + numbers([
            box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2,
            box.y + box.height / 2,
          ])
      ]
    }
  }

  private func text(of keypoints: Keypoints, label: String) -> String {
    let points = keypoints.visibilities.indices.map {
      "\(numbers([keypoints.points[2 * $0], keypoints.points[2 * $0 + 1]])) "
        + "\(keypoints.visibilities[$0].rawValue)"
    }
    return "points \(label) \(points.joined(separator: " "))"
  }

  /// Area, box of the pixels and CRC-32 of the run lengths.
  static func numbers(of mask: RunLengthMask) -> String {
    let box = mask.bounds ?? BoundingBox(x1: 0, y1: 0, x2: 0, y2: 0)
    // A run of no zeros at the end is no run.
    let counts = mask.counts.last == 0 ? mask.counts.dropLast() : mask.counts[...]
    let runs = counts.map { "\($0)" }.joined(separator: " ")
    let crc = String(CRC32.checksum(Array(runs.utf8)), radix: 16)
    let digits = String(repeating: "0", count: 8 - crc.count) + crc
    return "\(mask.area) \([box.x1, box.y1, box.x2, box.y2].map(number).joined(separator: " "))"
      + " \(digits)"
  }

  private func numbers(_ values: [Float]) -> String {
    values.map(AnnotationText.number).joined(separator: " ")
  }

  /// Two decimals at most, no trailing zeros, no minus zero.
  private static func number(_ value: Float) -> String {
    var text = String(format: "%.2f", Double(value))
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text == "-0" ? "0" : text
  }
}

/// The masks that a picture file of labels holds, as Datumaro cuts them out.
enum LabelMapTexts {
  static func texts(of map: LabelMap) throws -> [String] {
    try map.segments().compactMap { segment in
      if case .file = map.instances, segment.instance == nil { return nil }
      // KITTI: what is no object stands for all objects of its label.
      let isProduct = if case .product = map.instances { true } else { false }
      let flag = isProduct && segment.instance == nil ? " #is_crowd" : ""
      return "mask \(segment.label) \(AnnotationText.numbers(of: segment.mask))\(flag)"
    }
  }
}
