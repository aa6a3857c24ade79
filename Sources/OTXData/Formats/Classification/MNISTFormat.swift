public import Foundation
public import OTXCore
import OTXImage

/// MNIST and sets of its kind (Fashion-MNIST, EMNIST, KMNIST): IDX files of grey pictures and of labels,
/// packed with gzip or not.
///
/// LeCun et al., The MNIST Database of Handwritten Digits; the file format is described there.
/// `labels.txt` and `dataset_meta.json` name the labels, else they are the digits. Names and sizes of
/// pictures that are not MNIST's stand in `<subset>-meta.gz`, as Datumaro writes it. Label 255 is none.
public struct MNISTFormat: WritableDatasetFormat {
  public let name = "mnist"
  public let title = "MNIST"
  public let layouts = [
    "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"
  ]

  static let side = 28
  static let noLabel: UInt8 = 255

  public init() {}

  private static func labelFiles(in listing: FolderListing) -> [URL] {
    listing.files.filter { file in
      let name = file.lastPathComponent
      return name.contains("-labels-idx1") || name.contains("-labels.idx1")
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root),
      let first = MNISTFormat.labelFiles(in: listing).first
    else { return .no(nearly: nil) }
    return .certain(first.lastPathComponent)
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    let files = MNISTFormat.labelFiles(in: listing)
    guard !files.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    reading.labels = try MNISTFormat.labels(in: listing, base: root)
    for file in files { try MNISTFormat.read(file, listing, into: &reading) }
    return reading
  }

  static func labels(in listing: FolderListing, base: URL) throws -> [String] {
    if let names = try LabelColors.metaNames(in: listing.root, base: base) { return names }
    if let file = listing.exactFile("labels.txt") {
      return try TextLines.read(file, name: "labels.txt").map(\.text)
    }
    return (0..<10).map { "\($0)" }
  }

  private static func read(
    _ file: URL,
    _ listing: FolderListing,
    into reading: inout FormatReading
  ) throws {
    let name = file.lastPathComponent
    let labels = try IDXFile(file, name: name)
    guard labels.sides.count == 1 else {
      throw DataError.unreadable(file: name, reason: "is no IDX file of labels")
    }
    let word = name.prefix { $0 != "-" }
    let subset: Subset = word == "t10k" ? .test : Subset(folderName: String(word)) ?? .train
    let picturesName = name.replacingOccurrences(of: "labels-idx1", with: "images-idx3")
      .replacingOccurrences(of: "labels.idx1", with: "images.idx3")
    guard let picturesFile = listing.exactFile(picturesName) else {
      throw DataError.unreadable(
        file: name,
        reason: "has labels of \(picturesName), which is missing"
      )
    }
    let pictures = try IDXFile(picturesFile, name: picturesName)
    let meta = try MNISTMeta(
      listing.exactFile("\(word == "t10k" ? "test" : word)-meta.gz"),
      count: labels.count
    )
    let places = try places(of: pictures, count: labels.count, meta: meta, name: picturesName)
    let reader = RawPictures(
      picturesFile,
      source: .memory(pictures.bytes),
      places: places,
      layout: .grey
    )
    for index in 0..<labels.count {
      let number = labels.bytes[labels.start + index]
      guard number == noLabel || reading.labels.indices.contains(Int(number)) else {
        throw DataError.unreadable(
          file: name,
          reason:
            "picture \(index) has the label \(number), and there are \(reading.labels.count) labels; name them in labels.txt"
        )
      }
      reading.items[subset, default: []].append(
        DatasetItem(
          id: meta.names[index] ?? "\(index)",
          image: reader.picture(index),
          annotations: number == noLabel ? [] : [.label(reading.labels[Int(number)])],
          origin: "\(name): picture \(index)"
        )
      )
    }
  }

  private static func places(
    of file: IDXFile,
    count: Int,
    meta: MNISTMeta,
    name: String
  ) throws -> [RawPictures.Place] {
    func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }
    guard file.sides.count == 3 else { throw failure("is no IDX file of pictures") }
    let size = ImageSize(height: file.sides[1], width: file.sides[2])
    // Datumaro states the number of bytes, and not of pictures.
    guard file.count == count || !meta.sizes.isEmpty || file.count == file.bytes.count - file.start
    else {
      throw failure("has \(file.count) pictures for \(count) labels")
    }
    var offset = file.start
    return try (0..<count).map { index in
      let own = meta.sizes[index] ?? size
      guard own.height >= 0, own.width >= 0, own.height < 1 << 16, own.width < 1 << 16,
        own.height * own.width <= file.bytes.count - offset
      else { throw failure("is cut short at picture \(index)") }
      defer { offset += own.height * own.width }
      return RawPictures.Place(offset: offset, size: own)
    }
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    .labels
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    let labels = dataset.writtenLabels
    for item in dataset.items.values.joined() { _ = try MNISTFormat.label(of: item, labels, title) }
    guard labels.count < Int(MNISTFormat.noLabel) else {
      throw DataError.invalidItem(dataset.root.path, reason: "has more than 254 labels")
    }
    try PictureWriter.makeFolder(root)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let word = subset == .test ? "t10k" : subset.rawValue
      let numbers = try items.map { item in
        try MNISTFormat.label(of: item, labels, title).map { UInt8($0) } ?? MNISTFormat.noLabel
      }
      var (pixels, sizes) = ([UInt8](), [ImageSize]())
      for item in items {
        let image = try item.image.loaded()
        sizes.append(image.size)
        pixels += image.greyLevels
      }
      func save(_ bytes: [UInt8], _ name: String) throws {
        try PictureWriter.write(Data(Deflate.gzip(bytes)), to: root.appending(path: name))
      }
      let side = MNISTFormat.side
      try save(
        IDXFile.header(0x801, [items.count]) + numbers,
        "\(word)-labels-idx1-ubyte.gz"
      )
      try save(
        IDXFile.header(0x803, [items.count, side, side]) + pixels,
        "\(word)-images-idx3-ubyte.gz"
      )
      if let meta = MNISTMeta.bytes(names: UniqueNames.of(items), sizes: sizes) {
        try save(meta, "\(subset.rawValue)-meta.gz")
      }
    }
    let text = labels.map { $0 + "\n" }.joined()
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "labels.txt"))
  }

  /// Place of the item's one label; `nil` for none.
  static func label(of item: DatasetItem, _ labels: [String], _ title: String) throws -> Int? {
    let names = item.annotations.compactMap { $0.kind == .label ? $0.label : nil }
    guard names.count == item.annotations.count, names.count <= 1 else {
      throw DataError.invalidItem(
        item.id,
        reason: "has more than a label; \(title) holds one label"
      )
    }
    return try names.first.map { name in
      guard let index = labels.firstIndex(of: name) else {
        throw DataError.unknownLabel(name, known: labels, item: item.id)
      }
      return index
    }
  }
}

/// A file of numbers in the IDX format, unpacked: a magic number, the sides, the bytes.
private struct IDXFile {
  var sides: [Int]
  var bytes: [UInt8]
  /// Where the numbers begin.
  var start: Int
  var count: Int { sides.first ?? 0 }

  init(_ url: URL, name: String) throws {
    func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }
    var bytes = try ReadFile.bytes(url, name: name)
    if bytes.starts(with: [0x1F, 0x8B]) { bytes = try Deflate.unpack(bytes, .gzip, name: name) }
    guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0, bytes[2] == 8 else {
      throw failure("is no IDX file of bytes")
    }
    let axes = Int(bytes[3])
    start = 4 + 4 * axes
    guard (1...3).contains(axes), bytes.count >= start else { throw failure("is cut short") }
    let (content, first) = (bytes, start)
    sides = (0..<axes).map { content.big32(4 + 4 * $0) }
    guard axes == 3 || sides[0] <= bytes.count - first else {
      throw failure("is cut short: \(sides[0]) labels are stated")
    }
    self.bytes = bytes
  }

  static func header(_ magic: Int, _ sides: [Int]) -> [UInt8] {
    ([magic] + sides).flatMap { value in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
  }
}

/// Names and sizes of pictures, in texts of 32 UTF-32 characters each (NumPy's `<U32`).
private struct MNISTMeta {
  var names: [Int: String] = [:]
  var sizes: [Int: ImageSize] = [:]
  private static let width = 32

  init(_ url: URL?, count: Int) throws {
    guard let url, count > 0 else { return }
    let name = url.lastPathComponent
    let bytes = try Deflate.unpack(ReadFile.bytes(url, name: name), .gzip, name: name)
    let cell = 4 * MNISTMeta.width
    let columns = bytes.count / cell / count
    guard (1...3).contains(columns), bytes.count == columns * count * cell else {
      throw DataError.unreadable(file: name, reason: "is no table of \(count) pictures")
    }
    func text(_ row: Int, _ column: Int) -> String {
      let start = (row * columns + column) * cell
      let scalars = stride(from: start, to: start + cell, by: 4).compactMap { place in
        let value = bytes.little(place, 4)
        return value == 0 ? nil : Unicode.Scalar(UInt32(value))
      }
      return String(String.UnicodeScalarView(scalars))
    }
    for row in 0..<count {
      if columns != 2 { names[row] = text(row, 0) }
      guard columns > 1, let height = Int(text(row, columns - 2)),
        let width = Int(text(row, columns - 1))
      else { continue }
      sizes[row] = ImageSize(height: height, width: width)
    }
  }

  /// The table's bytes; `nil` where all pictures are named by their numbers and are MNIST's in size.
  static func bytes(names: [String], sizes: [ImageSize]) -> [UInt8]? {
    // Longer names would not be told apart.
    let own = names.enumerated().map { index, name in
      name.unicodeScalars.count > width ? "\(index)" : name
    }
    let hasNames = own.enumerated().contains { "\($0.offset)" != $0.element }
    let standard = ImageSize(height: MNISTFormat.side, width: MNISTFormat.side)
    let hasSizes = sizes.contains { $0 != standard }
    guard hasNames || hasSizes else { return nil }
    return zip(own, sizes).flatMap { name, size in
      (hasNames ? [name] : []) + (hasSizes ? ["\(size.height)", "\(size.width)"] : [])
    }.flatMap { text -> [UInt8] in
      var scalars = text.unicodeScalars.prefix(width).map(\.value)
      scalars += [UInt32](repeating: 0, count: width - scalars.count)
      return scalars.flatMap { value in
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
      }
    }
  }
}
