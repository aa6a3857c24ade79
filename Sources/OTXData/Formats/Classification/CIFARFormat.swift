public import Foundation
public import OTXCore
import OTXImage

/// CIFAR-10 and CIFAR-100: pictures of 32×32 pixels in pickles, or in their binary form.
///
/// Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. Pictures are read from the
/// file when they are needed. `image_sizes` is Datumaro's extension for pictures of other sizes. Of
/// CIFAR-100 the fine labels are read; the coarse ones are their parents.
public struct CIFARFormat: WritableDatasetFormat {
  public let name = "cifar"
  public let title = "CIFAR"
  public let layouts = [
    "data_batch_{1…5}, test_batch, batches.meta (CIFAR-10)",
    "train, test, meta (CIFAR-100)",
    "*.bin, batches.meta.txt or fine_label_names.txt (binary)",
  ]
  public var aliases: [String] { ["cifar10", "cifar100"] }

  static let side = 32
  private static let ownLabels = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    if let names = CIFARBinary.namesFile(in: listing), !listing.files(endingIn: "bin").isEmpty {
      return .certain(names.lastPathComponent)
    }
    let files = CIFARFormat.batches(in: listing)
    if let meta = CIFARFormat.metaFile(in: listing), !files.isEmpty {
      return .certain(meta.lastPathComponent)
    }
    let isNear = files.contains { $0.lastPathComponent.hasPrefix("data_batch") }
    return .no(nearly: isNear ? "data_batch_1 is there, batches.meta is not" : nil)
  }

  private static func metaFile(in listing: FolderListing) -> URL? {
    listing.exactFile("batches.meta") ?? listing.exactFile("meta")
  }

  /// Pickles: files without an ending, but for the list of labels.
  private static func batches(in listing: FolderListing) -> [URL] {
    listing.files.filter { file in
      let name = file.lastPathComponent
      guard !name.contains("."), name != "meta",
        let start = try? ReadableFile(file).bytes(at: 0, count: 2)
      else { return false }
      return start.count == 2 && start[0] == 0x80 && start[1] <= 5
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    if let names = CIFARBinary.namesFile(in: listing) {
      return try CIFARBinary(root: root, names: names).read(listing)
    }
    var reading = FormatReading()
    var coarse: [String] = []
    reading.labels = try LabelColors.metaNames(in: root, base: root) ?? CIFARFormat.ownLabels
    if let meta = CIFARFormat.metaFile(in: listing) {
      let name = meta.lastPathComponent
      let pickle = try NumPyPickle(ReadFile.bytes(meta, name: name), name: name)
      coarse = pickle.texts("coarse_label_names") ?? []
      let own = pickle.texts("label_names") ?? pickle.texts("fine_label_names")
      if try LabelColors.metaNames(in: root, base: root) == nil {
        guard let own else {
          throw DataError.unreadable(file: name, reason: "names no labels")
        }
        reading.labels = own
      }
    }
    let batches = CIFARFormat.batches(in: listing)
    guard !batches.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    for batch in batches {
      try CIFARBatch(batch, base: root).read(coarse: coarse, into: &reading)
    }
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    .labels
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try CIFARWriter(dataset).write(to: root)
  }
}

/// Reads a pickle of pictures.
private struct CIFARBatch {
  let file: URL
  let name: String
  let pickle: NumPyPickle

  init(_ file: URL, base: URL) throws {
    (self.file, name) = (file, file.path(below: base))
    pickle = try NumPyPickle(ReadFile.bytes(file, name: name), name: name)
  }

  private func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }

  private func count(_ key: String) -> Int? { pickle[key].flatMap { pickle.list($0)?.count } }

  func read(coarse: [String], into reading: inout FormatReading) throws {
    let key = ["labels", "fine_labels"].first { count($0) ?? 0 > 0 }
    guard let labels = key.flatMap({ pickle[$0] }).flatMap({ pickle.list($0) }) else {
      throw failure("holds no labels")
    }
    let names = pickle.texts("filenames") ?? labels.indices.map { "\($0).png" }
    guard names.count == labels.count else {
      throw failure("has \(names.count) names and \(labels.count) labels")
    }
    let parents = pickle["coarse_labels"].flatMap { pickle.list($0) } ?? []
    let stem = file.deletingPathExtension().lastPathComponent
    let subset = Subset(folderName: stem.replacingOccurrences(of: "_batch", with: "")) ?? .train
    let (places, source) = try places(labels.count)
    let pictures = RawPictures(file, source: source, places: places, layout: .planes)
    for (index, id) in labels.enumerated() {
      var item = DatasetItem(
        id: stem == subset.rawValue || subset == .test ? names[index] : "\(stem)/\(names[index])",
        image: pictures.picture(index),
        annotations: [],
        origin: "\(name): picture \(index)"
      )
      if let number = pickle.int(id) {
        guard reading.labels.indices.contains(number) else {
          throw failure("picture \(index) has the label \(number) of \(reading.labels.count)")
        }
        let label = reading.labels[number]
        item.annotations = [.label(label)]
        if parents.indices.contains(index), let parent = pickle.int(parents[index]),
          coarse.indices.contains(parent), reading.labelDetails.parents[label] == nil
        {
          reading.labelDetails.parents[label] = coarse[parent]
        }
      }
      reading.items[subset, default: []].append(item)
    }
  }

  /// Where each picture's bytes are in the file, or in memory where the file has them one by one.
  private func places(_ count: Int) throws -> ([RawPictures.Place], RawPictures.Source) {
    let standard = ImageSize(height: CIFARFormat.side, width: CIFARFormat.side)
    let stated = pickle["image_sizes"].flatMap { pickle.list($0) } ?? []
    let sizes = (0..<count).map { index -> ImageSize in
      guard stated.indices.contains(index), let sides = pickle.list(stated[index]),
        sides.count == 2,
        let height = pickle.int(sides[0]), let width = pickle.int(sides[1]),
        (1...16_384).contains(height), (1...16_384).contains(width)
      else { return standard }
      return ImageSize(height: height, width: width)
    }
    guard let data = pickle["data"],
      case .array(let shape, let type, let isFortran, let content) = pickle.nodes[data]
    else { throw failure("holds no array of pictures") }
    guard shape.first == count else {
      throw failure("has \(shape.first ?? 0) pictures and \(count) labels")
    }
    if type.hasPrefix("O") {
      guard let rows = pickle.list(content) else { throw failure("holds no array of pictures") }
      // Datumaro makes one array of single numbers of pictures of one size.
      if rows.count != count { return try singleNumbers(rows, sizes) }
      let places = try zip(rows, sizes).map { row, size in
        guard case .array(_, "u1", _, let part) = pickle.nodes[row] else {
          throw failure("holds pictures that are no bytes")
        }
        return try place(part, size)
      }
      return (places, .file(file))
    }
    guard type == "u1" || type == "|u1", !isFortran, case .bytes(let range) = pickle.nodes[content],
      range.count == sizes.reduce(0, { $0 + 3 * $1.height * $1.width })
    else { throw failure("holds pictures that are no plain bytes of their size") }
    return (places(sizes, from: range.lowerBound), .file(file))
  }

  /// Pictures one behind the other.
  private func places(_ sizes: [ImageSize], from start: Int) -> [RawPictures.Place] {
    var offset = start
    return sizes.map { size in
      defer { offset += 3 * size.height * size.width }
      return RawPictures.Place(offset: offset, size: size)
    }
  }

  private func place(_ id: NumPyPickle.ID, _ size: ImageSize) throws -> RawPictures.Place {
    guard case .bytes(let range) = pickle.nodes[id], range.count == 3 * size.height * size.width
    else { throw failure("holds a picture whose bytes are not those of its size \(size)") }
    return RawPictures.Place(offset: range.lowerBound, size: size)
  }

  private func singleNumbers(
    _ numbers: [NumPyPickle.ID],
    _ sizes: [ImageSize]
  ) throws -> ([RawPictures.Place], RawPictures.Source) {
    let bytes = try numbers.map { id in
      guard let byte = pickle.int(id).flatMap({ UInt8(exactly: $0) }) else {
        throw failure("holds pictures that are no bytes")
      }
      return byte
    }
    guard bytes.count == sizes.reduce(0, { $0 + 3 * $1.height * $1.width }) else {
      throw failure("holds pictures whose bytes are not those of their size")
    }
    return (places(sizes, from: 0), .memory(bytes))
  }
}
