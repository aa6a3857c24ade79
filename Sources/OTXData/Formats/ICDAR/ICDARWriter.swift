import Foundation
import OTXCore
import OTXImage

/// Writes one of the competition's tasks.
struct ICDARWriter {
  let kind: ICDARKind
  let options: DatasetWriteOptions

  func write(_ dataset: Dataset, to root: URL) throws {
    for item in dataset.items.values.joined() { try check(item) }
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      let folder = root.appending(path: subset.rawValue)
      let pictures = folder.appending(path: "images")
      try PictureWriter.makeFolder(pictures)
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      var words = ""
      for item in items {
        let (name, size) = try names.write(item)
        let stem = PictureStems.stem(name)
        switch kind {
        case .wordRecognition:
          let word = item.annotations.lazy.compactMap(\.caption).first ?? ""
          words += "\(name), \"\(escaped(word))\"\n"
        case .localization:
          let text = item.annotations.compactMap(place).joined()
          try PictureWriter.write(Data(text.utf8), to: folder.appending(path: "gt_\(stem).txt"))
        case .segmentation:
          let (text, mask) = try characters(item, size)
          try PictureWriter.write(Data(text.utf8), to: folder.appending(path: "\(stem)_GT.txt"))
          try PictureWriter.write(
            Data(BitmapFile.bytes(mask)),
            to: folder.appending(path: "\(stem)_GT.bmp")
          )
        }
      }
      if kind == .wordRecognition {
        try PictureWriter.write(Data(words.utf8), to: folder.appending(path: "gt.txt"))
      }
    }
  }

  private func check(_ item: DatasetItem) throws {
    let isGood: Bool
    switch kind {
    case .wordRecognition:
      isGood = item.annotations.count == 1 && item.annotations[0].kind == .caption
    case .localization, .segmentation:
      // Labels have no place: an object with one is another dataset's.
      isGood = item.annotations.allSatisfy {
        $0.kind == .object && $0.label == nil && (kind == .localization || $0.region != nil)
      }
    }
    guard isGood else {
      let what =
        switch kind {
        case .wordRecognition: "one caption for each picture"
        case .localization: "words, which are boxes or outlines without a label"
        case .segmentation: "characters, which are masks without a label"
        }
      throw DataError.invalidItem(item.id, reason: "\(kind.title) holds \(what)")
    }
  }

  private func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      .replacingOccurrences(of: "\n", with: " ")
  }

  private func text(_ annotation: Annotation) -> String {
    (annotation.attributes["text"]?.description ?? "")
      .replacingOccurrences(of: "\n", with: " ")
  }

  private func place(_ annotation: Annotation) -> String? {
    guard let box = annotation.box else { return nil }
    let word = " \"\(text(annotation))\"\n"
    switch annotation.region {
    case .polygon(let polygon) where polygon.points.count == 8 && polygon.partCount == 1:
      return polygon.points.map { "\($0)" }.joined(separator: ",") + ",\(word.dropFirst())"
    case .rotatedBox(let turned):
      return turned.corners.map { "\($0)" }.joined(separator: ",") + ",\(word.dropFirst())"
    default:
      return [box.x1, box.y1, box.x2, box.y2].map { "\($0)" }.joined(separator: " ") + word
    }
  }

  private func characters(_ item: DatasetItem, _ size: ImageSize) throws -> (String, Image) {
    var image = Image(size: size, red: 255, green: 255, blue: 255)
    var lines: [String] = []
    var group: Int?
    for (index, annotation) in item.annotations.enumerated() {
      if let last = group, last != annotation.group || last == 0 { lines.append("") }
      group = annotation.group
      guard let mask = try annotation.region?.mask(size: size) else { continue }
      // Each character has a colour of its own.
      let color = VOCLabels.color(index + 1)
      for (position, isSet) in mask.bitmap.enumerated() where isSet {
        image.pixels[3 * position] = color.red
        image.pixels[3 * position + 1] = color.green
        image.pixels[3 * position + 2] = color.blue
      }
      let box = annotation.box ?? mask.bounds ?? BoundingBox(x1: 0, y1: 0, x2: 0, y2: 0)
      let bounds = [box.x1, box.y1, box.x2, box.y2].map { Int(exactly: $0.rounded()) ?? 0 }
      let center = "\((bounds[0] + bounds[2]) / 2) \((bounds[1] + bounds[3]) / 2)"
      let place = annotation.attributes["center"]?.description ?? center
      lines.append(
        "\(color.red) \(color.green) \(color.blue) \(place) \(bounds.map(String.init).joined(separator: " ")) \"\(text(annotation))\""
      )
    }
    return (lines.map { $0 + "\n" }.joined(), image)
  }
}

/// A picture as an uncompressed BMP.
enum BitmapFile {
  static func bytes(_ image: Image) -> [UInt8] {
    let row = (3 * image.width + 3) / 4 * 4
    let count = 54 + row * image.height
    func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) } }
    var bytes: [UInt8] = Array("BM".utf8) + word(count) + word(0) + word(54)
    bytes += word(40) + word(image.width) + word(image.height) + [1, 0, 24, 0]
    bytes += word(0) + word(row * image.height) + word(2835) + word(2835) + word(0) + word(0)
    bytes.reserveCapacity(count)
    for y in (0..<image.height).reversed() {
      for x in 0..<image.width {
        let start = 3 * (y * image.width + x)
        bytes += [image.pixels[start + 2], image.pixels[start + 1], image.pixels[start]]
      }
      bytes += [UInt8](repeating: 0, count: row - 3 * image.width)
    }
    return bytes
  }
}
