public import Foundation
public import OTXCore
import OTXImage

/// STL-10: pictures of 96×96 pixels in binary files, a tenth of them with labels.
///
/// Coates et al., An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011.
/// Pictures are read from the file when they are needed: that of the unlabelled ones has 2.7 GB.
public struct STL10Format: DatasetFormat {
  public let name = "stl10"
  public let title = "STL-10"
  public let layouts = [
    "train_X.bin, train_y.bin, test_X.bin, test_y.bin, unlabeled_X.bin, class_names.txt"
  ]

  private static let side = 96
  private static let ownLabels = [
    "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck",
  ]

  public init() {}

  private static func files(in listing: FolderListing) -> [URL] {
    listing.files(endingIn: "bin").filter { $0.lastPathComponent.hasSuffix("_X.bin") }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root), let first = STL10Format.files(in: listing).first
    else { return .no(nearly: nil) }
    return .certain(first.lastPathComponent)
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    let files = STL10Format.files(in: listing)
    guard !files.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    reading.labels =
      try listing.exactFile("class_names.txt").map {
        try TextLines.read($0, name: "class_names.txt").map(\.text)
      } ?? STL10Format.ownLabels
    for file in files {
      let word = String(file.lastPathComponent.dropLast("_X.bin".count))
      let subset = Subset(folderName: word) ?? .train
      let labels = try listing.exactFile("\(word)_y.bin").map {
        try ReadFile.bytes($0, name: $0.lastPathComponent)
      }
      let items = try STL10Format.items(of: file, word: word, numbers: labels, reading.labels)
      LabelMapLayout.add(items, to: &reading, subset)
    }
    return reading
  }

  private static func items(
    of file: URL,
    word: String,
    numbers: [UInt8]?,
    _ labels: [String]
  ) throws -> [DatasetItem] {
    let name = file.lastPathComponent
    let stride = 3 * side * side
    let byteCount = try ReadableFile(file).byteCount
    guard byteCount > 0, byteCount.isMultiple(of: stride) else {
      throw DataError.unreadable(
        file: name,
        reason: "has \(byteCount) bytes, no multiple of the \(stride) of a picture"
      )
    }
    let count = byteCount / stride
    guard numbers == nil || numbers?.count == count else {
      throw DataError.unreadable(
        file: "\(word)_y.bin",
        reason: "has \(numbers?.count ?? 0) labels for \(count) pictures"
      )
    }
    let size = ImageSize(height: side, width: side)
    let reader = RawPictures(
      file,
      source: .file(file),
      places: (0..<count).map { RawPictures.Place(offset: $0 * stride, size: size) },
      layout: .planesByColumn
    )
    return try (0..<count).map { index in
      // Labels count from 1.
      let number = numbers.map { Int($0[index]) - 1 }
      if let number, !labels.indices.contains(number) {
        throw DataError.unreadable(
          file: "\(word)_y.bin",
          reason: "picture \(index) has the label \(number + 1) of \(labels.count)"
        )
      }
      return DatasetItem(
        id: "\(word)/\(index)",
        image: reader.picture(index),
        annotations: number.map { [.label(labels[$0])] } ?? [],
        origin: "\(name): picture \(index)"
      )
    }
  }
}
