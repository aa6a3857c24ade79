public import Foundation
public import OTXCore
import OTXImage

/// TensorFlow's Object Detection API: TFRecord files of `tf.train.Example`s with pictures inside.
///
/// github.com/tensorflow/models, `research/object_detection/g3doc/using_your_own_dataset.md`.
/// Boxes are shares of the picture; `image/object/mask` holds a PNG for each object. Labels of whole
/// pictures (`image/class/text`) are read too. Roboflow's files lie in folders of their subsets.
public struct TFRecordFormat: WritableDatasetFormat {
  public let name = "tf_detection_api"
  public let title = "TensorFlow Detection API (TFRecord)"
  public let aliases = ["roboflow_tfrecord", "tfrecord"]
  public let layouts = [
    "{train,val,test}.tfrecord and label_map.pbtxt",
    "{train,valid,test}/*.tfrecord and {train,valid,test}/*_label_map.pbtxt (Roboflow)",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let file = try? TFRecordFormat.files(in: root).first?.file else {
      return .no(nearly: nil)
    }
    let name = file.path(below: root)
    guard var records = try? TFRecordFile(file, name: name), (try? records.next()) != nil else {
      return .no(nearly: "\(name) does not begin with a TFRecord")
    }
    return .certain(name)
  }

  private static func isRecord(_ file: URL) -> Bool {
    // `train.tfrecord`, `train.record`, `train.tfrecord-00000-of-00010`.
    let parts = file.lastPathComponent.lowercased().split(separator: ".")
    return parts.dropFirst().contains { part in
      ["tfrecord", "tfrecords", "record"].contains { part == $0 || part.hasPrefix("\($0)-") }
    }
  }

  private static func files(in root: URL) throws -> [(subset: Subset, file: URL)] {
    let listing = try FolderListing(root)
    let own = listing.files.filter(isRecord).map { file in
      let words = file.lastPathComponent.lowercased().split { "._-".contains($0) }
      let subset = words.lazy.compactMap { Subset(folderName: String($0)) }.first
      return (subset: subset ?? .train, file: file)
    }
    if !own.isEmpty { return own }
    return try listing.folders.flatMap { folder in
      guard let subset = Subset(folderName: folder.lastPathComponent) else {
        return [(subset: Subset, file: URL)]()
      }
      return try FolderListing(folder).files.filter(isRecord).map { (subset: subset, file: $0) }
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    var files: [(subset: Subset, file: URL)] = []
    let base: URL
    switch location {
    case .root(let root, _):
      base = root
      files = try TFRecordFormat.files(in: root)
      guard !files.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no .tfrecord file; expected \(layouts.joined(separator: ", or "))"
        )
      }
    case .subsets(let subsets, _):
      for subset in Subset.allCases {
        guard let file = subsets[subset]?.annotations ?? subsets[subset]?.root else { continue }
        files.append((subset, file))
      }
      base = files.first?.file.deletingLastPathComponent() ?? URL(filePath: "/")
    }
    var reader = TFRecordReader(base: base)
    for (subset, file) in files { try reader.read(file, subset) }
    return reader.finish()
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.labels, .boxes, .masks]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try TFRecordWriter(dataset: dataset).write(to: root)
  }
}

/// Joins files into one dataset.
struct TFRecordReader {
  let base: URL
  private var reading = FormatReading()
  /// Numbers of labels by name, from 1.
  private var numbers: [String: Int] = [:]

  init(base: URL) { self.base = base }

  mutating func read(_ file: URL, _ subset: Subset) throws {
    let name = file.path(below: base)
    let folder = file.deletingLastPathComponent()
    for map in try FolderListing(folder).files(endingIn: "pbtxt")
    where map.lastPathComponent.contains("label_map") {
      let text = String(decoding: try ReadFile.bytes(map, name: name), as: UTF8.self)
      for (label, number) in TFLabelMap.read(text) { numbers[label] = numbers[label] ?? number }
    }
    var records = try TFRecordFile(file, name: name)
    let pictures = TFRecordPictures(url: file)
    var count = 0
    var names: Set<String> = []
    do {
      while let record = try records.next() {
        count += 1
        guard let example = try? TFExample(record.bytes) else {
          reading.problems.leaveOut(
            "damaged record",
            at: "\(name): record \(count)",
            "is no tf.train.Example"
          )
          continue
        }
        let stated = example.texts("image/filename").first ?? example.texts("image/source_id").first
        var picture = stated.map { URL(filePath: $0).lastPathComponent } ?? "\(count)"
        if picture.isEmpty || !names.insert(picture).inserted { picture = "\(count)-\(picture)" }
        let item = try item(example, record, picture, name, pictures, folder, count)
        reading.items[subset, default: []].append(item)
      }
    } catch DataError.unreadable(let location, let reason) where count > 0 {
      reading.problems.leaveOut("damaged record", at: location, reason)
    }
  }

  func finish() -> FormatReading {
    var result = reading
    result.labels = numbers.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
    return result
  }

  private mutating func item(
    _ example: TFExample,
    _ record: TFRecordFile.Record,
    _ picture: String,
    _ file: String,
    _ pictures: TFRecordPictures,
    _ folder: URL,
    _ count: Int
  ) throws -> DatasetItem {
    var size: ImageSize?
    if let height = example.integers("image/height").first,
      let width = example.integers("image/width").first, height > 0, width > 0
    {
      size = ImageSize(height: height, width: width)
    }
    var source: ImageSource
    if let range = example.ranges("image/encoded").first, !range.isEmpty {
      pictures.add(picture, at: record.start + range.lowerBound, count: range.count)
      let embedded = EmbeddedPicture(url: pictures.url, name: picture, reader: pictures)
      source = .embedded(embedded)
      if size == nil {
        size = try? ImageHeader(of: Array(record.bytes[range]), name: picture).size
      }
    } else {
      var finder = PictureFinder(roots: [folder.appending(path: "images"), folder])
      source = .file(finder.find(picture))
      if size == nil, let url = source.url { size = try? ImageHeader(of: url).size }
    }
    let origin = "\(file): record \(count)"
    var item = DatasetItem(
      id: "\(file)/\(picture)",
      image: source,
      size: size,
      annotations: [],
      origin: origin
    )
    if let id = example.texts("image/source_id").first, !id.isEmpty {
      item.attributes["source_id"] = .text(id)
    }
    item.annotations = annotations(example, size, origin)
    return item
  }

  /// The name of each label; what only has a number is named by it.
  private mutating func labels(_ example: TFExample, _ prefix: String) -> [String?] {
    let texts = example.texts("\(prefix)/text")
    // Other numbers are no labels, and counting on from them ends in an overflow.
    let ids = example.integers("\(prefix)/label").map { TFLabelMap.numbers.contains($0) ? $0 : 0 }
    let names = Dictionary(numbers.map { ($0.value, $0.key) }, uniquingKeysWith: { min($0, $1) })
    return (0..<max(texts.count, ids.count)).map { index in
      let id = ids.indices.contains(index) ? ids[index] : nil
      if texts.indices.contains(index), !texts[index].isEmpty {
        numbers[texts[index]] = numbers[texts[index]] ?? id ?? (numbers.values.max() ?? 0) + 1
        return texts[index]
      }
      guard let id else { return nil }
      let name = names[id] ?? "class_\(id)"
      numbers[name] = id
      return name
    }
  }

  private mutating func annotations(
    _ example: TFExample,
    _ size: ImageSize?,
    _ origin: String
  ) -> [Annotation] {
    var result = labels(example, "image/class").compactMap { $0.map { Annotation.label($0) } }
    let sides = ["xmin", "ymin", "xmax", "ymax"].map {
      example.floats("image/object/bbox/\($0)")
    }
    let count = sides[0].count
    guard count > 0 else { return result }
    guard let size, sides.allSatisfy({ $0.count == count }) else {
      reading.problems.leaveOut(
        "boxes that cannot be used",
        at: origin,
        "xmin, ymin, xmax and ymax are not equally many, or the picture's size is not known"
      )
      return result
    }
    let names = labels(example, "image/object/class")
    let masks = example.data("image/object/mask")
    let flags = ["difficult", "truncated", "is_crowd"].map {
      example.integers("image/object/\($0)")
    }
    func flag(_ place: Int, _ index: Int) -> Bool {
      flags[place].indices.contains(index) && flags[place][index] != 0
    }
    for index in 0..<count {
      let box = BoundingBox(
        x1: sides[0][index] * Float(size.width),
        y1: sides[1][index] * Float(size.height),
        x2: sides[2][index] * Float(size.width),
        y2: sides[3][index] * Float(size.height)
      )
      var annotation = Annotation.box(
        box,
        label: names.indices.contains(index) ? names[index] : nil,
        isCrowd: flag(2, index),
        isDifficult: flag(0, index)
      )
      if flag(1, index) { annotation.attributes = ["truncated": .flag(true)] }
      if masks.count == count, !masks[index].isEmpty {
        if let mask = TFRecordReader.mask(masks[index], size) {
          annotation.region = .mask(mask)
        } else {
          reading.problems.leaveOut(
            "mask that cannot be used",
            at: origin,
            "the mask of object \(index + 1) is no picture of \(size)"
          )
        }
      }
      result.append(annotation)
    }
    return result
  }

  private static func mask(_ bytes: [UInt8], _ size: ImageSize) -> RunLengthMask? {
    guard let header = try? ImageHeader(of: bytes, name: "mask"), header.size == size,
      let image = try? ImageFile.decode(bytes, name: "mask")
    else { return nil }
    let bitmap = (0..<size.height * size.width).map { image.pixels[3 * $0] != 0 }
    return RunLengthMask(size: size, bitmap: bitmap)
  }
}

/// Labels and their numbers: `item { id: 1 name: 'cat' }`.
enum TFLabelMap {
  /// What numbers of labels may be.
  static let numbers = 0...1_000_000

  static func read(
    _ text: String,
    idKeys: Set<String> = ["id"]
  ) -> [(label: String, number: Int)] {
    var result: [(label: String, number: Int)] = []
    for block in text.split(separator: "{").dropFirst() {
      let body = block.prefix { $0 != "}" }
      var number: Int?
      var name: String?
      for (key, value) in pairs(body) {
        switch key {
        case "name": name = value
        case let key where idKeys.contains(key): number = Int(value)
        default: break
        }
      }
      if let number, let name, numbers.contains(number) { result.append((name, number)) }
    }
    return result
  }

  /// Keys and values of a text; values may stand in quotes, and commas between.
  private static func pairs(_ text: Substring) -> [(String, String)] {
    var result: [(String, String)] = []
    var rest = text
    while let colon = rest.firstIndex(of: ":") {
      let key = rest[..<colon].split { !($0.isLetter || $0 == "_") }.last.map(String.init) ?? ""
      rest = rest[rest.index(after: colon)...].drop(while: \.isWhitespace)
      guard let first = rest.first else { break }
      if first == "\"" || first == "'" {
        let content = rest.dropFirst()
        let value = content.prefix { $0 != first }
        result.append((key, String(value)))
        rest = content.dropFirst(value.count + 1)
      } else {
        let value = rest.prefix { !($0.isWhitespace || $0 == ",") }
        result.append((key, String(value)))
        rest = rest.dropFirst(value.count)
      }
    }
    return result
  }
}
