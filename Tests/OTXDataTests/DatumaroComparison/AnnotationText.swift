import Foundation
import OTXImage

@testable import OTXCore

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
      ["mask \(label) \(AnnotationText.numbers(of: try LabelMapTexts.mask(of: file)))"]
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
    let (size, numbers) = try pixels(of: map.url, encoding: map.encoding)
    var objects = [Int](repeating: 0, count: numbers.count)
    if case .file(let url, let encoding) = map.instances {
      objects = try pixels(of: url, encoding: encoding).numbers
    }
    var segments: [Segment: [Bool]] = [:]
    for (index, number) in numbers.enumerated() {
      guard let segment = segment(number, object: objects[index], in: map) else { continue }
      segments[segment, default: [Bool](repeating: false, count: numbers.count)][index] = true
    }
    return segments.map { segment, bitmap in
      let mask = RunLengthMask(size: size, bitmap: bitmap)
      return "mask \(segment.label) \(AnnotationText.numbers(of: mask))"
        + (segment.isCrowd ? " #is_crowd" : "")
    }
  }

  static func mask(of file: MaskFile) throws -> RunLengthMask {
    let isColor = if case .color = file.selection { true } else { false }
    let (size, numbers) = try pixels(of: file.url, encoding: isColor ? .color : .index)
    let bitmap = numbers.map { number in
      switch file.selection {
      case .nonZero: number != 0
      case .index(let index): number == index
      case .color(let color):
        number == Int(color.red) << 16 | Int(color.green) << 8 | Int(color.blue)
      }
    }
    return RunLengthMask(size: size, bitmap: bitmap)
  }

  /// What Datumaro makes one mask of.
  private struct Segment: Hashable {
    var label: String
    var object: Int
    var isCrowd: Bool
  }

  private static func segment(_ number: Int, object: Int, in map: LabelMap) -> Segment? {
    switch map.instances {
    case .none: map.table[number].map { Segment(label: $0, object: 0, isCrowd: false) }
    case .quotient(let divisor):
      map.table[number < divisor ? number : number / divisor].map {
        Segment(label: $0, object: number, isCrowd: number < divisor)
      }
    case .file:
      object == 0
        ? nil : map.table[number].map { Segment(label: $0, object: object, isCrowd: false) }
    case .ade20k:
      map.table[(number >> 16) / 10 * 256 + number >> 8 & 0xFF].map {
        Segment(label: $0, object: number & 0xFF, isCrowd: false)
      }
    }
  }

  /// The number of each pixel, row by row.
  private static func pixels(
    of url: URL,
    encoding: LabelMap.Encoding
  ) throws -> (size: ImageSize, numbers: [Int]) {
    let image = try ImageFile.read(url)
    let numbers = stride(from: 0, to: image.pixels.count, by: 3).map { start in
      switch encoding {
      case .index: Int(image.pixels[start])
      case .color:
        Int(image.pixels[start]) << 16 | Int(image.pixels[start + 1]) << 8
          | Int(image.pixels[start + 2])
      }
    }
    return (image.size, numbers)
  }
}
