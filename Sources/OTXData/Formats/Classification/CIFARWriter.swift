import Foundation
import OTXCore

/// Writes pickles that Python's `pickle` and Datumaro read: protocol 3, arrays as NumPy writes them.
struct CIFARWriter {
  private let dataset: Dataset
  private let labels: [String]
  private let coarse: [String]

  init(_ dataset: Dataset) {
    self.dataset = dataset
    labels = dataset.writtenLabels
    coarse = Set(labels.compactMap { dataset.labelDetails.parents[$0] }).sorted()
  }

  func write(to root: URL) throws {
    for item in dataset.items.values.joined() { _ = try label(of: item) }
    try PictureWriter.makeFolder(root)
    var meta = PickleBytes()
    if coarse.isEmpty {
      meta.dictionary { $0.entry("label_names") { $0.texts(labels) } }
    } else {
      meta.dictionary {
        $0.entry("fine_label_names") { $0.texts(labels) }
        $0.entry("coarse_label_names") { $0.texts(coarse) }
      }
    }
    let metaName = coarse.isEmpty ? "batches.meta" : "meta"
    try PictureWriter.write(Data(meta.finished), to: root.appending(path: metaName))
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let bytes = try batch(items)
      try PictureWriter.write(Data(bytes), to: root.appending(path: fileName(subset)))
    }
  }

  private func fileName(_ subset: Subset) -> String {
    switch subset {
    case .train where coarse.isEmpty: "data_batch_1"
    case .test where coarse.isEmpty: "test_batch"
    case .val where coarse.isEmpty: "val_batch"
    default: subset.rawValue
    }
  }

  private func label(of item: DatasetItem) throws -> Int? {
    let names = item.annotations.compactMap { $0.kind == .label ? $0.label : nil }
    guard names.count == item.annotations.count, names.count <= 1 else {
      throw DataError.invalidItem(item.id, reason: "has more than a label; CIFAR holds one label")
    }
    return try names.first.map { name in
      guard let index = labels.firstIndex(of: name) else {
        throw DataError.unknownLabel(name, known: labels, item: item.id)
      }
      return index
    }
  }

  private func batch(_ items: [DatasetItem]) throws -> [UInt8] {
    let numbers = try items.map { try label(of: $0) }
    var sizes: [ImageSize] = []
    var pictures: [[UInt8]] = []
    for item in items {
      let image = try item.image.loaded()
      sizes.append(image.size)
      pictures.append(image.planes)
    }
    let side = CIFARFormat.side
    let isStandard = sizes.allSatisfy { $0 == ImageSize(height: side, width: side) }
    var pickle = PickleBytes()
    pickle.dictionary { pickle in
      pickle.entry("filenames") { $0.texts(UniqueNames.of(items)) }
      pickle.entry(coarse.isEmpty ? "labels" : "fine_labels") { $0.numbers(numbers) }
      if !coarse.isEmpty {
        let parents = numbers.map { number in
          number.flatMap { dataset.labelDetails.parents[labels[$0]] }
            .flatMap { coarse.firstIndex(of: $0) }
        }
        pickle.entry("coarse_labels") { $0.numbers(parents) }
      }
      pickle.entry("data") { pickle in
        if isStandard {
          pickle.array(shape: [items.count, 3 * side * side], Array(pictures.joined()))
        } else {
          pickle.objectArray(pictures)
        }
      }
      guard !isStandard else { return }
      pickle.entry("image_sizes") { $0.pairs(sizes.map { ($0.height, $0.width) }) }
    }
    return pickle.finished
  }
}

/// Puts a pickle together, without a memo.
struct PickleBytes {
  private var bytes: [UInt8] = [0x80, 3]

  var finished: [UInt8] { bytes + [UInt8(ascii: ".")] }

  mutating func dictionary(_ body: (inout PickleBytes) -> Void) {
    bytes += [UInt8(ascii: "}"), UInt8(ascii: "(")]
    body(&self)
    bytes.append(UInt8(ascii: "u"))
  }

  mutating func entry(_ key: String, _ value: (inout PickleBytes) -> Void) {
    text(key)
    value(&self)
  }

  mutating func text(_ text: String) {
    bytes.append(UInt8(ascii: "X"))
    append32(text.utf8.count)
    bytes += text.utf8
  }

  mutating func number(_ value: Int?) {
    guard let value else { return bytes.append(UInt8(ascii: "N")) }
    bytes.append(UInt8(ascii: "J"))
    append32(value)
  }

  mutating func texts(_ values: [String]) {
    list { pickle in for value in values { pickle.text(value) } }
  }

  mutating func numbers(_ values: [Int?]) {
    list { pickle in for value in values { pickle.number(value) } }
  }

  mutating func pairs(_ values: [(Int, Int)]) {
    list { pickle in
      for value in values {
        pickle.number(value.0)
        pickle.number(value.1)
        pickle.bytes.append(0x86)
      }
    }
  }

  /// An array of bytes.
  mutating func array(shape: [Int], _ content: [UInt8]) {
    array(shape: shape, type: "u1", order: "|", version: 3) { pickle in
      pickle.bytes.append(UInt8(ascii: "B"))
      pickle.append32(content.count)
      pickle.bytes += content
    }
  }

  /// An array of arrays of bytes.
  mutating func objectArray(_ contents: [[UInt8]]) {
    array(shape: [contents.count], type: "O8", order: "|", version: 3) { pickle in
      pickle.list { pickle in
        for content in contents { pickle.array(shape: [content.count], content) }
      }
    }
  }

  private mutating func array(
    shape: [Int],
    type: String,
    order: String,
    version: Int,
    _ content: (inout PickleBytes) -> Void
  ) {
    global("numpy.core.multiarray", "_reconstruct")
    global("numpy", "ndarray")
    number(0)
    bytes.append(0x85)
    bytes += [UInt8(ascii: "C"), 1, UInt8(ascii: "b"), 0x87, UInt8(ascii: "R"), UInt8(ascii: "(")]
    number(1)
    bytes.append(UInt8(ascii: "("))
    for side in shape { number(side) }
    bytes.append(UInt8(ascii: "t"))
    global("numpy", "dtype")
    text(type)
    bytes += [0x89, 0x88, 0x87, UInt8(ascii: "R"), UInt8(ascii: "(")]
    number(version)
    text(order)
    for _ in 0..<3 { number(nil) }
    number(-1)
    number(-1)
    number(type == "O8" ? 63 : 0)
    bytes += [UInt8(ascii: "t"), UInt8(ascii: "b"), 0x89]
    content(&self)
    bytes += [UInt8(ascii: "t"), UInt8(ascii: "b")]
  }

  private mutating func list(_ body: (inout PickleBytes) -> Void) {
    bytes += [UInt8(ascii: "]"), UInt8(ascii: "(")]
    body(&self)
    bytes.append(UInt8(ascii: "e"))
  }

  private mutating func global(_ module: String, _ name: String) {
    bytes += [UInt8(ascii: "c")] + Array("\(module)\n\(name)\n".utf8)
  }

  private mutating func append32(_ value: Int) {
    for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
