public import Foundation
public import OTXCore

/// ICDAR's Robust Reading Competition: text in pictures.
///
/// Karatzas et al., ICDAR 2013 and ICDAR 2015 Robust Reading Competition, tasks 1 to 3. Words of cut
/// out pictures are captions; words in pictures are boxes or outlines without a label, whose
/// attribute `text` is the word; characters are masks with attributes `text`, `index`, `color` and
/// `center`, those of a word in one group.
public struct ICDARFormat: DatasetFormat {
  public let name = "icdar"
  public let title = "ICDAR Robust Reading"
  public var layouts: [String] { ICDARKind.allCases.map(\.layout) }
  public var variants: [any DatasetFormat] { ICDARKind.allCases.map(ICDARTaskFormat.init) }

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    for kind in ICDARKind.allCases {
      if let file = try? kind.firstFile(in: root) { return .certain(file) }
    }
    return .no(nearly: nil)
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    guard case .root(let root, _) = location,
      let kind = try ICDARKind.allCases.first(where: { try $0.firstFile(in: root) != nil })
    else {
      throw DataError.unreadable(
        file: "icdar",
        reason: "no ICDAR files were found; expected \(layouts.joined(separator: ", or "))"
      )
    }
    return try ICDARTaskFormat(kind).read(location)
  }
}

/// One of the competition's tasks.
enum ICDARKind: String, CaseIterable, Sendable {
  case wordRecognition = "icdar_word_recognition"
  case localization = "icdar_text_localization"
  case segmentation = "icdar_text_segmentation"

  var title: String {
    switch self {
    case .wordRecognition: "ICDAR word recognition"
    case .localization: "ICDAR text localization"
    case .segmentation: "ICDAR text segmentation"
    }
  }

  var layout: String {
    switch self {
    case .wordRecognition: "{train,val,test}/gt.txt (word_1.png, \"text\") and images/"
    case .localization: "{train,val,test}/gt_*.txt (corners and text) and images/"
    case .segmentation: "{train,val,test}/*_GT.txt, *_GT.bmp and images/"
    }
  }

  func isAnnotation(_ file: URL) -> Bool {
    let name = file.lastPathComponent
    switch self {
    case .wordRecognition: return name == "gt.txt"
    case .localization: return name.hasPrefix("gt_") && name.hasSuffix(".txt")
    case .segmentation: return name.hasSuffix("_GT.txt")
    }
  }

  func holds(_ listing: FolderListing) -> Bool { listing.files.contains(where: isAnnotation) }

  /// The first annotation file, if it begins as the task's do.
  func firstFile(in root: URL) throws -> String? {
    guard let source = try SubsetFolders.find(in: root, where: holds).first,
      let file = try FolderListing(source.folder).files.first(where: isAnnotation),
      let start = TextProbe.start(of: file)
    else { return nil }
    let line = start.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    let isGood =
      switch self {
      case .wordRecognition: line.hasSuffix("\"") && line.contains(",")
      case .localization:
        line.split { ", \t\u{FEFF}".contains($0) }.prefix(4).allSatisfy { Double($0) != nil }
      case .segmentation: line.isEmpty || line.hasPrefix("#") || line.hasSuffix("\"")
      }
    return isGood ? file.path(below: root) : nil
  }
}

/// One task as a format.
struct ICDARTaskFormat: WritableDatasetFormat {
  let kind: ICDARKind
  var name: String { kind.rawValue }
  var title: String { kind.title }
  var layouts: [String] { [kind.layout] }

  init(_ kind: ICDARKind) { self.kind = kind }

  func recognizes(_ root: URL) -> Recognition {
    (try? kind.firstFile(in: root)).map { .certain($0) } ?? .no(nearly: nil)
  }

  func read(_ location: DataLocation) throws -> FormatReading {
    let (base, sources) = try SubsetFolders.find(location, format: self, where: kind.holds)
    var reading = FormatReading()
    for source in sources {
      var reader = try ICDARReader(kind: kind, folder: source.folder, base: base)
      reading.items[source.subset, default: []] += try reader.read()
      reading.problems += reader.problems
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try ICDARWriter(kind: kind, options: options).write(dataset, to: root)
  }
}
