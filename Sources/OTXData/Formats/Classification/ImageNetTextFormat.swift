public import Foundation
public import OTXCore
import OTXImage

/// ImageNet's lists: `train.txt` with a picture and the numbers of its labels in each line, names of the
/// labels in `synsets.txt`, pictures below `images`.
///
/// Labels come from `dataset_meta.json`, `synsets.txt`, or another text file that names no pictures; without
/// one they are called `class-0`, `class-1`, ….
public struct ImageNetTextFormat: WritableDatasetFormat {
  public let name = "imagenet_txt"
  public let title = "ImageNet lists"
  public let layouts = ["{train,val,test}.txt with lines 'a.jpg 0 3', synsets.txt, images/*.jpg"]

  public init() {}

  private static let labelsFile = "synsets.txt"
  private static let pictureFolder = "images"

  private struct Line {
    var picture: String
    var numbers: [Int]

    /// `a.jpg 0 3`, `"a b".jpg 0`, `"a b.jpg" 0`; `nil` for something else.
    init?(_ line: some StringProtocol) {
      var rest = line[...]
      picture = ""
      if rest.hasPrefix("\"") {
        let quoted = rest.dropFirst().prefix { $0 != "\"" }
        guard quoted.endIndex < rest.endIndex else { return nil }
        picture = String(quoted)
        rest = rest[rest.index(after: quoted.endIndex)...]
      }
      let ending = rest.prefix { !$0.isWhitespace }
      picture += ending
      let words = rest[ending.endIndex...].split { $0.isWhitespace }
      numbers = words.compactMap { Int($0) }
      guard numbers.count == words.count, FolderListing.isPictureName(picture) else { return nil }
    }
  }

  /// Text files, those of pictures first.
  private static func files(in listing: FolderListing) -> (lists: [URL], others: [URL]) {
    var (lists, others): ([URL], [URL]) = ([], [])
    for file in listing.files(endingIn: "txt") {
      let start = try? ReadableFile(file).bytes(at: 0, count: 4096)
      let text = String(decoding: start ?? [], as: UTF8.self)
      let first = text.split { $0.isNewline }.first.flatMap { Line($0) }
      if file.lastPathComponent != labelsFile, let first, !first.numbers.isEmpty {
        lists.append(file)
      } else {
        others.append(file)
      }
    }
    return (lists, others)
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    let files = ImageNetTextFormat.files(in: listing)
    guard let first = files.lists.first else {
      let hasNames = listing.exactFile(ImageNetTextFormat.labelsFile) != nil
      return .no(
        nearly: hasNames ? "synsets.txt is there, no list with lines 'a.jpg 0' is" : nil
      )
    }
    return .certain(first.lastPathComponent)
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    let files = ImageNetTextFormat.files(in: listing)
    guard !files.lists.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    var names = try LabelColors.metaNames(in: root, base: root)
    if names == nil,
      let file = listing.exactFile(ImageNetTextFormat.labelsFile) ?? files.others.first
    {
      names = try TextLines.read(file, name: file.lastPathComponent).map(\.text)
    }
    reading.labels = names ?? []
    let pictures = listing.folder(ImageNetTextFormat.pictureFolder)
    var finder = PictureFinder(roots: [
      pictures ?? root.appending(path: ImageNetTextFormat.pictureFolder), root,
    ])
    for file in files.lists {
      let subset = Subset(folderName: file.deletingPathExtension().lastPathComponent) ?? .train
      let items = try ImageNetTextFormat.items(
        of: file,
        root: root,
        &finder,
        names: names,
        &reading
      )
      LabelMapLayout.add(items, to: &reading, subset)
    }
    return reading
  }

  private static func items(
    of file: URL,
    root: URL,
    _ finder: inout PictureFinder,
    names: [String]?,
    _ reading: inout FormatReading
  ) throws -> [DatasetItem] {
    let name = file.lastPathComponent
    var items: [DatasetItem] = []
    for (number, text) in try TextLines.read(file, name: name) {
      func leaveOut(_ kind: String, _ message: String) {
        reading.problems.append(
          DatasetProblem(
            kind: kind,
            location: "\(name):\(number)",
            message: message,
            remedy: .leftOut
          )
        )
      }
      guard let line = Line(text) else {
        leaveOut("damaged line", "the line is not 'picture label label …'")
        continue
      }
      var annotations: [Annotation] = []
      for label in line.numbers {
        if names == nil, (0...99_999).contains(label) {
          while reading.labels.count <= label {
            reading.labels.append("class-\(reading.labels.count)")
          }
        }
        if reading.labels.indices.contains(label) {
          annotations.append(.label(reading.labels[label]))
        } else {
          leaveOut("unknown label", "the label \(label) is none of \(reading.labels.count)")
        }
      }
      let path = finder.path(of: line.picture)
      items.append(
        DatasetItem(
          id: path.url.path(below: root),
          image: .path(path),
          annotations: annotations,
          origin: "\(name):\(number)"
        )
      )
    }
    return items
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    .labels
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    let labels = dataset.writtenLabels
    let places = Dictionary(labels.enumerated().map { ($0.element, $0.offset) }) { first, _ in first
    }
    for item in dataset.items.values.joined()
    where item.annotations.contains(where: { $0.kind != .label }) {
      throw DataError.invalidItem(item.id, reason: "has objects; \(title) hold labels of pictures")
    }
    let folder = root.appending(path: ImageNetTextFormat.pictureFolder)
    try PictureWriter.makeFolder(folder)
    // One folder for all subsets.
    var writer = PictureWriter(folder: folder, options: options)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var lines = ""
      for item in items {
        let name = try writer.write(item).name
        let numbers = try item.annotations.compactMap(\.label).map { label in
          guard let place = places[label] else {
            throw DataError.unknownLabel(label, known: labels, item: item.id)
          }
          return "\(place)"
        }
        lines += ([ImageNetTextFormat.quoted(name)] + numbers).joined(separator: " ") + "\n"
      }
      try PictureWriter.write(
        Data(lines.utf8),
        to: root.appending(path: "\(subset.rawValue).txt")
      )
    }
    let text = labels.map { $0 + "\n" }.joined()
    try PictureWriter.write(
      Data(text.utf8),
      to: root.appending(path: ImageNetTextFormat.labelsFile)
    )
  }

  /// A name with blanks in quotes, its ending behind them: what Datumaro reads.
  private static func quoted(_ name: String) -> String {
    guard name.contains(where: \.isWhitespace) else { return name }
    let url = URL(filePath: name)
    return "\"\(url.deletingPathExtension().lastPathComponent)\".\(url.pathExtension)"
  }
}
